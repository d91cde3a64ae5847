//! Where Rails and Puma write their pid, when there are several of them.
//!
//! A server refuses to start while its pid file names a running process, and deletes the path at its end whoever's pid is
//! in it. So later generations get a path of their own, in our directory, and once an older one has ended, the current
//! one's pid is put where the first generation had written its own.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The variable that tells Rails and Puma where to write their pid.
pub(super) const VARIABLE: &str = "PIDFILE";
/// Where Rails writes it if nobody says anything.
const USUAL: &str = "tmp/pids/server.pid";

/// The pid files of all generations. Its clones are one.
#[derive(Clone, Debug, Default)]
pub(crate) struct PidFiles(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Where the first generation wrote its pid.
    first: Option<PathBuf>,
    /// Where the current one did, if it is a later one.
    current: Option<PathBuf>,
}

impl PidFiles {
    /// Notes where the first generation, whose process is `pid`, has written its pid, if it has.
    pub(super) fn note_first(&self, pid: i32) {
        let path = env::var_os(VARIABLE).map_or_else(|| PathBuf::from(USUAL), PathBuf::from);
        let path = std::path::absolute(path).ok();
        self.state().first = path.filter(|path| read(path) == Some(pid));
    }

    /// From now on the current generation is the one that has this path of its own.
    pub(super) fn set_current(&self, path: Option<&Path>) {
        self.state().current = path.map(Path::to_owned);
    }

    /// An older generation has ended and has deleted what was in its place: puts the current one's pid there.
    pub(super) fn restore(&self) {
        let state = self.state();
        let (Some(first), Some(current)) = (&state.first, &state.current) else {
            return;
        };
        if let Some(pid) = read(current)
            && let Err(error) = replace(first, pid)
        {
            tracing::warn!(path = %first.display(), %error, "Failed to write the pid file anew");
        }
    }

    /// The current generation, whose process was `pid`, has ended: takes away what [`PidFiles::restore`] left.
    pub(super) fn remove(&self, pid: i32) {
        let state = self.state();
        if let (Some(first), Some(_)) = (&state.first, &state.current)
            && read(first) == Some(pid)
        {
            // A file that stays costs no more than a look at whether its process lives.
            let _ = fs::remove_file(first);
        }
    }

    /// The first generation's path, for the next image of this process.
    pub(super) fn first(&self) -> Option<PathBuf> {
        self.state().first.clone()
    }

    /// Goes on with what [`PidFiles::first`] gave.
    pub(super) fn set_first(&self, path: Option<PathBuf>) {
        self.state().first = path;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(path: &Path) -> Option<i32> {
    // A pid and a newline: whatever is longer is no pid file.
    fs::metadata(path)
        .ok()
        .filter(|file| file.is_file() && file.len() < 32)?;
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn replace(path: &Path, pid: i32) -> io::Result<()> {
    let written = path.with_extension("pid.new");
    fs::write(&written, format!("{pid}\n"))?;
    fs::rename(&written, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_pid_takes_the_first_ones_place_and_goes_with_its_process() {
        let directory = tempfile::tempdir().unwrap();
        let (first, own) = (
            directory.path().join("server.pid"),
            directory.path().join("2.pid"),
        );
        fs::write(&own, "4712\n").unwrap();
        let files = PidFiles::default();
        files.set_first(Some(first.clone()));

        files.restore();
        assert!(!first.exists(), "the first generation is the current one");
        files.set_current(Some(&own));
        files.restore();
        assert_eq!(read(&first), Some(4712));
        files.remove(1);
        assert!(first.exists(), "it is somebody else's");
        files.remove(4712);

        assert!(!first.exists());
    }

    #[test]
    fn nothing_is_written_where_the_first_generation_wrote_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let own = directory.path().join("2.pid");
        fs::write(&own, "4712\n").unwrap();
        let files = PidFiles::default();
        files.set_current(Some(&own));

        files.restore();

        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_pid_file_is_not_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        for text in ["", "x", "4711 4712", &"1".repeat(40)] {
            fs::write(&path, text).unwrap();
            assert_eq!(read(&path), None, "{text:?}");
        }
        assert_eq!(read(Path::new("/dev/zero")), None);
        assert_eq!(read(directory.path()), None);
    }
}
