//! The files of a directory that anybody may have: found by the path of a request, described once, and kept at hand.

mod kept;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use http::header::{self, HeaderMap, HeaderValue};

use self::kept::Kept;
use super::coding::{self, Coding};
use super::media_type;
use super::names;
use super::open::{FileError, OpenFile, open};
use super::roots::Roots;
use super::validators;

/// For what is told apart by its name.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
const ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("Accept-Encoding");
/// What Rails takes a file for whose name does not tell.
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The files of a directory.
#[derive(Debug)]
pub(crate) struct Library {
    directory: PathBuf,
    roots: Roots,
    /// The page of a directory, without `.html`.
    index: String,
    /// Said of every file.
    headers: HeaderMap,
    /// Below it names with a digest never change; with a slash at both ends. `None` for nowhere.
    assets: Option<String>,
    kept: Arc<Mutex<Kept>>,
}

/// A file in each of the codings that it is there in.
#[derive(Debug)]
pub(crate) struct Found {
    /// As it is.
    plain: Variant,
    /// Compressed, in the order of [`Coding::ALL`].
    coded: Vec<(Coding, Variant)>,
}

/// A file in one coding.
#[derive(Debug)]
pub(crate) struct Variant {
    pub(crate) path: Arc<Path>,
    pub(crate) file: OpenFile,
    /// All that is said of it.
    pub(crate) headers: HeaderMap,
}

impl Library {
    /// The files of `directory`. `headers` are said of each; `assets` is the path, from `/` on, below which a name with
    /// a digest tells that a file never changes.
    pub(crate) fn new(directory: PathBuf, index: &str, headers: HeaderMap, assets: &str) -> Self {
        let assets = assets.trim_matches('/');
        Self {
            roots: Roots::new([directory.clone()], []),
            directory,
            index: index.to_owned(),
            headers,
            assets: (!assets.is_empty()).then(|| format!("{assets}/")),
            kept: Arc::new(Mutex::new(Kept::new())),
        }
    }

    /// The file that `path`, as a request has it, means.
    pub(crate) fn find(&self, path: &[u8]) -> Option<Arc<Found>> {
        if let Some(found) = self.kept().lately(path) {
            return found;
        }
        self.find_anew(path)
    }

    /// The same, whatever was found lately.
    pub(crate) fn find_anew(&self, path: &[u8]) -> Option<Arc<Found>> {
        let found = self.look_up(path).map(Arc::new);
        if self.kept().keep(path, found.as_ref()) {
            tokio::spawn(kept::sweep(self.kept.clone()));
        }
        found
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        kept::lock(&self.kept)
    }

    fn look_up(&self, path: &[u8]) -> Option<Found> {
        let names = names::candidates(path, &self.index)?;
        let (name, path, file) = names.into_iter().find_map(|name| {
            let (path, file) = self.open(&name).ok()?;
            Some((name, path, file))
        })?;
        let content_type = media_type::of(&path).unwrap_or(TEXT);
        let codings: &[Coding] = if media_type::is_compressible(&content_type) {
            &Coding::ALL
        } else {
            &[]
        };
        let coded: Vec<_> = codings
            .iter()
            .filter_map(|coding| {
                let (path, file) = self.open(&format!("{name}{}", coding.suffix())).ok()?;
                Some((*coding, path, file))
            })
            .collect();

        let mut headers = self.headers.clone();
        headers.insert(header::CONTENT_TYPE, content_type);
        if !coded.is_empty() {
            headers.append(header::VARY, ACCEPT_ENCODING);
        }
        let is_asset = self
            .assets
            .as_ref()
            .is_some_and(|assets| name.starts_with(assets));
        if is_asset && names::is_digested(&name) && !is_strict(&headers) {
            headers.insert(header::CACHE_CONTROL, FOR_EVER);
        }
        Some(Found {
            coded: coded
                .into_iter()
                .map(|(coding, path, file)| (coding, Variant::new(path, file, Some(coding), &headers)))
                .collect(),
            plain: Variant::new(path, file, None, &headers),
        })
    }

    fn open(&self, name: &str) -> Result<(Arc<Path>, OpenFile), FileError> {
        let path = self.directory.join(name);
        let file = self.roots.admit(open(&path)?, &path)?;
        Ok((path.into(), file.into_memory_if_small()))
    }
}

/// Whether what is said of every file leaves nothing to be kept for longer: a mere time is meant for those whose content
/// may change under their name.
fn is_strict(headers: &HeaderMap) -> bool {
    const WORDS: [&str; 6] = [
        "no-store",
        "no-cache",
        "private",
        "must-revalidate",
        "max-age=0",
        "immutable",
    ];
    headers.get_all(header::CACHE_CONTROL).iter().any(|value| {
        let text = value.to_str().unwrap_or_default().to_ascii_lowercase();
        text.split(',').any(|word| WORDS.contains(&word.trim()))
    })
}

impl Found {
    /// The one that a client likes best whose request has these fields.
    pub(crate) fn variant_for(&self, headers: &HeaderMap) -> &Variant {
        let chosen = coding::choose(headers, self.coded.iter().map(|(coding, _)| *coding));
        let coded = self.coded.iter().find(|(coding, _)| Some(*coding) == chosen);
        coded.map_or(&self.plain, |(_, variant)| variant)
    }

    fn variants(&self) -> impl Iterator<Item = &Variant> {
        std::iter::once(&self.plain).chain(self.coded.iter().map(|(_, variant)| variant))
    }
}

impl Variant {
    fn new(path: Arc<Path>, file: OpenFile, coding: Option<Coding>, headers: &HeaderMap) -> Self {
        let mut headers = headers.clone();
        let suffix = match coding {
            Some(coding) => {
                headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
                format!("-{}", coding.name())
            }
            None => String::new(),
        };
        headers.insert(header::ETAG, validators::tag(file.modified, file.size, &suffix));
        if let Some(second) = file.modified.second() {
            headers.insert(header::LAST_MODIFIED, validators::date(second));
        }
        Self { path, file, headers }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::kept::FRESH;
    use super::*;

    pub(super) struct Place {
        directory: tempfile::TempDir,
        pub(super) library: Library,
    }

    impl Place {
        pub(super) fn with(files: &[&str]) -> Self {
            let directory = tempfile::tempdir().unwrap();
            let library = Library::new(directory.path().to_owned(), "index", HeaderMap::new(), "/assets");
            let place = Self { directory, library };
            for name in files {
                place.write(name, name);
            }
            place
        }

        fn path(&self, name: &str) -> PathBuf {
            self.directory.path().join(name)
        }

        pub(super) fn write(&self, name: &str, content: &str) {
            fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
            fs::write(self.path(name), content).unwrap();
        }

        /// The name of the file that is found.
        fn name(&self, path: &str) -> Option<String> {
            let found = self.library.find(path.as_bytes())?;
            let name = found.plain.path.strip_prefix(self.directory.path()).unwrap();
            Some(name.to_str().unwrap().to_owned())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn files_are_found_as_rails_finds_them() {
        let place = Place::with(&[
            "index.html",
            "about.html",
            "docs/index.html",
            "about/index.html",
            "a b.txt",
        ]);
        fs::create_dir(place.path("empty")).unwrap();
        symlink("/etc/passwd", place.path("passwd.txt")).unwrap();
        symlink(place.path("a b.txt"), place.path("link.txt")).unwrap();

        for (path, expected) in [
            ("/", Some("index.html")),
            ("/about", Some("about.html")),
            ("/docs", Some("docs/index.html")),
            ("/docs/", Some("docs/index.html")),
            ("/a%20b.txt", Some("a b.txt")),
            ("/link.txt", Some("link.txt")),
            ("/passwd.txt", None),
            ("/empty", None),
            ("/nothing.txt", None),
        ] {
            assert_eq!(place.name(path).as_deref(), expected, "{path}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_is_noticed_within_a_second_and_not_looked_for_before() {
        let place = Place::with(&["old.txt", "removed.txt"]);
        for path in ["/old.txt", "/removed.txt", "/new.txt"] {
            place.library.find(path.as_bytes());
        }
        place.write("old.txt", "replaced");
        place.write("new.txt", "added");
        fs::remove_file(place.path("removed.txt")).unwrap();
        let size = |path: &str| Some(place.library.find(path.as_bytes())?.plain.file.size);

        assert_eq!(
            ["/old.txt", "/removed.txt", "/new.txt"].map(size),
            [Some(7), Some(11), None]
        );
        tokio::time::advance(FRESH).await;
        assert_eq!(
            ["/old.txt", "/removed.txt", "/new.txt"].map(size),
            [Some(8), None, Some(5)]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_of_a_file_follows_from_its_name() {
        let place = Place::with(&[
            "assets/app-0a1b2c3d.js",
            "assets/app-0a1b2c3d.js.gz",
            "assets/app.js",
            "app-0a1b2c3d.js",
            "logo.png",
            "logo.png.gz",
            "LICENSE",
        ]);
        let said = |path: &str, name: header::HeaderName| {
            let found = place.library.find(path.as_bytes()).unwrap();
            found
                .plain
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };

        let for_ever = Some("public, max-age=31536000, immutable".to_owned());
        assert_eq!(said("/assets/app-0a1b2c3d.js", header::CACHE_CONTROL), for_ever);
        for path in ["/assets/app.js", "/app-0a1b2c3d.js"] {
            assert_eq!(said(path, header::CACHE_CONTROL), None, "{path}");
        }
        assert_eq!(
            said("/assets/app-0a1b2c3d.js", header::VARY).as_deref(),
            Some("Accept-Encoding")
        );
        for path in ["/assets/app.js", "/logo.png"] {
            assert_eq!(said(path, header::VARY), None, "{path}");
        }
        assert_eq!(
            said("/LICENSE", header::CONTENT_TYPE).as_deref(),
            Some("text/plain; charset=utf-8")
        );

        let found = place.library.find(b"/assets/app-0a1b2c3d.js").unwrap();
        let (coding, gzip) = &found.coded[0];
        assert_eq!((*coding, found.coded.len()), (Coding::Gzip, 1));
        assert_eq!(gzip.headers[header::CONTENT_ENCODING], "gzip");
        assert_eq!(
            gzip.headers[header::CONTENT_TYPE],
            "text/javascript; charset=utf-8"
        );
        assert_ne!(gzip.headers[header::ETAG], found.plain.headers[header::ETAG]);
    }
}
