//! How much may wait for the app: so many requests, and so much memory that they take unread.

use std::fmt;

/// The bounds of a [`Backlog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BacklogLimits {
    /// Requests.
    pub(crate) requests: usize,
    /// Memory that they take unread, in bytes.
    pub(crate) bytes: usize,
}

/// The bound that is reached when a request may not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BacklogLimit {
    /// So many requests wait.
    Requests(usize),
    /// Requests of so many bytes wait.
    Bytes(usize),
}

/// Counts the requests that wait.
#[derive(Debug)]
pub(crate) struct Backlog {
    limits: BacklogLimits,
    requests: usize,
    bytes: usize,
}

impl Backlog {
    pub(crate) fn new(limits: BacklogLimits) -> Self {
        Self {
            limits,
            requests: 0,
            bytes: 0,
        }
    }

    /// From now on `limits` hold, for who comes; nobody has to leave.
    pub(crate) fn set_limits(&mut self, limits: BacklogLimits) {
        self.limits = limits;
    }

    /// Counts one more, which takes `weight` bytes until it has left.
    ///
    /// # Errors
    ///
    /// It would be one too many, or too large.
    pub(crate) fn enter(&mut self, weight: usize) -> Result<(), BacklogLimit> {
        if self.requests >= self.limits.requests {
            return Err(BacklogLimit::Requests(self.limits.requests));
        }
        if self.bytes.saturating_add(weight) > self.limits.bytes {
            return Err(BacklogLimit::Bytes(self.limits.bytes));
        }
        self.requests += 1;
        self.bytes += weight;
        Ok(())
    }

    /// One that takes `weight` bytes waits no more.
    pub(crate) fn leave(&mut self, weight: usize) {
        self.requests -= 1;
        self.bytes -= weight;
    }

    /// How many wait.
    pub(crate) fn requests(&self) -> usize {
        self.requests
    }
}

impl fmt::Display for BacklogLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requests(most) => write!(formatter, "{most} requests"),
            Self::Bytes(most) => write!(formatter, "requests of {most} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_requests_and_in_bytes_and_who_leaves_makes_room() {
        let mut backlog = Backlog::new(BacklogLimits {
            requests: 2,
            bytes: 100,
        });

        backlog.enter(60).unwrap();
        assert_eq!(backlog.enter(41), Err(BacklogLimit::Bytes(100)));
        assert_eq!(backlog.enter(usize::MAX), Err(BacklogLimit::Bytes(100)));
        backlog.enter(40).unwrap();
        assert_eq!(backlog.enter(0), Err(BacklogLimit::Requests(2)));
        backlog.leave(60);

        assert_eq!(backlog.enter(60), Ok(()));
        assert_eq!(backlog.requests(), 2);
    }
}
