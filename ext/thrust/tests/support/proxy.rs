//! The `thrust` program as a process of its own: started, watched, signalled, and gone when the test is.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, WaitIdStatus, kill_process, kill_process_group};
use serde_json::Value;

use super::{TestTarget, Wire, end_of, eventually, free_port};

/// What of the test's own environment the proxy sees: nothing that could configure it.
const PASSED_ON: [&str; 4] = ["PATH", "HOME", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"];

const RUNTIME_DIRECTORY: &str = "RUNTIME_DIRECTORY";

/// How to start a proxy. Listens on a free port and logs JSON unless told otherwise.
pub(crate) struct Launch {
    words: Vec<OsString>,
    through: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    stdin: Option<Vec<u8>>,
}

impl Launch {
    /// Runs `thrust WORDS…`: options, if any, and the command to wrap.
    pub(crate) fn new<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::bare(words)
            .env("THRUSTER_HTTP_PORT", "0")
            .env("THRUSTER_LOG_FORMAT", "json")
    }

    /// Runs `thrust WORDS…` with every default as it is, the port included.
    pub(crate) fn bare<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Self {
        Self {
            words: owned(words),
            through: Vec::new(),
            environment: Vec::new(),
            stdin: None,
        }
    }

    /// Wraps `sh -c SCRIPT`.
    pub(crate) fn shell(script: &str) -> Self {
        Self::new(["sh", "-c", script])
    }

    /// Wraps a process that does nothing, before an app that the test plays itself.
    pub(crate) fn before(target: &TestTarget) -> Self {
        Self::before_port(target.port())
    }

    /// Like [`Launch::before`], on a port where somebody may listen later.
    pub(crate) fn before_port(port: u16) -> Self {
        Self::new(["sleep", "1000"]).env("THRUSTER_TARGET_PORT", port.to_string())
    }

    /// Wraps a process that does nothing, in each of its generations: the test plays the app on the port that
    /// [`TestProxy::app_port`] tells.
    pub(crate) fn generations() -> Self {
        Self::shell(r#"echo "app on $PORT"; exec sleep 1000"#).env("THRUSTER_TARGET_PORT", "0")
    }

    /// Sets one variable; a later one of the same name wins.
    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().into(), value.as_ref().into()));
        self
    }

    /// Lets another program start thrust, one that runs its arguments: `prlimit`, `setsid`, `env`. Of several, the
    /// last is started first.
    pub(crate) fn through<W: AsRef<OsStr>>(mut self, words: impl IntoIterator<Item = W>) -> Self {
        self.through.splice(..0, owned(words));
        self
    }

    /// What stdin holds; without it, stdin is empty.
    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// Starts the proxy and waits until it listens.
    pub(crate) fn start(self) -> TestProxy {
        let mut proxy = self.spawn();
        let line = proxy.wait_for_line_with("Server started");
        proxy.port = http_port(&line).unwrap_or_default();
        proxy
    }

    /// Runs the proxy to its end, whether it listens in between or not.
    pub(crate) fn run(self) -> Ended {
        self.spawn().wait_exit()
    }

    /// The command as it would be run, with the environment set and nothing else.
    pub(crate) fn command(&self) -> Command {
        let binary = OsString::from(env!("CARGO_BIN_EXE_thrust"));
        let mut words = self.through.iter().chain([&binary]).chain(&self.words);
        let mut command = Command::new(words.next().expect("there is at least the binary"));
        command.args(words).env_clear();
        command.envs(
            PASSED_ON
                .iter()
                .filter_map(|name| Some((name, std::env::var_os(name)?))),
        );
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts the proxy, which may listen later.
    pub(crate) fn spawn(self) -> TestProxy {
        let mut command = self.command();
        // A group of its own, so that dropping it finds the app too.
        command
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let bytes = self.stdin.unwrap_or_default();
        // On a thread: the app may read slowly, or never, and then the pipe breaks.
        thread::spawn(move || stdin.write_all(&bytes));
        let stdout = Output::collect(child.stdout.take().expect("stdout is piped"));
        let stderr = Output::collect(child.stderr.take().expect("stderr is piped"));
        let given = self
            .environment
            .iter()
            .rev()
            .find(|(name, _)| name == RUNTIME_DIRECTORY);
        TestProxy {
            child,
            place: given.map(|(_, place)| place.clone()),
            port: 0,
            stdout,
            stderr,
        }
    }
}

/// A proxy before a port where nobody listens yet, and that port.
pub(crate) fn without_an_app(configure: impl FnOnce(Launch) -> Launch) -> (TestProxy, u16) {
    let port = free_port();
    let launch = Launch::before_port(port).env("BAD_GATEWAY_PAGE", "");
    (configure(launch).start(), port)
}

/// The port in the field `http`, in JSON and in text; `None` where there are Unix sockets only.
fn http_port(line: &str) -> Option<u16> {
    let (_, field) = line
        .split_once("\"http\":\":")
        .or_else(|| line.split_once("http=:"))?;
    let digits: String = field.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn owned<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Vec<OsString> {
    words.into_iter().map(|word| word.as_ref().to_owned()).collect()
}

/// A running proxy. Dropping it kills it and everything it started.
pub(crate) struct TestProxy {
    child: Child,
    /// Its runtime directory, if it was given one: those who ask it need it, too.
    place: Option<OsString>,
    port: u16,
    stdout: Output,
    stderr: Output,
}

impl TestProxy {
    /// The first port it listens on; 0 where there is none.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The proxy's process.
    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// A new connection to it.
    pub(crate) fn connect(&self) -> Wire {
        Wire::connect(self.port)
    }

    /// Sends `signal` to the proxy alone, not to its child.
    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("the proxy is running");
    }

    /// What it and its child have written to stdout so far, line by line.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.stdout.lines()
    }

    /// What it and its child have written to stderr so far, line by line.
    pub(crate) fn error_lines(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// The log lines among [`TestProxy::lines`].
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        log_lines(&self.lines())
    }

    /// Waits for the first log line with this `msg`.
    pub(crate) fn wait_for_log(&self, message: &str) -> Value {
        self.wait_for_logs(message, 1).remove(0)
    }

    /// Waits until `count` log lines have this `msg`, and returns these lines.
    pub(crate) fn wait_for_logs(&self, message: &str, count: usize) -> Vec<Value> {
        self.wait_for(&format!("{count} log lines {message:?}"), |proxy| {
            let mut lines = proxy.log_lines();
            lines.retain(|line| line["msg"] == message);
            (lines.len() >= count).then_some(lines)
        })
    }

    /// Waits for a line on stdout that starts with `prefix`, and returns what follows it.
    pub(crate) fn wait_for_line(&self, prefix: &str) -> String {
        self.wait_for(&format!("a line {prefix:?}"), |proxy| {
            proxy
                .lines()
                .iter()
                .find_map(|line| line.strip_prefix(prefix).map(str::to_owned))
        })
    }

    /// Waits for a line on stdout that has `text` in it.
    pub(crate) fn wait_for_line_with(&self, text: &str) -> String {
        self.wait_for(&format!("a line with {text:?}"), |proxy| {
            proxy.lines().into_iter().find(|line| line.contains(text))
        })
    }

    /// The port on which an app of this generation is awaited, once its process runs; see [`Launch::generations`].
    pub(crate) fn app_port(&self, generation: usize) -> u16 {
        let port = self.wait_for(&format!("generation {generation}"), |proxy| {
            let lines = proxy.lines();
            let mut ports = lines.iter().filter_map(|line| line.strip_prefix("app on "));
            ports.nth(generation - 1).map(str::to_owned)
        });
        port.parse().expect("a port")
    }

    /// Runs `thrust restart WORDS…` for this proxy to its end.
    pub(crate) fn restart(&self, words: &[&str]) -> Ended {
        self.begin_restart(words).wait_exit()
    }

    /// Starts `thrust restart WORDS…` for this proxy, which may take a while.
    pub(crate) fn begin_restart(&self, words: &[&str]) -> TestProxy {
        self.asker("restart", words).spawn()
    }

    /// Runs `thrust restart --self WORDS…` for this proxy to its end.
    pub(crate) fn upgrade(&self, words: &[&str]) -> Ended {
        self.restart(&[&["--self"], words].concat())
    }

    /// What `thrust status --json` says of it.
    pub(crate) fn status(&self) -> Value {
        let ended = self.asker("status", &["--json"]).run();
        serde_json::from_str(&ended.stdout.concat()).unwrap_or_else(|_| panic!("no status: {ended:?}"))
    }

    /// The process of the current generation.
    pub(crate) fn child(&self) -> Pid {
        let child = self.status()["child"].as_i64();
        let number = child.and_then(|number| number.try_into().ok());
        number.and_then(Pid::from_raw).expect("the app is running")
    }

    fn asker(&self, word: &str, words: &[&str]) -> Launch {
        let pid = self.pid().as_raw_pid().to_string();
        let launch = Launch::bare([word, "--pid", &pid].iter().chain(words));
        match &self.place {
            Some(place) => launch.env(RUNTIME_DIRECTORY, place),
            None => launch,
        }
    }

    /// Waits for the end of the proxy, and of all that writes to its output.
    pub(crate) fn wait_exit(self) -> Ended {
        let status = eventually("the proxy's end", || end_of(&self.child));
        Ended {
            status,
            stdout: self.stdout.to_the_end(),
            stderr: self.stderr.to_the_end(),
        }
    }

    fn wait_for<T>(&self, what: &str, ask: impl Fn(&Self) -> Option<T>) -> T {
        eventually(what, || {
            // Seen before asking: what is there by then is all there will be.
            let over = self.stdout.is_over();
            let answer = ask(self);
            assert!(answer.is_some() || !over, "the proxy ended before {what}");
            answer
        })
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        // Not reaped before this, so the number of the group is still ours.
        let _ = kill_process_group(self.pid(), Signal::KILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the proxy's stdout:\n{}", self.lines().join("\n"));
            eprintln!("the proxy's stderr:\n{}", self.error_lines().join("\n"));
        }
    }
}

/// What is left of a proxy.
#[derive(Debug)]
pub(crate) struct Ended {
    status: WaitIdStatus,
    /// All lines on stdout, the child's among them.
    pub(crate) stdout: Vec<String>,
    /// All lines on stderr.
    pub(crate) stderr: Vec<String>,
}

impl Ended {
    /// The exit status; `None` when a signal ended the proxy itself.
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.exit_status()
    }

    /// The signal that ended the proxy itself.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.terminating_signal()
    }

    /// The log lines on stdout.
    pub(crate) fn log_lines(&self) -> Vec<Value> {
        log_lines(&self.stdout)
    }

    /// The `msg` of each log line, in order.
    pub(crate) fn messages(&self) -> Vec<String> {
        self.log_lines()
            .iter()
            .filter_map(|line| line["msg"].as_str().map(str::to_owned))
            .collect()
    }
}

fn log_lines(lines: &[String]) -> Vec<Value> {
    let parsed = lines
        .iter()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    parsed.filter(|line| line["msg"].is_string()).collect()
}

/// A pipe that is read as fast as it fills.
struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Output {
    fn collect(pipe: impl Read + Send + 'static) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let collected = Arc::clone(&lines);
        let reader = thread::spawn(move || {
            for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                collected.lock().expect("no reader panics").push(line);
            }
        });
        Self { lines, reader }
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no reader panics").clone()
    }

    /// Whether nobody is left who could write more.
    fn is_over(&self) -> bool {
        self.reader.is_finished()
    }

    fn to_the_end(&self) -> Vec<String> {
        eventually("the end of the output", || self.is_over().then(|| self.lines()))
    }
}
