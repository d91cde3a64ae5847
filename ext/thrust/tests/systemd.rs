//! What a service manager and the app behind us see of each other, and the units that the docs offer.

mod support;

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use self::support::Launch;

/// The directory of the units, as a user of systemd would copy them.
const UNITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/systemd");

#[test]
fn what_the_service_manager_says_is_for_us_and_not_for_the_app() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let socket = directory.path().join("notify");
    let _manager = UnixDatagram::bind(&socket).expect("a socket of the test's");

    let ended = Launch::new(["env"])
        .env("NOTIFY_SOCKET", &socket)
        .env("WATCHDOG_USEC", "60000000")
        .env("WATCHDOG_PID", "1")
        .env("LISTEN_FDS", "1")
        .env("LISTEN_PID", "1")
        .env("LISTEN_FDNAMES", "web")
        .env("THRUSTER_CONTROL_SOCKET", "/of/another/thrust")
        .env("RAILS_ENV", "production")
        .run();

    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert!(
        ended.stdout.contains(&"RAILS_ENV=production".to_owned()),
        "{ended:?}"
    );
    let inherited = "THRUSTER_CONTROL_SOCKET=/of/another/thrust";
    for name in ["NOTIFY_SOCKET", "WATCHDOG_", "LISTEN_", inherited] {
        assert!(
            !ended.stdout.iter().any(|line| line.starts_with(name)),
            "{name} in {ended:?}"
        );
    }
}

#[test]
fn systemd_finds_no_fault_in_the_units() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for name in ["thrust.service", "thrust.socket"] {
        let unit = fs::read_to_string(Path::new(UNITS).join(name)).expect("the unit is there");
        // The one thing that is looked for on this machine.
        let unit = unit.replace("/srv/app/current/bin/thrust", env!("CARGO_BIN_EXE_thrust"));
        fs::write(directory.path().join(name), unit).expect("the directory is ours");
    }

    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "thrust.service", "thrust.socket"])
        .current_dir(&directory)
        .env("SYSTEMD_UNIT_PATH", format!("{}:", directory.path().display()))
        .output();

    match verified {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let about_ours = said.lines().any(|line| line.contains("thrust."));
            assert!(verified.status.success() && !about_ours, "{said}");
        }
        Err(error) => eprintln!("the units are not checked: no systemd-analyze here: {error}"),
    }
}
