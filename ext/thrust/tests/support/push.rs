//! What a generation of the app says on its control socket.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{DEADLINE, Launch, TestProxy, TestTarget, eventually};

/// A proxy before `target`, and the place of its control sockets, which goes away with it.
pub(crate) struct Pushed {
    pub(crate) proxy: TestProxy,
    place: tempfile::TempDir,
}

impl Pushed {
    /// Starts a proxy and pushes `settings` to it.
    pub(crate) fn before(target: &TestTarget, settings: &[(&str, &str)]) -> Self {
        let pushed = Self::start(Launch::before(target));
        let reply = pushed.push(settings);
        assert_eq!(reply["reply"], "ok", "{reply}");
        pushed
    }

    /// Starts `launch` in a place of its own.
    pub(crate) fn start(launch: Launch) -> Self {
        let place = tempfile::tempdir().expect("a temporary directory");
        let proxy = launch.env("RUNTIME_DIRECTORY", place.path()).start();
        Self { proxy, place }
    }

    /// Pushes settings as the first generation, and returns the reply.
    pub(crate) fn push(&self, settings: &[(&str, &str)]) -> Value {
        self.say(1, &configure(settings))
    }

    /// Says one thing as a generation, and returns the reply.
    pub(crate) fn say(&self, generation: u64, message: &Value) -> Value {
        say_as(generation, self.place.path(), message)
    }

    /// Says one thing as the command line does.
    pub(crate) fn ask(&self, message: &Value) -> Value {
        say(&self.socket("control.sock"), message)
    }

    /// Where somebody may say something, as soon as it is there.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        socket(self.place.path(), name)
    }
}

/// Says one thing as a generation of the only thrust in this runtime directory, and returns the reply.
pub(crate) fn say_as(generation: u64, runtime: &Path, message: &Value) -> Value {
    say(
        &socket(runtime, &format!("generation-{generation}.sock")),
        message,
    )
}

fn socket(runtime: &Path, name: &str) -> PathBuf {
    eventually(name, || {
        let ours = fs::read_dir(runtime).ok()?.next()?.ok()?.path();
        let private = fs::read_dir(ours).ok()?.next()?.ok()?.path();
        Some(private.join(name)).filter(|path| path.exists())
    })
}

/// The line that pushes these settings.
pub(crate) fn configure(settings: &[(&str, &str)]) -> Value {
    let settings: serde_json::Map<_, _> = settings
        .iter()
        .map(|(name, text)| ((*name).to_owned(), Value::from(*text)))
        .collect();
    json!({ "version": 1, "command": "configure", "settings": settings })
}

fn say(socket: &PathBuf, message: &Value) -> Value {
    // A socket has its name a moment before it is listened on.
    let mut stream = eventually("a listener", || UnixStream::connect(socket).ok());
    stream.set_read_timeout(Some(DEADLINE)).expect("it is not zero");
    stream
        .write_all(format!("{message}\n").as_bytes())
        .expect("it reads");
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).expect("it answers");
    serde_json::from_str(&line).expect("a line of JSON")
}
