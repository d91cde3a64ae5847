//! Clients of HTTP/1: several requests on a connection, some of them sent before the answer of the one before.

use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::content::Check;
use crate::judge::{Came, judge};
use crate::order::Order;
use crate::patience::{Moment, Patience};
use crate::run::Shared;
use crate::sending::{Style, upload, upload_part};
use crate::wire::{Body, Broken, Head, Wire};
use crate::{tally, tunnel};

/// Most requests of one connection, and most that are sent at once.
const MOST: usize = 20;
const MOST_AT_ONCE: usize = 5;
/// How long a slow client waits between two reads.
const SLOWNESS: Duration = Duration::from_millis(2);

/// Opens a connection, uses it until one side has had enough.
pub(crate) async fn session(rng: &mut SmallRng, shared: &Shared) {
    let Some(stream) = shared.connect().await else {
        return;
    };
    let mut wire = Wire::new(stream);
    for _ in 0..rng.random_range(1..=MOST) {
        let goes_on = match rng.random_range(0..100) {
            0..10 => at_once(&mut wire, rng, shared).await,
            10..14 => return tunnel::converse(wire, rng, shared).await,
            kind => {
                let order = match kind {
                    14..40 => Order::post(shared.id(), rng),
                    40..44 => Order::events(shared.id(), rng),
                    _ => Order::get(shared.id(), rng),
                };
                match Patience::draw(&order, rng) {
                    Patience::Leaves(moment, reset) => {
                        return leave(wire, &order, moment, reset, rng, shared).await;
                    }
                    patience => one(&mut wire, &order, patience, rng, shared).await,
                }
            }
        };
        if !goes_on {
            break;
        }
    }
    wire.leave(rng.random_bool(0.2)).await;
}

/// One request on a connection that neither side keeps: thrust is up, and holds nothing when this returns.
pub(crate) async fn say_hello(shared: &Shared) {
    let Some(stream) = shared.connect().await else {
        return;
    };
    let mut wire = Wire::new(stream);
    let order = Order::hello(shared.id());
    let style = Style {
        close: true,
        ..Style::PLAIN
    };
    // A failure shows in the answer.
    let _ = wire.write(style.head(&order).as_bytes()).await;
    let (came, _) = answer(&mut wire, &order, Patience::Whole).await;
    judge(&order, "http/1", came, &shared.tally);
    wire.leave(false).await;
}

/// One request and its answer; whether another may follow.
async fn one(
    wire: &mut Wire,
    order: &Order,
    patience: Patience,
    rng: &mut SmallRng,
    shared: &Shared,
) -> bool {
    let style = Style::draw(order, rng);
    let expects = style.expect;
    // Whoever does not take the whole request may still have answered.
    let mut sent = wire.write(style.head(order).as_bytes()).await;
    if expects && sent.is_ok() {
        match wire.answer_head().await {
            Ok(head) if head.status == 100 => {}
            // The final answer, without a 100 before it: the body is not sent, and the connection is of no more use.
            Ok(head) => {
                let came = body(wire, &head, order, patience).await;
                judge(order, "http/1", came, &shared.tally);
                return false;
            }
            Err(broken) => {
                judge(order, "http/1", wrong(&broken), &shared.tally);
                return false;
            }
        }
    }
    if sent.is_ok() {
        sent = upload(wire, order, style.chunked, order.upload.unwrap_or(0)).await;
    }
    let (came, kept) = answer(wire, order, patience).await;
    judge(order, "http/1", came, &shared.tally) && kept && sent.is_ok() && !style.close && style.minor == 1
}

/// Several GETs in one write; their answers come in order.
async fn at_once(wire: &mut Wire, rng: &mut SmallRng, shared: &Shared) -> bool {
    let orders: Vec<_> = (0..rng.random_range(2..=MOST_AT_ONCE))
        .map(|_| Order::get(shared.id(), rng))
        .collect();
    let heads: String = orders.iter().map(|order| Style::PLAIN.head(order)).collect();
    let mut goes_on = wire.write(heads.as_bytes()).await.is_ok();
    for order in &orders {
        if !goes_on {
            shared.tally.count(tally::UNANSWERED);
            continue;
        }
        let (came, kept) = answer(wire, order, Patience::Whole).await;
        goes_on = judge(order, "pipelined", came, &shared.tally) && kept;
    }
    goes_on
}

/// A request whose client leaves before it has the whole answer.
async fn leave(
    mut wire: Wire,
    order: &Order,
    moment: Moment,
    reset: bool,
    rng: &mut SmallRng,
    shared: &Shared,
) {
    let mut style = Style::draw(order, rng);
    style.expect = false;
    let head = style.head(order);
    let told = match moment {
        Moment::Head => {
            wire.write(&head.as_bytes()[..rng.random_range(0..head.len())])
                .await
        }
        Moment::Upload | Moment::Waiting | Moment::Answer => wire.write(head.as_bytes()).await,
    };
    let whole = order.upload.unwrap_or(0);
    let sent = match moment {
        _ if told.is_err() => told,
        Moment::Head => told,
        Moment::Upload => {
            upload_part(&mut wire, order, style.chunked, rng.random_range(0..whole.max(1))).await
        }
        Moment::Waiting | Moment::Answer => upload(&mut wire, order, style.chunked, whole).await,
    };
    if sent.is_ok()
        && moment == Moment::Answer
        && let Ok(head) = wire.answer_head().await
    {
        let mut framing = head.body(Body::UntilClose);
        let mut check = Check::new(order.id, order.size);
        let most = rng.random_range(0..order.size.max(1));
        while head.status == 200
            && check.seen < most
            && let Ok(Some(piece)) = wire.piece(&mut framing).await
        {
            if let Err(what) = check.take(&piece) {
                shared.tally.find(format!("http/1 {}: {what}", order.target()));
                break;
            }
        }
    }
    if moment == Moment::Waiting {
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..3_000))).await;
    }
    wire.leave(reset).await;
    shared.tally.count(tally::LEFT);
}

/// The final answer, and whether the connection stays.
async fn answer(wire: &mut Wire, order: &Order, patience: Patience) -> (Came, bool) {
    loop {
        match wire.answer_head().await {
            Ok(head) if (102..200).contains(&head.status) || head.status == 100 => {}
            Ok(head) => {
                let came = body(wire, &head, order, patience).await;
                return (came, !head.closes);
            }
            Err(broken) => return (wrong(&broken), false),
        }
    }
}

/// The body behind `head`, compared byte by byte.
pub(crate) async fn body(wire: &mut Wire, head: &Head, order: &Order, patience: Patience) -> Came {
    let mut framing = head.body(Body::UntilClose);
    let mut check = Check::new(order.id, order.size);
    loop {
        match wire.piece(&mut framing).await {
            Ok(Some(_)) if head.status != 200 => {}
            Ok(Some(piece)) => {
                if let Err(what) = check.take(&piece) {
                    return Came::Wrong(what);
                }
            }
            Ok(None) => return Came::Whole(head.status, check),
            Err(Broken::Closed | Broken::Reset) if head.status == 200 => return Came::Cut,
            Err(broken) => return wrong(&broken),
        }
        if patience == Patience::Slow {
            tokio::time::sleep(SLOWNESS).await;
        }
    }
}

pub(crate) fn wrong(broken: &Broken) -> Came {
    Came::Wrong(format!("the connection broke: {broken}"))
}
