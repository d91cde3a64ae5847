//! A request on its way to the app: what is kept of it until there is an answer, and what it may cost meanwhile.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
use tokio::time::Instant;

use super::headers;
use super::upload::Upload;
use super::{Options, Target};
use crate::connection::Interim;
use crate::error::BodyError;
use crate::exchange::{Client, Request};
use crate::http1::maps;

/// What an HTTP/2 client may send of a body that nobody reads: its window.
const MAX_UNREAD: u64 = crate::connection::WINDOW as u64;

/// A request that wants an answer, from whichever generation of the app it may come.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(super) question: Question,
    /// `None` once it was answered.
    pub(super) upload: Option<Box<Upload>>,
    /// Whether a byte of it went out twice: there is no third time.
    pub(super) repeated: bool,
    /// Memory that it may take while it waits, in bytes: its head, and what an HTTP/2 client sends without being read.
    pub(crate) weight: usize,
}

/// What of a request is needed while the app is asked, and to read its answer.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) is_head: bool,
    /// Whether a second identical request does no harm (RFC 9110 section 9.2.2).
    pub(super) idempotent: bool,
    /// Whether there is no body that could be half sent.
    pub(super) bodiless: bool,
    pub(super) options: Arc<Options>,
    /// When it came; it bounds how long it waits for an app that is not there yet.
    pub(super) arrived: Instant,
    /// Boxed: it is rare, and its size would weigh on every request.
    pub(super) upgrade: Option<Box<HeaderValue>>,
    interim: Option<Interim>,
}

impl Asked {
    /// Writes down what the app will be asked about a request that came when `arrived` says.
    pub(crate) fn new(
        request: Box<Request>,
        client: &Client,
        options: &Arc<Options>,
        target: &Target,
        arrived: Instant,
    ) -> Self {
        let head = headers::request_head(&request, client, options, target);
        let unread = match request.version {
            Version::HTTP_2 => request
                .body
                .length()
                .map_or(MAX_UNREAD, |length| length.min(MAX_UNREAD)),
            // Nothing of the body is read before it is asked for.
            _ => 0,
        };
        let weight = head.len() + usize::try_from(unread).unwrap_or(usize::MAX);
        let upload = Box::new(Upload::new(head, request.body, request.expects_continue));
        let question = Question {
            is_head: request.method == Method::HEAD,
            idempotent: is_idempotent(&request.method, &request.headers),
            bodiless: upload.is_bodiless(),
            options: options.clone(),
            arrived,
            upgrade: request.upgrade.map(Box::new),
            interim: request.interim,
        };
        maps::give_back(request.headers);
        Self {
            question,
            upload: Some(upload),
            repeated: false,
            weight,
        }
    }
}

impl Asked {
    /// How the app is to be asked.
    pub(crate) fn options(&self) -> &Options {
        &self.question.options
    }

    /// When it came.
    pub(crate) fn arrived(&self) -> Instant {
        self.question.arrived
    }
}

impl Question {
    /// Passes an interim answer on, if the client's connection can take one.
    ///
    /// Boxed: it is rare, and its size would weigh on every request.
    pub(super) fn tell_client(
        &self,
        status: StatusCode,
        headers: HeaderMap,
    ) -> impl Future<Output = Result<(), BodyError>> + use<> {
        let interim = self.interim.clone();
        Box::pin(async move {
            match interim {
                Some(interim) => interim.send(status, headers).await,
                None => Ok(()),
            }
        })
    }
}

/// Whether sending the request twice has the effect of sending it once.
fn is_idempotent(method: &Method, headers: &HeaderMap) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    ) || headers.contains_key("idempotency-key")
        || headers.contains_key("x-idempotency-key")
}
