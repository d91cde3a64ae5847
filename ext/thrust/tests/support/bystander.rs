//! Somebody who means well and must be served, whatever others do.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{Message, Wire, eventually};

/// How often it must be served before it counts as served.
const SERVED: usize = 50;
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(2);

/// A client that asks again and again, now on a kept connection, now on a new one.
pub(crate) struct Bystander {
    served: Arc<AtomicUsize>,
    stop: Sender<()>,
    asking: JoinHandle<Duration>,
}

impl Bystander {
    /// Asks the proxy on `port` for `/bystander`; `judge` panics at an answer that is not what it should be.
    pub(crate) fn start(port: u16, judge: impl Fn(&Message) + Send + 'static) -> Self {
        let (stop, stopped) = channel();
        let served = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&served);
        let asking = thread::spawn(move || {
            let mut longest = Duration::ZERO;
            let mut kept = Wire::connect(port);
            while stopped.recv_timeout(PAUSE) == Err(RecvTimeoutError::Timeout) {
                for is_new in [false, true] {
                    let asked = Instant::now();
                    let answer = if is_new {
                        Wire::connect(port).get("/bystander")
                    } else {
                        kept.get("/bystander")
                    };
                    judge(&answer);
                    longest = longest.max(asked.elapsed());
                    counted.fetch_add(1, Ordering::SeqCst);
                }
            }
            longest
        });
        Self { served, stop, asking }
    }

    /// Waits until it was served some more times.
    pub(crate) fn is_served_again(&self) {
        let before = self.served.load(Ordering::SeqCst);
        eventually("the bystander is served", || {
            assert!(!self.asking.is_finished(), "the bystander was not served");
            (self.served.load(Ordering::SeqCst) >= before + SERVED).then_some(())
        });
    }

    /// How often it was served, and how long it waited at most.
    pub(crate) fn ends(self) -> (usize, Duration) {
        drop(self.stop);
        let longest = self.asking.join().expect("the bystander was always served");
        (self.served.load(Ordering::SeqCst), longest)
    }
}
