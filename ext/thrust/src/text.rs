//! Numbers, addresses and dates as text, for what is written on every request: `core::fmt` costs ten times as much.

use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;

use time::OffsetDateTime;

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

/// A time from 1970 to 9999 as fields have it, to the second (RFC 9110 section 5.6.7).
pub(crate) fn http_date(time: SystemTime) -> [u8; 29] {
    const DAYS: [&[u8; 3]; 7] = [b"Sun", b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat"];
    const MONTHS: [&[u8; 3]; 12] = [
        b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
    ];
    let at = OffsetDateTime::from(time);
    let (year, month, day) = at.to_calendar_date();
    let mut text = *b"Sun, 06 Nov 1994 08:49:37 GMT";
    text[..3].copy_from_slice(DAYS[usize::from(at.weekday().number_days_from_sunday())]);
    text[8..11].copy_from_slice(MONTHS[usize::from(u8::from(month)) - 1]);
    let year = u16::try_from(year).unwrap_or_default();
    let pairs = [
        (5, day.into()),
        (12, year / 100),
        (14, year % 100),
        (17, at.hour().into()),
        (20, at.minute().into()),
        (23, at.second().into()),
    ];
    for (place, number) in pairs {
        let digits = [number / 10, number % 10];
        for (place, digit) in (place..).zip(digits) {
            text[place] = b"0123456789"[usize::from(digit)];
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn dates_are_written_as_httpdate_does() {
        for seconds in [
            0,
            68_169_599,
            784_111_777,
            951_782_400,
            1_709_251_199,
            4_107_542_400,
            253_402_300_799,
        ] {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            let text = http_date(time).to_vec();
            assert_eq!(String::from_utf8(text).unwrap(), httpdate::fmt_http_date(time));
        }
        for day in 0..40_000 {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + day);
            assert_eq!(http_date(time)[..], *httpdate::fmt_http_date(time).as_bytes());
        }
    }

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
