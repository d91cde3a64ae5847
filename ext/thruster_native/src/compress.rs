//! Compresses files for Ruby: in parallel, without the GVL, and ending soon when Ruby wants its thread back.
//!
//! The threads are made and joined within one call. Each takes the next file and encoding that nobody has taken; the
//! thread of Ruby waits for their results, and yields them one by one.

mod encoding;
mod sibling;

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, Scope};

use magnus::{Error, IntoValue as _, Ruby, Value};

use crate::errors::{error, guarded};
use crate::gvl;
use encoding::Encoding;
use sibling::Outcome;

/// Writes the siblings of these files, one for each encoding, and yields for each: the index of its file, the name of
/// the encoding, what happened (`:written`, `:kept`, `:larger`, `:failed`), and its size in bytes or, if it failed,
/// why.
///
/// # Errors
///
/// `Thruster::Error` for an unknown encoding, and if no thread can be had; whatever the block raises, or Ruby does to
/// this thread meanwhile. Files that are done by then stay.
pub(crate) fn compress(ruby: &Ruby, paths: Vec<PathBuf>, encodings: Vec<String>) -> Result<(), Error> {
    guarded(ruby, || {
        let encodings = encodings
            .iter()
            .map(|name| Encoding::named(name).ok_or_else(|| error(ruby, unknown(name))))
            .collect::<Result<Vec<_>, _>>()?;
        let plan = Plan::new(paths, encodings);

        let (events, inbox) = mpsc::channel();
        thread::scope(|scope| {
            // Whatever ends this closure ends the threads before they are joined.
            let _cancel = Cancel(&plan.cancelled);
            start(scope, &plan, &events).map_err(|fault| error(ruby, NoThread(fault)))?;
            (0..plan.jobs()).try_for_each(|_| {
                let done = next(ruby, &inbox, &events)?;
                tell(ruby, &plan, done)
            })
        })
    })
}

/// What there is to do, shared by the threads.
struct Plan {
    paths: Vec<PathBuf>,
    encodings: Vec<Encoding>,
    next: AtomicUsize,
    cancelled: AtomicBool,
}

/// What the thread of Ruby waits for.
enum Event {
    Done(Done),
    /// Ruby wants the thread back.
    Interrupted,
}

struct Done {
    job: usize,
    outcome: io::Result<Outcome>,
}

struct Cancel<'a>(&'a AtomicBool);

#[derive(Debug, thiserror::Error)]
#[error("no thread can be had to compress with: {0}")]
struct NoThread(io::Error);

impl Plan {
    fn new(paths: Vec<PathBuf>, encodings: Vec<Encoding>) -> Self {
        Self {
            paths,
            encodings,
            next: AtomicUsize::new(0),
            cancelled: AtomicBool::new(false),
        }
    }

    fn jobs(&self) -> usize {
        self.paths.len() * self.encodings.len()
    }

    /// The path and the encoding of a job.
    fn job(&self, job: usize) -> (usize, Encoding) {
        let count = self.encodings.len();
        (job / count, self.encodings[job % count])
    }

    /// What one thread does.
    fn work(&self, events: &Sender<Event>) {
        while !self.cancelled.load(Ordering::Relaxed) {
            let job = self.next.fetch_add(1, Ordering::Relaxed);
            if job >= self.jobs() {
                return;
            }
            let (path, encoding) = self.job(job);
            let write = || sibling::write(&self.paths[path], encoding, &self.cancelled);
            let outcome = std::panic::catch_unwind(write)
                .unwrap_or_else(|panic| Err(io::Error::other(crate::errors::Panicked::from(panic))));
            // Nobody listens any more once the call is over.
            let _ = events.send(Event::Done(Done { job, outcome }));
        }
    }
}

impl Drop for Cancel<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Starts a thread for each core, or as many as can be had.
fn start<'scope>(
    scope: &'scope Scope<'scope, '_>,
    plan: &'scope Plan,
    events: &Sender<Event>,
) -> io::Result<()> {
    let cores = thread::available_parallelism().map_or(1, usize::from);
    for started in 0..cores.min(plan.jobs()) {
        let events = events.clone();
        let thread = thread::Builder::new().name("thruster compress".to_owned());
        match thread.spawn_scoped(scope, move || plan.work(&events)) {
            Ok(_) => {}
            Err(fault) if started == 0 => return Err(fault),
            Err(_) => break,
        }
    }
    Ok(())
}

/// The next result, waited for without the GVL.
fn next(ruby: &Ruby, inbox: &Receiver<Event>, events: &Sender<Event>) -> Result<Done, Error> {
    loop {
        let wake = || {
            let _ = events.send(Event::Interrupted);
        };
        let event = gvl::without(|| inbox.recv(), wake).map_err(|panicked| error(ruby, panicked))?;
        match event {
            Some(Ok(Event::Done(done))) => return Ok(done),
            // The senders live as long as this call, so there is always an event to come.
            Some(Ok(Event::Interrupted) | Err(_)) | None => ruby.thread_check_ints()?,
        }
    }
}

fn tell(ruby: &Ruby, plan: &Plan, Done { job, outcome }: Done) -> Result<(), Error> {
    let (path, encoding) = plan.job(job);
    let (word, detail) = match outcome {
        Ok(Outcome::Written(size)) => ("written", size.into_value_with(ruby)),
        Ok(Outcome::Kept(size)) => ("kept", size.into_value_with(ruby)),
        Ok(Outcome::Larger(size)) => ("larger", size.into_value_with(ruby)),
        Err(fault) => ("failed", fault.to_string().into_value_with(ruby)),
    };
    let _: Value = ruby.yield_values((path, encoding.name(), ruby.to_symbol(word), detail))?;
    Ok(())
}

fn unknown(name: &str) -> String {
    let names: Vec<_> = Encoding::ALL.iter().map(|encoding| encoding.name()).collect();
    format!("{name:?} is no encoding; there are {}", names.join(", "))
}
