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
        // Nobody waits to send nothing.
        request.expects_continue &= length != Some(0);
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
        let told = flow.take_told();
        // h2 would send them behind a reset as well, where nothing may follow (RFC 9113 section 6.4).
        if !told.is_empty() && respond.poll_reset(cx).is_ready() {
            return Poll::Ready(None);
        }
        for interim in told {
            // Refused for fields of a connection, and no answer of the app's has any left.
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

#[cfg(test)]
mod tests {
    use h2::server::Builder;
    use http::{HeaderMap, StatusCode};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::super::streams::Streams;
    use super::*;
    use crate::connection::PREFACE;
    use crate::exchange::Peer;

    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// `GET http://a/` on stream 1, from the static table (RFC 7541 appendix A).
    const GET: &[u8] = &[0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, b'a'];
    const RESET: &[u8] = &[0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8];
    const HEADERS: u8 = 1;

    #[tokio::test]
    async fn no_interim_answer_is_sent_behind_a_reset() {
        let (mut theirs, ours) = duplex(1024);
        theirs
            .write_all(&[PREFACE, SETTINGS, GET, RESET].concat())
            .await
            .unwrap();
        let mut connection = Builder::new().handshake(ours).await.unwrap();
        let (_, mut respond) = connection.accept().await.unwrap().unwrap();
        let open = Streams::open(&Streams::new());
        open.flow().tell(StatusCode::EARLY_HINTS, HeaderMap::new());
        let client = Client {
            peer: Peer::Unix,
            secure: false,
        };

        let request = Err(HeadError::Host);
        let response = handle(request, &mut respond, open.flow(), &client, &Core::for_test()).await;

        // Writes what h2 has to say.
        let next = poll_fn(|cx| Poll::Ready(connection.poll_accept(cx).is_pending()));
        assert!(next.await, "the client waits");
        drop(connection);
        let mut sent = Vec::new();
        theirs.read_to_end(&mut sent).await.unwrap();
        assert!(!kinds(&sent).contains(&HEADERS), "{sent:?}");
        assert!(response.is_none());
    }

    /// The kinds of the frames in `bytes`.
    fn kinds(mut bytes: &[u8]) -> Vec<u8> {
        let mut kinds = Vec::new();
        while let [a, b, c, kind, ..] = bytes {
            kinds.push(*kind);
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            bytes = &bytes[9 + length..];
        }
        kinds
    }
}
