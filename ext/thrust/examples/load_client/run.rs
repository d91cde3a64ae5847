//! Lets the workers work at their pace until the time is over, and counts what they bring.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::ask::Http1;
use crate::cable::Cable;
use crate::course::{Begin, Course, Outcome};
use crate::http2::Http2;
use crate::ids::{Run, Seen};
use crate::plan::{Kind, Plan};
use crate::request::Request;
use crate::tally::{Report, Tally};

/// What all workers share.
struct Shared {
    plan: Plan,
    run: Run,
    tally: Mutex<Tally>,
    stop: CancellationToken,
    http2: Http2,
}

enum Client {
    Http1(Http1),
    Http2(Http2),
    Cable(Cable),
}

/// Runs until the plan's time is over, `stop` is cancelled or every worker was refused. `steady` is called when every
/// worker has had a right answer.
pub(crate) async fn run(
    plan: Plan,
    stop: CancellationToken,
    steady: impl Fn() + Send + Sync + 'static,
) -> Report {
    let each = plan
        .shares
        .iter()
        .flat_map(|share| (0..share.workers).map(move |_| share));
    let workers: Vec<_> = (0..)
        .zip(each)
        .map(|(worker, share)| ((share.kind, worker), share.rate.unwrap_or(plan.rate)))
        .collect();
    let names = workers.iter().map(|(name, _)| *name);
    let shared = Arc::new(Shared {
        tally: Mutex::new(Tally::new(names, plan.until_refused)),
        http2: Http2::new(plan.address, plan.deadline),
        run: Run::new(),
        stop,
        plan,
    });
    let steady = Arc::new(steady);
    let mut running = JoinSet::new();
    let all = workers.len() as f64;
    for (name, rate) in workers {
        let period = Duration::from_secs_f64(1.0 / rate);
        // Spread over the first period, so that the requests do not come in bursts.
        let pace = pace(period, period.mul_f64(f64::from(name.1) / all));
        running.spawn(work(name, pace, Arc::clone(&shared), Arc::clone(&steady)));
    }
    if let Some(time) = shared.plan.time {
        let stop = shared.stop.clone();
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            stop.cancel();
        });
    }
    running.join_all().await;
    let seen = shared.plan.ids.as_ref().map(|path| {
        Seen::read(path, &shared.run).unwrap_or_else(|error| {
            eprintln!("load_client: reading {} failed: {error}", path.display());
            Seen::nothing()
        })
    });
    let tally = std::mem::replace(&mut *lock(&shared.tally), Tally::new([], false));
    tally.finish(seen.as_ref())
}

fn pace(period: Duration, delay: Duration) -> Interval {
    let mut pace = interval_at(Instant::now() + delay, period);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    pace
}

async fn work(name: (Kind, u32), mut pace: Interval, shared: Arc<Shared>, steady: Arc<impl Fn()>) {
    let (kind, worker) = name;
    let mut client = Client::new(kind, worker, &shared);
    for number in 1.. {
        tokio::select! {
            biased;
            () = shared.stop.cancelled() => return,
            _ = pace.tick() => {}
        }
        let request = Request::new(kind, shared.run.id(kind, worker, number), shared.plan.upload_size);
        let begin = Begin::now();
        let course = client.ask(&request).await;
        let was_refused = matches!(course.outcome, Outcome::Refused(_));
        if lock(&shared.tally).record(name, request.id, begin, request.own_time, course) {
            steady();
        }
        if was_refused && shared.plan.until_refused {
            return;
        }
    }
}

impl Client {
    fn new(kind: Kind, worker: u32, shared: &Shared) -> Self {
        let (address, deadline) = (shared.plan.address, shared.plan.deadline);
        match kind {
            Kind::H2Get | Kind::H2Post => Self::Http2(shared.http2.clone()),
            Kind::Websocket => Self::Cable(Cable::new(address, deadline, &shared.run.id(kind, worker, 0))),
            Kind::Get | Kind::Post | Kind::Upload | Kind::Events | Kind::Fresh => {
                Self::Http1(Http1::new(address, deadline))
            }
        }
    }

    async fn ask(&mut self, request: &Request) -> Course {
        match self {
            Self::Http1(client) => client.ask(request).await,
            Self::Http2(client) => client.ask(request).await,
            Self::Cable(client) => client.say(&request.id).await,
        }
    }
}

/// The counts are whole between any two statements, so a worker that panicked leaves them usable.
fn lock(tally: &Mutex<Tally>) -> std::sync::MutexGuard<'_, Tally> {
    tally.lock().unwrap_or_else(PoisonError::into_inner)
}
