//! What a refused client is told. Which requests are refused is in `vectors_requests.rs` and its neighbours.

mod support;

use self::support::{Launch, TestTarget};

#[test]
fn a_method_that_is_not_allowed_is_told_which_are() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();

    let answer = proxy.connect().ask("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n");

    assert!(
        answer
            .header("allow")
            .is_some_and(|allowed| allowed.contains("GET"))
    );
}

#[test]
fn a_refused_client_that_goes_on_sending_still_reads_why() {
    let target = TestTarget::echoing();
    let proxy = Launch::before(&target).start();
    let mut client = proxy.connect();

    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4000000, 4000000\r\n\r\n");
    for _ in 0..40 {
        client.send([b'x'; 100_000]);
    }

    assert_eq!(client.read_message().unwrap().status(), 400);
}
