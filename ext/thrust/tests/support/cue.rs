//! What one side of a test waits for until the other has come so far: a word for threads, a file for processes.

use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use super::DEADLINE;

/// A cue for scripts, and what gives it: each `send` lets one wait end.
pub(crate) fn cue() -> (Sender<()>, Cue) {
    let (go, given) = channel();
    (go, Cue(Mutex::new(given)))
}

/// Where the connections of a script wait for the test.
pub(crate) struct Cue(Mutex<Receiver<()>>);

impl Cue {
    /// Waits until the test says so.
    pub(crate) fn wait(&self) {
        let given = self.0.lock().expect("no holder panics");
        given
            .recv_timeout(DEADLINE)
            .expect("the test gives the cue in time");
    }
}

/// A file that shells wait for: `until test -e "$LEAVE"`, with [`Signpost::path`] in that variable.
pub(crate) struct Signpost(tempfile::TempDir);

impl Signpost {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().join("leave")
    }

    /// Lets them go on.
    pub(crate) fn set(&self) {
        fs::write(self.path(), "").expect("the directory is ours");
    }
}
