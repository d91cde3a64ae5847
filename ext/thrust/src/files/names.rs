//! Which file a request's path may mean, and which names tell that a file never changes.

use percent_encoding::percent_decode;

/// The only name with a dot in front that is meant for clients (RFC 8615), and only at the top.
const WELL_KNOWN: &str = ".well-known";
/// Hexadecimal digits that make a digest.
const DIGEST: usize = 8;

/// The names, in their order, of files below a directory that `path` may mean, as Rails looks them up: itself, then the
/// page of that name, then the page of the directory of that name. `index` is that one's name without `.html`.
///
/// `None` if `path` is not one that a file may be asked for by: with `..`, hidden names, or anything odd.
pub(super) fn candidates(path: &[u8], index: &str) -> Option<Vec<String>> {
    let decoded = String::from_utf8(percent_decode(path).collect()).ok()?;
    if decoded == "/" {
        return Some(vec![format!("{index}.html")]);
    }
    let name = decoded.strip_prefix('/')?;
    let name = name.strip_suffix('/').unwrap_or(name);
    if name.contains('\0') {
        return None;
    }
    let is_plain = |(place, part): (usize, &str)| {
        !part.is_empty() && (!part.starts_with('.') || (place == 0 && part == WELL_KNOWN))
    };
    if !name.split('/').enumerate().all(is_plain) {
        return None;
    }
    let page = (!has_type(name)).then(|| [format!("{name}.html"), format!("{name}/{index}.html")]);
    Some(
        std::iter::once(name.to_owned())
            .chain(page.into_iter().flatten())
            .collect(),
    )
}

fn has_type(name: &str) -> bool {
    super::media_type::of(name.as_ref()).is_some()
}

/// Whether a file's name has a digest of its content in it, as those of Sprockets and Propshaft do: `app-0a1b2c3d.js`,
/// `app-0a1b2c3d.js.map`, `app-anything.digested.js`.
pub(super) fn is_digested(name: &str) -> bool {
    let name = name.rsplit_once('/').map_or(name, |(_, last)| last);
    let mut parts: Vec<&str> = name.split('.').collect();
    parts.pop();
    let ends_in = |part: &str, is_digest: fn(&str) -> bool| {
        part.rsplit_once('-')
            .is_some_and(|(name, digest)| !name.is_empty() && is_digest(digest))
    };
    let is_hexadecimal = |digest: &str| {
        digest.len() >= DIGEST
            && digest
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    parts.iter().any(|part| ends_in(part, is_hexadecimal))
        || parts
            .windows(2)
            .any(|pair| pair[1] == "digested" && ends_in(pair[0], |digest| digest.len() >= DIGEST - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_rails_looks_up() {
        for (path, expected) in [
            ("/", &["index.html"][..]),
            ("/robots.txt", &["robots.txt"]),
            ("/a%20b.css", &["a b.css"]),
            ("/about", &["about", "about.html", "about/index.html"]),
            ("/about/", &["about", "about.html", "about/index.html"]),
            ("/v1.2", &["v1.2", "v1.2.html", "v1.2/index.html"]),
            ("/page.html", &["page.html"]),
            ("/.well-known/x.txt", &[".well-known/x.txt"]),
        ] {
            assert_eq!(candidates(path.as_bytes(), "index").unwrap(), expected, "{path}");
        }
        assert_eq!(candidates(b"/", "home").unwrap(), ["home.html"]);
    }

    #[test]
    fn odd_paths_mean_no_file() {
        for path in [
            "",
            "x",
            "*",
            "//",
            "//a",
            "/a//b",
            "/..",
            "/../a",
            "/a/../b",
            "/%2e%2e/a",
            "/a/%2E%2e",
            "/.",
            "/a/.",
            "/.env",
            "/.git/config",
            "/a/.htaccess",
            "/%2egit/config",
            "/a/.well-known/b",
            "/a%00.txt",
            "/%ff.txt",
            "/..%2fa",
            "/a%2f..%2fb",
            "/a%2f%2fb",
            "/a//",
        ] {
            assert_eq!(candidates(path.as_bytes(), "index"), None, "{path}");
        }
    }

    #[test]
    fn digests_are_those_of_the_asset_pipelines() {
        for name in [
            "assets/application-0a1b2c3d.css",
            "application-908e25f4bf641868d8683022a5b62f54.js",
            "a-908e25f4bf641868d8683022a5b62f54.js.map",
            "jquery.min-0a1b2c3d4e.js",
            "deep/a-b-0a1b2c3d.woff2",
            "chunk-XK7Q_2a.digested.js",
        ] {
            assert!(is_digested(name), "{name}");
        }
        for name in [
            "application.css",
            "a-0a1b2c3.css",
            "a-0A1B2C3D.css",
            "0a1b2c3d.css",
            "-0a1b2c3d.css",
            "a-0a1b2c3d",
            "a-0a1b2c3d/b.css",
            "a-short.digested.js",
            "a.digested.js",
            "a-0a1b2c3g.css",
        ] {
            assert!(!is_digested(name), "{name}");
        }
    }
}
