//! The media type of a file, by the end of its name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use http::HeaderValue;

/// Where thruster's table differs from the library's.
const OURS: [(&str, &str); 16] = [
    ("bmp", "image/bmp"),
    ("com", "application/octet-stream"),
    ("ehtml", "text/html"),
    ("eot", "application/vnd.ms-fontobject"),
    ("exe", "application/octet-stream"),
    ("ico", "image/vnd.microsoft.icon"),
    ("js", "text/javascript"),
    ("m4a", "audio/mp4"),
    ("map", "application/json"),
    ("mjs", "text/javascript"),
    ("rtf", "application/rtf"),
    ("webmanifest", "application/manifest+json"),
    ("woff", "font/woff"),
    ("woff2", "font/woff2"),
    ("xbm", "image/x-xbitmap"),
    ("xml", "text/xml"),
];

/// The type of a file of this name; `None` if its name does not tell.
///
/// A text is taken to be UTF-8. Nothing is sniffed: a client would do it with more knowledge, and an upload must not
/// become a page by what is in it.
pub(crate) fn of(name: &Path) -> Option<HeaderValue> {
    let extension = name.extension().map(OsStr::as_bytes)?;
    let ours = OURS
        .iter()
        .find(|(known, _)| known.as_bytes().eq_ignore_ascii_case(extension));
    let essence = match ours {
        Some((_, essence)) => essence,
        None => mime_guess::from_ext(std::str::from_utf8(extension).ok()?).first_raw()?,
    };
    Some(match essence {
        "text/html" => HeaderValue::from_static("text/html; charset=utf-8"),
        "text/css" => HeaderValue::from_static("text/css; charset=utf-8"),
        "text/javascript" => HeaderValue::from_static("text/javascript; charset=utf-8"),
        text if text.starts_with("text/") => {
            HeaderValue::from_str(&format!("{text}; charset=utf-8")).expect("a media type is a header value")
        }
        other => HeaderValue::from_static(other),
    })
}

/// Whether files of this type are worth compressing; others are compressed in themselves.
pub(super) fn is_compressible(content_type: &HeaderValue) -> bool {
    let essence = content_type.as_bytes().split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default();
    essence.starts_with(b"text/")
        || essence.ends_with(b"+json")
        || essence.ends_with(b"+xml")
        || matches!(
            essence,
            b"application/json"
                | b"application/javascript"
                | b"application/xml"
                | b"application/wasm"
                | b"application/vnd.ms-fontobject"
                | b"font/ttf"
                | b"font/otf"
                | b"image/bmp"
                | b"image/vnd.microsoft.icon"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_thrusters_for_the_extensions_that_it_knows() {
        for (extensions, expected) in [
            ("html htm shtml ehtml HTML", "text/html; charset=utf-8"),
            ("css", "text/css; charset=utf-8"),
            ("js mjs JS", "text/javascript; charset=utf-8"),
            ("txt text", "text/plain; charset=utf-8"),
            ("csv", "text/csv; charset=utf-8"),
            ("ics", "text/calendar; charset=utf-8"),
            ("vtt", "text/vtt; charset=utf-8"),
            ("xml xsl", "text/xml; charset=utf-8"),
            ("json", "application/json"),
            ("xhtml xht", "application/xhtml+xml"),
            ("rdf", "application/rdf+xml"),
            ("rtf", "application/rtf"),
            ("pdf", "application/pdf"),
            ("ps eps ai", "application/postscript"),
            ("wasm", "application/wasm"),
            ("zip", "application/zip"),
            ("gz", "application/gzip"),
            ("bin exe com", "application/octet-stream"),
            ("doc", "application/msword"),
            ("xls", "application/vnd.ms-excel"),
            ("ppt", "application/vnd.ms-powerpoint"),
            ("apk", "application/vnd.android.package-archive"),
            ("eml", "message/rfc822"),
            ("jpg jpeg", "image/jpeg"),
            ("png", "image/png"),
            ("gif", "image/gif"),
            ("webp", "image/webp"),
            ("avif", "image/avif"),
            ("bmp", "image/bmp"),
            ("svg", "image/svg+xml"),
            ("tif tiff", "image/tiff"),
            ("ico", "image/vnd.microsoft.icon"),
            ("mp3", "audio/mpeg"),
            ("m4a", "audio/mp4"),
            ("flac", "audio/flac"),
            ("wav", "audio/wav"),
            ("ogg oga opus", "audio/ogg"),
            ("mp4", "video/mp4"),
            ("ogv", "video/ogg"),
            ("webm", "video/webm"),
            ("woff", "font/woff"),
            ("woff2", "font/woff2"),
            ("map", "application/json"),
            ("webmanifest", "application/manifest+json"),
        ] {
            for extension in extensions.split(' ') {
                let found = of(Path::new(&format!("/a.b/name.{extension}")));
                assert_eq!(
                    found.as_ref().map(|value| value.to_str().unwrap()),
                    Some(expected),
                    "{extension}"
                );
            }
        }
    }

    #[test]
    fn a_name_that_does_not_tell_has_no_type() {
        for name in ["README", ".png", "a.unheard-of", "a."] {
            assert_eq!(of(Path::new(name)), None, "{name}");
        }
    }

    #[test]
    fn what_is_compressed_in_itself_is_not_worth_it() {
        for (name, expected) in [
            ("a.css", true),
            ("a.js", true),
            ("a.json", true),
            ("a.svg", true),
            ("a.webmanifest", true),
            ("a.ttf", true),
            ("a.png", false),
            ("a.woff2", false),
            ("a.mp4", false),
            ("a.zip", false),
        ] {
            let content_type = of(Path::new(name)).unwrap();
            assert_eq!(is_compressible(&content_type), expected, "{name}");
        }
    }
}
