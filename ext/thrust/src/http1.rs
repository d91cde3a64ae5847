//! HTTP/1.1 on the wire (RFC 9112), pure over bytes: what both sides of the proxy agree on.
//!
//! [`inbound`] holds what was received, [`head`] and [`fields`] find and judge message heads, [`decode`] and [`chunk`]
//! find the end of a body, [`encode`] writes heads and chunks. Nothing here does I/O: `connection` serves clients
//! with it and `upstream` asks the app.

pub(crate) mod chunk;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod inbound;
