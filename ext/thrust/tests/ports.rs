//! The port to listen on, from outside.

use std::net::TcpListener;

use self::support::thrust;

mod support;

#[test]
fn a_port_in_use_names_its_holder_and_the_command_never_runs() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("ran");
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = thrust(&["touch", trace.to_str().unwrap()], &[("HTTP_PORT", &port)]);

    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert_eq!(output.stdout.lines().count(), 1, "{}", output.stdout);
    assert!(
        output.stdout.contains("Failed to start HTTP listener"),
        "{}",
        output.stdout
    );
    assert!(
        output.stdout.contains("address already in use"),
        "{}",
        output.stdout
    );
    if cfg!(target_os = "linux") {
        assert!(
            output.stdout.contains(&format!("(pid {})", std::process::id())),
            "{}",
            output.stdout
        );
    }
    assert!(!trace.exists());
}

#[test]
fn one_port_cannot_be_both_ours_and_the_apps() {
    let port = TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
        .to_string();

    let output = thrust(&["--http-port", &port, "--target-port", &port, "true"], &[]);

    assert_eq!((output.code, output.stderr.as_str()), (1, ""));
    assert!(
        output
            .stdout
            .contains("both THRUSTER_HTTP_PORT and THRUSTER_TARGET_PORT"),
        "{}",
        output.stdout
    );
}
