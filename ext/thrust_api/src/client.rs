//! Asks a running thrust over its control socket, and waits no longer than it is told.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use crate::message::{Command, Failure, MAX_LINE, Outcome, Progress, Reply, ReplyError};

/// A connection to a running thrust.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
    socket: PathBuf,
    patience: Duration,
}

/// Why there is no answer, or a bad one.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nobody listens.
    #[error("could not connect to the thrust at {}; is it still running?", socket.display())]
    Connect {
        /// Its socket.
        socket: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the thrust at {} broke", socket.display())]
    Broken {
        /// Its socket.
        socket: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection ended before the answer was complete.
    #[error("the thrust at {} closed the connection before it answered; its log may say why", socket.display())]
    Closed {
        /// Its socket.
        socket: PathBuf,
    },
    /// Nothing was heard.
    #[error("the thrust at {} said nothing for {patience:?}; the command may still be under way", socket.display())]
    Silent {
        /// Its socket.
        socket: PathBuf,
        /// How long was waited.
        patience: Duration,
    },
    /// What was heard is no answer.
    #[error("the answer of the thrust at {} cannot be read", socket.display())]
    Unreadable {
        /// Its socket.
        socket: PathBuf,
        /// Why.
        source: ReplyError,
    },
    /// A line of the answer is too long.
    #[error("the thrust at {} answers with a line longer than {MAX_LINE} bytes", socket.display())]
    TooLong {
        /// Its socket.
        socket: PathBuf,
    },
    /// It answered that it did not do it.
    #[error(transparent)]
    Failed(#[from] Failure),
}

impl Client {
    /// Connects to the thrust that listens on this socket. `patience` is how long it may be silent; while a command
    /// runs it is heard of every [`crate::message::HEARTBEAT`].
    ///
    /// # Errors
    ///
    /// `Connect` if nobody listens there.
    pub fn connect(socket: &Path, patience: Duration) -> Result<Self, ClientError> {
        let connected = UnixStream::connect(socket).and_then(|stream| {
            stream.set_write_timeout(Some(patience))?;
            Ok(stream)
        });
        match connected {
            Ok(stream) => Ok(Self {
                stream: BufReader::new(stream),
                socket: socket.to_owned(),
                patience,
            }),
            Err(source) => Err(ClientError::Connect {
                socket: socket.to_owned(),
                source,
            }),
        }
    }

    /// Gives a command and waits for the end of its answer; what comes before goes to `progress`.
    ///
    /// # Errors
    ///
    /// `Failed` if the command was not done, anything else if the answer did not come. Only after `Failed` may the
    /// client be asked again.
    pub fn ask(
        &mut self,
        command: &Command,
        mut progress: impl FnMut(Progress),
    ) -> Result<Outcome, ClientError> {
        // One that refuses us writes and closes without reading: what it wrote is worth more than the broken pipe.
        let written = self.stream.get_mut().write_all(&command.to_line());
        loop {
            let line = match (self.read_line(), &written) {
                (Ok(line), _) => line,
                (Err(ClientError::Closed { .. }), Err(error)) => return Err(self.broken(error.kind().into())),
                (Err(error), _) => return Err(error),
            };
            let reply = Reply::from_line(&line).map_err(|source| ClientError::Unreadable {
                socket: self.socket.clone(),
                source,
            })?;
            match reply {
                Reply::Progress(step) => progress(step),
                Reply::Alive => {}
                Reply::Ok { outcome } => return Ok(outcome),
                Reply::Error(failure) => return Err(failure.into()),
            }
        }
    }

    /// The next line, within `patience` in all.
    fn read_line(&mut self) -> Result<Vec<u8>, ClientError> {
        let started = Instant::now();
        let mut line = Vec::new();
        loop {
            let left = self.patience.saturating_sub(started.elapsed());
            if left.is_zero() {
                return Err(self.silent());
            }
            let limited = self.stream.get_ref().set_read_timeout(Some(left));
            let arrived = match limited.and_then(|()| self.stream.fill_buf()) {
                Ok([]) => {
                    let socket = self.socket.clone();
                    return Err(ClientError::Closed { socket });
                }
                Ok(arrived) => arrived,
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => return Err(self.silent()),
                    _ => return Err(self.broken(error)),
                },
            };
            let end = arrived.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(arrived.len(), |end| end + 1);
            line.extend_from_slice(&arrived[..taken]);
            self.stream.consume(taken);
            if line.len() > MAX_LINE {
                let socket = self.socket.clone();
                return Err(ClientError::TooLong { socket });
            }
            if end.is_some() {
                return Ok(line);
            }
        }
    }

    fn silent(&self) -> ClientError {
        ClientError::Silent {
            socket: self.socket.clone(),
            patience: self.patience,
        }
    }

    fn broken(&self, source: io::Error) -> ClientError {
        ClientError::Broken {
            socket: self.socket.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::*;
    use crate::message::{FailureKind, Step};

    /// No passing test waits it out.
    const LONG: Duration = Duration::from_secs(20);

    /// Asks a thrust that says these bytes, and then closes the connection or waits for the client to.
    fn told(answer: &[u8], closes: bool, patience: Duration) -> (Vec<Step>, Result<Outcome, ClientError>) {
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let answer = answer.to_vec();
        let thrust = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            // A client that has had enough may be gone before all is written.
            let _ = stream.get_mut().write_all(&answer);
            if !closes {
                stream.read_line(&mut line).unwrap();
            }
            line
        });

        let mut steps = Vec::new();
        let mut client = Client::connect(&socket, patience).unwrap();
        let result = client.ask(&Command::Status, |progress| steps.push(progress.step));
        drop(client);
        assert_eq!(thrust.join().unwrap().as_bytes(), Command::Status.to_line());
        (steps, result)
    }

    #[test]
    fn progress_is_told_and_the_end_is_returned() {
        let answer = br#"{"version":1,"reply":"progress","step":"waiting","text":"Waiting"}
{"version":1,"reply":"alive"}
{"version":1,"reply":"error","kind":"busy","message":"a restart is under way"}
"#;

        let (steps, result) = told(answer, false, LONG);

        assert_eq!(steps, [Step::Waiting]);
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), "a restart is under way");
        assert!(matches!(error, ClientError::Failed(failure) if failure.kind == FailureKind::Busy));
    }

    #[test]
    fn an_answer_that_does_not_come_or_cannot_be_read_is_an_error_of_its_own() {
        let result = |answer: &[u8], closes, patience| told(answer, closes, patience).1.unwrap_err();

        assert!(matches!(result(b"", true, LONG), ClientError::Closed { .. }));
        assert!(matches!(
            result(br#"{"version":1,"reply""#, true, LONG),
            ClientError::Closed { .. }
        ));
        assert!(matches!(
            result(b"", false, Duration::from_millis(20)),
            ClientError::Silent { .. }
        ));
        assert!(matches!(
            result(b"220 mail.example.com ESMTP\n", false, LONG),
            ClientError::Unreadable { .. }
        ));
        assert!(matches!(
            result(&vec![b'x'; MAX_LINE + 1], false, LONG),
            ClientError::TooLong { .. }
        ));
    }

    #[test]
    fn a_socket_without_a_thrust_is_named() {
        let error = Client::connect(Path::new("/nonexistent/control.sock"), LONG).unwrap_err();

        assert_eq!(
            error.to_string(),
            "could not connect to the thrust at /nonexistent/control.sock; is it still running?"
        );
    }
}
