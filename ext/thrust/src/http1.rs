//! HTTP/1.1 on the wire (RFC 9112), pure over bytes: what both sides of the proxy agree on.
//!
//! [`inbound`] holds what was received and not yet used. [`head`] finds the end of a message head, [`request`] and
//! [`response`] judge its first line, [`fields`] the rest, into [`maps`]. [`decode`] and [`chunk`] find the end of a body. [`encode`]
//! writes heads and chunks into [`outbound`], which holds what is not yet written. Nothing here does I/O: `connection`
//! serves clients with it and `upstream` asks the app.

pub(crate) mod chunk;
pub(crate) mod decode;
pub(crate) mod encode;
pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod inbound;
pub(crate) mod maps;
pub(crate) mod outbound;
pub(crate) mod request;
pub(crate) mod response;
pub(crate) mod target;
