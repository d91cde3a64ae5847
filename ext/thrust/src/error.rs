//! Why a request could not be answered by the app, and the status that says so.

mod reason;

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use crate::connection::Abuse;
use crate::files::FileError;
use crate::http1::chunk::ChunkError;
use crate::http1::head::HeadError;
use crate::upstream::{BacklogLimit, Target};

pub(crate) use reason::{Reason, Side};

/// The status in the log for a client that left before its answer was complete; never sent.
pub(crate) const CLIENT_CLOSED_REQUEST: u16 = 499;

/// Something that went wrong with one request.
pub(crate) trait Failure: Error + 'static {
    /// What it counts as.
    fn reason(&self) -> Reason;
}

/// Why there is no answer from the app.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the request head was not complete after {0:?}")]
    HeadSlow(Duration),
    #[error(transparent)]
    Http2Abuse(#[from] Abuse),
    #[error("the client asked too much of an HTTP/2 connection")]
    Http2Excess(#[source] h2::Error),
    #[error("the client broke the rules of HTTP/2")]
    Http2Protocol(#[source] h2::Error),
    #[error("could not connect to {target}")]
    Connect { target: Target, source: io::Error },
    #[error("could not connect to {target} within {limit:?}")]
    ConnectSlow { target: Target, limit: Duration },
    #[error("{target} did not begin its answer within {limit:?}")]
    TargetSlow { target: Target, limit: Duration },
    #[error("{target} accepted no connection within {limit:?} of the request's arrival")]
    NotAccepting { target: Target, limit: Duration },
    #[error("{target} accepted the connection, but has not answered anything yet after {limit:?}")]
    Booting { target: Target, limit: Duration },
    #[error("the app is not there yet, and {limit} wait for it already")]
    HoldFull { limit: BacklogLimit },
    #[error("the app is busy, and {limit} wait for their turn already")]
    QueueFull { limit: BacklogLimit },
    #[error("the app was busy, and the request's turn had not come after {0:?}")]
    QueueSlow(Duration),
    #[error("thrust was told to end before the app was there")]
    Stopping,
    #[error("{target} closed the connection without an answer")]
    TargetClosed { target: Target },
    #[error("the connection to {target} broke")]
    TargetBroke { target: Target, source: io::Error },
    #[error("the answer of {target} is malformed")]
    MalformedAnswer { target: Target, source: HeadError },
    #[error("the answer of {target} broke before any of its body")]
    BrokenAnswer { target: Target, source: BodyError },
    #[error("{target} sent more than {limit} interim answers")]
    TooManyInterim { target: Target, limit: usize },
    #[error("{target} changed to a protocol that nobody asked for")]
    UnaskedUpgrade { target: Target },
    #[error("{target} changed the protocol before it had the whole request")]
    EarlyUpgrade { target: Target },
    #[error("the file {path:?} cannot be sent")]
    File { path: Arc<Path>, source: FileError },
    #[error("the request body could not be taken")]
    RequestBody(#[source] BodyError),
}

impl ProxyError {
    /// What the client is told.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::Head(error) => error.status(),
            Self::HeadSlow(_) => StatusCode::REQUEST_TIMEOUT,
            Self::Http2Abuse(Abuse::SlowHead(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::Http2Abuse(Abuse::Frames | Abuse::Abandoned) | Self::Http2Excess(_) => {
                StatusCode::TOO_MANY_REQUESTS
            }
            Self::Http2Protocol(_) => StatusCode::BAD_REQUEST,
            Self::Connect { .. }
            | Self::TargetClosed { .. }
            | Self::TargetBroke { .. }
            | Self::MalformedAnswer { .. }
            | Self::BrokenAnswer { .. }
            | Self::TooManyInterim { .. }
            | Self::UnaskedUpgrade { .. }
            | Self::EarlyUpgrade { .. } => StatusCode::BAD_GATEWAY,
            Self::NotAccepting { .. }
            | Self::Booting { .. }
            | Self::HoldFull { .. }
            | Self::QueueFull { .. }
            | Self::QueueSlow(_)
            | Self::Stopping => StatusCode::SERVICE_UNAVAILABLE,
            Self::ConnectSlow { .. } | Self::TargetSlow { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::File { source, .. } => match source {
                FileError::Missing(_) | FileError::Directory => StatusCode::NOT_FOUND,
                FileError::Denied(_) | FileError::Special | FileError::Outside | FileError::Unmapped => {
                    StatusCode::FORBIDDEN
                }
                FileError::Exhausted(_) => StatusCode::SERVICE_UNAVAILABLE,
                FileError::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
            },
            Self::RequestBody(BodyError::ClientSlow(_)) => StatusCode::REQUEST_TIMEOUT,
            Self::RequestBody(BodyError::TooLarge { .. }) => StatusCode::PAYLOAD_TOO_LARGE,
            // Seldom seen: a client that left reads no answer, and an answer's faults come after its head.
            Self::RequestBody(
                BodyError::ClientGone
                | BodyError::ClientMalformed(_)
                | BodyError::ClientHttp2(_)
                | BodyError::Stalled(_)
                | BodyError::Untaken(_)
                | BodyError::TargetCut
                | BodyError::TargetMalformed(_)
                | BodyError::TargetBroke(_)
                | BodyError::FileCut(_)
                | BodyError::FileBroke { .. },
            ) => StatusCode::BAD_REQUEST,
        }
    }
}

impl Failure for ProxyError {
    fn reason(&self) -> Reason {
        match self {
            Self::Head(error) => head_reason(*error),
            Self::HeadSlow(_) | Self::Http2Abuse(Abuse::SlowHead(_)) => Reason::HeadSlow,
            Self::Http2Abuse(Abuse::Frames | Abuse::Abandoned) | Self::Http2Excess(_) => Reason::Http2Flood,
            Self::Http2Protocol(_) => Reason::Http2Protocol,
            Self::Connect { .. } => Reason::Connect,
            Self::ConnectSlow { .. } => Reason::ConnectSlow,
            Self::TargetSlow { .. } => Reason::TargetSlow,
            Self::NotAccepting { .. } => Reason::NotAccepting,
            Self::Booting { .. } => Reason::Booting,
            Self::HoldFull { .. } => Reason::BootQueueFull,
            Self::QueueFull { .. } => Reason::QueueFull,
            Self::QueueSlow(_) => Reason::QueueSlow,
            Self::Stopping => Reason::Stopping,
            Self::TargetClosed { .. } => Reason::TargetClosed,
            Self::TargetBroke { .. } => Reason::TargetBroke,
            Self::MalformedAnswer { .. } | Self::TooManyInterim { .. } => Reason::AnswerMalformed,
            Self::UnaskedUpgrade { .. } | Self::EarlyUpgrade { .. } => Reason::Upgrade,
            Self::BrokenAnswer { source, .. } => source.reason(),
            Self::File { source, .. } => match source {
                FileError::Missing(_) | FileError::Directory => Reason::FileMissing,
                FileError::Denied(_) | FileError::Special | FileError::Outside | FileError::Unmapped => {
                    Reason::FileRefused
                }
                FileError::Exhausted(_) | FileError::Broken(_) => Reason::FileBroke,
            },
            Self::RequestBody(error) => error.reason(),
        }
    }
}

/// What a fault of a request's head counts as.
fn head_reason(error: HeadError) -> Reason {
    match error {
        HeadError::BareLineFeed => Reason::LineEnd,
        HeadError::EmptyLines | HeadError::RequestLine | HeadError::StatusLine => Reason::RequestLine,
        HeadError::Version => Reason::Version,
        HeadError::Target => Reason::Target,
        HeadError::TargetTooLong => Reason::TargetTooLong,
        HeadError::MethodNotAllowed => Reason::Method,
        HeadError::FieldName | HeadError::Field => Reason::Field,
        HeadError::TooManyFields | HeadError::TooLarge => Reason::HeadTooLarge,
        HeadError::HostMissing | HeadError::Host => Reason::Host,
        HeadError::ContentLength | HeadError::TransferEncoding | HeadError::LengthBesideChunked => {
            Reason::Framing
        }
        HeadError::TransferCoding => Reason::TransferCoding,
        HeadError::Expect => Reason::Expect,
    }
}

/// Why a body ended before its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the client closed the connection")]
    ClientGone,
    #[error("the client sent nothing for {0:?}")]
    ClientSlow(Duration),
    #[error("it is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("the client sent malformed chunks")]
    ClientMalformed(#[source] ChunkError),
    #[error("the client's stream ended early")]
    ClientHttp2(#[source] h2::Error),
    #[error("the app sent nothing more of its answer for {0:?}")]
    Stalled(Duration),
    #[error("the client took nothing more of its answer for {0:?}")]
    Untaken(Duration),
    #[error("the app closed the connection before the end of its answer")]
    TargetCut,
    #[error("the app sent malformed chunks")]
    TargetMalformed(#[source] ChunkError),
    #[error("the connection to the app broke")]
    TargetBroke(#[source] io::Error),
    #[error("the file {0:?} became shorter while it was sent")]
    FileCut(Arc<Path>),
    #[error("the file {path:?} could not be read")]
    FileBroke { path: Arc<Path>, source: io::Error },
}

impl Failure for BodyError {
    fn reason(&self) -> Reason {
        match self {
            Self::ClientGone | Self::ClientHttp2(_) => Reason::ClientGone,
            Self::ClientSlow(_) => Reason::BodySlow,
            Self::TooLarge { .. } => Reason::BodyTooLarge,
            Self::ClientMalformed(_) => Reason::BodyMalformed,
            Self::Stalled(_) => Reason::AnswerStalled,
            Self::Untaken(_) => Reason::AnswerUntaken,
            Self::TargetCut => Reason::AnswerCut,
            Self::TargetMalformed(_) => Reason::AnswerMalformed,
            Self::TargetBroke(_) => Reason::TargetBroke,
            Self::FileCut(_) => Reason::FileCut,
            Self::FileBroke { .. } => Reason::FileBroke,
        }
    }
}

/// An error and its causes in one line: `what: why: why`.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
