//! Numbers and addresses as text, for what is written on every request: `core::fmt` costs ten times as much.

use std::net::{IpAddr, SocketAddr};

/// Appends `number` in decimal.
pub(crate) fn number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `number` in lower-case hexadecimal.
pub(crate) fn hexadecimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 16];
    let mut start = digits.len();
    let mut left = number;
    while left > 0 || start == digits.len() {
        start -= 1;
        digits[start] = b"0123456789abcdef"[(left & 0xf) as usize];
        left >>= 4;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends an address as RFC 5952 writes it.
pub(crate) fn address(out: &mut Vec<u8>, address: IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let mut text = [0; "255.255.255.255.".len()];
            let mut end = 0;
            let mut push = |byte| {
                text[end] = byte;
                end += 1;
            };
            for octet in address.octets() {
                if octet >= 100 {
                    push(b'0' + octet / 100);
                }
                if octet >= 10 {
                    push(b'0' + octet / 10 % 10);
                }
                push(b'0' + octet % 10);
                push(b'.');
            }
            out.extend_from_slice(&text[..end - 1]);
        }
        IpAddr::V6(address) => out.extend_from_slice(address.to_string().as_bytes()),
    }
}

/// Appends an address and its port; an IPv6 address stands in brackets.
pub(crate) fn socket_address(out: &mut Vec<u8>, peer: SocketAddr) {
    match peer {
        SocketAddr::V4(peer) => {
            address(out, IpAddr::V4(*peer.ip()));
            out.push(b':');
            number(out, peer.port());
        }
        SocketAddr::V6(peer) => out.extend_from_slice(peer.to_string().as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_numbers_are_written_as_the_standard_library_does() {
        for number in [0, 1, 0xf, 0x10, 0x1234_5678_9abc_def0, u64::MAX] {
            let mut out = Vec::new();
            hexadecimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), format!("{number:x}"));
        }
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_does() {
        for text in [
            "0.0.0.0:0",
            "127.0.0.1:80",
            "255.250.9.10:65535",
            "[::1]:5",
            "[2001:db8::a]:443",
        ] {
            let peer: SocketAddr = text.parse().unwrap();
            let (mut whole, mut bare) = (Vec::new(), Vec::new());

            socket_address(&mut whole, peer);
            address(&mut bare, peer.ip());

            assert_eq!(whole, text.as_bytes());
            assert_eq!(bare, peer.ip().to_string().as_bytes());
        }
    }
}
