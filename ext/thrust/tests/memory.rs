//! Bodies of any size pass through the same few buffers.

#![cfg(target_os = "linux")]

mod support;

use std::fs;

use self::support::{Launch, TestProxy, TestTarget};

/// A gigabyte, in pieces of 64 KiB.
const LENGTH: u64 = 16 * 1024 * PIECE as u64;
const PIECE: usize = 64 * 1024;

/// The most that the proxy may have had in memory at any time, its own code included; a debug build has much of that.
const PEAK: u64 = 32 * 1024 * 1024;

#[test]
fn a_download_of_a_gigabyte_leaves_memory_flat() {
    for framing in [Framing::Length, Framing::Chunked] {
        let target = TestTarget::start(move |app| {
            app.read_request();
            match framing {
                Framing::Length => {
                    app.wire
                        .send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LENGTH}\r\n\r\n"));
                    send_all(&mut app.wire, &[b'x'; PIECE], LENGTH);
                }
                Framing::Chunked => {
                    app.wire
                        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
                    send_all(&mut app.wire, &chunk(), LENGTH);
                    app.wire.send("0\r\n\r\n");
                }
            }
        });
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
        let mut client = proxy.connect();

        client.send("GET /download HTTP/1.1\r\nHost: a\r\n\r\n");
        client.read_head().unwrap();
        client.skip(LENGTH);

        assert_flat(&proxy, "download", framing);
    }
}

#[test]
fn an_upload_of_a_gigabyte_leaves_memory_flat() {
    for framing in [Framing::Length, Framing::Chunked] {
        let target = TestTarget::start(move |app| {
            app.read_request_head();
            match framing {
                Framing::Length => app.wire.skip(LENGTH),
                Framing::Chunked => {
                    // The chunks' own lines are among what is skipped, so some of the body is left.
                    app.wire.skip(LENGTH);
                    app.wire.read_until(b"\r\n0\r\n\r\n");
                }
            }
            app.answer("done");
        });
        let proxy = Launch::before(&target).env("THRUSTER_THREADS", "1").start();
        let mut client = proxy.connect();

        match framing {
            Framing::Length => {
                client.send(format!(
                    "POST /upload HTTP/1.1\r\nHost: a\r\nContent-Length: {LENGTH}\r\n\r\n"
                ));
                send_all(&mut client, &[b'x'; PIECE], LENGTH);
            }
            Framing::Chunked => {
                client.send("POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
                send_all(&mut client, &chunk(), LENGTH);
                client.send("0\r\n\r\n");
            }
        }

        assert_eq!(client.read_message().unwrap().text(), "done");
        assert_flat(&proxy, "upload", framing);
    }
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Length,
    Chunked,
}

/// A chunk with [`PIECE`] bytes of body.
fn chunk() -> Vec<u8> {
    [
        format!("{PIECE:x}\r\n").as_bytes(),
        &[b'x'; PIECE],
        b"\r\n".as_slice(),
    ]
    .concat()
}

/// Sends `piece` until `length` bytes of body have gone.
fn send_all(wire: &mut support::Wire, piece: &[u8], length: u64) {
    for _ in 0..length / PIECE as u64 {
        wire.send(piece);
    }
}

fn assert_flat(proxy: &TestProxy, what: &str, framing: Framing) {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid().as_raw_nonzero())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let peak: u64 = peak
        .and_then(|peak| peak.trim().strip_suffix(" kB")?.parse().ok())
        .expect("the kernel tells the peak of the resident memory");
    eprintln!("peak of the proxy's memory, {what}, {framing:?}: {peak} KiB");

    assert!(peak * 1024 < PEAK, "{what}, {framing:?}: {peak} KiB");
}
