//! Which signals we take, and what whoever sends one means: us, or the app behind us.
//!
//! | Signal | Meaning |
//! | --- | --- |
//! | INT, TERM | stop |
//! | HUP, QUIT, USR1, USR2 | for the app: Puma reopens its logs, restarts, … |
//! | TTIN, TTOU, WINCH | for the app, where no terminal can have sent it |
//! | ALRM, PIPE | nothing; they would end us |
//!
//! A controlling terminal sends the three to all processes of a group, so the app has them already. There they keep
//! their default, which for TTIN and TTOU is to stop: a shell that is to know that its job has stopped must see us
//! stop. HUP is left alone where it was ignored when we started: that is how `nohup` works.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll};

use rustix::process::Signal;
use tokio::signal::unix::{self, SignalKind, signal};

use super::terminal;

/// All of them but PIPE, which Rust's own start ignores.
pub(super) const HANDLED: [Signal; 10] = [
    Signal::INT,
    Signal::TERM,
    Signal::HUP,
    Signal::QUIT,
    Signal::USR1,
    Signal::USR2,
    Signal::TTIN,
    Signal::TTOU,
    Signal::WINCH,
    Signal::ALARM,
];

/// A signal that we have received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// To end, and the app with us.
    Stop(Stop),
    /// What is meant for the app alone.
    Relay(Relayed),
}

/// The two ways to ask for the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGTERM: a service manager, `docker stop`.
    Terminate,
}

impl Stop {
    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Interrupt => Signal::INT,
            Self::Terminate => Signal::TERM,
        }
    }

    /// Its name in the log, which is thruster's.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminated",
        }
    }
}

/// The signals that we take for the app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relayed {
    Hangup,
    Quit,
    User1,
    User2,
    TerminalInput,
    TerminalOutput,
    WindowChanged,
}

impl Relayed {
    const ALWAYS: [Self; 4] = [Self::Hangup, Self::Quit, Self::User1, Self::User2];
    const WITHOUT_TERMINAL: [Self; 3] = [Self::TerminalInput, Self::TerminalOutput, Self::WindowChanged];

    pub(crate) fn signal(self) -> Signal {
        match self {
            Self::Hangup => Signal::HUP,
            Self::Quit => Signal::QUIT,
            Self::User1 => Signal::USR1,
            Self::User2 => Signal::USR2,
            Self::TerminalInput => Signal::TTIN,
            Self::TerminalOutput => Signal::TTOU,
            Self::WindowChanged => Signal::WINCH,
        }
    }

    /// Its name in the log, in the words of those of [`Stop`].
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hangup => "hangup",
            Self::Quit => "quit",
            Self::User1 => "user defined signal 1",
            Self::User2 => "user defined signal 2",
            Self::TerminalInput => "stopped (tty input)",
            Self::TerminalOutput => "stopped (tty output)",
            Self::WindowChanged => "window changed",
        }
    }
}

/// The handlers of all these signals. From the first on they no longer end us, and they stay handled when this is
/// dropped. Handled and not ignored even where they mean nothing, because a child inherits what is ignored.
#[derive(Debug)]
pub(crate) struct Signals(Vec<(Told, unix::Signal)>);

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
        let ignored = Ignored::inherited();
        let always = Relayed::ALWAYS
            .into_iter()
            .filter(|relayed| *relayed != Relayed::Hangup || !ignored.has(Signal::HUP));
        let elsewhere = Relayed::WITHOUT_TERMINAL
            .into_iter()
            .filter(|_| !terminal::is_there());
        for meaningless in [SignalKind::alarm(), SignalKind::pipe()] {
            drop(signal(meaningless)?);
        }
        let stops = [Stop::Interrupt, Stop::Terminate].map(|stop| (Told::Stop(stop), stop.signal()));
        let relayed = always
            .chain(elsewhere)
            .map(|relayed| (Told::Relay(relayed), relayed.signal()));
        stops
            .into_iter()
            .chain(relayed)
            .map(|(told, number)| Ok((told, signal(SignalKind::from_raw(number.as_raw()))?)))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// Waits for the next signal; of several, those that ask for the end come first. Cancelling it loses none.
    pub(crate) async fn next(&mut self) -> Told {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// What has come that nobody has asked for yet, on a runtime that has just begun.
    pub(crate) async fn unheard(&mut self) -> Vec<Signal> {
        // Lets the runtime look at what has come.
        tokio::task::yield_now().await;
        let mut unheard = Vec::new();
        poll_fn(|cx| {
            while let Poll::Ready(told) = self.poll_next(cx) {
                unheard.push(match told {
                    Told::Stop(stop) => stop.signal(),
                    Told::Relay(relayed) => relayed.signal(),
                });
            }
            Poll::Ready(())
        })
        .await;
        unheard
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Told> {
        let mut received = |signal: &mut unix::Signal| matches!(signal.poll_recv(cx), Poll::Ready(Some(())));
        match self
            .0
            .iter_mut()
            .find_map(|(told, signal)| received(signal).then_some(*told))
        {
            Some(told) => Poll::Ready(told),
            None => Poll::Pending,
        }
    }
}

/// The signals that we were started to ignore, one bit each; the lowest is signal 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ignored(u64);

impl Ignored {
    /// Ask before the first handler is installed. Only Linux tells; elsewhere there are none.
    fn inherited() -> Self {
        let status = if cfg!(target_os = "linux") {
            std::fs::read_to_string("/proc/self/status").unwrap_or_default()
        } else {
            String::new()
        };
        Self::read(&status)
    }

    fn read(status: &str) -> Self {
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        Self(
            mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
                .unwrap_or_default(),
        )
    }

    fn has(self, signal: Signal) -> bool {
        self.0 & (1 << (signal.as_raw() - 1)) != 0
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use rustix::process::{getpid, kill_process};

    use super::*;

    #[test]
    fn what_comes_between_two_runtimes_is_heard_on_the_second() {
        let runtime = || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
        };
        let mut signals = runtime().block_on(async { Signals::new() }).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);

        kill_process(getpid(), Signal::USR2).unwrap();
        let mut heard = Vec::new();
        // Another thread of the test may take it, and take its time.
        while heard.is_empty() && Instant::now() < deadline {
            heard = runtime().block_on(signals.unheard());
        }

        assert_eq!(heard, [Signal::USR2]);
        assert!(runtime().block_on(signals.unheard()).is_empty());
    }

    #[test]
    fn what_was_ignored_at_the_start_is_read_from_the_masks_of_the_system() {
        let ignored = Ignored::read("SigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0\n");

        assert!(ignored.has(Signal::HUP) && ignored.has(Signal::PIPE));
        assert!(!ignored.has(Signal::INT) && !ignored.has(Signal::TERM));
        assert_eq!(Ignored::read("nothing of the kind"), Ignored(0));
    }
}
