//! A file on its way to a client: runs of bytes from its descriptor, and what stands between them.
//!
//! A client that reads slowly holds the descriptor and no memory: nothing is read before it is asked for.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use super::source::Source;
use crate::error::BodyError;

/// Up to this many bytes are sent in one write with what stands before them; of a longer run the kernel sends them,
/// where it can.
pub(super) const READ: u64 = 16 * 1024;

/// A file, or parts of one, on its way out.
#[derive(Debug)]
pub(crate) struct FileBody {
    source: Source,
    /// For the log.
    path: Arc<Path>,
    /// What is sent next; `None` after the last piece.
    next: Option<Piece>,
    /// What follows it: only an answer of many parts has any of that.
    later: VecDeque<Piece>,
    /// In bytes, of all pieces.
    left: u64,
    /// What is read in one go, in bytes; `None` for as much as a read takes.
    at_once: Option<u64>,
    /// Whether the kernel has refused to send it.
    #[cfg(target_os = "linux")]
    only_read: bool,
}

#[derive(Debug)]
enum Piece {
    Text(Bytes),
    Run(Range<u64>),
}

impl FileBody {
    /// Nothing of the file yet; `path` is what it is called in the log.
    pub(super) fn new(source: Source, path: Arc<Path>) -> Self {
        Self {
            source,
            path,
            next: None,
            later: VecDeque::new(),
            left: 0,
            at_once: None,
            #[cfg(target_os = "linux")]
            only_read: false,
        }
    }

    /// Adds these bytes.
    pub(super) fn add_text(&mut self, text: Bytes) {
        self.left += text.len() as u64;
        self.add(Piece::Text(text));
    }

    /// Adds these bytes of the file.
    pub(super) fn add_run(&mut self, run: Range<u64>) {
        if !run.is_empty() {
            self.left += run.end - run.start;
            self.add(Piece::Run(run));
        }
    }

    fn add(&mut self, piece: Piece) {
        if self.next.is_none() {
            self.next = Some(piece);
        } else {
            self.later.push_back(piece);
        }
    }

    /// From now on reads at most so many bytes in one go, into memory of their size; `None` for as much as a read takes.
    pub(crate) fn read_at_most(&mut self, limit: Option<u64>) {
        self.at_once = limit;
    }

    /// The next bytes, or `None` after the last.
    pub(crate) fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        let piece = match self.next.as_mut()? {
            Piece::Text(text) => std::mem::take(text),
            Piece::Run(run) => {
                let length = run.end - run.start;
                let read = match self.at_once {
                    Some(limit) => self.source.copy_at(run.start, length.min(limit)),
                    None => self.source.read_at(run.start, length),
                };
                match read {
                    Ok(bytes) if bytes.is_empty() => return Some(Err(self.cut())),
                    Ok(bytes) => bytes,
                    Err(source) => return Some(Err(self.broken(source))),
                }
            }
        };
        self.advance(piece.len() as u64);
        Some(Ok(piece))
    }

    /// The exact number of bytes still to come.
    pub(crate) fn length(&self) -> u64 {
        self.left
    }

    /// Notes that the first `count` bytes are gone; they are of one piece.
    fn advance(&mut self, count: u64) {
        self.left -= count;
        match &mut self.next {
            Some(Piece::Run(run)) if run.end - run.start > count => run.start += count,
            _ => self.next = self.later.pop_front(),
        }
    }

    fn cut(&self) -> BodyError {
        BodyError::FileCut(self.path.clone())
    }

    fn broken(&self, source: std::io::Error) -> BodyError {
        BodyError::FileBroke {
            path: self.path.clone(),
            source,
        }
    }
}

/// What the kernel sends by itself.
#[cfg(target_os = "linux")]
impl FileBody {
    /// Where the run begins that comes next and is for the kernel to send, and how long it is; `None` if what comes
    /// next is to be asked for with [`Self::next`].
    pub(crate) fn kernel_run(&self) -> Option<(u64, u64)> {
        match self.next.as_ref()? {
            Piece::Run(run)
                if run.end - run.start > READ && !self.only_read && self.source.descriptor().is_some() =>
            {
                Some((run.start, run.end - run.start))
            }
            _ => None,
        }
    }

    /// What the kernel can send it from.
    pub(crate) fn source(&self) -> &Source {
        &self.source
    }

    /// Takes note of what the kernel did with the run, and returns how many bytes of it were sent; 0 if it cannot
    /// send this file, and it is to be asked for after all.
    ///
    /// # Errors
    ///
    /// The file has become shorter, or cannot be read. Or the socket failed: then the kernel's own error.
    pub(crate) fn sent(&mut self, result: std::io::Result<usize>) -> Result<usize, KernelError> {
        match result {
            Ok(0) => Err(KernelError::File(self.cut())),
            Ok(count) => {
                self.advance(count as u64);
                Ok(count)
            }
            Err(error) => match rustix::io::Errno::from_io_error(&error) {
                Some(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP) => {
                    self.only_read = true;
                    Ok(0)
                }
                Some(errno) if !is_about_a_connection(errno) => Err(KernelError::File(self.broken(error))),
                _ => Err(KernelError::Socket),
            },
        }
    }
}

/// Whether a connection fails so; what else there is comes from the file system, and there are many of them.
#[cfg(target_os = "linux")]
fn is_about_a_connection(errno: rustix::io::Errno) -> bool {
    use rustix::io::Errno;

    matches!(
        errno,
        Errno::PIPE
            | Errno::CONNRESET
            | Errno::CONNABORTED
            | Errno::CONNREFUSED
            | Errno::NOTCONN
            | Errno::SHUTDOWN
            | Errno::TIMEDOUT
            | Errno::NETDOWN
            | Errno::NETUNREACH
            | Errno::NETRESET
            | Errno::HOSTDOWN
            | Errno::HOSTUNREACH
            | Errno::PROTO
            | Errno::NOPROTOOPT
    )
}

/// Which end of a run failed.
#[cfg(target_os = "linux")]
#[derive(Debug)]
pub(crate) enum KernelError {
    /// Ours.
    File(BodyError),
    /// The client's.
    Socket,
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn file(content: &[u8]) -> (tempfile::NamedTempFile, FileBody) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let opened = std::fs::File::open(file.path()).unwrap();
        let body = FileBody::new(Source::File(Arc::new(opened)), file.path().into());
        (file, body)
    }

    fn rest(body: &mut FileBody) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = body.next() {
            all.extend_from_slice(&piece.unwrap());
        }
        all
    }

    #[test]
    fn pieces_come_in_order_and_in_reads_of_a_buffer() {
        let content: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let (_file, mut body) = file(&content);
        body.add_text(Bytes::from_static(b"before"));
        body.add_run(10..150_000);
        body.add_text(Bytes::from_static(b"between"));
        body.add_run(0..3);
        assert_eq!(body.length(), 6 + 149_990 + 7 + 3);

        let all = rest(&mut body);

        assert_eq!(
            all,
            [b"before", &content[10..150_000], b"between", &content[..3]].concat()
        );
        assert_eq!(body.length(), 0);
    }

    #[test]
    fn pieces_are_as_small_as_they_are_wanted() {
        let (_file, mut body) = file(&[b'x'; 100_000]);
        body.add_run(0..100_000);

        body.read_at_most(Some(5000));
        assert_eq!(body.next().unwrap().unwrap().len(), 5000);
        body.read_at_most(None);
        assert_eq!(body.next().unwrap().unwrap().len(), 64 * 1024);
        body.read_at_most(Some(40_000));
        assert_eq!(body.next().unwrap().unwrap().len(), 100_000 - 5000 - 64 * 1024);
        assert!(body.next().is_none());
    }

    #[test]
    fn a_file_that_became_shorter_fails_where_it_ends() {
        let (file, mut body) = file(&[b'x'; 100]);
        body.add_run(0..100);
        file.as_file().set_len(60).unwrap();

        assert_eq!(body.next().unwrap().unwrap().len(), 60);
        assert!(matches!(body.next(), Some(Err(BodyError::FileCut(_)))));
        assert!(
            matches!(body.next(), Some(Err(BodyError::FileCut(_)))),
            "for good"
        );
    }

    #[test]
    fn what_is_added_to_a_file_meanwhile_is_not_sent() {
        let (mut file, mut body) = file(b"hello");
        body.add_run(0..5);
        file.as_file_mut().seek(std::io::SeekFrom::End(0)).unwrap();
        file.write_all(b", world").unwrap();

        assert_eq!(rest(&mut body), b"hello");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_kernel_sends_long_runs_unless_it_says_that_it_cannot() {
        let (_file, mut body) = file(&[b'x'; 100_000]);
        body.add_run(0..READ);
        assert_eq!(body.kernel_run(), None);
        assert_eq!(body.next().unwrap().unwrap().len() as u64, READ);

        body.add_run(10..100_000);
        assert_eq!(body.kernel_run(), Some((10, 99_990)));
        assert_eq!(body.sent(Ok(90)).unwrap(), 90);
        assert_eq!(body.kernel_run(), Some((100, 99_900)));
        assert_eq!(body.sent(Err(rustix::io::Errno::INVAL.into())).unwrap(), 0);
        assert_eq!(body.kernel_run(), None);
        assert_eq!(rest(&mut body).len(), 99_900);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_kernel_could_not_send_is_the_fault_of_the_connection_or_of_the_file() {
        use rustix::io::Errno;
        let (_file, mut body) = file(b"");
        let mut fails_with = |errno: Errno| body.sent(Err(errno.into())).unwrap_err();

        for errno in [Errno::PIPE, Errno::CONNRESET, Errno::TIMEDOUT, Errno::HOSTUNREACH] {
            assert!(matches!(fails_with(errno), KernelError::Socket), "{errno}");
        }
        for errno in [
            Errno::IO,
            Errno::STALE,
            Errno::NODATA,
            Errno::REMOTEIO,
            Errno::NOMEM,
        ] {
            let error = fails_with(errno);
            assert!(
                matches!(error, KernelError::File(BodyError::FileBroke { .. })),
                "{errno}: {error:?}"
            );
        }
    }
}
