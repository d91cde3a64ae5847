//! The one place that waits for children, and how a process ended.

use std::future;
use std::io;

use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It exited with this code.
    Exited(u8),
    /// This signal ended it.
    Signaled(u8),
}

impl End {
    /// The exit status that tells of it, as a shell has it: the code, or 128 + n after signal n.
    pub(super) fn status(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled(number) => 128 | number,
        }
    }

    /// `None` for a process that only stopped or went on.
    fn of(status: WaitStatus) -> Option<Self> {
        // Both fit: the system keeps eight bits of a code and seven of a signal.
        let byte = |value: i32| (value & 0xff) as u8;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Self::Exited(byte(code))),
            (None, Some(number)) => Some(Self::Signaled(byte(number))),
            (None, None) => None,
        }
    }
}

/// Collects every child that ends, whoever started it: ours, and orphans when we are PID 1.
#[derive(Debug)]
pub(super) struct Reaper {
    child_changed: Signal,
}

impl Reaper {
    /// Listens for SIGCHLD; wants a running tokio runtime.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            child_changed: signal(SignalKind::child())?,
        })
    }

    /// The next child that ended. Cancelling it loses none.
    pub(super) async fn next(&mut self) -> (Pid, End) {
        loop {
            if let Some(ended) = collect() {
                return ended;
            }
            // One SIGCHLD can stand for several children, so it is only a reason to look.
            if self.child_changed.recv().await.is_none() {
                future::pending::<()>().await;
            }
        }
    }
}

/// A child that has ended and that nobody waited for. No children at all is not an error.
fn collect() -> Option<(Pid, End)> {
    loop {
        let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
        if let Some(end) = End::of(status) {
            return Some((pid, end));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::waitpid;

    use super::*;

    #[test]
    fn the_status_is_the_code_or_128_and_the_signal() {
        assert_eq!(status_after("exit 0"), Some(0));
        assert_eq!(status_after("exit 255"), Some(255));
        assert_eq!(status_after("kill -TERM $$"), Some(143));
        assert_eq!(status_after("ulimit -c 0; kill -SEGV $$"), Some(139));
    }

    /// Waits for this child alone: other tests have theirs.
    #[expect(clippy::zombie_processes, reason = "waitpid reaps it")]
    fn status_after(script: &str) -> Option<u8> {
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let (_, status) = waitpid(Some(Pid::from_child(&child)), WaitOptions::empty())
            .unwrap()
            .unwrap();
        End::of(status).map(End::status)
    }
}
