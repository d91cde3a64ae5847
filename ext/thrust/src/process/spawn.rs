//! Makes the child: what it inherits, and what happens between fork and exec.
//!
//! Every descriptor that Rust's libraries open closes itself on exec, and std gives the child the default SIGPIPE; we
//! block no signal, so the mask the child gets is the one we were started with. What remains is done here.

use std::ffi::OsString;
use std::io::{self, PipeWriter};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as Builder, Stdio};
use std::ptr;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::{Pid, Resource, Rlimit, getpid, setrlimit};

use super::Command;

/// What was meant for us alone: a child that took it for its own would notify our service manager, listen on our
/// sockets, or talk to the thrust above us.
const NOT_PASSED_ON: [&str; 11] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "WATCHDOG_PID",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "LISTEN_FDS_FIRST_FD",
    "THRUSTER_CONTROL_SOCKET",
    "THRUSTER_TARGET_SOCKET",
    "THRUSTER_LAUNCHER",
    "THRUSTER_HANDOVER",
];

/// A child to be started, and how it differs from us. What is not said here it has from us: stdin, stdout, stderr,
/// process group, environment.
#[derive(Clone, Debug)]
pub(crate) struct Start<'a> {
    /// What to run.
    pub(crate) command: &'a Command,
    /// How its environment differs from ours.
    pub(crate) environment: Changes,
    /// The absolute path of the directory to run in, which `PWD` then says; `None` is ours.
    pub(crate) directory: Option<&'a Path>,
    /// The limit on open files: the one we were started with, not one that we raised for ourselves.
    pub(crate) descriptors: Rlimit,
}

/// Changes to our own environment. Names that are for us alone are removed before these are made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    /// Variables that the child does not get.
    pub(crate) remove: Vec<&'static str>,
    /// Variables with their values, made after all removals.
    pub(crate) set: Vec<(&'static str, OsString)>,
}

/// Runs `file`, a path as seen from the child's directory, under the name and with the arguments of the command.
///
/// # Errors
///
/// What fork or exec failed with; std has then already reaped the child.
pub(super) fn spawn(file: &Path, start: &Start<'_>) -> io::Result<Pid> {
    run(&mut builder(file, start))
}

/// Like [`spawn`], with an empty stdin, and with these in the place of our stdout and stderr.
///
/// # Errors
///
/// Those of [`spawn`].
pub(super) fn spawn_into(
    file: &Path,
    start: &Start<'_>,
    output: PipeWriter,
    errors: PipeWriter,
) -> io::Result<Pid> {
    let mut builder = builder(file, start);
    run(builder.stdin(Stdio::null()).stdout(output).stderr(errors))
}

fn run(builder: &mut Builder) -> io::Result<Pid> {
    // Dropping std's handle neither waits nor kills: the child is the reaper's.
    Ok(Pid::from_child(&builder.spawn()?))
}

fn builder(file: &Path, start: &Start<'_>) -> Builder {
    let mut builder = Builder::new(file);
    builder
        .arg0(&start.command.program)
        .args(&start.command.arguments)
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    for name in NOT_PASSED_ON.iter().chain(&start.environment.remove) {
        builder.env_remove(name);
    }
    if let Some(directory) = start.directory {
        builder.current_dir(directory).env("PWD", directory);
    }
    for (name, value) in &start.environment.set {
        builder.env(name, value);
    }
    prepare(&mut builder, getpid(), start.descriptors);
    builder
}

/// Takes over the descriptor of this number, which the program that became us by exec has left open for us. From now
/// on it is closed on exec.
///
/// # Errors
///
/// There is none, or it was opened by us, or taken over before.
#[allow(unsafe_code)]
pub(crate) fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    let is_standard = (0..=2).contains(&number);
    if number < 0 || is_standard {
        return Err(rustix::io::Errno::BADF.into());
    }
    // SAFETY: it is not -1, and used only to ask whether there is such a descriptor, and to mark it.
    let found = unsafe { BorrowedFd::borrow_raw(number) };
    if fcntl_getfd(found)?.contains(FdFlags::CLOEXEC) {
        return Err(rustix::io::Errno::BADF.into());
    }
    fcntl_setfd(found, FdFlags::CLOEXEC)?;
    // SAFETY: nobody in this program owns it: whatever we or our libraries open is closed on exec, and until a moment ago
    // this was not.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Has the signals that mean something to us wait, on this thread and in whatever program it becomes, until they are
/// [let in](admit_signals) again.
#[allow(unsafe_code)]
pub(super) fn hold_signals() {
    // SAFETY: as in `meaningful`, which made it.
    unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &meaningful(), ptr::null_mut()) };
}

/// Lets in signals that were held, those first that wait. Have their handlers installed by then.
#[allow(unsafe_code)]
pub(crate) fn admit_signals() {
    // SAFETY: as in `meaningful`, which made it.
    unsafe { libc::pthread_sigmask(libc::SIG_UNBLOCK, &meaningful(), ptr::null_mut()) };
}

/// What else than our end a signal may mean. SIGCHLD needs not wait: what has ended is looked for at every start.
#[allow(unsafe_code)]
fn meaningful() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call makes a set of whatever was there, and the others change it. All pointers are to it, and
    // all numbers are of signals, which is all that can be wrong.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in super::signals::HANDLED {
            libc::sigaddset(set.as_mut_ptr(), signal.as_raw());
        }
        set.assume_init()
    }
}

/// Undoes what std has done on the way to an exec of ours that failed: it gives SIGPIPE its default, and our handler is
/// installed once only. Children have the default even so.
#[allow(unsafe_code)]
pub(super) fn ignore_broken_pipes() {
    // SAFETY: no code of ours runs when a signal is ignored; neither argument is a pointer. It cannot fail for SIGPIPE.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

/// Adds what the child does to itself just before exec.
#[allow(unsafe_code)]
fn prepare(builder: &mut Builder, parent: Pid, descriptors: Rlimit) {
    let in_the_child = move || {
        setrlimit(Resource::Nofile, descriptors)?;
        die_with(parent)
    };
    // SAFETY: the closure runs in the forked child, where another thread may have held any lock at the time of the
    // fork. It only makes system calls on values it owns: it takes no lock and neither allocates nor frees, not even
    // for its errors, which are numbers.
    unsafe { builder.pre_exec(in_the_child) };
}

/// Asks for SIGTERM when the parent dies, and fails if it has died already.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn die_with(parent: Pid) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

    // Until exec the child has our handlers, which would take the signal and do nothing about it.
    // SAFETY: no code of ours runs for a default; neither argument is a pointer. It cannot fail for SIGTERM.
    unsafe { libc::signal(libc::SIGTERM, libc::SIG_DFL) };
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // The parent may have died before the request: then nobody will send the signal.
    if getppid() == Some(parent) {
        Ok(())
    } else {
        Err(rustix::io::Errno::SRCH.into())
    }
}

/// Only Linux tells a process of its parent's death.
#[cfg(not(target_os = "linux"))]
fn die_with(_parent: Pid) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use rustix::process::{WaitOptions, getrlimit, waitpid};

    use super::*;
    use crate::process::CHILDREN_OF_TESTS;

    #[test]
    fn the_child_gets_its_name_as_typed_and_its_environment_as_changed() {
        let command = shell(r#"test "$0" = shell && test "$PORT" = 4444 && test -z "$CARGO_MANIFEST_DIR""#);
        let start = Start {
            environment: Changes {
                remove: vec!["CARGO_MANIFEST_DIR", "PORT"],
                set: vec![("PORT", "4444".into())],
            },
            ..start(&command)
        };

        assert_eq!(status_of(&start), Some(0));
    }

    #[test]
    fn what_is_for_us_alone_can_be_set_anew() {
        let command = shell(r#"test "$THRUSTER_CONTROL_SOCKET" = /its/own"#);
        let start = Start {
            environment: Changes {
                remove: Vec::new(),
                set: vec![("THRUSTER_CONTROL_SOCKET", "/its/own".into())],
            },
            ..start(&command)
        };

        assert_eq!(status_of(&start), Some(0));
    }

    #[test]
    fn the_child_runs_in_the_directory_it_is_given_under_the_path_it_is_given() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("current");
        std::os::unix::fs::symlink("/usr", &link).unwrap();
        let command = shell(r#"test "$(pwd -P)" = "$(cd /usr && pwd -P)" && test "$PWD" = "$1""#);
        let command = Command {
            arguments: [command.arguments, vec!["zero".into(), link.clone().into()]].concat(),
            ..command
        };
        let start = Start {
            directory: Some(&link),
            ..start(&command)
        };

        assert_eq!(status_of(&start), Some(0));
    }

    #[test]
    fn the_child_gets_the_descriptor_limit_it_is_given() {
        let command = shell("test $(ulimit -Sn) = 77");
        let low = Start {
            descriptors: Rlimit {
                current: Some(77),
                ..getrlimit(Resource::Nofile)
            },
            ..start(&command)
        };

        assert_eq!(status_of(&low), Some(0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_child_starts_with_nothing_blocked_and_sigpipe_not_ignored() {
        let command = shell(
            r#"
            while read -r name mask; do
                case $name in
                    SigBlk:) test "$mask" = 0000000000000000 || exit 1 ;;
                    SigIgn:) test $(( 0x$mask & 0x1000 )) = 0 || exit 2; exit 0 ;;
                esac
            done < /proc/$$/status
            exit 3
            "#,
        );

        assert_eq!(status_of(&start(&command)), Some(0));
    }

    #[test]
    fn a_descriptor_is_taken_over_once_and_only_if_it_was_left_open_for_us() {
        let (ours, _writer) = io::pipe().unwrap();
        let left_open = std::mem::ManuallyDrop::new(rustix::io::dup(&ours).unwrap());
        let number = left_open.as_raw_fd();

        assert!(inherited(ours.as_raw_fd()).is_err(), "it is closed on exec");
        let taken = inherited(number).unwrap();

        assert!(fcntl_getfd(&taken).unwrap().contains(FdFlags::CLOEXEC));
        for refused in [number, -1, 1] {
            assert!(inherited(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn what_cannot_be_executed_leaves_no_child() {
        let _alone = CHILDREN_OF_TESTS.blocking_lock();
        let command = shell("");

        let error = spawn(Path::new("/no/such/program"), &start(&command)).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    fn shell(script: &str) -> Command {
        Command {
            program: "shell".into(),
            arguments: vec!["-c".into(), script.into()],
        }
    }

    fn start(command: &Command) -> Start<'_> {
        Start {
            command,
            environment: Changes::default(),
            directory: None,
            descriptors: getrlimit(Resource::Nofile),
        }
    }

    fn status_of(start: &Start<'_>) -> Option<i32> {
        let _alone = CHILDREN_OF_TESTS.blocking_lock();
        let pid = spawn(Path::new("/bin/sh"), start).unwrap();
        let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status()
    }
}
