//! Sends the file that the app names in the place of its answer's body.
//!
//! On the way there the app is told that it may; on the way back, of its answer everything but body and length stays.
//! The field that names the file reaches no client, whatever becomes of it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{self, HeaderName, HeaderValue};
use percent_encoding::percent_decode;

use crate::config::{Config, Mapping, SendfileHeader};
use crate::control;
use crate::error::ProxyError;
use crate::exchange::{Request, Response};
use crate::files::{self, Asking, FileError, OpenFile, Roots};
use crate::http1::encode;

const X_SENDFILE: HeaderName = HeaderName::from_static("x-sendfile");
const X_SENDFILE_TYPE: HeaderName = HeaderName::from_static("x-sendfile-type");
const X_ACCEL_REDIRECT: HeaderName = HeaderName::from_static("x-accel-redirect");
const X_ACCEL_MAPPING: HeaderName = HeaderName::from_static("x-accel-mapping");
const X_THRUSTER_SECRET: HeaderName = HeaderName::from_static("x-thruster-secret");

/// Which files the app may have sent, and how it names them.
#[derive(Debug)]
pub(crate) struct Sendfile {
    enabled: bool,
    header: SendfileHeader,
    roots: Roots,
    /// What stands behind paths in `X-Accel-Redirect`.
    redirects: Box<[Redirect]>,
    /// Field lines that the app gets beside those of the client.
    announcement: Bytes,
}

/// A mapping, and the directory behind it as the only root.
#[derive(Debug)]
struct Redirect {
    mapping: Mapping,
    roots: Roots,
}

impl Sendfile {
    /// As `config` has it.
    pub(crate) fn new(config: &Config) -> Self {
        let private: Vec<PathBuf> = control::own_places().collect();
        let roots = config.sendfile_roots.iter().cloned();
        Self {
            enabled: config.x_sendfile_enabled,
            header: config.sendfile_header,
            roots: Roots::new(roots, private.iter().cloned()),
            redirects: config
                .sendfile_mappings
                .iter()
                .map(|mapping| Redirect {
                    roots: Roots::new([mapping.directory.clone()], private.iter().cloned()),
                    mapping: mapping.clone(),
                })
                .collect(),
            announcement: announcement(config),
        }
    }

    /// Tells the app that it may name files, and remembers of `request` what sending one depends on.
    pub(crate) fn announce(&self, request: &mut Request) -> Option<Asking> {
        self.enabled.then(|| {
            request.announcement = self.announcement.clone();
            Asking::of(&request.method, &request.headers)
        })
    }

    /// Puts the file in the place of the answer's body, if the answer names one; `asking` is what [`Self::announce`]
    /// returned.
    ///
    /// # Errors
    ///
    /// [`ProxyError::File`]; of the app's answer nothing is left then.
    pub(crate) fn resolve(
        &self,
        mut response: Response,
        asking: Option<Asking>,
    ) -> Result<Response, ProxyError> {
        let headers = response.headers_mut();
        let file = headers.remove(X_SENDFILE).filter(is_name);
        let redirect = match self.header {
            SendfileHeader::XSendfile => None,
            SendfileHeader::XAccelRedirect => headers.remove(X_ACCEL_REDIRECT).filter(is_name),
        };
        let Some(asking) = asking else {
            return Ok(response);
        };
        let path: Arc<Path> = match (&file, &redirect) {
            (None, None) => return Ok(response),
            _ if response.status() == StatusCode::SWITCHING_PROTOCOLS => return Ok(response),
            (Some(name), _) | (None, Some(name)) => Path::new(OsStr::from_bytes(name.as_bytes())).into(),
        };
        std::mem::take(response.body_mut()).discard();
        let opened = if file.is_some() {
            files::open(&path)
                .and_then(|file| self.roots.admit(file, &path))
                .map(|file| (file, path.clone()))
        } else {
            self.follow(&path)
        };
        // The app cannot know of the file what the file does, but for a tag of its own.
        response.headers_mut().remove(header::LAST_MODIFIED);
        let (file, path) = opened.map_err(|source| ProxyError::File { path, source })?;
        tracing::debug!(path = %path.display(), "X-Sendfile sending file");
        files::answer(&mut response, file, &path, &asking);
        Ok(response)
    }

    /// The file behind a path of `X-Accel-Redirect`, and its name.
    fn follow(&self, path: &Path) -> Result<(OpenFile, Arc<Path>), FileError> {
        let path = path.as_os_str().as_bytes();
        let path = &path[..memchr::memchr(b'?', path).unwrap_or(path.len())];
        let path = percent_decode(path).collect::<Vec<_>>();
        let found = self.redirects.iter().filter_map(|redirect| {
            let below = below(&path, redirect.mapping.prefix.as_bytes())?;
            Some((redirect, below))
        });
        // The longest path that fits, as in nginx.
        let (redirect, below) = found
            .max_by_key(|(redirect, _)| redirect.mapping.prefix.len())
            .ok_or(FileError::Unmapped)?;
        let path: Arc<Path> = redirect.mapping.directory.join(below).into();
        let file = redirect.roots.admit(files::open(&path)?, &path)?;
        Ok((file, path))
    }
}

fn is_name(value: &HeaderValue) -> bool {
    !value.is_empty()
}

/// What of `path` stands below `prefix`: names only, no `..`.
fn below<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a Path> {
    let rest = path.strip_prefix(prefix)?;
    if !rest.starts_with(b"/") && !prefix.ends_with(b"/") {
        return None;
    }
    let start = rest.iter().position(|byte| *byte != b'/')?;
    let below = Path::new(OsStr::from_bytes(&rest[start..]));
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
    below.components().all(is_name).then_some(below)
}

/// Rack's own middleware reads the type, and with `X-Accel-Redirect` the mappings; ours reads the secret.
fn announcement(config: &Config) -> Bytes {
    let mut out = Vec::new();
    match config.sendfile_header {
        SendfileHeader::XSendfile => encode::field(&mut out, &X_SENDFILE_TYPE, b"X-Sendfile"),
        SendfileHeader::XAccelRedirect => {
            let mappings = config.sendfile_mappings.iter().map(|mapping| {
                let Mapping { prefix, directory } = mapping;
                let (prefix, directory) = (prefix.trim_end_matches('/'), directory.display().to_string());
                format!("{}/={prefix}/", directory.trim_end_matches('/'))
            });
            // Without mappings Rack would complain of each file, and send it itself.
            let mappings = mappings.collect::<Vec<_>>().join(",");
            if let Ok(value) = HeaderValue::from_str(&mappings)
                && !value.is_empty()
            {
                encode::field(&mut out, &X_SENDFILE_TYPE, b"X-Accel-Redirect");
                encode::field(&mut out, &X_ACCEL_MAPPING, value.as_bytes());
            }
        }
    }
    if let Some(secret) = &config.sendfile_secret {
        encode::field(&mut out, &X_THRUSTER_SECRET, secret.as_bytes());
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::body::Body;
    use crate::exchange;

    fn sendfile(environment: &[(&str, &str)]) -> Sendfile {
        Sendfile::new(&Config::of(environment))
    }

    /// What becomes of an answer with these fields, and of the status 200.
    fn resolved(sendfile: &Sendfile, fields: &[(&str, &str)]) -> Result<Response, ProxyError> {
        let mut request = Request::with_fields(&[]);
        let asking = sendfile.announce(&mut request);
        let mut response = exchange::response(StatusCode::OK, Body::from(Bytes::from_static(b"the app's")));
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| {
            (
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            )
        });
        *response.headers_mut() = fields.collect::<HeaderMap>();
        sendfile.resolve(response, asking)
    }

    #[test]
    fn an_app_is_told_what_it_may_name_and_the_secret() {
        let told = |environment: &[(&str, &str)], secret: Option<&'static str>| {
            let mut request = Request::with_fields(&[]);
            let config = Config {
                sendfile_secret: secret.map(HeaderValue::from_static),
                ..Config::of(environment)
            };
            Sendfile::new(&config).announce(&mut request);
            String::from_utf8(request.announcement.to_vec()).unwrap()
        };
        let accel = ("THRUSTER_SENDFILE_HEADER", "X-Accel-Redirect");

        assert_eq!(told(&[], None), "X-Sendfile-Type: X-Sendfile\r\n");
        assert_eq!(
            told(&[], Some("abc")),
            "X-Sendfile-Type: X-Sendfile\r\nX-Thruster-Secret: abc\r\n"
        );
        assert_eq!(told(&[("X_SENDFILE_ENABLED", "0")], Some("abc")), "");
        assert_eq!(told(&[accel], None), "");
        assert_eq!(
            told(
                &[accel, ("THRUSTER_SENDFILE_MAPPINGS", "/a=/srv/b/,/c/=/d")],
                None
            ),
            "X-Sendfile-Type: X-Accel-Redirect\r\nX-Accel-Mapping: /srv/b/=/a/,/d/=/c/\r\n"
        );
    }

    #[test]
    fn the_field_is_gone_whether_a_file_is_sent_or_not() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        for (environment, value, length) in [
            (&[][..], path, 0),
            (&[("X_SENDFILE_ENABLED", "0")], path, 9),
            (&[], "", 9),
        ] {
            let response = resolved(&sendfile(environment), &[("x-sendfile", value), ("x-a", "b")]).unwrap();

            assert!(!response.headers().contains_key(X_SENDFILE));
            assert_eq!(response.headers()["x-a"], "b");
            assert_eq!(response.body().length(), Some(length), "{environment:?} {value}");
        }
    }

    #[test]
    fn a_field_that_is_not_chosen_is_not_ours() {
        let fields = [("x-accel-redirect", "/a")];
        let response = resolved(&sendfile(&[]), &fields).unwrap();
        assert_eq!(response.headers()[X_ACCEL_REDIRECT], "/a");
    }

    #[test]
    fn a_redirect_leads_to_the_directory_behind_the_longest_path_that_fits() {
        let place = tempfile::tempdir().unwrap();
        let path = |name: &str| place.path().join(name);
        std::fs::create_dir_all(path("one/two")).unwrap();
        for (name, text) in [("one/a b", "1"), ("one/two/file", "22"), ("secret", "333")] {
            std::fs::write(path(name), text).unwrap();
        }
        std::os::unix::fs::symlink(path("secret"), path("one/link")).unwrap();
        let mappings = format!("/x={0}/one,/x/y={0}/one/two", place.path().display());
        let sendfile = sendfile(&[
            ("THRUSTER_SENDFILE_HEADER", "X-Accel-Redirect"),
            ("THRUSTER_SENDFILE_MAPPINGS", &mappings),
        ]);
        let length = |path: &str| {
            let response = resolved(&sendfile, &[("x-accel-redirect", path)]);
            response.map(|response| response.body().length())
        };

        assert_eq!(length("/x/a%20b?query").unwrap(), Some(1));
        assert_eq!(length("/x//./two/file").unwrap(), Some(2));
        assert_eq!(length("/x/y/file").unwrap(), Some(2));
        for (path, expected) in [
            ("/x/../secret", "Unmapped"),
            ("/x/%2e%2e/secret", "Unmapped"),
            ("/xa", "Unmapped"),
            ("/other/file", "Unmapped"),
            ("/x", "Unmapped"),
            ("x/a%20b", "Unmapped"),
            ("/x/link", "Outside"),
            ("/x/two", "Directory"),
            ("/x/a%20b%00", "Missing"),
            ("/x/nothing", "Missing"),
        ] {
            let error = format!("{:?}", length(path).unwrap_err());
            assert!(error.contains(&format!("source: {expected}")), "{path} {error}");
        }
    }
}
