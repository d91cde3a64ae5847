//! A command that takes its time, while everything else goes on.

use std::pin::Pin;

use tokio_util::sync::CancellationToken;

/// What is under way, if anything is, and comes to a `T` unless it fails.
pub(super) struct Underway<'a, T> {
    command: Option<Pin<Box<dyn Future<Output = Option<T>> + 'a>>>,
    /// Cancelled when we end.
    ending: CancellationToken,
}

impl<T> Default for Underway<'_, T> {
    fn default() -> Self {
        Self {
            command: None,
            ending: CancellationToken::new(),
        }
    }
}

impl<'a, T> Underway<'a, T> {
    /// Whether anything is.
    pub(super) fn is_under_way(&self) -> bool {
        self.command.is_some()
    }

    /// Begins it, in the place of what was.
    pub(super) fn begin(&mut self, command: impl Future<Output = Option<T>> + 'a) {
        self.command = Some(Box::pin(command));
    }

    /// What came of it; waits for ever if there is none. May be dropped and called again.
    pub(super) async fn done(&mut self) -> Option<T> {
        match &mut self.command {
            None => std::future::pending().await,
            Some(command) => {
                let done = command.await;
                self.command = None;
                done
            }
        }
    }

    /// What a command is to heed: cancelled once it is in vain.
    pub(super) fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Ends it, and with it what it has begun.
    pub(super) fn abandon(&mut self) {
        self.command = None;
    }

    /// Ends one that heeds [`Underway::ending`], in its own time.
    pub(super) async fn give_up(&mut self) {
        self.ending.cancel();
        if self.is_under_way() {
            self.done().await;
        }
    }
}
