//! The log: one line for each thing worth knowing, on stdout, in thruster's JSON, as text for a person, or as other
//! programs like to read it.
//!
//! Lines never wait for whoever reads them: they go to a thread of their own, and what it cannot take is counted and
//! dropped. Requests are logged by `stages::access_log` through `Batch`, everything else through `tracing`.

mod line;
mod writer;

use std::fmt;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::{Registry, reload};

pub(crate) use line::{Format, Level, Line};
pub(crate) use writer::Batch;

use crate::config::{Config, LogFormat, LogLevel};
use line::Clock;
use writer::Writer;

/// How long the last lines may take.
const LAST_LINES: Duration = Duration::from_secs(1);

/// Fields that hold a list: their text is JSON already and stands unquoted.
const LISTS: [&str; 1] = ["args"];

/// The log of this run; it comes before anything else that may be worth a line.
#[derive(Debug)]
pub struct Log {
    writer: Writer,
    threshold: Threshold,
}

/// Decides which lines are important enough.
#[derive(Clone, Debug)]
pub(crate) struct Threshold(reload::Handle<Targets, Registry>);

impl Threshold {
    /// One that nobody asks.
    #[cfg(test)]
    pub(crate) fn for_test() -> Self {
        Self(reload::Layer::new(targets(LogLevel::Error)).1)
    }

    /// From now on lines of `level` and above are written; request lines are decided elsewhere.
    pub(crate) fn set(&self, level: LogLevel) {
        // Fails only if nobody logs any more.
        let _ = self.0.reload(targets(level));
    }
}

/// Events of ours from `level` on, and of libraries if they warn; of h2 not even then, for a client can have it warn as
/// often as it likes.
fn targets(level: LogLevel) -> Targets {
    let level = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Error => LevelFilter::ERROR,
    };
    Targets::new()
        .with_target("thrust", level)
        .with_target("h2", LevelFilter::ERROR)
        .with_default(level.min(LevelFilter::WARN))
}

impl Log {
    /// Starts to write lines to stdout as `config` says, and sends every `tracing` event of ours to them.
    ///
    /// Events of libraries are kept only if they warn, of h2 only errors. Called once; the events of a second log would go to the first.
    ///
    /// # Errors
    ///
    /// The system gives no thread to write with.
    pub fn start(config: &Config) -> io::Result<Self> {
        let format = match config.log_format {
            LogFormat::Json => Format::Json,
            LogFormat::Text => Format::Text,
            LogFormat::Logfmt => Format::Logfmt,
            LogFormat::Combined => Format::Combined,
            LogFormat::Auto if io::stdout().is_terminal() => Format::Text,
            LogFormat::Auto => Format::Json,
        };
        let writer = Writer::start(format)?;
        let (threshold, handle) = reload::Layer::new(targets(config.log_level));
        let lines = Lines {
            writer: writer.clone(),
        };
        let subscriber = tracing_subscriber::registry().with(lines.with_filter(threshold));
        // Fails only if there is one already, which then stays.
        let _ = tracing::subscriber::set_global_default(subscriber);
        Ok(Self {
            writer,
            threshold: Threshold(handle),
        })
    }

    /// A batch for the request lines of one core.
    pub(crate) fn batch(&self) -> Batch {
        Batch::new(self.writer.clone())
    }

    /// How many lines were dropped since the start, kept up to date.
    pub(crate) fn dropped(&self) -> Arc<AtomicU64> {
        self.writer.dropped()
    }

    /// What decides which lines are written.
    pub(crate) fn threshold(&self) -> Threshold {
        self.threshold.clone()
    }

    /// Waits until what was logged is written, but not for a reader that never comes.
    pub(crate) fn flush(&self) {
        self.writer.flush(LAST_LINES);
    }

    /// Waits for the last lines, but not for a reader that never comes.
    pub fn finish(self) {
        self.flush();
    }
}

/// Writes `tracing` events as lines.
struct Lines {
    writer: Writer,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut message = Message::default();
        event.record(&mut message);
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            tracing::Level::DEBUG | tracing::Level::TRACE => Level::Debug,
        };
        let mut out = Vec::with_capacity(256);
        let mut line = Line::begin(
            &mut out,
            self.writer.format(),
            &mut Clock::default(),
            SystemTime::now(),
            level,
            &message.0,
        );
        event.record(&mut Fields(&mut line));
        line.end();
        self.writer.send(out);
    }
}

/// The text of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

/// The other fields of an event.
struct Fields<'a, 'b>(&'a mut Line<'b>);

impl Visit for Fields<'_, '_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => {}
            name if LISTS.contains(&name) => self.0.list(name, value),
            name => self.0.text(name, value),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.number(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.number(field.name(), value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.0.text(field.name(), &crate::error::chain(value));
    }
}
