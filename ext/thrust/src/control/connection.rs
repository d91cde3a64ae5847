//! One control connection: is this somebody who may ask, and command after command until they leave.

use std::sync::Arc;

use thrust_api::message::{Command, Failure, FailureKind, HEARTBEAT, Reply};
use tokio::net::UnixStream;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::timeout;

use super::lines::{LineError, Lines};
use super::replier::Said;
use super::{Asked, CONNECTIONS, Replier};

/// The user that may ask everybody.
const ROOT: u32 = 0;

/// Who lets connections in, and serves them.
#[derive(Clone, Debug)]
pub(super) struct Gatekeeper {
    pub(super) asked: mpsc::Sender<Asked>,
    /// One for each connection that may be served at once.
    pub(super) places: Arc<Semaphore>,
    /// The user we run as.
    pub(super) us: u32,
}

impl Gatekeeper {
    /// Serves a connection, or turns it away with a reason.
    pub(super) fn receive(&self, stream: UnixStream, through: Option<u64>) {
        if let Err(failure) = self.admit(&stream) {
            tracing::warn!(reason = %failure, "Refused a control connection");
            // One short line fits into an empty socket; whoever it is need not be waited for.
            let _ = stream.try_write(&Reply::Error(failure).to_line());
            return;
        }
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            let failure = Failure::new(
                FailureKind::Busy,
                format!("{CONNECTIONS} control connections are open already; try again later"),
            );
            let _ = stream.try_write(&Reply::Error(failure).to_line());
            return;
        };
        let asked = self.asked.clone();
        tokio::spawn(async move {
            serve(Lines::new(stream), through, &asked).await;
            drop(place);
        });
    }

    /// Takes up a connection whose command is under way.
    pub(super) fn resume(&self, stream: UnixStream) -> Replier {
        let (reply, said) = Replier::new();
        let asked = self.asked.clone();
        tokio::spawn(async move {
            if let Some(lines) = answer(Lines::new(stream), said).await {
                serve(lines, None, &asked).await;
            }
        });
        reply
    }

    fn admit(&self, stream: &UnixStream) -> Result<(), Failure> {
        let forbidden = |message: String| Failure::new(FailureKind::Forbidden, message);
        match stream.peer_cred() {
            Ok(peer) if peer.uid() == self.us || peer.uid() == ROOT => Ok(()),
            Ok(peer) => Err(forbidden(format!(
                "user {} may not ask this thrust, which runs as user {}; ask as that user or as root",
                peer.uid(),
                self.us
            ))),
            Err(error) => Err(forbidden(format!("the system does not tell who asks: {error}"))),
        }
    }
}

async fn serve(mut lines: Lines, through: Option<u64>, asked: &mpsc::Sender<Asked>) {
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return,
            Err(error) => {
                tracing::debug!(%error, "Closed a control connection");
                if let LineError::TooLong | LineError::TooSlow = error {
                    let failure = Failure::malformed(error.to_string());
                    // What follows in the connection is the rest of something unreadable.
                    let _ = lines.write(&Reply::Error(failure).to_line()).await;
                }
                return;
            }
        };
        let said = match Command::from_line(&line) {
            Ok(command) => ask(command, through, asked).await,
            Err(failure) => Err(failure),
        };
        lines = match said {
            Ok(said) => match answer(lines, said).await {
                Some(lines) => lines,
                None => return,
            },
            Err(failure) => match lines.write(&Reply::Error(failure).to_line()).await {
                Ok(()) => lines,
                Err(_) => return,
            },
        };
    }
}

/// Passes a command on; what is said of it arrives at the receiver.
async fn ask(
    command: Command,
    through: Option<u64>,
    asked: &mpsc::Sender<Asked>,
) -> Result<mpsc::Receiver<Said>, Failure> {
    let (reply, said) = Replier::new();
    let command = Asked {
        command,
        through,
        reply,
    };
    match asked.send(command).await {
        Ok(()) => Ok(said),
        Err(_) => Err(Failure::new(
            FailureKind::Unavailable,
            "thrust is ending and takes no more commands",
        )),
    }
}

/// Writes the answer of one command. Returns the connection for the next one, unless it broke or was given away.
async fn answer(lines: Lines, mut said: mpsc::Receiver<Said>) -> Option<Lines> {
    loop {
        let reply = match timeout(HEARTBEAT, said.recv()).await {
            Ok(Some(Said::HandOver(taker))) => {
                // Nobody takes it only if nobody is left to answer.
                let _ = taker.send(lines.into_descriptor().ok()?);
                return None;
            }
            Ok(Some(Said::Progress(progress))) => Reply::Progress(progress),
            Ok(Some(Said::Last(reply))) => reply,
            Ok(None) => Reply::Error(Failure::new(
                FailureKind::Internal,
                "thrust gave up the command without an answer; its log may say why",
            )),
            Err(_) => Reply::Alive,
        };
        lines.write(&reply.to_line()).await.ok()?;
        if let Reply::Ok { .. } | Reply::Error(_) = reply {
            return Some(lines);
        }
    }
}
