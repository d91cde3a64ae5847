//! What our controlling terminal sends by itself: to every process of a group, so to the child as well as to us.

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open};
use rustix::process::getpgrp;
use rustix::termios::tcgetpgrp;

/// Whether we have a controlling terminal.
pub(super) fn is_there() -> bool {
    controlling().is_some()
}

/// Whether our process group is the one in the foreground of our controlling terminal: then its Ctrl-C went to the
/// child too.
pub(crate) fn is_foreground() -> bool {
    controlling().and_then(|terminal| tcgetpgrp(terminal).ok()) == Some(getpgrp())
}

fn controlling() -> Option<OwnedFd> {
    // Opening it fails in a process that has none.
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open("/dev/tty", flags, Mode::empty()).ok()
}
