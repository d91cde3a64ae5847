//! The thread that writes the log, and the batches that keep a request from waiting for it.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::line::{Clock, Format, Level, Line};

/// A batch leaves once it is this large,
const BATCH: usize = 32 * 1024;
/// or this long after its first line.
const DELAY: Duration = Duration::from_millis(100);
/// Batches that may wait for the thread; more are dropped, so a full pipe holds at most 2 MiB.
const WAITING: usize = 64;

/// Sends text to the thread that writes the log.
#[derive(Clone, Debug)]
pub(crate) struct Writer {
    format: Format,
    messages: SyncSender<Message>,
    /// Lines, since the start.
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Message {
    Lines(Vec<u8>),
    /// Asks for a word once everything before it was written.
    Flush(SyncSender<()>),
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system gives none.
    pub(crate) fn start(format: Format) -> std::io::Result<Self> {
        let (messages, received) = sync_channel(WAITING);
        let dropped = Arc::new(AtomicU64::new(0));
        let writer = Self {
            format,
            messages,
            dropped: dropped.clone(),
        };
        std::thread::Builder::new()
            .name("log".into())
            .spawn(move || write_all(format, &received, &dropped))?;
        Ok(writer)
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Hands over whole lines, or drops and counts them if the thread is behind.
    pub(crate) fn send(&self, lines: Vec<u8>) {
        if let Err(
            TrySendError::Full(Message::Lines(lines)) | TrySendError::Disconnected(Message::Lines(lines)),
        ) = self.messages.try_send(Message::Lines(lines))
        {
            let count = memchr::memchr_iter(b'\n', &lines).count();
            self.dropped.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// How many lines were dropped since the start, kept up to date.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.dropped.clone()
    }

    /// Waits until everything was written, at most for `limit`: nobody may be reading.
    pub(crate) fn flush(&self, limit: Duration) {
        let (written, word) = sync_channel(1);
        if self.messages.try_send(Message::Flush(written)).is_ok() {
            let _ = word.recv_timeout(limit);
        }
    }
}

fn write_all(format: Format, messages: &Receiver<Message>, dropped: &AtomicU64) {
    let mut told = 0;
    while let Ok(message) = messages.recv() {
        match message {
            Message::Lines(lines) => {
                write_stdout(&lines);
                let all = dropped.load(Ordering::Relaxed);
                let count = all - std::mem::replace(&mut told, all);
                if count > 0 {
                    let mut out = Vec::new();
                    let message = "Log lines dropped: stdout is not read fast enough";
                    let mut line = Line::begin(
                        &mut out,
                        format,
                        &mut Clock::default(),
                        SystemTime::now(),
                        Level::Warn,
                        message,
                    );
                    line.number("count", count);
                    line.end();
                    write_stdout(&out);
                }
            }
            Message::Flush(written) => {
                let _ = written.send(());
            }
        }
    }
}

/// Writes to descriptor 1 itself: it may be shared with a program that made it non-blocking.
fn write_stdout(mut bytes: &[u8]) {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;

    let stdout = std::io::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(&stdout, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let _ = poll(&mut [PollFd::new(&stdout.as_fd(), PollFlags::OUT)], None);
            }
            // Closed, or on a full disk: nowhere left to say so.
            Err(_) => return,
        }
    }
}

/// Gathers the request lines of one core.
#[derive(Debug)]
pub(crate) struct Batch {
    writer: Writer,
    lines: Mutex<Lines>,
    /// Told when the first line comes into an empty batch.
    begun: Notify,
}

#[derive(Debug, Default)]
struct Lines {
    text: Vec<u8>,
    clock: Clock,
}

impl Batch {
    pub(crate) fn new(writer: Writer) -> Self {
        Self {
            writer,
            lines: Mutex::default(),
            begun: Notify::new(),
        }
    }

    /// How its lines look.
    pub(crate) fn format(&self) -> Format {
        self.writer.format
    }

    /// Adds a line whose fields `write` gives.
    pub(crate) fn line(
        &self,
        level: Level,
        message: &str,
        time: SystemTime,
        write: impl FnOnce(&mut Line<'_>),
    ) {
        self.append(|text, clock| {
            let mut line = Line::begin(text, self.writer.format, clock, time, level, message);
            write(&mut line);
            line.end();
        });
    }

    /// Adds the whole line that `write` appends.
    pub(crate) fn append(&self, write: impl FnOnce(&mut Vec<u8>, &mut Clock)) {
        let full = {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            let Lines { text, clock } = &mut *lines;
            if text.is_empty() {
                self.begun.notify_one();
            }
            write(text, clock);
            (text.len() >= BATCH).then(|| begin_anew(text))
        };
        if let Some(text) = full {
            self.writer.send(text);
        }
    }

    /// Hands over what is there.
    pub(crate) fn flush(&self) {
        let text = begin_anew(&mut self.lines.lock().unwrap_or_else(PoisonError::into_inner).text);
        if !text.is_empty() {
            self.writer.send(text);
        }
    }

    /// Hands over what has waited long enough; runs as long as its core.
    pub(crate) async fn flush_in_time(&self) {
        loop {
            self.begun.notified().await;
            tokio::time::sleep(DELAY).await;
            self.flush();
        }
    }
}

/// What was gathered; as much room is left for what comes as that has taken, so that it need not grow line by line.
fn begin_anew(text: &mut Vec<u8>) -> Vec<u8> {
    let room = text.capacity().min(2 * text.len());
    std::mem::replace(text, Vec::with_capacity(room))
}
