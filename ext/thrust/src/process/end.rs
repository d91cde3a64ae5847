//! How a process ended: for the exit status, and in words.

use std::fmt::{self, Display};

use rustix::process::{Signal, WaitStatus};
use serde::{Deserialize, Serialize};

/// The bit of a wait status that tells of a core dump; the same on every system that has one.
const CORE_DUMPED: i32 = 0x80;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum End {
    /// It exited with this code.
    Exited(u8),
    /// A signal ended it.
    Signaled {
        /// The signal's number.
        signal: u8,
        /// Whether the system wrote a core dump.
        core_dumped: bool,
    },
}

impl End {
    /// The exit status that tells of it, as a shell has it: the code, or 128 + n after signal n.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Exited(code) => code,
            Self::Signaled { signal, .. } => 128 | signal,
        }
    }

    /// `None` for a process that only stopped or went on.
    pub(super) fn of(status: WaitStatus) -> Option<Self> {
        // Both fit: the system keeps eight bits of a code and seven of a signal.
        let byte = |value: i32| (value & 0xff) as u8;
        match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Some(Self::Exited(byte(code))),
            (None, Some(number)) => Some(Self::Signaled {
                signal: byte(number),
                core_dumped: status.as_raw() & CORE_DUMPED != 0,
            }),
            (None, None) => None,
        }
    }
}

/// What follows the name of the process: `exited with status 1`, `was killed by SIGKILL (9)`.
impl Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Exited(code) => write!(formatter, "exited with status {code}"),
            Self::Signaled { signal, core_dumped } => {
                match name(signal) {
                    Some(name) => write!(formatter, "was killed by {name} ({signal})")?,
                    None => write!(formatter, "was killed by signal {signal}")?,
                }
                formatter.write_str(if core_dumped { " and dumped core" } else { "" })
            }
        }
    }
}

/// The name of a signal that ends processes; their numbers differ between systems.
fn name(number: u8) -> Option<&'static str> {
    let name = match Signal::from_named_raw(number.into())? {
        Signal::HUP => "SIGHUP",
        Signal::INT => "SIGINT",
        Signal::QUIT => "SIGQUIT",
        Signal::ILL => "SIGILL",
        Signal::TRAP => "SIGTRAP",
        Signal::ABORT => "SIGABRT",
        Signal::BUS => "SIGBUS",
        Signal::FPE => "SIGFPE",
        Signal::KILL => "SIGKILL",
        Signal::USR1 => "SIGUSR1",
        Signal::SEGV => "SIGSEGV",
        Signal::USR2 => "SIGUSR2",
        Signal::PIPE => "SIGPIPE",
        Signal::ALARM => "SIGALRM",
        Signal::TERM => "SIGTERM",
        Signal::XCPU => "SIGXCPU",
        Signal::XFSZ => "SIGXFSZ",
        Signal::VTALARM => "SIGVTALRM",
        Signal::PROF => "SIGPROF",
        Signal::IO => "SIGIO",
        Signal::SYS => "SIGSYS",
        _ => return None,
    };
    Some(name)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Pid, WaitOptions, waitpid};

    use super::*;
    use crate::process::CHILDREN_OF_TESTS;

    #[test]
    fn the_status_is_the_code_or_128_and_the_signal() {
        assert_eq!(end_of("exit 0").status(), 0);
        assert_eq!(end_of("exit 255").status(), 255);
        assert_eq!(end_of("kill -TERM $$").status(), 143);
        assert_eq!(end_of("ulimit -c 0; kill -SEGV $$").status(), 139);
    }

    #[test]
    fn an_end_reads_like_the_rest_of_a_sentence() {
        let killed = |signal, core_dumped| End::Signaled { signal, core_dumped }.to_string();

        assert_eq!(end_of("exit 7").to_string(), "exited with status 7");
        assert_eq!(
            end_of("ulimit -c 0; kill -SEGV $$").to_string(),
            "was killed by SIGSEGV (11)"
        );
        assert_eq!(killed(6, true), "was killed by SIGABRT (6) and dumped core");
        assert_eq!(killed(40, false), "was killed by signal 40");
    }

    #[expect(clippy::zombie_processes, reason = "waitpid reaps it")]
    fn end_of(script: &str) -> End {
        let _alone = CHILDREN_OF_TESTS.blocking_lock();
        let child = Command::new("/bin/sh").args(["-c", script]).spawn().unwrap();
        let (_, status) = waitpid(Some(Pid::from_child(&child)), WaitOptions::empty())
            .unwrap()
            .unwrap();
        End::of(status).unwrap()
    }
}
