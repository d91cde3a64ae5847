//! One sibling of a file: whether there is anything to do, and how it gets its place.
//!
//! It is written beside the file under another name and renamed, so nobody ever sees half of it. It has the time and
//! the mode of the file; by the time it is known whether it still belongs to it.

use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use tempfile::Builder;

use super::encoding::Encoding;

/// What happened to a sibling, and its size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is new.
    Written(u64),
    /// It was there already, as old as the file or younger.
    Kept(u64),
    /// It would be no smaller than the file, whose size this is: there is none.
    Larger(u64),
}

/// Reads until the work is cancelled.
struct Source<'a> {
    file: File,
    cancelled: &'a AtomicBool,
}

/// Takes fewer bytes than the file has.
struct Smaller<W> {
    to: W,
    left: u64,
    exceeded: bool,
}

/// Makes the sibling of a file, unless it is there.
///
/// # Errors
///
/// Whatever the file system says; a file that changes meanwhile; if the work is cancelled.
pub(super) fn write(path: &Path, encoding: Encoding, cancelled: &AtomicBool) -> io::Result<Outcome> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let (size, modified) = (metadata.len(), metadata.modified()?);
    let sibling = sibling_of(path, encoding);
    if let Some(size) = kept(&sibling, modified)? {
        return Ok(Outcome::Kept(size));
    }

    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut made = Builder::new().prefix(".thruster-").tempfile_in(directory)?;
    let mut smaller = Smaller {
        to: BufWriter::new(made.as_file_mut()),
        left: size.saturating_sub(1),
        exceeded: false,
    };
    let encoded = encoding
        .encode(size, Source { file, cancelled }, &mut smaller)
        .and_then(|()| smaller.to.flush());
    match encoded {
        _ if smaller.exceeded => {
            remove(&sibling)?;
            return Ok(Outcome::Larger(size));
        }
        encoded => encoded?,
    }
    drop(smaller);

    let made_size = made.as_file().metadata()?.len();
    made.as_file().set_permissions(metadata.permissions())?;
    made.as_file().set_modified(modified)?;
    // A rename may reach the disk before what it names.
    made.as_file().sync_data()?;
    if is_changed(&metadata, &fs::metadata(path)?)? {
        return Err(io::Error::other("the file was changed while it was compressed"));
    }
    made.persist(&sibling)?;
    Ok(Outcome::Written(made_size))
}

/// The file's name with the encoding's after a dot.
fn sibling_of(path: &Path, encoding: Encoding) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(encoding.name());
    PathBuf::from(name)
}

/// The size of a sibling that still belongs to its file.
fn kept(sibling: &Path, modified: SystemTime) -> io::Result<Option<u64>> {
    match fs::metadata(sibling) {
        Ok(found) if found.modified()? >= modified => Ok(Some(found.len())),
        Ok(_) => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn remove(sibling: &Path) -> io::Result<()> {
    match fs::remove_file(sibling) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

fn is_changed(before: &Metadata, after: &Metadata) -> io::Result<bool> {
    Ok(before.len() != after.len() || before.modified()? != after.modified()?)
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(io::Error::other("the work was cancelled"));
        }
        self.file.read(buffer)
    }
}

impl<W: Write> Write for Smaller<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let length = bytes.len() as u64;
        if length > self.left {
            self.exceeded = true;
            return Err(io::Error::other("no smaller than the file"));
        }
        self.left -= length;
        self.to.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
