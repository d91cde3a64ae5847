//! What a client sees when the app has no answer for it.

use std::path::Path;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderValue};

use crate::body::Body;
use crate::error::ProxyError;
use crate::exchange::{Response, response};

/// When a client may try again that found no app, in seconds.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// The pages, read once at start.
#[derive(Debug)]
pub(crate) struct ErrorPages {
    bad_gateway: Option<Bytes>,
}

impl ErrorPages {
    /// Reads the operator's page for 502 and 503; without one that can be read, a 502 is empty, as in thruster.
    pub(crate) fn load(bad_gateway: &Path) -> Self {
        let page = std::fs::read(bad_gateway);
        if let Err(error) = &page {
            tracing::debug!(path = %bad_gateway.display(), %error, "No custom 502 page found");
        }
        Self {
            bad_gateway: page.ok().map(Bytes::from),
        }
    }

    /// The answer that says what went wrong. Of faults that are not its own, a client learns no more than the status.
    pub(crate) fn render(&self, error: &ProxyError) -> Response {
        let status = error.status();
        let mut response = match (status, &self.bad_gateway) {
            // To the reader it is one thing whether the app is broken or not there.
            (StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE, Some(page)) => {
                page_of(status, "text/html; charset=utf-8", page.clone())
            }
            (StatusCode::BAD_GATEWAY, None) => response(status, Body::empty()),
            _ => {
                let reason = status.canonical_reason().unwrap_or_default();
                let text = match error {
                    ProxyError::Head(_) | ProxyError::HeadSlow(_) => {
                        format!("{} {reason}: {error}\n", status.as_u16())
                    }
                    _ => format!("{} {reason}\n", status.as_u16()),
                };
                page_of(status, "text/plain; charset=utf-8", text.into())
            }
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

fn page_of(status: StatusCode, content_type: &'static str, page: Bytes) -> Response {
    let mut response = response(status, Body::from(page));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if status == StatusCode::METHOD_NOT_ALLOWED {
        // RFC 9110 section 15.5.6 asks for it; what else the app allows only the app knows.
        response.headers_mut().insert(
            header::ALLOW,
            HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::head::HeadError;
    use crate::upstream::Target;
    use std::io::Write;

    fn broken() -> ProxyError {
        ProxyError::TargetClosed {
            target: Target::Port(1),
        }
    }

    #[test]
    fn a_502_is_the_operators_page() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"<h1>Back soon</h1>").unwrap();

        let response = ErrorPages::load(file.path()).render(&broken());

        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/html; charset=utf-8"
        );
        assert_eq!(response.body().length(), Some(18));
    }

    #[test]
    fn a_503_is_the_same_page_and_says_when_to_try_again() {
        let pages = ErrorPages {
            bad_gateway: Some(Bytes::from_static(b"<h1>Back soon</h1>")),
        };

        let response = pages.render(&ProxyError::Stopping);

        assert_eq!(response.body().length(), Some(18));
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER);
    }

    #[test]
    fn a_502_without_a_page_is_empty() {
        for path in ["/nonexistent", "/", ""] {
            let response = ErrorPages::load(Path::new(path)).render(&broken());

            assert_eq!(response.body().length(), Some(0));
            assert!(response.headers().is_empty());
        }
    }

    #[test]
    fn a_refused_request_learns_why() {
        let response = ErrorPages { bad_gateway: None }.render(&HeadError::HostMissing.into());

        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
        assert_eq!(
            response.body().length(),
            Some("400 Bad Request: missing required Host header\n".len() as u64)
        );
    }
}
