//! Our working directory under the name that whoever started us has for it.
//!
//! A link to it, such as Capistrano's `current`, may lead to a newer release later.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// `$PWD`, if that leads to our working directory.
pub(crate) fn as_called() -> Option<PathBuf> {
    let called = PathBuf::from(env::var_os("PWD")?);
    is_ours(&called).then_some(called)
}

fn is_ours(called: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    match (identity(called), identity(Path::new("."))) {
        (Ok(called_one), Ok(ours)) => called.is_absolute() && called_one == ours,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_an_absolute_path_that_leads_here_is_a_name_of_ours() {
        let place = tempfile::tempdir().unwrap();
        let link = place.path().join("current");
        symlink(env::current_dir().unwrap(), &link).unwrap();

        assert!(is_ours(&link) && is_ours(&env::current_dir().unwrap()));
        for other in [place.path(), Path::new("."), Path::new("/nowhere")] {
            assert!(!is_ours(other), "{}", other.display());
        }
    }
}
