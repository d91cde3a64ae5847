//! Turns an answer into one that carries a file: validators, conditions, ranges.

use std::path::Path;
use std::sync::Arc;

use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode};

use super::body::FileBody;
use super::conditions::{self, Verdict};
use super::media_type;
use super::multipart::{Multipart, content_range};
use super::open::OpenFile;
use super::range::{self, Ranges};
use super::validators::{self, Validators};
use crate::body::Body;
use crate::exchange::Response;

const BYTES: HeaderValue = HeaderValue::from_static("bytes");
const OCTETS: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// What of a request the sending of a file depends on.
#[derive(Debug)]
pub(crate) struct Asking {
    method: Asked,
    /// Its conditions and ranges. Boxed: few requests have any.
    conditions: Option<Box<HeaderMap>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Get,
    Head,
    /// What the request was to change is changed: neither conditions nor ranges mean anything.
    Other,
}

impl Asking {
    /// What is to be remembered of a request.
    pub(crate) fn of(method: &Method, headers: &HeaderMap) -> Self {
        let method = match *method {
            Method::GET => Asked::Get,
            Method::HEAD => Asked::Head,
            _ => Asked::Other,
        };
        let conditions = if method == Asked::Other {
            None
        } else {
            conditions::keep(headers)
        };
        Self { method, conditions }
    }
}

/// Lets `response` carry `file`. What it says of the file is believed: its media type and coding, its entity tag.
///
/// Only of a 200 the client may get less than all, because only that is about what it asked for (RFC 9110 sections
/// 13.2.1 and 14.2). An answer that has no body by its status is left alone.
pub(crate) fn answer(response: &mut Response, file: OpenFile, path: &Arc<Path>, asking: &Asking) {
    let status = response.status();
    if status.is_informational() {
        return;
    }
    if has_no_content(status) {
        // It told of the body that is gone.
        response.headers_mut().remove(header::CONTENT_LENGTH);
        return;
    }
    let size = file.size;
    let headers = response.headers_mut();
    headers
        .entry(header::CONTENT_TYPE)
        .or_insert_with(|| media_type::of(path).unwrap_or(OCTETS));
    let mut ranges = Ranges::Whole;
    if matches!(status, StatusCode::OK | StatusCode::PARTIAL_CONTENT) {
        headers.remove(header::CONTENT_RANGE);
        let now = validate(headers, &file);
        headers.insert(header::ACCEPT_RANGES, BYTES);
        *response.status_mut() = StatusCode::OK;
        if let Some(conditions) = &asking.conditions {
            match conditions::judge(conditions, &now) {
                Verdict::Answer => {}
                Verdict::NotModified => return not_modified(response),
                Verdict::Failed => return without_file(response, StatusCode::PRECONDITION_FAILED),
            }
            if asking.method == Asked::Get
                && let Some(range) = conditions.get(header::RANGE)
                && conditions::allows_range(conditions, &now)
            {
                ranges = range::of(range.as_bytes(), size);
            }
        }
    }
    let mut body = FileBody::new(file.source, path.clone());
    match ranges {
        Ranges::Whole => body.add_run(0..size),
        Ranges::Unsatisfiable => {
            let range = HeaderValue::from_str(&format!("bytes */{size}")).expect("it is ASCII");
            without_file(response, StatusCode::RANGE_NOT_SATISFIABLE);
            response.headers_mut().insert(header::CONTENT_RANGE, range);
            return;
        }
        Ranges::Parts(parts) => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let headers = response.headers_mut();
            if let [part] = &parts[..] {
                let range = HeaderValue::from_str(&content_range(part, size)).expect("it is ASCII");
                headers.insert(header::CONTENT_RANGE, range);
                body.add_run(part.clone());
            } else {
                let multipart = Multipart::new();
                let content_type = headers.insert(header::CONTENT_TYPE, multipart.content_type());
                for (index, part) in parts.into_iter().enumerate() {
                    body.add_text(multipart.before(&part, size, content_type.as_ref(), index == 0));
                    body.add_run(part);
                }
                body.add_text(multipart.end());
            }
        }
    }
    response
        .headers_mut()
        .insert(header::CONTENT_LENGTH, body.length().into());
    *response.body_mut() = body.into();
}

fn has_no_content(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// Writes the file's validators, but for those that are there already, and returns those that the answer has now.
fn validate(headers: &mut HeaderMap, file: &OpenFile) -> Validators {
    let modified = file.modified.second();
    if let Some(second) = modified {
        headers
            .entry(header::LAST_MODIFIED)
            .or_insert_with(|| validators::date(second));
    }
    let tag = headers
        .entry(header::ETAG)
        .or_insert_with(|| validators::tag(file.modified, file.size, ""))
        .clone();
    Validators {
        tag: Some(tag),
        modified,
    }
}

/// RFC 9110 section 15.4.5: what the client has, it knows.
fn not_modified(response: &mut Response) {
    *response.status_mut() = StatusCode::NOT_MODIFIED;
    let headers = response.headers_mut();
    for name in [
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::CONTENT_ENCODING,
        header::LAST_MODIFIED,
        header::ACCEPT_RANGES,
    ] {
        headers.remove(name);
    }
    *response.body_mut() = Body::empty();
}

/// An answer that is about the request and not about the file: what is said of that goes, and how long it may be kept.
fn without_file(response: &mut Response, status: StatusCode) {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for name in [
        header::CACHE_CONTROL,
        header::EXPIRES,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_DISPOSITION,
        header::ETAG,
        header::LAST_MODIFIED,
    ] {
        headers.remove(name);
    }
    headers.insert(header::CONTENT_LENGTH, 0.into());
    *response.body_mut() = Body::empty();
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::super::open::open;
    use super::*;
    use crate::exchange;

    const CONTENT: &[u8] = b"0123456789abcdefghij";

    /// What becomes of an answer with these fields to a request with those, and its body.
    async fn answered(
        status: u16,
        said: &[(&str, &str)],
        method: Method,
        asked: &[(&str, &str)],
    ) -> (Response, String) {
        let map = |fields: &[(&str, &str)]| {
            let fields = fields.iter();
            let fields = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            fields.collect::<HeaderMap>()
        };
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("page.txt");
        std::fs::write(&path, CONTENT).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        let then = std::time::UNIX_EPOCH + std::time::Duration::from_secs(784_111_777);
        file.set_modified(then).unwrap();
        let mut response = exchange::response(status.try_into().unwrap(), Body::empty());
        *response.headers_mut() = map(said);
        let asking = Asking::of(&method, &map(asked));

        answer(
            &mut response,
            open(&path).unwrap(),
            &path.as_path().into(),
            &asking,
        );

        let mut text = Vec::new();
        while let Some(piece) = poll_fn(|cx| response.body_mut().poll_next(cx)).await {
            text.extend_from_slice(&piece.unwrap().into_data().unwrap());
        }
        (response, String::from_utf8(text).unwrap())
    }

    #[tokio::test]
    async fn a_whole_file_has_all_that_says_what_it_is() {
        let (response, text) = answered(200, &[("content-length", "0")], Method::GET, &[]).await;

        let headers = response.headers();
        assert_eq!((response.status().as_u16(), text.as_bytes()), (200, CONTENT));
        assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
        assert_eq!(headers[header::CONTENT_LENGTH], "20");
        assert_eq!(headers[header::ACCEPT_RANGES], "bytes");
        assert_eq!(headers[header::LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(headers[header::ETAG], "\"2ebc98a1.0-14\"");
    }

    #[tokio::test]
    async fn what_is_said_of_the_file_already_holds() {
        let said = [
            ("content-type", "image/x-special"),
            ("etag", "W/\"mine\""),
            ("content-encoding", "gzip"),
            ("content-length", "0"),
        ];

        let (response, text) = answered(200, &said, Method::POST, &[("range", "bytes=0-1")]).await;
        let (kept, _) = answered(200, &said, Method::GET, &[("if-none-match", "\"mine\"")]).await;

        let headers = response.headers();
        assert_eq!((response.status().as_u16(), text.as_bytes()), (200, CONTENT));
        for (name, value) in &said[..3] {
            assert_eq!(headers[*name], *value);
        }
        assert_eq!(headers[header::CONTENT_LENGTH], "20");
        assert_eq!(kept.status(), 304);
        assert_eq!(kept.headers()[header::ETAG], "W/\"mine\"");
        assert!(!kept.headers().contains_key(header::CONTENT_TYPE));
    }

    #[tokio::test]
    async fn a_part_is_a_206_and_several_are_many_in_one() {
        let (one, text) = answered(200, &[], Method::GET, &[("range", "bytes=2-4")]).await;
        assert_eq!((one.status().as_u16(), text.as_str()), (206, "234"));
        assert_eq!(one.headers()[header::CONTENT_RANGE], "bytes 2-4/20");
        assert_eq!(one.headers()[header::CONTENT_LENGTH], "3");

        let (many, text) = answered(200, &[], Method::GET, &[("range", "bytes=0-0,-1")]).await;
        let content_type = many.headers()[header::CONTENT_TYPE].to_str().unwrap();
        let boundary = content_type
            .strip_prefix("multipart/byteranges; boundary=")
            .unwrap();
        assert_eq!(many.headers()[header::CONTENT_LENGTH], text.len().to_string());
        let head = format!("--{boundary}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Range: bytes");
        let expected = format!("{head} 0-0/20\r\n\r\n0\r\n{head} 19-19/20\r\n\r\nj\r\n--{boundary}--\r\n");
        assert_eq!(text, expected);
        assert!(!many.headers().contains_key(header::CONTENT_RANGE));
    }

    #[tokio::test]
    async fn a_head_asks_for_no_part() {
        let (response, _) = answered(200, &[], Method::HEAD, &[("range", "bytes=2-4")]).await;

        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_LENGTH], "20");
    }

    #[tokio::test]
    async fn an_answer_about_the_request_says_nothing_of_the_file() {
        let said = [
            ("cache-control", "public, max-age=60"),
            ("set-cookie", "a=b"),
            ("etag", "\"x\""),
        ];
        let range = [("range", "bytes=20-")];
        let condition = [("if-match", "\"other\"")];
        for (asked, status, content_range) in [(range, 416, Some("bytes */20")), (condition, 412, None)] {
            let (response, text) = answered(200, &said, Method::GET, &asked).await;

            let headers = response.headers();
            assert_eq!((response.status().as_u16(), text.as_str()), (status, ""));
            let found = headers
                .get(header::CONTENT_RANGE)
                .map(|value| value.to_str().unwrap());
            assert_eq!(found, content_range);
            assert_eq!(headers[header::CONTENT_LENGTH], "0");
            assert_eq!(headers[header::SET_COOKIE], "a=b");
            for name in ["cache-control", "content-type", "etag", "last-modified"] {
                assert!(!headers.contains_key(name), "{name}");
            }
        }
    }

    #[tokio::test]
    async fn any_other_status_is_kept_and_its_file_comes_whole() {
        let asked = [("range", "bytes=2-4"), ("if-none-match", "*")];
        for status in [201, 404, 418, 500] {
            let (response, text) = answered(status, &[], Method::GET, &asked).await;

            assert_eq!((response.status().as_u16(), text.as_bytes()), (status, CONTENT));
            assert!(!response.headers().contains_key(header::ETAG));
        }
        for status in [204, 205, 304] {
            let (response, text) = answered(status, &[("content-length", "5")], Method::GET, &[]).await;

            assert_eq!((response.status().as_u16(), text.as_str()), (status, ""));
            assert!(
                !response.headers().contains_key(header::CONTENT_LENGTH),
                "{status}"
            );
        }
    }

    #[tokio::test]
    async fn what_an_app_cut_itself_is_cut_by_us_instead() {
        let said = [("content-range", "bytes 0-1/20")];

        let (response, text) = answered(206, &said, Method::GET, &[("range", "bytes=5-6")]).await;

        assert_eq!((response.status().as_u16(), text.as_str()), (206, "56"));
        assert_eq!(response.headers()[header::CONTENT_RANGE], "bytes 5-6/20");
    }
}
