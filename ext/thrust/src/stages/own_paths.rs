//! Paths that we answer ourselves, on any host: THRUSTER_READY_PATH.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};

use super::error_pages::RETRY_AFTER;
use crate::body::Body;
use crate::exchange::{Request, Response, response};
use crate::service::Service;

/// The paths, as configured.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnPaths {
    /// Where load balancers ask whether we may be sent requests; `None` means nowhere.
    pub(crate) ready: Option<String>,
}

impl OwnPaths {
    /// Our answer, if the path is one of ours.
    pub(crate) fn answer(&self, request: &Request, service: &Service) -> Option<Response> {
        let asked = request.target.path();
        let ready = self.ready.as_ref().is_some_and(|path| path.as_bytes() == asked);
        if ready && matches!(request.method, Method::GET | Method::HEAD) {
            Some(readiness(service.is_ready()))
        } else {
            None
        }
    }
}

fn readiness(ready: bool) -> Response {
    let (status, text) = if ready {
        (StatusCode::OK, "ready\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    };
    let mut response = response(status, Body::from(Bytes::from_static(text.as_bytes())));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !ready {
        headers.insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    response
}
