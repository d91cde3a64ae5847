//! Hosts as they stand in an address and in a request's `Host`.

use std::net::Ipv6Addr;

use super::AddressError;

/// A host, without brackets, and what follows it.
pub(super) struct Host<'a> {
    pub(super) name: &'a str,
    /// The text behind the colon, if there is one.
    pub(super) port: Option<&'a str>,
}

/// Takes a name, an IPv4 address or an IPv6 address in brackets, with a port or without.
pub(super) fn split(text: &str) -> Option<Host<'_>> {
    if let Some(rest) = text.strip_prefix('[') {
        let (name, rest) = rest.split_once(']')?;
        name.parse::<Ipv6Addr>().ok()?;
        let port = match rest {
            "" => None,
            rest => Some(rest.strip_prefix(':')?),
        };
        return Some(Host { name, port });
    }
    let (name, port) = match text.split_once(':') {
        Some((name, port)) => (name, Some(port)),
        None => (text, None),
    };
    is_name(name).then_some(Host { name, port })
}

/// Checks what is to stand in a `Host` field.
///
/// # Errors
///
/// `Host` for what cannot stand there.
pub(crate) fn parse_host_field(text: &str) -> Result<String, AddressError> {
    split(text)
        .filter(|host| host.port.is_none_or(|port| port_number(port).is_some()))
        .map(|_| text.to_owned())
        .ok_or(AddressError::Host)
}

/// A port that can be connected to.
pub(super) fn port_number(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&number| digits && number != 0)
}

/// Names of hosts, and IPv4 addresses, which look like them; `_` stands in names of containers.
fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_field_is_a_name_or_an_address_with_a_port_or_without() {
        for text in [
            "localhost",
            "app_1.example.com:3000",
            "127.0.0.1",
            "[::1]",
            "[2001:db8::a]:443",
        ] {
            assert_eq!(parse_host_field(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            "exa mple",
            "a/b",
            "a,b",
            "::1",
            "[::1",
            "[x]",
            "[::1]443",
            "a:",
            "a:0",
            "a:+80",
            "a:70000",
            "u@a",
            "a\r\nX: y",
            "é",
        ] {
            assert_eq!(parse_host_field(text), Err(AddressError::Host), "{text:?}");
        }
    }
}
