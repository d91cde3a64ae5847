//! Unix sockets to listen on, and their files.
//!
//! A file that is left of a program that is gone is replaced; one that somebody answers on, or that is no socket, is
//! left alone. Whoever runs as the same user or in the same group may connect, whatever the umask: a socket that only
//! its owner may write to is of no use to a proxy in front. A stricter directory keeps more people out.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{self, Path, PathBuf};

use serde::{Deserialize, Serialize};
use socket2::{Domain, SockAddr, Socket, Type};

use super::{PortError, holder};

/// What the owner and the group may do: read and write, and so connect.
const MODE: u32 = 0o660;

/// The file of a socket of ours, removed when this is dropped, unless another one has its name by then.
#[derive(Debug, Serialize, Deserialize)]
pub struct SocketFile {
    path: PathBuf,
    device: u64,
    inode: u64,
}

impl SocketFile {
    /// The file that is at `path` now.
    ///
    /// # Errors
    ///
    /// The system's, such as that there is none.
    pub fn at(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self {
            path: path::absolute(path)?,
            device: found.dev(),
            inode: found.ino(),
        })
    }

    fn is_still_ours(&self) -> bool {
        fs::symlink_metadata(&self.path)
            .is_ok_and(|found| (found.dev(), found.ino()) == (self.device, self.inode))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.is_still_ours() {
            // What cannot be removed is stale from now on, and the next one replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes a socket of this path. It does not listen yet, does not block and is closed on exec.
///
/// # Errors
///
/// Somebody answers there, another kind of file is there, or the directory does not let us.
pub(super) fn bind(path: &Path) -> Result<(Socket, SocketFile), PortError> {
    let denied = |source| PortError::Socket {
        path: path.to_owned(),
        source,
    };
    remove_stale(path)?;
    let socket = new_socket().map_err(denied)?;
    let address = SockAddr::unix(path).map_err(denied)?;
    socket.bind(&address).map_err(denied)?;
    let file = SocketFile::at(path).map_err(denied)?;
    // Before it listens, so that nobody else connects in between.
    fs::set_permissions(path, Permissions::from_mode(MODE)).map_err(denied)?;
    Ok((socket, file))
}

/// Whether somebody accepts connections on the socket of this path.
pub(super) fn is_answered(path: &Path) -> bool {
    matches!(find(path), Ok(Found::Answered))
}

/// What is at a path.
enum Found {
    Nothing,
    /// A socket that somebody accepts connections on, or did until too many waited, or will.
    Answered,
    /// A socket that nobody accepts connections on.
    Stale,
    /// A file that is no socket.
    Other,
}

fn find(path: &Path) -> io::Result<Found> {
    match fs::metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Ok(Found::Other),
        Ok(_) => {}
        // A link that leads nowhere: removing it is not ours to decide.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(match fs::symlink_metadata(path) {
                Ok(_) => Found::Other,
                Err(_) => Found::Nothing,
            });
        }
        Err(error) => return Err(error),
    }
    match new_socket()?.connect(&SockAddr::unix(path)?) {
        Ok(()) => Ok(Found::Answered),
        Err(error) => match error.kind() {
            io::ErrorKind::WouldBlock => Ok(Found::Answered),
            // Another thrust that listens late.
            io::ErrorKind::ConnectionRefused if holder::waits_on_unix(path) => Ok(Found::Answered),
            io::ErrorKind::ConnectionRefused => Ok(Found::Stale),
            io::ErrorKind::NotFound => Ok(Found::Nothing),
            // Sockets of other types answer, too, but not to us.
            _ if error.raw_os_error() == Some(rustix::io::Errno::PROTOTYPE.raw_os_error()) => {
                Ok(Found::Answered)
            }
            _ => Err(error),
        },
    }
}

fn remove_stale(path: &Path) -> Result<(), PortError> {
    let denied = |source| PortError::Socket {
        path: path.to_owned(),
        source,
    };
    match find(path).map_err(denied)? {
        Found::Nothing => Ok(()),
        Found::Stale => fs::remove_file(path).map_err(denied),
        Found::Answered => Err(PortError::SocketInUse {
            path: path.to_owned(),
            holder: holder::of_unix(path),
        }),
        Found::Other => Err(PortError::NoSocket {
            path: path.to_owned(),
        }),
    }
}

fn new_socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::super::tests::is_let_go;
    use super::*;

    fn place() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        (directory, path)
    }

    #[test]
    fn the_file_is_for_owner_and_group_and_goes_with_us() {
        let (_directory, path) = place();

        let (_socket, file) = bind(&path).unwrap();

        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_another_made_since_stays() {
        let (_directory, path) = place();
        let (_socket, file) = bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "theirs").unwrap();

        drop(file);

        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn a_stale_file_is_replaced() {
        let (_directory, path) = place();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists() && is_let_go(|| !is_answered(&path)));

        let (socket, _file) = bind(&path).unwrap();

        socket.listen(1).unwrap();
        assert!(is_answered(&path));
    }

    #[test]
    fn a_socket_that_somebody_answers_on_is_left_alone() {
        let (_directory, path) = place();
        let theirs = UnixListener::bind(&path).unwrap();

        let error = bind(&path).unwrap_err();

        assert!(matches!(error, PortError::SocketInUse { .. }), "{error}");
        assert!(is_answered(&path));
        drop(theirs);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_that_somebody_will_listen_on_is_left_alone() {
        let (_directory, path) = place();
        let _theirs = bind(&path).unwrap();

        let error = bind(&path).unwrap_err();

        assert!(matches!(error, PortError::SocketInUse { .. }), "{error}");
    }

    #[test]
    fn what_is_no_socket_is_left_alone() {
        let (directory, path) = place();
        fs::write(&path, "precious").unwrap();
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(directory.path().join("nowhere"), &link).unwrap();

        for path in [&path, &link, &directory.path().to_owned()] {
            let error = bind(path).unwrap_err();
            assert!(matches!(error, PortError::NoSocket { .. }), "{error}");
        }

        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error_that_names_the_path() {
        let (_directory, path) = place();

        let error = bind(&path.join("socket")).unwrap_err();

        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
