//! Answers requests for the app's public files, which are there for anybody: the app is not asked.
//!
//! Whatever is not plainly such a file is the app's to answer, also what Rails itself would find in the same directory.

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::body::Body;
use crate::config::Config;
use crate::exchange::{Client, Request, Response, response};
use crate::files::{self, Asking, Library};
use crate::upstream::Options;

/// The app's public files.
#[derive(Debug)]
pub(crate) struct StaticFiles {
    /// `None` until somebody has said where they are.
    library: Option<Library>,
    /// What paths begin with; empty, or from `/` on without a slash at the end.
    root: String,
    /// Whether what came in the clear is left to the app.
    https_only: bool,
}

impl StaticFiles {
    /// As `config` has it.
    pub(crate) fn new(config: &Config) -> Self {
        let library = config.public_path.as_ref().map(|path| {
            let headers: HeaderMap = config
                .public_headers
                .iter()
                .filter_map(|field| {
                    let name = HeaderName::from_bytes(field.name.as_bytes()).ok()?;
                    Some((name, HeaderValue::from_str(&field.value).ok()?))
                })
                .filter(|(name, _)| !is_ours(name))
                .collect();
            Library::new(path.clone(), &config.public_index, headers, &config.assets_prefix)
        });
        Self {
            library,
            root: config.relative_url_root.trim_end_matches('/').to_owned(),
            https_only: config.public_https_only,
        }
    }

    /// The answer, if the request is for a public file. `options` say whether it came by HTTPS.
    pub(crate) fn find(&self, request: &Request, client: &Client, options: &Options) -> Option<Response> {
        let library = self.library.as_ref()?;
        let is_plain = matches!(request.method, Method::GET | Method::HEAD)
            && request.upgrade.is_none()
            && request.body.is_over();
        if !is_plain || (self.https_only && !options.is_https(&request.headers, client)) {
            return None;
        }
        let path = request.target.path().strip_prefix(self.root.as_bytes())?;
        let mut found = library.find(path)?;
        // One that was written over in its place is not what is said of it any more.
        if !found.variant_for(&request.headers).file.is_unchanged() {
            found = library.find_anew(path)?;
        }
        let variant = found.variant_for(&request.headers);

        let mut response = response(http::StatusCode::OK, Body::empty());
        *response.headers_mut() = variant.headers.clone();
        let asking = Asking::of(&request.method, &request.headers);
        files::answer(&mut response, variant.file.clone(), &variant.path, &asking);
        Some(response)
    }
}

/// What frames an answer, or follows from the file.
fn is_ours(name: &HeaderName) -> bool {
    matches!(
        *name,
        header::CONTENT_LENGTH
            | header::CONTENT_ENCODING
            | header::CONTENT_RANGE
            | header::CONTENT_TYPE
            | header::CONNECTION
            | header::DATE
            | header::ETAG
            | header::LAST_MODIFIED
            | header::TE
            | header::TRAILER
            | header::TRANSFER_ENCODING
            | header::UPGRADE
    ) || name == "keep-alive"
}
