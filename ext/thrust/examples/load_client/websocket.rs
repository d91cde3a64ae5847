//! The little of RFC 6455 that Action Cable needs: the handshake, and text frames of up to 64 KiB.

use std::net::SocketAddr;
use std::time::Instant;

use crate::answer::Head;
use crate::connection::{Connection, Fault};

const TEXT: u8 = 0x1;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xA;
const FINAL: u8 = 0x80;
const MASKED: u8 = 0x80;

/// The example of the RFC, section 1.3, as good as any other here; with the answer it must get.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPTED: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// Why there is no WebSocket.
#[derive(Debug)]
pub(crate) enum Refusal {
    Unreachable(std::io::Error),
    Status(u16),
    Broken(Fault),
}

/// An open WebSocket.
pub(crate) struct WebSocket(Connection);

impl WebSocket {
    /// Connects and shakes hands.
    pub(crate) async fn open(address: SocketAddr, path: &str, deadline: Instant) -> Result<Self, Refusal> {
        let mut connection = Connection::open(address, deadline)
            .await
            .map_err(Refusal::Unreachable)?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\
             Sec-WebSocket-Protocol: actioncable-v1-json\r\n\r\n"
        );
        connection
            .write(head.as_bytes(), deadline)
            .await
            .map_err(Refusal::Broken)?;
        let answer = Head::read(&mut connection, deadline)
            .await
            .map_err(Refusal::Broken)?;
        match answer.status {
            101 if answer.field("sec-websocket-accept") == Some(ACCEPTED) => Ok(Self(connection)),
            101 => Err(Refusal::Broken(Fault::garbled(
                "the key's answer",
                KEY.as_bytes(),
            ))),
            status => Err(Refusal::Status(status)),
        }
    }

    pub(crate) async fn send(&mut self, text: &str, deadline: Instant) -> Result<(), Fault> {
        self.write(TEXT, text.as_bytes(), deadline).await
    }

    /// The next message; `None` when the other side closes.
    pub(crate) async fn receive(&mut self, deadline: Instant) -> Result<Option<String>, Fault> {
        loop {
            let (opcode, payload) = self.read(deadline).await?;
            match opcode {
                TEXT => return Ok(Some(String::from_utf8_lossy(&payload).into_owned())),
                PING => self.write(PONG, &payload, deadline).await?,
                CLOSE => return Ok(None),
                _ => return Err(Fault::garbled("a frame", &payload)),
            }
        }
    }

    async fn read(&mut self, deadline: Instant) -> Result<(u8, Vec<u8>), Fault> {
        let start = self.0.read_exact(2, deadline).await?;
        let length = match start[1] {
            126 => {
                let length = self.0.read_exact(2, deadline).await?;
                usize::from(u16::from_be_bytes([length[0], length[1]]))
            }
            length @ 0..126 => usize::from(length),
            _ => return Err(Fault::garbled("the length of a frame", &start)),
        };
        let payload = self.0.read_exact(length, deadline).await?;
        Ok((start[0] & !FINAL, payload))
    }

    async fn write(&mut self, opcode: u8, payload: &[u8], deadline: Instant) -> Result<(), Fault> {
        let length = u16::try_from(payload.len()).expect("messages are short");
        let mut frame = vec![FINAL | opcode];
        match length {
            0..126 => frame.push(MASKED | payload.len() as u8),
            _ => {
                frame.push(MASKED | 126);
                frame.extend(length.to_be_bytes());
            }
        }
        let mask: [u8; 4] = rand::random();
        frame.extend(mask);
        frame.extend(
            payload
                .iter()
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        self.0.write(&frame, deadline).await
    }
}
