//! A client of HTTP/2 that plays by the rules.

use bytes::Bytes;
use h2::client::SendRequest;
use tokio::net::TcpStream;

use super::TestProxy;

impl TestProxy {
    /// A connection by prior knowledge, served by a task of its own.
    pub(crate) async fn connect_http2(&self) -> SendRequest<Bytes> {
        let socket = TcpStream::connect(("127.0.0.1", self.port()))
            .await
            .expect("the proxy listens");
        let (client, connection) = h2::client::handshake(socket)
            .await
            .expect("the proxy speaks HTTP/2");
        tokio::spawn(connection);
        client
    }
}
