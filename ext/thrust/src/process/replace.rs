//! Puts another program in our place, in this very process.
//!
//! Pid, children and the descriptors that are left open stay; threads, memory and signal handlers go. Signals wait until
//! the next program [lets them in](super::admit_signals). Should it fail, everything is again as it was.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command as Builder;

use rustix::io::{FdFlags, fcntl_dupfd_cloexec, fcntl_setfd};
use rustix::process::{Resource, Rlimit, fchdir, getrlimit, setrlimit};

use super::{Changes, spawn};

/// Above stdin, stdout and stderr.
const FIRST: i32 = 3;

/// A program to become.
#[derive(Debug)]
pub(crate) struct Image {
    /// Its absolute path.
    pub(crate) file: PathBuf,
    /// Its first word.
    pub(crate) name: OsString,
    /// How its environment differs from ours; nothing is removed besides.
    pub(crate) environment: Changes,
    /// Where it runs, which `PWD` then says; `None` for where we do.
    pub(crate) directory: Option<PathBuf>,
    /// Its limit on open files.
    pub(crate) descriptors: Rlimit,
}

impl Image {
    /// Becomes it, with the words that we were started with; these descriptors of ours stay open. Returns only if that
    /// fails, with the reason.
    ///
    /// Call it on the main thread, with nothing under way on the others.
    pub(crate) fn exec(self, kept: &[BorrowedFd<'_>]) -> io::Error {
        let limit = getrlimit(Resource::Nofile);
        // Its path may not lead there any more.
        let here = match File::open(".") {
            Ok(here) => here,
            Err(error) => return error,
        };
        // Until the next program has its handlers they would end it, and the app with it.
        spawn::hold_signals();
        let failure = self.replace_us(kept);
        spawn::ignore_broken_pipes();
        spawn::admit_signals();
        for descriptor in kept {
            // It was just marked the other way.
            let _ = fcntl_setfd(descriptor, FdFlags::CLOEXEC);
        }
        let restored = setrlimit(Resource::Nofile, limit).and_then(|()| fchdir(here));
        if let Err(error) = restored {
            tracing::warn!(%error, "Failed to undo what was done for another program in our place");
        }
        failure
    }

    fn replace_us(self, kept: &[BorrowedFd<'_>]) -> io::Error {
        let mut builder = Builder::new(self.file);
        builder.arg0(self.name).args(env::args_os().skip(1));
        for name in self.environment.remove {
            builder.env_remove(name);
        }
        if let Some(directory) = self.directory {
            builder.env("PWD", &directory).current_dir(directory);
        }
        builder.envs(self.environment.set);
        let prepared = kept
            .iter()
            .try_for_each(|descriptor| fcntl_setfd(descriptor, FdFlags::empty()))
            // A lower limit closes nothing that is open.
            .and_then(|()| setrlimit(Resource::Nofile, self.descriptors));
        match prepared {
            Ok(()) => builder.exec(),
            Err(error) => error.into(),
        }
    }
}

/// Copies of these descriptors whose numbers follow one another, closed on exec like all of ours.
///
/// # Errors
///
/// The system's, if it has not so many descriptors for us.
pub(crate) fn in_a_row(descriptors: &[BorrowedFd<'_>]) -> io::Result<Vec<OwnedFd>> {
    let mut first = FIRST;
    loop {
        let mut row: Vec<OwnedFd> = Vec::with_capacity(descriptors.len());
        for descriptor in descriptors {
            let after = row.last().map_or(first, |last| last.as_raw_fd() + 1);
            row.push(fcntl_dupfd_cloexec(descriptor.as_fd(), after)?);
        }
        let follows = |pair: &[OwnedFd]| pair[0].as_raw_fd() + 1 == pair[1].as_raw_fd();
        match row.windows(2).position(|pair| !follows(pair)) {
            None => return Ok(row),
            Some(gap) => first = row[gap + 1].as_raw_fd(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_stand_in_a_row_whatever_is_open_already() {
        let (reader, _writer) = io::pipe().unwrap();
        let others: Vec<_> = (0..8).map(|_| reader.try_clone().unwrap()).collect();
        // Leaves gaps.
        drop(others.into_iter().step_by(2).collect::<Vec<_>>());

        let row = in_a_row(&[reader.as_fd(); 5]).unwrap();

        let numbers: Vec<_> = row.iter().map(AsRawFd::as_raw_fd).collect();
        assert!(
            numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
            "{numbers:?}"
        );
        assert!(in_a_row(&[]).unwrap().is_empty());
    }
}
