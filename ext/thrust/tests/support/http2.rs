//! A client of HTTP/2 that plays by the rules.

use bytes::Bytes;
use h2::client::{Builder, SendRequest};
use tokio::net::TcpStream;

use super::TestProxy;

impl TestProxy {
    /// A connection by prior knowledge, served by a task of its own.
    pub(crate) async fn connect_http2(&self) -> SendRequest<Bytes> {
        self.connect_http2_with(&Builder::new()).await
    }

    /// The same, by a client with habits of its own.
    pub(crate) async fn connect_http2_with(&self, habits: &Builder) -> SendRequest<Bytes> {
        let socket = TcpStream::connect(("127.0.0.1", self.port()))
            .await
            .expect("the proxy listens");
        let (client, connection) = habits.handshake(socket).await.expect("the proxy speaks HTTP/2");
        tokio::spawn(connection);
        client
    }
}
