//! An answer over HTTP/1.1: head and body, read to its last byte.

use std::time::Instant;

use serde_json::Value;

use crate::connection::{Connection, Fault};

/// How much of an answer a report shows, in bytes.
const SHOWN: usize = 300;
const MAX_FIELDS: usize = 64;

/// Status and body, as sent by HTTP/1.1 or HTTP/2.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// Whether another request may follow on the connection.
    pub(crate) keeps_connection: bool,
}

impl Answer {
    /// Reads an answer to anything but HEAD; interim ones before it are skipped.
    ///
    /// # Errors
    ///
    /// When there is no whole answer by the deadline, or what comes is not HTTP.
    pub(crate) async fn read(connection: &mut Connection, deadline: Instant) -> Result<Self, Fault> {
        loop {
            let head = Head::read(connection, deadline).await?;
            if (100..200).contains(&head.status) && head.status != 101 {
                continue;
            }
            let body = match head.framing {
                Framing::None => Vec::new(),
                Framing::Length(length) => connection.read_exact(length, deadline).await?,
                Framing::Chunked => read_chunks(connection, deadline).await?,
                Framing::ToTheEnd => connection.read_to_end(deadline).await?,
            };
            return Ok(Self {
                status: head.status,
                body,
                keeps_connection: head.keeps_connection && head.framing != Framing::ToTheEnd,
            });
        }
    }

    /// The body as JSON; null if it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Status and beginning of the body, for a report.
    pub(crate) fn describe(&self) -> String {
        let shown = &self.body[..self.body.len().min(SHOWN)];
        format!(
            "status {}, body of {} bytes: {:?}",
            self.status,
            self.body.len(),
            String::from_utf8_lossy(shown)
        )
    }
}

/// What a head says that matters here.
pub(crate) struct Head {
    pub(crate) status: u16,
    framing: Framing,
    keeps_connection: bool,
    pub(crate) fields: Vec<(String, String)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    None,
    Length(usize),
    Chunked,
    ToTheEnd,
}

impl Head {
    pub(crate) async fn read(connection: &mut Connection, deadline: Instant) -> Result<Self, Fault> {
        let bytes = connection.read_until(b"\r\n\r\n", deadline).await?;
        Self::parse(&bytes).ok_or_else(|| Fault::garbled("a head", &bytes))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
        let mut response = httparse::Response::new(&mut fields);
        response.parse(bytes).ok()?;
        let fields = response.headers.iter().map(|field| {
            let value = std::str::from_utf8(field.value).ok()?;
            Some((field.name.to_ascii_lowercase(), value.trim().to_owned()))
        });
        let mut head = Self {
            status: response.code?,
            framing: Framing::None,
            keeps_connection: response.version == Some(1),
            fields: fields.collect::<Option<_>>()?,
        };
        head.keeps_connection &= !head.says("connection", "close");
        head.framing = head.find_framing()?;
        Some(head)
    }

    /// The first value under this name, which is in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    fn says(&self, name: &str, word: &str) -> bool {
        let words = self.field(name).unwrap_or_default().split(',');
        words
            .into_iter()
            .any(|other| other.trim().eq_ignore_ascii_case(word))
    }

    /// `None` for a length that is not a number.
    fn find_framing(&self) -> Option<Framing> {
        Some(if matches!(self.status, 100..200 | 204 | 304) {
            Framing::None
        } else if self.says("transfer-encoding", "chunked") {
            Framing::Chunked
        } else if let Some(length) = self.field("content-length") {
            Framing::Length(length.parse().ok()?)
        } else {
            Framing::ToTheEnd
        })
    }
}

async fn read_chunks(connection: &mut Connection, deadline: Instant) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        let line = connection.read_until(b"\r\n", deadline).await?;
        let size = std::str::from_utf8(&line)
            .ok()
            .and_then(|line| line.split([';', '\r']).next())
            .and_then(|size| usize::from_str_radix(size.trim(), 16).ok());
        match size {
            Some(0) => break,
            Some(size) => body.extend(connection.read_exact(size, deadline).await?),
            None => return Err(Fault::garbled("a chunk's size", &line)),
        }
        let end = connection.read_exact(2, deadline).await?;
        if end != b"\r\n" {
            return Err(Fault::garbled("the end of a chunk", &end));
        }
    }
    while connection.read_until(b"\r\n", deadline).await? != b"\r\n" {}
    Ok(body)
}
