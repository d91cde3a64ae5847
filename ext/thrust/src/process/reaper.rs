//! The one place that waits for children, and tells of their end whoever watches.
//!
//! The system gives an exit status once, and a pid may be another process's as soon as it has. So everything that
//! waits for a child, makes one or signals one holds the same lock: no child is reaped between its start and its
//! being watched, nor between a look at its end and a signal to it.

use std::collections::HashMap;
use std::future;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, WaitOptions, kill_process, wait, waitid};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::end::End;

/// The children whose end somebody wants to know.
type Watched = HashMap<Pid, watch::Sender<Option<End>>>;

/// Collects every child that ends, whoever started it: ours, and orphans when we are PID 1. Its clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Reaper {
    watched: Arc<Mutex<Watched>>,
}

impl Reaper {
    /// Starts to collect, in a task of the running tokio runtime. There may be one in a program.
    ///
    /// Children that are there already and are to be watched must be adopted before the next await: those that have
    /// ended are collected then.
    ///
    /// # Errors
    ///
    /// When the system refuses the handler of SIGCHLD.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O enabled.
    pub(crate) fn start() -> io::Result<Self> {
        let mut child_changed = signal(SignalKind::child())?;
        let reaper = Self {
            watched: Arc::default(),
        };
        let collecting = reaper.clone();
        tokio::spawn(async move {
            loop {
                collecting.collect();
                // One SIGCHLD can stand for several children, so it is only a reason to look.
                if child_changed.recv().await.is_none() {
                    return;
                }
            }
        });
        Ok(reaper)
    }

    /// Watches the child that `spawn` makes.
    ///
    /// # Errors
    ///
    /// Those of `spawn`, which then must not have left a child.
    pub(super) fn spawn(&self, spawn: impl FnOnce() -> io::Result<Pid>) -> io::Result<Process> {
        // Held while it spawns: std waits itself for a child whose exec failed, and panics if somebody else did.
        let mut watched = self.lock();
        Ok(self.watch(&mut watched, spawn()?))
    }

    /// Reaps all that have ended.
    fn collect(&self) {
        while let Some((pid, end)) = self.take_ended() {
            tracing::debug!(pid = pid.as_raw_pid(), "Reaped orphaned process, which {end}");
        }
    }

    /// Reaps until a child turns up that nobody watches. No children at all is not an error.
    fn take_ended(&self) -> Option<(Pid, End)> {
        let mut watched = self.lock();
        loop {
            let (pid, status) = wait(WaitOptions::NOHANG).ok()??;
            let Some(end) = End::of(status) else { continue };
            match watched.remove(&pid) {
                Some(ended) => drop(ended.send_replace(Some(end))),
                None => return Some((pid, end)),
            }
        }
    }

    fn watch(&self, watched: &mut Watched, pid: Pid) -> Process {
        let ended = watched
            .entry(pid)
            .or_insert_with(|| watch::channel(None).0)
            .subscribe();
        Process {
            pid,
            ended,
            reaper: self.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Watched> {
        // Nothing that is done under the lock can leave the map half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A child, running or ended; its clones are one. Dropping it leaves the child alone.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pid: Pid,
    ended: watch::Receiver<Option<End>>,
    reaper: Reaper,
}

impl Process {
    /// Watches a child that this program did not start: it is ours because an exec gave us its parent's pid.
    ///
    /// # Errors
    ///
    /// `ECHILD` if it is no child of ours, or was reaped.
    pub(crate) fn adopt(reaper: &Reaper, pid: Pid) -> io::Result<Self> {
        let mut watched = reaper.lock();
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(pid), look)?;
        Ok(reaper.watch(&mut watched, pid))
    }

    /// A child that the program before us has reaped.
    pub(crate) fn over(reaper: &Reaper, pid: Pid, end: End) -> Self {
        Self {
            pid,
            ended: watch::channel(Some(end)).1,
            reaper: reaper.clone(),
        }
    }

    /// Its pid; once it has been reaped it may be another process's.
    pub(crate) fn pid(&self) -> Pid {
        self.pid
    }

    /// How it ended, if it has and the reaper has seen it.
    pub(crate) fn end(&self) -> Option<End> {
        *self.ended.borrow()
    }

    /// Waits for its end; returns at once if it is over. May be dropped and called again, and by several.
    pub(crate) async fn ended(&self) -> End {
        let mut ended = self.ended.clone();
        let end = ended.wait_for(Option::is_some).await.ok().and_then(|end| *end);
        match end {
            Some(end) => end,
            // The sender lives until it has sent.
            None => future::pending().await,
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// `ESRCH` if it has ended: its pid may be another's by now. `EPERM` if it runs as somebody else.
    pub(crate) fn signal(&self, signal: Signal) -> io::Result<()> {
        let _nobody_reaps = self.reaper.lock();
        match self.end() {
            None => Ok(kill_process(self.pid, signal)?),
            Some(_) => Err(rustix::io::Errno::SRCH.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;
    use std::time::Duration;

    use super::*;
    use crate::process::CHILDREN_OF_TESTS;

    #[tokio::test]
    async fn an_end_is_told_to_all_who_watch_and_afterwards_too() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let reaper = Reaper::start().unwrap();
        let process = shell(&reaper, "exit 3");
        let other = process.clone();

        let told = within_deadline(async { tokio::join!(process.ended(), other.ended()) }).await;

        assert_eq!(told, (End::Exited(3), End::Exited(3)));
        assert_eq!(process.end(), Some(End::Exited(3)));
        assert_eq!(process.ended().await, End::Exited(3));
    }

    #[tokio::test]
    async fn each_child_gets_its_own_end() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let reaper = Reaper::start().unwrap();
        let children: Vec<_> = (0..20)
            .map(|code| (code, shell(&reaper, &format!("exit {code}"))))
            .collect();

        for (code, process) in children {
            assert_eq!(within_deadline(process.ended()).await, End::Exited(code));
        }
    }

    #[tokio::test]
    async fn a_wait_that_is_given_up_loses_nothing() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let reaper = Reaper::start().unwrap();
        let process = shell(&reaper, "exec sleep 1000");
        let given_up = tokio::time::timeout(Duration::ZERO, process.ended()).await;

        process.signal(Signal::KILL).unwrap();

        assert!(given_up.is_err());
        assert_eq!(within_deadline(process.ended()).await.status(), 137);
    }

    #[tokio::test]
    async fn a_process_that_was_reaped_gets_no_signal() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let reaper = Reaper::start().unwrap();
        let process = shell(&reaper, "exit 0");
        within_deadline(process.ended()).await;

        let error = process.signal(Signal::TERM).unwrap_err();

        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::SRCH.raw_os_error()));
    }

    #[tokio::test]
    #[expect(clippy::zombie_processes, reason = "the reaper reaps it")]
    async fn a_child_that_somebody_else_started_can_be_adopted_even_when_it_has_ended() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let child = Command::new("/bin/sh").args(["-c", "exit 5"]).spawn().unwrap();
        let pid = Pid::from_child(&child);
        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();

        let reaper = Reaper::start().unwrap();
        let process = Process::adopt(&reaper, pid).unwrap();

        assert_eq!(within_deadline(process.ended()).await, End::Exited(5));
        assert!(Process::adopt(&reaper, pid).is_err(), "it is gone");
    }

    #[tokio::test]
    async fn what_is_no_child_of_ours_cannot_be_adopted() {
        let reaper = Reaper {
            watched: Arc::default(),
        };

        assert!(Process::adopt(&reaper, rustix::process::getpid()).is_err());
        assert!(reaper.lock().is_empty());
    }

    #[tokio::test]
    #[expect(clippy::zombie_processes, reason = "the reaper reaps it")]
    async fn a_stranger_is_reaped() {
        let _alone = CHILDREN_OF_TESTS.lock().await;
        let stranger = Command::new("/bin/sh").args(["-c", "exit 0"]).spawn().unwrap();
        let pid = Pid::from_child(&stranger);
        let reaper = Reaper::start().unwrap();

        waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        within_deadline(shell(&reaper, "exit 0").ended()).await;

        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
        assert!(
            waitid(WaitId::Pid(pid), look).is_err(),
            "nobody is left to wait for"
        );
    }

    fn shell(reaper: &Reaper, script: &str) -> Process {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        reaper.spawn(|| Ok(Pid::from_child(&command.spawn()?))).unwrap()
    }

    async fn within_deadline<T>(waiting: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(20), waiting)
            .await
            .expect("the reaper tells in time")
    }
}
