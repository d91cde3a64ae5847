//! What a machine may not give a test, which then says what it leaves out.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

/// Whether this command works here; if not, says in a line what the machine does not let us do.
pub(crate) fn lets_us<W: AsRef<OsStr>>(what: &str, words: impl IntoIterator<Item = W>) -> bool {
    let mut words = words.into_iter();
    let mut command = Command::new(words.next().expect("there is at least the program"));
    let quiet = command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    let works = quiet.status().is_ok_and(|status| status.success());
    if !works {
        eprintln!("left out: this machine does not let us {what}");
    }
    works
}
