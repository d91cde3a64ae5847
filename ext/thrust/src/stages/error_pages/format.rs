//! In which form a client wants to be told of an error, and that form.

use http::HeaderValue;
use http::StatusCode;
use serde_json::json;

use crate::http1::fields::tokens;

/// A form of an error page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For whoever does not say.
    Text,
    Html,
    Json,
    /// RFC 9457.
    Problem,
}

/// What an error page says.
pub(super) struct Page<'a> {
    pub(super) status: StatusCode,
    /// One sentence.
    pub(super) message: &'a str,
    /// The request's id.
    pub(super) id: &'a str,
}

impl Format {
    /// The form that `accept` likes best (RFC 9110 section 12.5.1), the first of those it likes as much.
    pub(super) fn wanted(accept: Option<&HeaderValue>) -> Self {
        let mut best = (0, Self::Text);
        for range in accept.into_iter().flat_map(tokens) {
            let mut parts = range.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let Some(format) = parts.next().and_then(Self::of_media_type) else {
                continue;
            };
            let weight = parts.find_map(weight).unwrap_or(1000);
            if weight > best.0 {
                best = (weight, format);
            }
        }
        best.1
    }

    fn of_media_type(name: &[u8]) -> Option<Self> {
        let known: [(&[u8], Self); 6] = [
            (b"text/html", Self::Html),
            (b"application/xhtml+xml", Self::Html),
            (b"application/json", Self::Json),
            (b"application/problem+json", Self::Problem),
            (b"text/plain", Self::Text),
            (b"*/*", Self::Text),
        ];
        known
            .into_iter()
            .find(|(known, _)| name.eq_ignore_ascii_case(known))
            .map(|(_, format)| format)
    }

    /// What the `Content-Type` field says.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Json => "application/json",
            Self::Problem => "application/problem+json",
        }
    }

    /// The page in this form.
    pub(super) fn render(self, page: &Page<'_>) -> String {
        let (status, title) = (
            page.status.as_u16(),
            page.status.canonical_reason().unwrap_or("Error"),
        );
        let Page { message, id, .. } = page;
        match self {
            Self::Text => format!("{status} {title}: {message}\nRequest {id}\n"),
            Self::Html => {
                let fields = [("title", title), ("message", message), ("id", id)];
                let page = include_str!("page.html").replace("{status}", &status.to_string());
                fields.into_iter().fold(page, |page, (name, text)| {
                    page.replace(&format!("{{{name}}}"), &escaped(text))
                })
            }
            Self::Json | Self::Problem => {
                let members =
                    json!({ "status": status, "title": title, "detail": message, "request_id": id });
                format!("{members}\n")
            }
        }
    }
}

/// The value of a weight parameter in thousandths; `None` if this is another parameter.
fn weight(parameter: &[u8]) -> Option<u32> {
    let value = parameter
        .strip_prefix(b"q=")
        .or_else(|| parameter.strip_prefix(b"Q="))?;
    let value: f32 = std::str::from_utf8(value).ok()?.parse().ok()?;
    // Saturates, and NaN is 0.
    Some((value.clamp(0.0, 1.0) * 1000.0) as u32)
}

fn escaped(text: &str) -> String {
    text.chars()
        .fold(String::with_capacity(text.len()), |mut out, character| {
            match character {
                '&' => out.push_str("&amp;"),
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '"' => out.push_str("&quot;"),
                // A brace could be taken for the name of a field that is filled in next.
                '{' => out.push_str("&#123;"),
                _ => out.push(character),
            }
            out
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(accept: &str) -> Format {
        Format::wanted(Some(&HeaderValue::from_str(accept).unwrap()))
    }

    #[test]
    fn the_form_is_the_one_that_the_client_likes_best() {
        assert_eq!(
            wanted("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
            Format::Html
        );
        assert_eq!(wanted("application/json, text/plain, */*"), Format::Json);
        assert_eq!(
            wanted("text/html;q=0.5, application/problem+json"),
            Format::Problem
        );
        assert_eq!(
            wanted("application/json;q=0.1, text/html; level=1; q=0.2"),
            Format::Html
        );
    }

    #[test]
    fn whoever_does_not_say_gets_text() {
        assert_eq!(Format::wanted(None), Format::Text);
        for accept in [
            "*/*",
            "",
            "image/png",
            "text/html;q=0",
            "text/html;q=nan",
            ",;,=;q",
        ] {
            assert_eq!(wanted(accept), Format::Text, "{accept:?}");
        }
    }

    #[test]
    fn every_form_says_all_of_it_and_html_cannot_be_injected() {
        let page = Page {
            status: StatusCode::BAD_REQUEST,
            message: "<b>{id}&\"",
            id: "abc",
        };

        assert_eq!(
            Format::Text.render(&page),
            "400 Bad Request: <b>{id}&\"\nRequest abc\n"
        );
        let html = Format::Html.render(&page);
        assert!(html.contains("<p>&lt;b&gt;&#123;id}&amp;&quot;</p>"), "{html}");
        assert!(html.contains("<small>400, request abc</small>"), "{html}");
        let json: serde_json::Value = serde_json::from_str(&Format::Problem.render(&page)).unwrap();
        assert_eq!(
            json,
            json!({ "status": 400, "title": "Bad Request", "detail": "<b>{id}&\"", "request_id": "abc" })
        );
    }
}
