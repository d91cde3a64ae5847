//! thrust as a process, what it says, and what it uses of the machine.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::app::FOUND;

/// How long it may take to start, and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running thrust before an app that is this program. Dropping it kills it.
pub(crate) struct Proxy {
    child: Child,
    pub(crate) port: u16,
    heard: Heard,
}

/// Lines that are findings by themselves.
type Heard = Arc<Mutex<Vec<String>>>;

/// What it uses at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Resident memory in KiB.
    pub(crate) memory: u64,
    pub(crate) descriptors: usize,
    pub(crate) threads: u64,
}

impl Proxy {
    /// Starts it and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it does not.
    pub(crate) fn start(thrust: &Path) -> io::Result<Self> {
        let mut child = Command::new(thrust)
            .arg("--")
            .arg(std::env::current_exe()?)
            .arg("app")
            .env("THRUSTER_HTTP_PORT", "0")
            .env("THRUSTER_TARGET_PORT", "0")
            .env("THRUSTER_LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                io::Error::new(error.kind(), format!("starting {}: {error}", thrust.display()))
            })?;
        let heard = Heard::default();
        let (started, port) = mpsc::channel();
        if let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) {
            listen(stdout, heard.clone(), started.clone());
            listen(stderr, heard.clone(), started);
        }
        let mut proxy = Self {
            child,
            port: 0,
            heard,
        };
        match port.recv_timeout(PATIENCE) {
            Ok(port) => proxy.port = port,
            Err(_) => {
                return Err(io::Error::other(format!(
                    "{} did not say that it listens",
                    thrust.display()
                )));
            }
        }
        Ok(proxy)
    }

    /// Findings among what it and the app have said, since this was last asked.
    pub(crate) fn heard(&self) -> Vec<String> {
        std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// # Errors
    ///
    /// When it has ended.
    pub(crate) fn usage(&self) -> io::Result<Usage> {
        let status = fs::read_to_string(self.place("status"))?;
        let number = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let digits = line.and_then(|line| line.split_whitespace().next());
            digits.and_then(|digits| digits.parse().ok()).unwrap_or_default()
        };
        Ok(Usage {
            memory: number("VmRSS:"),
            descriptors: fs::read_dir(self.place("fd"))?.count(),
            threads: number("Threads:"),
        })
    }

    /// Children that have ended and were not reaped.
    pub(crate) fn zombies(&self) -> usize {
        let name = format!("task/{}/children", self.child.id());
        let children = fs::read_to_string(self.place(&name)).unwrap_or_default();
        let is_zombie = |pid: &&str| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('Z'))
        };
        children.split_whitespace().filter(is_zombie).count()
    }

    /// Tells it to end; `None` if it does not.
    pub(crate) fn stop(&mut self) -> Option<ExitStatus> {
        // It may have ended by itself.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    fn place(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.child.id().to_string()).join(name)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Both fail if it has ended, which is as well; the app dies with it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads lines on a thread of its own: tells the port in the first that names one, keeps those that are findings.
fn listen(output: impl Read + Send + 'static, heard: Heard, started: mpsc::Sender<u16>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            if line.contains(FOUND) || line.contains("panicked at") {
                heard
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line.into_owned());
            } else if line.contains("Server started")
                && let Some((_, rest)) = line.split_once("\"http\":\":")
                && let Ok(port) = rest
                    .split(|end: char| !end.is_ascii_digit())
                    .next()
                    .unwrap_or_default()
                    .parse()
            {
                // Nobody waits any more if this is not the first.
                let _ = started.send(port);
            }
        }
    });
}
