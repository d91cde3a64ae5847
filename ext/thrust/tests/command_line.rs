//! The command line from outside: what is printed where, and with which exit status.

use std::{fs, os::unix::fs::PermissionsExt};

use self::support::thrust;

mod support;

#[test]
fn without_a_command_the_usage_goes_to_stderr_before_anything_is_read() {
    let output = thrust(&[], &[("THRUSTER_HTTP_PORT", "eighty")]);

    assert_eq!(output.code, 1);
    assert_eq!(output.stdout, "");
    assert!(
        output.stderr.starts_with("thrust: there is no COMMAND to run\n"),
        "{}",
        output.stderr
    );
    assert!(
        output.stderr.contains("Usage: thrust [OPTIONS] COMMAND [ARG]"),
        "{}",
        output.stderr
    );
    assert!(!output.stderr.contains("eighty"), "{}", output.stderr);
}

#[test]
fn help_and_version_go_to_stdout() {
    let help = thrust(&["--help"], &[]);
    let version = thrust(&["--version"], &[]);

    assert_eq!((help.code, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("--http-port <PORT>"), "{}", help.stdout);
    assert!(help.stdout.ends_with(".\n"), "{}", help.stdout);
    assert_eq!((version.code, version.stderr.as_str()), (0, ""));
    assert_eq!(version.stdout, format!("thrust {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_mistake_in_the_options_exits_with_1() {
    let output = thrust(&["--htp-port", "80", "true"], &[]);

    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert_eq!(
        output.stderr,
        "thrust: there is no option --htp-port; did you mean --http-port?\n"
    );
}

#[test]
fn a_reserved_word_that_is_not_built_says_so_and_offers_the_program_of_its_name() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("certs");
    fs::write(&program, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();

    let alone = thrust(&["certs"], &[("PATH", "/nonexistent")]);
    let beside = thrust(&["certs"], &[("PATH", directory.path().to_str().unwrap())]);

    assert_eq!((alone.code, alone.stdout.as_str()), (1, ""));
    assert_eq!(
        alone.stderr,
        "thrust: `thrust certs` is not part of this version yet\n"
    );
    assert_eq!(beside.code, 1);
    assert!(
        beside.stderr.contains("write `thrust -- certs`"),
        "{}",
        beside.stderr
    );
}
