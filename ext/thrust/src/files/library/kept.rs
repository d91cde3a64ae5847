//! What was found lately, and that nothing was: for a second, so that a file that was added, replaced or removed is
//! noticed within one. A core keeps its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Found;

/// How long what was found holds.
pub(super) const FRESH: Duration = Duration::from_secs(1);
/// Paths that are kept.
const PATHS: usize = 1024;
/// A longer path is looked up each time.
const PATH_LENGTH: usize = 512;
/// Descriptors that are kept open.
const DESCRIPTORS: usize = 128;
/// Bytes of small files that are kept.
const BYTES: u64 = 2 * 1024 * 1024;

/// What was found lately.
#[derive(Debug)]
pub(super) struct Kept {
    since: Instant,
    paths: HashMap<Box<[u8]>, Option<Arc<Found>>>,
    descriptors: usize,
    bytes: u64,
    /// Whether a task lets go of it in time.
    swept: bool,
}

/// It, for as long as the guard lives.
pub(super) fn lock(kept: &Mutex<Kept>) -> MutexGuard<'_, Kept> {
    kept.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets go of what is kept once it is too old, also if nobody asks any more: what is removed meanwhile is to be gone.
pub(super) async fn sweep(kept: Arc<Mutex<Kept>>) {
    loop {
        let due = {
            let mut kept = lock(&kept);
            kept.forget_the_old();
            if kept.paths.is_empty() {
                kept.swept = false;
                return;
            }
            kept.since + FRESH
        };
        sleep_until(due).await;
    }
}

impl Kept {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self {
            since: Instant::now(),
            paths: HashMap::new(),
            descriptors: 0,
            bytes: 0,
            swept: false,
        }
    }

    /// What was found for `path`, if it was looked for.
    ///
    /// Forgets everything once a second: what is asked for again is found again, and only what is asked for keeps a
    /// descriptor.
    pub(super) fn lately(&mut self, path: &[u8]) -> Option<Option<Arc<Found>>> {
        self.forget_the_old();
        self.paths.get(path).cloned()
    }

    fn forget_the_old(&mut self) {
        if self.since.elapsed() >= FRESH {
            self.clear();
        }
    }

    fn clear(&mut self) {
        self.since = Instant::now();
        self.paths.clear();
        self.descriptors = 0;
        self.bytes = 0;
    }

    /// Keeps what was found for `path`, and lets go of everything else if that would be too much. Whether [`sweep`] has
    /// to be started for it.
    #[must_use]
    pub(super) fn keep(&mut self, path: &[u8], found: Option<&Arc<Found>>) -> bool {
        if path.len() > PATH_LENGTH {
            return false;
        }
        let variants = || found.iter().flat_map(|found| found.variants());
        let descriptors = variants().filter(|variant| !variant.file.is_in_memory()).count();
        let bytes: u64 = variants()
            .filter(|variant| variant.file.is_in_memory())
            .map(|variant| variant.file.size)
            .sum();
        let is_full = self.paths.len() >= PATHS
            || self.descriptors + descriptors > DESCRIPTORS
            || self.bytes + bytes > BYTES;
        if is_full {
            self.clear();
        }
        self.descriptors += descriptors;
        self.bytes += bytes;
        self.paths.insert(path.into(), found.cloned());
        !std::mem::replace(&mut self.swept, true)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::super::tests::Place;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_nobody_asks_for_any_more_is_let_go() {
        let place = Place::with(&["long.txt"]);
        place.write("long.txt", &"x".repeat(20_000));
        let found = Arc::downgrade(&place.library.find(b"/long.txt").unwrap());
        assert_eq!(found.strong_count(), 1);

        sleep(FRESH * 2).await;
        assert_eq!(found.strong_count(), 0);

        let again = Arc::downgrade(&place.library.find(b"/long.txt").unwrap());
        sleep(FRESH * 2).await;
        assert_eq!(again.strong_count(), 0, "each time");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_kept_is_bounded() {
        let place = Place::with(&[]);
        let long = "x".repeat(20_000);
        let small = "x".repeat(16_000);
        for number in 0..200 {
            place.write(&format!("long-{number}.txt"), &long);
            place.write(&format!("small-{number}.txt"), &small);
        }

        for number in 0..5000 {
            for kind in ["long", "small"] {
                place.library.find(format!("/{kind}-{number}.txt").as_bytes());
            }
        }
        place
            .library
            .find(&[b"/".as_slice(), &[b'x'; PATH_LENGTH]].concat());

        let kept = place.library.kept.lock().unwrap();
        assert!(
            kept.paths.len() <= PATHS && kept.descriptors <= DESCRIPTORS && kept.bytes <= BYTES,
            "{kept:?}"
        );
        assert!(kept.paths.keys().all(|path| path.len() <= PATH_LENGTH));
    }
}
