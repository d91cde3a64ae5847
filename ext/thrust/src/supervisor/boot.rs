//! What is known about an app while it comes and goes: whether it accepts connections, and why it does not.

use std::convert::Infallible;

use super::Supervisor;
use super::generation::Generation;

impl Supervisor {
    /// Lets requests go on whenever the app accepts connections again. May be dropped and called again at any time.
    pub(super) async fn watch(&self, current: &Generation) -> Infallible {
        loop {
            self.service.refusing().await;
            self.service.accepting().await;
            current.note_accepting();
            self.service.set_ready(true);
        }
    }

    /// Says in the log what helps when requests wait for the app in vain. May be dropped and called again at any time.
    pub(super) async fn explain_waits(&self, current: &Generation) -> Infallible {
        loop {
            self.service.waited_in_vain().await;
            tracing::warn!(
                target = %current.target,
                pid = current.pid(),
                "Requests have waited for the app in vain"
            );
        }
    }
}
