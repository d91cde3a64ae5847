//! What tests from outside share: the proxy as a process, a scripted app, both ends of a raw connection.
//!
//! Every wait has a deadline and says in its panic what it had waited for. A test file says `mod support;` and uses
//! what it needs.

#![allow(
    dead_code,
    unused_imports,
    reason = "each test file is its own program and uses its part"
)]

pub(crate) mod answer;
mod attacker;
mod bystander;
mod cue;
pub(crate) mod frames;
mod http2;
mod installed;
mod machine;
mod manager;
mod place;
pub(crate) mod process;
mod program;
mod proxy;
mod push;
mod scrape;
pub(crate) mod stream;
mod swamped;
mod target;
#[cfg(target_os = "linux")]
mod terminal;
#[cfg(target_os = "linux")]
pub(crate) mod usage;
pub(crate) mod vector;
mod wire;
mod witness;

use std::net::{Ipv4Addr, TcpListener};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, WaitId, WaitIdOptions, WaitIdStatus, waitid};

pub(crate) use self::attacker::Attacker;
pub(crate) use self::bystander::Bystander;
pub(crate) use self::cue::{Cue, Signpost, cue};
pub(crate) use self::installed::{Installed, THRUST};
pub(crate) use self::machine::lets_us;
pub(crate) use self::manager::Manager;
#[cfg(target_os = "linux")]
pub(crate) use self::place::make_pipe;
pub(crate) use self::place::{bench_app, example, socket_path, write_script};
pub(crate) use self::program::thrust;
pub(crate) use self::proxy::{Ended, Launch, TestProxy, without_an_app};
pub(crate) use self::push::{Pushed, configure, say_as};
pub(crate) use self::scrape::Scrape;
pub(crate) use self::swamped::Swamped;
pub(crate) use self::target::{App, TestTarget};
#[cfg(target_os = "linux")]
pub(crate) use self::terminal::Terminal;
pub(crate) use self::wire::{Message, Wire};
pub(crate) use self::witness::{Seen, Witness};

/// How long any single wait may last before the test fails. Long, because the machine may be busy; a passing test
/// never waits it out.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Asks until there is an answer; panics with `what` was awaited when there is none in time.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            started.elapsed() < DEADLINE,
            "waited {DEADLINE:?} in vain: {what}"
        );
        thread::sleep(Duration::from_millis(2));
    }
}

/// A port that nobody had a moment ago.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    socket.local_addr().expect("it is bound").port()
}

/// How a child ended; `None` while it runs. Leaves it unreaped, so that its pid stays its own until the end of the test.
fn end_of(child: &Child) -> Option<WaitIdStatus> {
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    waitid(WaitId::Pid(Pid::from_child(child)), ended).expect("it is our child")
}
