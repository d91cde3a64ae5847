//! The way back to whoever gave a command: progress, and exactly one end.

use std::os::fd::OwnedFd;

use thrust_api::message::{Failure, FailureKind, Outcome, Progress, Reply, Step};
use tokio::sync::{mpsc, oneshot};

/// Progress that an asker has not yet taken; what comes on top is left out.
const UNREAD: usize = 15;

/// Answers one command. Never waits. Dropped without an answer, it tells the asker that none will come.
#[derive(Debug)]
pub(crate) struct Replier {
    progress: mpsc::Sender<Said>,
    /// A place of its own, so that the end of the answer always fits.
    last: mpsc::OwnedPermit<Said>,
}

/// What goes to the connection of the asker.
#[derive(Debug)]
pub(super) enum Said {
    Progress(Progress),
    Last(Reply),
    /// Give the connection away, after what was said before.
    HandOver(oneshot::Sender<OwnedFd>),
}

impl Replier {
    /// A replier, and the end at which its words arrive.
    pub(super) fn new() -> (Self, mpsc::Receiver<Said>) {
        let (progress, said) = mpsc::channel(UNREAD + 1);
        let last = progress
            .clone()
            .try_reserve_owned()
            .expect("a channel of which both ends are here has room");
        (Self { progress, last }, said)
    }

    /// Tells what is being done: a sentence without a full stop.
    pub(crate) fn progress(&self, step: Step, text: impl Into<String>) {
        // An asker that does not read, or has left, misses it; the command goes on.
        let _ = self.progress.try_send(Said::Progress(Progress {
            step,
            text: text.into(),
        }));
    }

    /// The command is done.
    pub(crate) fn ok(self, outcome: Outcome) {
        self.last.send(Said::Last(Reply::Ok { outcome }));
    }

    /// The command was not done.
    pub(crate) fn error(self, kind: FailureKind, message: impl Into<String>) {
        self.fail(Failure::new(kind, message));
    }

    /// The command was not done, for this reason.
    pub(crate) fn fail(self, failure: Failure) {
        self.last.send(Said::Last(Reply::Error(failure)));
    }

    /// The asker's connection, for the process image that will answer: [`super::Control::adopt_asker`]. `None` if the
    /// asker has left.
    pub(crate) async fn into_inherited(self) -> Option<OwnedFd> {
        let (sender, connection) = oneshot::channel();
        self.last.send(Said::HandOver(sender));
        connection.await.ok()
    }
}
