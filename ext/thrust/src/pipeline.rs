//! The way of a request through the proxy, on one page: read this first.

use std::sync::Arc;
use std::time::SystemTime;

use http::{Method, StatusCode, header};

use crate::body::Body;
use crate::date;
use crate::error::ProxyError;
use crate::exchange::{Client, Request, Response, response};
use crate::service::Service;
use crate::stages::access_log::{AccessLog, Entry};
use crate::stages::error_pages::ErrorPages;
use crate::stages::limits::Limits;
use crate::stages::own_paths::OwnPaths;
use crate::stages::sendfile::Sendfile;
use crate::stages::static_files::StaticFiles;
use crate::stages::{request_id, request_start};
use crate::upstream::Options;

/// The stages, in the order in which a request meets them; one pipeline per core, replaced when settings change.
#[derive(Debug)]
pub(crate) struct Pipeline {
    pub(crate) access_log: Arc<AccessLog>,
    pub(crate) error_pages: Arc<ErrorPages>,
    pub(crate) own_paths: OwnPaths,
    pub(crate) limits: Limits,
    pub(crate) static_files: StaticFiles,
    pub(crate) sendfile: Sendfile,
    pub(crate) service: Arc<Service>,
    /// How the app is asked.
    pub(crate) options: Arc<Options>,
    /// The number of the core whose pipeline this is.
    pub(crate) core: usize,
}

impl Pipeline {
    /// Answers one request. Never fails: an error becomes the page that the client sees.
    pub(crate) async fn handle(&self, mut request: Box<Request>, client: &Client) -> Response {
        let id = request_id::assign(&mut request);
        request_start::mark(&mut request, SystemTime::now());
        // Written when it is dropped, so a client that leaves is logged too.
        let mut entry = self.access_log.open(&request, client, id);
        let is_head = request.method == Method::HEAD;

        let mut response = match self.respond(request, client, &mut entry).await {
            Ok(response) => response,
            Err(error) => self.render(&error, &mut entry),
        };
        // A change of protocol is no answer yet, to HEAD as to any other method.
        if is_head && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            without_body(&mut response);
        }
        finish(response, entry)
    }

    async fn respond(
        &self,
        mut request: Box<Request>,
        client: &Client,
        entry: &mut Entry,
    ) -> Result<Response, ProxyError> {
        if request.target.as_bytes() == b"*" {
            // About the server as a whole (RFC 9110 section 9.3.7), which no app can answer for.
            return Ok(response(StatusCode::OK, Body::empty()));
        }
        if let Some(answer) = self.own_paths.answer(&request, &self.service) {
            return Ok(answer);
        }
        self.limits.apply(&mut request)?;
        if let Some(file) = self.static_files.find(&request, client, &self.options) {
            return Ok(file);
        }
        let asking = self.sendfile.announce(&mut request);
        let response = self
            .service
            .forward(self.core, request, client, &self.options, entry)
            .await?;
        self.sendfile.resolve(response, asking)
    }

    /// Answers what cannot be read as a request.
    pub(crate) fn refuse(&self, error: &ProxyError, client: &Client) -> Response {
        let id = request_id::make();
        let mut entry = self.access_log.open_unreadable(client, id);
        let response = self.render(error, &mut entry);
        finish(response, entry)
    }

    fn render(&self, error: &ProxyError, entry: &mut Entry) -> Response {
        entry.failed(error);
        self.error_pages.render(error, entry.accept.as_ref(), &entry.id)
    }
}

/// Adds what every answer has, and hands it its log line.
fn finish(mut response: Response, mut entry: Box<Entry>) -> Response {
    let headers = response.headers_mut();
    // Never the same twice: in a compression table it would only drive out what is (RFC 7541 section 6.2.3).
    headers
        .entry(request_id::X_REQUEST_ID)
        .or_insert_with(|| entry.id.clone())
        .set_sensitive(true);
    headers.entry(header::DATE).or_insert_with(date::now);
    entry.answered(response.status(), response.headers());
    response.body_mut().carry(entry);
    response
}

/// For HEAD: the length that a GET would have had, and nothing behind it.
fn without_body(response: &mut Response) {
    let body = std::mem::take(response.body_mut());
    if let Some(length) = body.length().filter(|length| *length > 0) {
        response
            .headers_mut()
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
}
