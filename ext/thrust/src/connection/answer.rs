//! Sends an answer to an HTTP/1 client: framing, back-pressure, and the rest of the upload that it answers.

mod writer;

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use http::{Method, StatusCode, Version};

use self::writer::Writer;
use super::http1::After;
use super::link::Link;
use crate::body::Body;
use crate::core::Core;
use crate::error::{BodyError, ProxyError};
use crate::exchange::{Client, Response};
use crate::http1::encode::{self, Framing, Persistence};
use crate::http1::request::RequestHead;
use crate::http1::{maps, outbound};

/// What of a request its answer depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    version: Version,
    is_head: bool,
    wants_keep: bool,
    accepts_trailers: bool,
}

impl Facts {
    pub(super) fn of(head: &RequestHead) -> Self {
        let options = head.fields.connection;
        Self {
            version: head.version,
            is_head: head.method == Method::HEAD,
            wants_keep: !options.close && (head.version == Version::HTTP_11 || options.keep_alive),
            accepts_trailers: head.fields.accepts_trailers,
        }
    }

    /// For a request that could not be read.
    const UNREADABLE: Self = Self {
        version: Version::HTTP_11,
        is_head: false,
        wants_keep: false,
        accepts_trailers: false,
    };

    /// How the body of this answer is delimited (RFC 9112 section 6.3).
    fn framing(&self, status: StatusCode, body: &Body) -> Framing {
        match (status, body.length()) {
            (StatusCode::NO_CONTENT, _) => Framing::None,
            (StatusCode::NOT_MODIFIED, _) => Framing::HeadOnly,
            _ if self.is_head => Framing::HeadOnly,
            (_, Some(length)) => Framing::Length(length),
            (_, None) if self.version == Version::HTTP_10 => Framing::UntilClose,
            (_, None) => Framing::Chunked,
        }
    }
}

/// How far an answer got.
pub(super) enum Sent {
    /// All of it; `keep` if the client was told that the connection stays.
    Whole { keep: bool },
    /// Not all of it: the connection must end in a way that shows.
    Cut,
}

/// Sends `response`; `gone` tells when the client leaves.
pub(super) async fn send(
    link: &Arc<Link>,
    response: Response,
    facts: Facts,
    core: &Core,
    mut gone: Pin<&mut impl Future<Output = ()>>,
) -> Sent {
    let (parts, body) = (*response).into_parts();
    let framing = facts.framing(parts.status, &body);
    let keep = facts.wants_keep
        && framing != Framing::UntilClose
        // An upload still under way may never be read to its end, and a client must know before it asks again.
        && link.reading().body_over
        && !core.draining.is_cancelled()
        && !core.wants_way();
    let persistence = match (keep, facts.version) {
        (false, _) => Persistence::Close,
        (true, Version::HTTP_10) => Persistence::KeepAlive,
        (true, _) => Persistence::Keep,
    };

    let mut head = outbound::room();
    encode::response_head(
        &mut head,
        facts.version,
        parts.status,
        &parts.headers,
        framing,
        persistence,
    );
    maps::give_back(parts.headers);

    let mut writer = Writer::new(link, head, body, framing, facts.accepts_trailers);
    let sent = poll_fn(|cx| match writer.poll(cx) {
        Poll::Pending => gone.as_mut().poll(cx).map(|()| Err(BodyError::ClientGone)),
        ready => ready,
    })
    .await;
    match sent {
        Ok(()) => Sent::Whole { keep },
        Err(error) => {
            writer.failed(&error);
            if framing == Framing::UntilClose {
                link.stream.reset_on_close();
            }
            Sent::Cut
        }
    }
}

/// Answers what cannot be read as a request, and ends the connection.
pub(super) async fn refuse(link: &Arc<Link>, error: &ProxyError, client: Client, core: &Core) -> After {
    let response = core.live().pipeline.refuse(error, &client);
    let gone = std::pin::pin!(link.stream.closed_by_peer());
    match send(link, response, Facts::UNREADABLE, core, gone).await {
        Sent::Whole { .. } => After::Linger,
        Sent::Cut => After::Close,
    }
}
