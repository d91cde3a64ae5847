//! Clients that want another protocol: what they say through the tunnel comes back, or the app stays with HTTP.

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::content::{self, Check};
use crate::http1::{body, wrong};
use crate::judge::{Came, judge};
use crate::order::{Fate, Order};
use crate::patience::Patience;
use crate::run::Shared;
use crate::sending::PIECE;
use crate::tally;
use crate::wire::{Broken, Wire};

/// A request for another protocol; the app echoes, or answers as if nobody had asked.
pub(crate) async fn converse(mut wire: Wire, rng: &mut SmallRng, shared: &Shared) {
    let order = Order::tunnel(shared.id(), rng);
    let head = format!(
        "GET {} HTTP/1.1\r\nHost: soak\r\nConnection: Upgrade\r\nUpgrade: soak\r\n\r\n",
        order.target()
    );
    let answered = match wire.write(head.as_bytes()).await {
        Ok(()) => wire.answer_head().await,
        Err(broken) => Err(broken),
    };
    let came = match answered {
        Ok(head) if head.status == 101 && order.fate == Fate::Echo => {
            if rng.random_bool(0.2) {
                // Of what is under way, neither side hears any more.
                let _ = wire
                    .write(&content::make(order.id, 0, order.size.min(1_000) as usize))
                    .await;
                wire.leave(rng.random_bool(0.5)).await;
                return shared.tally.count(tally::LEFT);
            }
            talk(&mut wire, &order).await
        }
        Ok(head) => body(&mut wire, &head, &order, Patience::Whole).await,
        Err(broken) => wrong(&broken),
    };
    judge(&order, "tunnel", came, &shared.tally);
    wire.leave(false).await;
}

/// Says what has to come back, and a piece of it at a time.
async fn talk(wire: &mut Wire, order: &Order) -> Came {
    let mut check = Check::new(order.id, order.size);
    while !check.is_whole() {
        let end = check.seen + (order.size - check.seen).min(PIECE as u64);
        let piece = content::make(order.id, check.seen, (end - check.seen) as usize);
        if let Err(broken) = wire.write(&piece).await {
            return wrong(&broken);
        }
        while check.seen < end {
            match wire.bytes().await.map(|piece| check.take(&piece)) {
                Ok(Ok(())) => {}
                Ok(Err(what)) => return Came::Wrong(what),
                Err(broken) => return wrong(&broken),
            }
        }
    }
    wire.finish().await;
    match wire.bytes().await {
        Err(Broken::Closed) => Came::Whole(200, check),
        Err(broken) => wrong(&broken),
        Ok(_) => Came::Wrong("more than was said".to_owned()),
    }
}
