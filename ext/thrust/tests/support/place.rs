//! Places for sockets, pipes and programs of a test's own.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// A place for a socket, in a directory that goes away with the first of the two.
pub(crate) fn socket_path() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = directory.path().join("thrust.sock");
    (directory, path)
}

/// Makes a pipe with a name: whoever opens it waits for the other side.
#[cfg(target_os = "linux")]
pub(crate) fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("the directory is ours");
}

/// Writes a program for `/bin/sh`, anew, so that one that runs is not disturbed.
pub(crate) fn write_script(path: &Path, script: &str) {
    let new = path.with_extension("new");
    fs::write(&new, format!("#!/bin/sh\n{script}\n")).expect("the directory is ours");
    fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).expect("the directory is ours");
    fs::rename(new, path).expect("the directory is ours");
}

/// An app that listens on `PORT` and serves bodies of any size.
pub(crate) fn bench_app() -> PathBuf {
    example("bench_app")
}

/// The program of `examples/` with this name.
pub(crate) fn example(name: &str) -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_thrust"))
        .with_file_name("examples")
        .join(name);
    assert!(
        program.exists(),
        "build {} first: cargo build --example {name}",
        program.display()
    );
    program
}
