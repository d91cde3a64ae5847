//! Clients of HTTP/2: several streams at once on a connection, of which some, or all, are given up.

use std::time::Duration;

use bytes::Bytes;
use h2::client::{SendRequest, handshake};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::content::{self, Check};
use crate::judge::{Came, judge};
use crate::order::Order;
use crate::patience::{Moment, Patience};
use crate::run::Shared;
use crate::tally;
use crate::wire::{DEADLINE, reset_on_close};

const MOST: usize = 12;
const SLOWNESS: Duration = Duration::from_millis(2);

/// Opens a connection, asks for several things at once, and waits for all of them, or leaves.
pub(crate) async fn session(rng: &mut SmallRng, shared: &Shared) {
    let Some(stream) = shared.connect().await else {
        return;
    };
    let leaves = rng
        .random_bool(0.15)
        .then(|| Duration::from_micros(rng.random_range(0..20_000)));
    if leaves.is_some() && rng.random_bool(0.5) {
        reset_on_close(&stream);
    }
    let (sender, driver) = match handshake(stream).await {
        Ok(connection) => connection,
        Err(error) => {
            return shared
                .tally
                .find(format!("http/2: the handshake failed: {error}"));
        }
    };
    let driver = tokio::spawn(driver);
    let mut streams = JoinSet::new();
    for _ in 0..rng.random_range(1..=MOST) {
        let order = match rng.random_range(0..100) {
            0..30 => Order::post(shared.id(), rng),
            30..35 => Order::events(shared.id(), rng),
            _ => Order::get(shared.id(), rng),
        };
        let patience = Patience::draw(&order, rng);
        streams.spawn(ask(sender.clone(), order, patience, SmallRng::from_rng(rng)));
    }
    drop(sender);
    if let Some(after) = leaves {
        tokio::time::sleep(after).await;
        driver.abort();
        while streams.join_next().await.is_some() {
            shared.tally.count(tally::LEFT);
        }
        return;
    }
    while let Some(ended) = streams.join_next().await {
        match ended {
            Ok((_, None)) => shared.tally.count(tally::LEFT),
            Ok((order, Some(came))) => {
                judge(&order, "http/2", came, &shared.tally);
            }
            Err(error) => shared
                .tally
                .find(format!("http/2: our own client failed: {error}")),
        }
    }
    driver.abort();
}

/// One stream; `None` if its client gave it up.
async fn ask(
    sender: SendRequest<Bytes>,
    order: Order,
    patience: Patience,
    mut rng: SmallRng,
) -> (Order, Option<Came>) {
    let came = match exchange(sender, &order, patience, &mut rng).await {
        Ok(came) => came,
        // Both head and reset were under way, and the reset has overtaken.
        Err(error) if error.is_reset() && error.is_remote() => Some(Came::Cut),
        Err(error) => Some(Came::Wrong(format!("the stream ended before its head: {error}"))),
    };
    (order, came)
}

async fn exchange(
    sender: SendRequest<Bytes>,
    order: &Order,
    patience: Patience,
    rng: &mut SmallRng,
) -> Result<Option<Came>, h2::Error> {
    let mut sender = sender.ready().await?;
    let (answer, mut upload) = sender.send_request(message(order), order.upload.is_none())?;
    drop(sender);
    if let Some(size) = order.upload {
        let data = content::make(!order.id, 0, size as usize);
        if let Patience::Leaves(Moment::Head | Moment::Upload, _) = patience {
            let part = rng.random_range(0..=data.len());
            upload.send_data(data[..part].to_vec().into(), false)?;
            tokio::task::yield_now().await;
            upload.send_reset(h2::Reason::CANCEL);
            return Ok(None);
        }
        // What is left of it when the stream is reset, nobody wants; the answer says why.
        let _ = upload.send_data(data.into(), true);
    }
    if let Patience::Leaves(Moment::Head | Moment::Upload | Moment::Waiting, _) = patience {
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..3_000))).await;
        return Ok(None);
    }
    let Ok(answer) = timeout(DEADLINE, answer).await else {
        return Ok(Some(Came::Wrong(format!("no head for {DEADLINE:?}"))));
    };
    let (head, mut stream) = answer?.into_parts();
    let most = match patience {
        Patience::Leaves(..) => rng.random_range(0..order.size.max(1)),
        Patience::Whole | Patience::Slow => u64::MAX,
    };
    let mut check = Check::new(order.id, order.size);
    while check.seen < most {
        let data = match timeout(DEADLINE, stream.data()).await {
            Err(_) => return Ok(Some(Came::Wrong(format!("no data for {DEADLINE:?}")))),
            Ok(None) => return Ok(Some(Came::Whole(head.status.as_u16(), check))),
            Ok(Some(Err(_))) => return Ok(Some(Came::Cut)),
            Ok(Some(Ok(data))) => data,
        };
        // Refused only where the stream has ended meanwhile.
        let _ = stream.flow_control().release_capacity(data.len());
        if head.status == 200
            && let Err(what) = check.take(&data)
        {
            return Ok(Some(Came::Wrong(what)));
        }
        if patience == Patience::Slow {
            tokio::time::sleep(SLOWNESS).await;
        }
    }
    Ok(None)
}

fn message(order: &Order) -> http::Request<()> {
    let method = if order.upload.is_some() { "POST" } else { "GET" };
    let mut message = http::Request::builder()
        .method(method)
        .uri(format!("http://soak{}", order.target()));
    // A length, or as HTTP/2 may: none.
    if let Some(size) = order.upload.filter(|_| order.id.is_multiple_of(2)) {
        message = message.header("content-length", size);
    }
    message
        .body(())
        .expect("method, target and field are made of ASCII letters")
}
