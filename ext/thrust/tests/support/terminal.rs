//! A terminal with the proxy in its foreground, and a person's hands on the keys.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStringExt;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;

use rustix::process::{Pid, Signal, kill_process_group};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcgetpgrp, tcsetwinsize};

use super::{Launch, end_of, eventually};

/// A running proxy on a terminal of its own. Dropping it kills everything on that terminal.
pub(crate) struct Terminal {
    child: Child,
    keys: File,
    screen: Arc<Mutex<String>>,
}

impl Terminal {
    /// Starts the proxy, or what it is to be started through, as the first process of a new session, with the terminal
    /// for stdin, stdout and stderr.
    pub(crate) fn start(launch: Launch) -> Self {
        let keys =
            openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a free pty");
        grantpt(&keys)
            .and_then(|()| unlockpt(&keys))
            .expect("the pty is ours");
        let name = ptsname(&keys, Vec::new())
            .expect("the pty has a name")
            .into_bytes();
        let path = std::ffi::OsString::from_vec(name);
        let line = OpenOptions::new()
            .read(true)
            .write(true)
            .open(path)
            .expect("the pty's other end");
        let another = || line.try_clone().expect("a free descriptor");

        // setsid execs in place, so the child is what comes next.
        let mut command = launch.through(["setsid", "--ctty"]).command();
        command.stdin(another()).stdout(another()).stderr(another());
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let keys = File::from(keys);
        let screen = watch(keys.try_clone().expect("a free descriptor"));
        Self { child, keys, screen }
    }

    /// The process that was started: the proxy, unless it was started through something that stays.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Gives the window another size, as a person does who pulls at its corner.
    pub(crate) fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.keys, size).expect("the terminal is open");
    }

    /// Presses keys; `\x03` is Ctrl-C, `\x04` Ctrl-D, `\n` Return.
    pub(crate) fn type_in(&mut self, keys: &str) {
        self.keys
            .write_all(keys.as_bytes())
            .expect("the terminal is open");
    }

    /// Waits until this text has appeared.
    pub(crate) fn wait_for(&self, text: &str) {
        eventually(&format!("{text:?} on the terminal"), || {
            let (ended, screen) = (end_of(&self.child), self.screen());
            let found = screen.contains(text);
            assert!(
                found || ended.is_none(),
                "the proxy ended before {text:?}: {screen}"
            );
            found.then_some(())
        });
    }

    /// Everything that has appeared so far.
    pub(crate) fn screen(&self) -> String {
        self.screen.lock().expect("no holder panics").clone()
    }

    /// Waits for the end of the proxy and returns its exit status; `None` when a signal ended it.
    pub(crate) fn wait_exit(&self) -> Option<i32> {
        eventually("the proxy's end", || end_of(&self.child)).exit_status()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A shell gives each job a group of its own.
        if let Ok(foreground) = tcgetpgrp(&self.keys) {
            let _ = kill_process_group(foreground, Signal::KILL);
        }
        // The first process of a session leads a group. It was not reaped before this, so the number is still ours.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the terminal:\n{}", self.screen());
        }
    }
}

/// Collects what appears until nobody has the terminal open: reading then fails.
fn watch(mut terminal: File) -> Arc<Mutex<String>> {
    let screen = Arc::<Mutex<String>>::default();
    let collected = Arc::clone(&screen);
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length @ 1..) = terminal.read(&mut buffer) {
            let text = String::from_utf8_lossy(&buffer[..length]);
            collected.lock().expect("no holder panics").push_str(&text);
        }
    });
    screen
}
