//! Makes the child: what it inherits, and what happens between fork and exec.
//!
//! Every descriptor that Rust's libraries open closes itself on exec, and std gives the child the default SIGPIPE; we
//! block no signal, so the mask the child gets is the one we were started with. What remains is done here.

use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command as Builder, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getpid, setrlimit};

use super::Command;

/// Runs `file` under the name and with the arguments of `command`.
///
/// # Errors
///
/// What fork or exec failed with; std has then already reaped the child.
pub(super) fn spawn(file: &Path, command: &Command, port: u16, descriptors: Rlimit) -> io::Result<Pid> {
    let mut builder = Builder::new(file);
    builder
        .arg0(&command.program)
        .args(&command.arguments)
        .env("PORT", port.to_string())
        .stdin(Stdio::inherit())
        .stdout(Stdio::inherit())
        .stderr(Stdio::inherit());
    prepare(&mut builder, getpid(), descriptors);
    // Dropping std's handle neither waits nor kills: the child is the reaper's.
    Ok(Pid::from_child(&builder.spawn()?))
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
///
/// Must come last: until exec the child has our signal handlers, and a SIGTERM that they take is lost. From exec on it
/// meets the default, even if it came while the call was under way.
#[cfg(target_os = "linux")]
fn die_with(parent: Pid) -> io::Result<()> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};

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
    use rustix::process::{WaitOptions, getrlimit, waitpid};

    use super::*;

    #[test]
    fn the_child_gets_port_and_its_name_as_typed() {
        assert_eq!(
            status_of(r#"test "$PORT" = 4444 && test "$0" = shell"#, limit()),
            Some(0)
        );
    }

    #[test]
    fn the_child_gets_the_descriptor_limit_it_is_given() {
        let low = Rlimit {
            current: Some(77),
            ..limit()
        };

        assert_eq!(status_of("test $(ulimit -Sn) = 77", low), Some(0));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_child_starts_with_nothing_blocked_and_sigpipe_not_ignored() {
        let script = r#"
            while read -r name mask; do
                case $name in
                    SigBlk:) test "$mask" = 0000000000000000 || exit 1 ;;
                    SigIgn:) test $(( 0x$mask & 0x1000 )) = 0 || exit 2; exit 0 ;;
                esac
            done < /proc/$$/status
            exit 3
        "#;

        assert_eq!(status_of(script, limit()), Some(0));
    }

    #[test]
    fn what_cannot_be_executed_leaves_no_child() {
        let command = Command {
            program: "x".into(),
            arguments: Vec::new(),
        };

        let error = spawn(Path::new("/no/such/program"), &command, 1, limit()).unwrap_err();

        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    fn limit() -> Rlimit {
        getrlimit(Resource::Nofile)
    }

    /// Waits for this child alone: other tests have theirs.
    fn status_of(script: &str, descriptors: Rlimit) -> Option<i32> {
        let command = Command {
            program: "shell".into(),
            arguments: vec!["-c".into(), script.into()],
        };
        let pid = spawn(Path::new("/bin/sh"), &command, 4444, descriptors).unwrap();
        let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
        status.exit_status()
    }
}
