//! Writes requests of HTTP/1.1: the head in one of several styles, the body piece by piece.

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::content;
use crate::order::Order;
use crate::wire::{Broken, Wire};

/// Pieces of a request's body, in bytes.
pub(crate) const PIECE: usize = 8 * 1024;

/// How a request is written.
pub(crate) struct Style {
    /// The digit behind `HTTP/1.`.
    pub(crate) minor: u8,
    pub(crate) close: bool,
    pub(crate) chunked: bool,
    pub(crate) expect: bool,
}

/// Sends the body; a chunked one ends only if all of it was sent.
pub(crate) async fn upload(wire: &mut Wire, order: &Order, chunked: bool, whole: u64) -> Result<(), Broken> {
    upload_part(wire, order, chunked, whole).await?;
    if chunked && order.upload.is_some() {
        wire.write(b"0\r\n\r\n").await?;
    }
    Ok(())
}

/// Sends the body up to `end`.
pub(crate) async fn upload_part(
    wire: &mut Wire,
    order: &Order,
    chunked: bool,
    end: u64,
) -> Result<(), Broken> {
    let mut sent = 0;
    while sent < end {
        let length = (end - sent).min(PIECE as u64);
        // Another id than the answer's: an echo is not right.
        let data = content::make(!order.id, sent, length as usize);
        if chunked {
            let chunk = [format!("{length:x}\r\n").as_bytes(), &data, b"\r\n"].concat();
            wire.write(&chunk).await?;
        } else {
            wire.write(&data).await?;
        }
        sent += length;
    }
    Ok(())
}

impl Style {
    pub(crate) const PLAIN: Self = Self {
        minor: 1,
        close: false,
        chunked: false,
        expect: false,
    };

    pub(crate) fn draw(order: &Order, rng: &mut SmallRng) -> Self {
        let minor = if rng.random_bool(0.05) { 0 } else { 1 };
        let has_body = order.upload.is_some_and(|size| size > 0);
        Self {
            minor,
            close: rng.random_bool(0.05),
            chunked: minor == 1 && has_body && rng.random_bool(0.5),
            expect: minor == 1 && has_body && rng.random_bool(0.1),
        }
    }

    pub(crate) fn head(&self, order: &Order) -> String {
        let method = if order.upload.is_some() { "POST" } else { "GET" };
        let mut head = format!(
            "{method} {} HTTP/1.{}\r\nHost: soak\r\n",
            order.target(),
            self.minor
        );
        match order.upload {
            Some(_) if self.chunked => head += "Transfer-Encoding: chunked\r\n",
            Some(size) => head += &format!("Content-Length: {size}\r\n"),
            None => {}
        }
        if self.expect {
            head += "Expect: 100-continue\r\n";
        }
        if self.close {
            head += "Connection: close\r\n";
        }
        head + "\r\n"
    }
}
