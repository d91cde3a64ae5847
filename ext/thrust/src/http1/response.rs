//! Response heads: parses one, or refuses what can be read in more than one way.

use bytes::Bytes;
use http::{StatusCode, Version};

use super::fields::{self, Fields};
use super::head::{HeadError, start_line, version_of};

/// A response head that can be read in one way only.
#[derive(Debug)]
pub(crate) struct ResponseHead {
    pub(crate) status: StatusCode,
    pub(crate) version: Version,
    pub(crate) fields: Fields,
}

/// Parses a whole response head (RFC 9112 sections 4 and 5); the reason phrase is not kept.
///
/// # Errors
///
/// What is wrong with it. To our client all of them are one: 502.
pub(crate) fn parse(head: &Bytes) -> Result<ResponseHead, HeadError> {
    let line = start_line(head).ok_or(HeadError::StatusLine)?;
    let (version, rest) = line.split_at_checked(8).ok_or(HeadError::StatusLine)?;
    let version = version_of(version).ok_or(HeadError::StatusLine)??;
    let status = match rest {
        [b' ', digits @ ..] if digits.len() == 3 => digits,
        [b' ', a, b, c, b' ', ..] => &[*a, *b, *c][..],
        _ => return Err(HeadError::StatusLine),
    };
    let status = StatusCode::from_bytes(status).map_err(|_| HeadError::StatusLine)?;
    if status.as_u16() > 599 {
        return Err(HeadError::StatusLine);
    }
    let fields = fields::parse(&head.slice(line.len() + 2..))?;
    if fields.chunked && version == Version::HTTP_10 {
        return Err(HeadError::TransferEncoding);
    }
    Ok(ResponseHead {
        status,
        version,
        fields,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_line_has_three_digits_and_may_lack_its_reason() {
        let status =
            |line: &str| parse(&Bytes::from(format!("{line}\r\n\r\n"))).map(|head| head.status.as_u16());

        assert_eq!(status("HTTP/1.1 200 OK"), Ok(200));
        assert_eq!(status("HTTP/1.0 299"), Ok(299));
        for line in [
            "HTTP/1.1 099 No",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1  200",
            "200 OK",
            "HTTP/1.1 600 X",
        ] {
            assert_eq!(status(line), Err(HeadError::StatusLine), "{line:?}");
        }
        assert_eq!(status("HTTP/3.0 200 OK"), Err(HeadError::Version));
    }
}
