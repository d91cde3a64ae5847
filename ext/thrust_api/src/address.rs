//! Addresses as people write them: those to listen on, and the app's.
//!
//! Each is parsed once, prints in a form that it reads again, and says what is allowed when it cannot be read.

mod bind;
mod host;
mod target;

pub use bind::BindAddress;
pub(crate) use host::parse_host_field;
pub use target::TargetAddress;

use std::path::PathBuf;

/// What stands before the path of a Unix socket.
const UNIX: &str = "unix:";

/// The longest path that a socket's address has room for, in bytes (unix(7): 108 with the NUL behind it; 104 on
/// macOS and the BSDs).
const LONGEST_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Why a text is no address; says what would be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not an address to listen on.
    #[error(
        "an address is an IP address such as 127.0.0.1 or ::1, with a port as in 127.0.0.1:8080 or [::1]:8080, \
         or the path of a socket as in unix:/run/app.sock"
    )]
    Bind,
    /// Not an address of the app.
    #[error("the app's address is http://HOST:PORT or unix:PATH")]
    Target,
    /// TLS to the app.
    #[error("the app is asked in plain HTTP: its address is http://HOST:PORT or unix:PATH")]
    TargetTls,
    /// Not a host.
    #[error("a host is a name or an IP address, with a port or without, such as localhost or [::1]:3000")]
    Host,
    /// A path that no socket can have.
    #[error("the path of a socket has from 1 to {LONGEST_PATH} bytes")]
    SocketPath,
}

/// The path behind `unix:`, or behind Puma's `unix://`; `None` if the text begins with neither.
fn socket_path(text: &str) -> Option<Result<PathBuf, AddressError>> {
    let path = text.strip_prefix(UNIX)?;
    let path = path.strip_prefix("//").unwrap_or(path);
    // Printed again, a second slash would be taken for Puma's.
    let path = match path.strip_prefix('/') {
        Some(rest) => format!("/{}", rest.trim_start_matches('/')),
        None => path.to_owned(),
    };
    let possible = (1..=LONGEST_PATH).contains(&path.len()) && !path.contains('\0') && !path.ends_with('/');
    Some(possible.then(|| path.into()).ok_or(AddressError::SocketPath))
}
