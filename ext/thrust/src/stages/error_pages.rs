//! What a client sees when the app has no answer for it.

mod format;

use std::borrow::Cow;
use std::path::Path;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};

use self::format::{Format, Page};
use crate::body::Body;
use crate::error::{Failure, ProxyError, chain};
use crate::exchange::{Response, response};

/// When a client may try again that found no app, in seconds.
pub(crate) const RETRY_AFTER: HeaderValue = HeaderValue::from_static("5");

/// Which proxy on the way an error is of, and its kind (RFC 9209).
const PROXY_STATUS: HeaderName = HeaderName::from_static("proxy-status");

/// The pages, read once at start.
#[derive(Debug)]
pub(crate) struct ErrorPages {
    bad_gateway: Option<Bytes>,
}

impl ErrorPages {
    /// Reads the operator's page for 502 and 503; without one that can be read, they are ours.
    pub(crate) fn load(bad_gateway: &Path) -> Self {
        let page = std::fs::read(bad_gateway);
        if let Err(error) = &page {
            tracing::debug!(path = %bad_gateway.display(), %error, "No custom 502 page found");
        }
        Self {
            bad_gateway: page.ok().map(Bytes::from),
        }
    }

    /// The answer that says what went wrong, in the form that `accept` asks for. `id` is the request's.
    ///
    /// Of faults that are not its own, a client learns no more than the kind. To a reader it is one thing whether the app
    /// is broken or not there: both are the operator's page, but for programs that want JSON.
    pub(crate) fn render(
        &self,
        error: &ProxyError,
        accept: Option<&HeaderValue>,
        id: &HeaderValue,
    ) -> Response {
        let status = error.status();
        let format = Format::wanted(accept);
        let is_away = matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE);
        let (content_type, page) = match &self.bad_gateway {
            Some(page) if is_away && !matches!(format, Format::Json | Format::Problem) => {
                (Format::Html.content_type(), page.clone())
            }
            _ => {
                let page = Page {
                    status,
                    message: &message(error),
                    id: id.to_str().unwrap_or_default(),
                };
                (format.content_type(), format.render(&page).into())
            }
        };
        let mut response = response(status, Body::from(page));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        // Some of these statuses may be kept by default (RFC 9110 section 15.1), but what they say soon is wrong.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(
            PROXY_STATUS,
            HeaderValue::from_static(error.reason().proxy_status()),
        );
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        if status == StatusCode::METHOD_NOT_ALLOWED {
            // RFC 9110 section 15.5.6 asks for it; what else the app allows only the app knows.
            headers.insert(
                header::ALLOW,
                HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),
            );
        }
        response
    }
}

/// What a client is told, in one sentence.
fn message(error: &ProxyError) -> Cow<'static, str> {
    match error.status() {
        StatusCode::NOT_FOUND => "there is no such file".into(),
        StatusCode::FORBIDDEN => "this file is not sent".into(),
        StatusCode::INTERNAL_SERVER_ERROR => "the file could not be read".into(),
        StatusCode::BAD_GATEWAY => "the application gave no usable answer".into(),
        StatusCode::SERVICE_UNAVAILABLE => "the application is not available now; try again shortly".into(),
        StatusCode::GATEWAY_TIMEOUT => "the application did not answer in time".into(),
        // The rest is about the client's own request.
        _ => chain(error).into(),
    }
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

    fn render(pages: &ErrorPages, error: &ProxyError, accept: &'static str) -> Response {
        let accept = HeaderValue::from_static(accept);
        pages.render(error, Some(&accept), &HeaderValue::from_static("abc"))
    }

    #[test]
    fn a_502_is_the_operators_page() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"<h1>Back soon</h1>").unwrap();

        let response = render(&ErrorPages::load(file.path()), &broken(), "*/*");

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

        let response = render(&pages, &ProxyError::Stopping, "text/html");

        assert_eq!(response.body().length(), Some(18));
        assert_eq!(response.headers()[header::RETRY_AFTER], RETRY_AFTER);
    }

    #[test]
    fn a_program_that_wants_json_gets_json_beside_the_operators_page_too() {
        let pages = ErrorPages {
            bad_gateway: Some(Bytes::from_static(b"<h1>Back soon</h1>")),
        };

        let response = render(&pages, &broken(), "application/json");

        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[test]
    fn without_a_page_it_is_ours() {
        for path in ["/nonexistent", "/", ""] {
            let response = render(&ErrorPages::load(Path::new(path)), &broken(), "");

            assert_eq!(
                response.headers()[header::CONTENT_TYPE],
                "text/plain; charset=utf-8"
            );
            assert_eq!(
                response.headers()[PROXY_STATUS],
                "thrust; error=connection_terminated"
            );
        }
    }

    #[test]
    fn a_refused_request_learns_why_and_of_the_app_nobody_learns_more_than_the_kind() {
        assert_eq!(
            message(&HeadError::HostMissing.into()),
            "missing required Host header"
        );
        assert!(!message(&broken()).contains("127.0.0.1"));
    }
}
