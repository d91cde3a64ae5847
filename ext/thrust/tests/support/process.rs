//! Processes of the machine, as Linux tells of them (proc_pid_stat(5)).

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::Pid;

/// The process of which a shell has said the number.
pub(crate) fn pid(text: &str) -> Pid {
    let number = text.trim().parse().ok();
    number.and_then(Pid::from_raw).expect("a shell knows its pid")
}

/// Its state in one letter; `None` if it is gone.
pub(crate) fn state_of(process: Pid) -> Option<String> {
    stat(process, 0)
}

/// Whether it lives, and not only as a name that its parent has not reaped.
pub(crate) fn is_running(process: Pid) -> bool {
    state_of(process).is_some_and(|state| state != "Z")
}

/// Its parent.
pub(crate) fn parent_of(process: Pid) -> Pid {
    pid(&stat(process, 1).expect("it is running"))
}

/// Its children.
pub(crate) fn children_of(process: Pid) -> Vec<Pid> {
    let name = format!("task/{}/children", process.as_raw_pid());
    let children = fs::read_to_string(path(process, &name)).unwrap_or_default();
    children.split_whitespace().map(pid).collect()
}

/// The file of the program that it is.
pub(crate) fn executable(process: Pid) -> PathBuf {
    fs::read_link(path(process, "exe")).expect("it is running")
}

/// What the system tells of it under this name.
pub(crate) fn path(process: Pid, name: &str) -> PathBuf {
    Path::new("/proc")
        .join(process.as_raw_pid().to_string())
        .join(name)
}

/// A field behind its name, which may hold anything.
fn stat(process: Pid, field: usize) -> Option<String> {
    let stat = fs::read_to_string(path(process, "stat")).ok()?;
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split_whitespace().nth(field).map(str::to_owned)
}
