//! Runs what hyper does for one stream as a task, and ends it when the client takes nothing of the answer.
//!
//! hyper waits for ever for a client to open its window, and polls no body meanwhile: only from around its task can a
//! stream be given up. Dropping the task resets the stream and lets the app go.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::Executor;
use pin_project_lite::pin_project;

use super::streams::{Flow, Neglect, Streams};

/// Starts the tasks of one connection's streams.
#[derive(Clone, Debug)]
pub(super) struct Tasks {
    streams: Arc<Streams>,
    limit: Option<Duration>,
}

impl Tasks {
    /// `limit` is how long a client may take nothing.
    pub(super) fn new(streams: &Arc<Streams>, limit: Option<Duration>) -> Self {
        Self {
            streams: streams.clone(),
            limit,
        }
    }
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, work: F) {
        let flow = self.streams.newest();
        let neglect = Neglect::new(self.limit);
        tokio::spawn(Task { work, flow, neglect });
    }
}

pin_project! {
    /// One stream's.
    struct Task<F> {
        #[pin]
        work: F,
        flow: Option<Arc<Flow>>,
        neglect: Neglect,
    }
}

impl<F: Future<Output = ()>> Future for Task<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        if this.work.poll(cx).is_ready() {
            return Poll::Ready(());
        }
        match this.flow {
            Some(flow) => this.neglect.poll(flow, cx),
            None => Poll::Pending,
        }
    }
}
