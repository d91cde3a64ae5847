//! What whoever signals us means for the wrapped process.

use std::io;

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

/// A signal that we pass on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Interrupt,
    Terminate,
}

impl Stop {
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        }
    }

    /// Its name in thruster's log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminated",
        }
    }
}

/// Signals that say nothing to us, and would end us if nobody took them: whoever sends one means the app. Handled and
/// not ignored, because a child inherits what is ignored.
const MEANINGLESS: [SignalKind; 3] = [
    SignalKind::user_defined1(),
    SignalKind::user_defined2(),
    SignalKind::alarm(),
];

/// The handlers of SIGINT and SIGTERM, and of what says nothing to us. From the first on these signals no
/// longer end us, and they stay handled when this is dropped.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: unix::Signal,
    terminate: unix::Signal,
}

impl Signals {
    /// Installs the handlers. What arrives from now on is kept until it is asked for; several of a kind count once if
    /// they arrive before that, as the system itself has it.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    ///
    /// # Panics
    ///
    /// Outside a tokio runtime with I/O enabled.
    pub(crate) fn new() -> io::Result<Self> {
        for kind in MEANINGLESS {
            drop(signal(kind)?);
        }
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next signal. Cancelling it loses none.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            biased;
            Some(()) = self.interrupt.recv() => Stop::Interrupt,
            Some(()) = self.terminate.recv() => Stop::Terminate,
            else => std::future::pending().await,
        }
    }
}
