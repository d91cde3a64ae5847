//! One request of an HTTP/2 client, and its answer.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderName, header};

use super::answer::{Answer, Piece};
use super::body::StreamBody;
use super::request;
use super::streams::{Flow, Open};
use crate::connection::Interim;
use crate::core::{Core, Timeouts};
use crate::exchange::{Client, Request, Response};
use crate::http1::head::HeadError;

/// How long Rails took; as different for each answer as its id.
const X_RUNTIME: HeaderName = HeaderName::from_static("x-runtime");

/// Makes of what h2 has read what the pipeline gets to see. `limit` is how long its body may stand still.
///
/// # Errors
///
/// What RFC 9113 section 8 lets through and we do not.
pub(super) fn take(
    request: http::Request<RecvStream>,
    core: &Core,
    limit: Option<Duration>,
    flow: &Arc<Flow>,
) -> Result<Box<Request>, HeadError> {
    let (parts, stream) = request.into_parts();
    let mut request = request::read(parts)?;
    request.interim = Some(Interim::http2(flow.clone()));
    if stream.is_end_stream() {
        request.expects_continue = false;
    } else {
        let length = request.headers.get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        request.body = StreamBody::new(stream, length, limit, flow.clone(), core.metrics.clone()).into();
    }
    Ok(request)
}

/// Lets the pipeline answer, and sends what it says. The stream counts as open until this is done.
pub(super) async fn exchange(
    request: Result<Box<Request>, HeadError>,
    mut respond: SendResponse<Piece>,
    client: Client,
    core: Arc<Core>,
    timeouts: Timeouts,
    open: Open,
) {
    if let Some(response) = handle(request, &mut respond, open.flow(), &client, &core).await
        && let Some(mut answer) = begin(*response, &mut respond, timeouts.write, open)
    {
        poll_fn(|cx| answer.poll(cx)).await;
    }
}

/// The answer, unless the client takes its request back.
async fn handle(
    request: Result<Box<Request>, HeadError>,
    respond: &mut SendResponse<Piece>,
    flow: &Flow,
    client: &Client,
    core: &Core,
) -> Option<Response> {
    let live = core.live();
    let pipeline = &live.pipeline;
    let mut handling = pin!(async {
        match request {
            Ok(request) => pipeline.handle(request, client).await,
            Err(error) => pipeline.refuse(&error.into(), client),
        }
    });
    poll_fn(|cx| {
        let handled = handling.as_mut().poll(cx);
        for interim in flow.take_told() {
            // Refused on a stream that is over, of which the next line tells.
            let _ = respond.send_informational(interim);
        }
        match handled {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        }
    })
    .await
}

/// Sends the head of an answer; what is left to send, if anything is.
fn begin(
    response: http::Response<crate::body::Body>,
    respond: &mut SendResponse<Piece>,
    limit: Option<Duration>,
    mut open: Open,
) -> Option<Answer> {
    let (mut parts, body) = response.into_parts();
    if body.is_endless() {
        open.lasts();
    }
    if let Some(value) = parts.headers.get_mut(X_RUNTIME) {
        // Like the request's id.
        value.set_sensitive(true);
    }
    let is_over = body.is_over();
    if is_over {
        open.over();
    } else if let Some(length) = body.length() {
        parts
            .headers
            .entry(header::CONTENT_LENGTH)
            .or_insert_with(|| length.into());
    }
    match respond.send_response(http::Response::from_parts(parts, ()), is_over) {
        Ok(stream) => (!is_over).then(|| Answer::new(stream, body, limit, open)),
        Err(_) => {
            respond.send_reset(Reason::INTERNAL_ERROR);
            None
        }
    }
}
