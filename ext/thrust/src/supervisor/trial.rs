//! Finds the program that would be started in our place today, and has it show that it runs.

use std::cell::RefCell;
use std::env;
use std::ffi::OsString;
use std::io::{self, PipeReader};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::Signal;
use thrust_api::message::FailureKind;
use tokio::net::unix::pipe::Receiver;

use super::Supervisor;
use super::generation::{GEMFILE, gemfile_in};
use crate::process::{self, Changes, Command, End, Heard, Process, Start, StartError};
use crate::trial::{self, Answer};

/// Names the script that finds the binary, as it was called.
pub(super) const LAUNCHER: &str = "THRUSTER_LAUNCHER";

/// How much of what a trial start says is kept, in bytes.
const KEPT: usize = 4096;

/// Why nothing can take our place.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrialError {
    #[error("could not start {} to try the new thrust", launcher.display())]
    Start { launcher: PathBuf, source: StartError },
    #[error("could not listen to the new thrust while it is tried")]
    Unheard(#[source] io::Error),
    #[error("the new thrust, tried as {} --trial-start, {end}{}", launcher.display(), said(errors))]
    Ended {
        launcher: PathBuf,
        end: End,
        errors: String,
    },
    #[error(
        "what was tried as {} --trial-start is no thrust that can take over: it printed {printed:?}{}",
        launcher.display(),
        said(errors)
    )]
    Stray {
        launcher: PathBuf,
        printed: String,
        errors: String,
    },
    #[error(
        "the new thrust, tried as {} --trial-start, did not answer within {limit:?} and was killed{}",
        launcher.display(),
        said(errors)
    )]
    TimedOut {
        launcher: PathBuf,
        limit: Duration,
        errors: String,
    },
}

impl TrialError {
    pub(super) fn kind(&self) -> FailureKind {
        match self {
            Self::TimedOut { .. } => FailureKind::TimedOut,
            Self::Start { .. } | Self::Unheard(_) | Self::Ended { .. } | Self::Stray { .. } => {
                FailureKind::Failed
            }
        }
    }
}

fn said(errors: &str) -> String {
    match errors.trim() {
        "" => String::new(),
        errors => format!("; it said: {errors}"),
    }
}

impl Supervisor {
    /// Has the program that would be started in our place show that it runs.
    ///
    /// # Errors
    ///
    /// There is none, or it does not show that. Nothing of it is left.
    pub(super) async fn try_out(&self, limit: Duration) -> Result<Answer, TrialError> {
        let named = launcher();
        match self.try_launcher(&named, limit).await {
            // A name under which nothing is found may be one that only whoever started us understands.
            Err(TrialError::Start { launcher, source }) => match our_path() {
                Some(path) if env::var_os(LAUNCHER).is_none() && path != named => {
                    self.try_launcher(&path, limit).await
                }
                _ => Err(TrialError::Start { launcher, source }),
            },
            tried => tried,
        }
    }

    async fn try_launcher(&self, launcher: &Path, limit: Duration) -> Result<Answer, TrialError> {
        let launcher = launcher.to_owned();
        let command = Command {
            program: launcher.clone().into(),
            arguments: trial::words(env::args_os().skip(1)),
        };
        let start = Start {
            command: &command,
            environment: self.moved(),
            directory: self.plan.directory.as_deref(),
            descriptors: self.plan.descriptors,
        };
        let heard = match process::start_heard(&self.reaper, &start) {
            Ok(heard) => heard,
            Err(source) => return Err(TrialError::Start { launcher, source }),
        };
        let trial = TrialStart(heard.process.clone());
        let (printed, errors) = (RefCell::default(), RefCell::default());
        let listened = tokio::time::timeout(limit, listen(heard, &printed, &errors)).await;
        let text = |bytes: RefCell<Vec<u8>>| String::from_utf8_lossy(&bytes.into_inner()).into_owned();
        match listened {
            Ok(Err(error)) => Err(TrialError::Unheard(error)),
            Ok(Ok(End::Exited(0))) => {
                let answer = Answer::read(&printed.borrow());
                answer.ok_or_else(|| TrialError::Stray {
                    launcher,
                    printed: text(printed),
                    errors: text(errors),
                })
            }
            Ok(Ok(end)) => Err(TrialError::Ended {
                launcher,
                end,
                errors: text(errors),
            }),
            Err(_) => {
                trial.kill();
                trial.0.ended().await;
                Err(TrialError::TimedOut {
                    launcher,
                    limit,
                    errors: text(errors),
                })
            }
        }
    }

    /// What is different in the environment of whatever starts where a later generation would.
    pub(super) fn moved(&self) -> Changes {
        let gemfile = self.plan.directory.as_deref().and_then(gemfile_in);
        Changes {
            remove: Vec::new(),
            set: gemfile
                .map(|gemfile| (GEMFILE, gemfile.into()))
                .into_iter()
                .collect(),
        }
    }
}

/// What is to be started to become us anew.
fn launcher() -> PathBuf {
    let named = env::var_os(LAUNCHER).filter(|launcher| !launcher.is_empty());
    named.or_else(|| env::args_os().next()).unwrap_or_default().into()
}

/// Where our own program lies, or lay: there may be another one now.
fn our_path() -> Option<PathBuf> {
    let path = env::current_exe().ok()?.into_os_string().into_vec();
    let path = path.strip_suffix(b" (deleted)").unwrap_or(&path);
    Some(OsString::from_vec(path.to_vec()).into())
}

/// What is tried: killed when it is dropped.
struct TrialStart(Process);

impl TrialStart {
    fn kill(&self) {
        // Fails if it has ended.
        let _ = self.0.signal(Signal::KILL);
    }
}

impl Drop for TrialStart {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Keeps what a child says until it ends.
async fn listen(heard: Heard, output: &RefCell<Vec<u8>>, errors: &RefCell<Vec<u8>>) -> io::Result<End> {
    let (from_output, from_errors) = (receiver(heard.output)?, receiver(heard.errors)?);
    let process = heard.process;
    // Its end is what counts: what it has started may hold both open for longer.
    let end = tokio::select! {
        end = process.ended() => end,
        end = async {
            tokio::join!(keep(&from_output, output), keep(&from_errors, errors));
            process.ended().await
        } => end,
    };
    // What it said at the very end.
    take(&from_output, output);
    take(&from_errors, errors);
    Ok(end)
}

fn receiver(pipe: PipeReader) -> io::Result<Receiver> {
    Receiver::from_owned_fd(OwnedFd::from(pipe))
}

/// Keeps what comes until nothing will come any more.
async fn keep(pipe: &Receiver, kept: &RefCell<Vec<u8>>) {
    while pipe.readable().await.is_ok() {
        if take(pipe, kept) {
            return;
        }
    }
}

/// Keeps what is there. Returns whether nothing will come any more.
fn take(pipe: &Receiver, kept: &RefCell<Vec<u8>>) -> bool {
    let mut piece = [0; KEPT];
    loop {
        match pipe.try_read(&mut piece) {
            Ok(0) => return true,
            Ok(length) => {
                let mut kept = kept.borrow_mut();
                kept.extend_from_slice(&piece[..length]);
                // The end of a long complaint says more than its beginning.
                let surplus = kept.len().saturating_sub(KEPT);
                kept.drain(..surplus);
            }
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        }
    }
}
