//! What is known about an app while it comes and goes: whether it accepts connections, whether it works.

use std::convert::Infallible;
use std::sync::Arc;

use super::Supervisor;
use super::generation::Generation;
use crate::ports::PortError;
use crate::service::health::until_ready;

impl Supervisor {
    /// Lets requests go on whenever the app accepts connections again, and says when it is ready. Returns only if
    /// clients cannot be let in once the app is there.
    pub(super) async fn watch(&self, current: Arc<Generation>) -> PortError {
        loop {
            if !current.was_ready() || !self.service.is_accepting() {
                self.service.accepting(self.tuning.waits().connect).await;
                current.note_accepting();
            }
            if let Err(error) = self.front.open() {
                return error;
            }
            if !current.was_ready() {
                self.boot(&current).await;
                current.note_ready();
                self.welcome(&current);
            }
            self.service.refusing().await;
        }
    }

    /// Waits until an app that accepts connections works.
    async fn boot(&self, current: &Generation) {
        // An app that nobody told us how to ask is not asked: it would find the request in its log.
        if self.plan.checked_at_boot {
            let ready = until_ready(|| current.target().connect(), &self.plan.check, None).await;
            debug_assert!(ready.is_ok(), "it has no limit");
        }
    }

    /// Tells everybody that requests are welcome, and who serves them.
    pub(super) fn welcome(&self, current: &Generation) {
        if !self.service.is_ready() {
            self.service.set_ready(true);
            self.notify.ready();
        }
        self.notify.status(&format!(
            "Generation {} serves, pid {}",
            current.number,
            current.pid()
        ));
    }

    /// Says in the log what helps when requests wait for the app in vain. May be dropped and called again at any time.
    pub(super) async fn explain_waits(&self, current: &Generation) -> Infallible {
        loop {
            self.service.waited_in_vain().await;
            tracing::warn!(
                target = %current.target(),
                pid = current.pid(),
                listening = current.listening(),
                "Requests have waited for the app in vain; it is to listen on PORT, and its processes listen elsewhere or not yet"
            );
        }
    }
}
