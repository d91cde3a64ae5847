//! Which ports are chosen; the system's refusal of port 80 is played, so that it can be tested as root too.

use std::cell::RefCell;

use super::*;

/// Chooses with a system that gives `free` for every port it allows, and remembers which were asked for.
fn open_where(
    allowed: impl Fn(u16) -> bool,
    config: &Config,
    environment: &Environment,
) -> (Result<Ports, PortError>, Vec<u16>) {
    let asked = RefCell::new(Vec::new());
    let listen = |port| {
        asked.borrow_mut().push(port);
        match allowed(port) {
            true => socket::listen(0),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    };

    let ports = open_with(config, environment, listen);

    (ports, asked.into_inner())
}

fn unprivileged(port: u16) -> bool {
    port >= 1024
}

fn inherited(port: &str, terminal: bool) -> Environment {
    Environment {
        inherited_port: Some(port.into()),
        terminal,
    }
}

#[test]
fn port_80_is_listened_on_where_it_is_allowed() {
    let (ports, asked) = open_where(|_| true, &Config::of(&[]), &inherited("5000", true));

    assert!(ports.is_ok());
    assert_eq!(asked, [80]);
}

#[test]
fn without_the_right_to_80_the_inherited_port_is_listened_on() {
    let (ports, asked) = open_where(unprivileged, &Config::of(&[]), &inherited("5000", false));

    let ports = ports.unwrap();
    assert_eq!(asked, [80, 5000]);
    assert!(
        ports
            .notices
            .contains(&Notice::ListeningOnInherited { port: 5000 })
    );
    assert_ne!(ports.app_port, ports.http_port);
}

#[test]
fn without_the_right_to_80_and_without_port_a_terminal_gets_8080() {
    let environment = Environment {
        inherited_port: None,
        terminal: true,
    };

    let (ports, asked) = open_where(unprivileged, &Config::of(&[]), &environment);

    assert_eq!(asked, [80, 8080]);
    assert!(
        ports
            .unwrap()
            .notices
            .contains(&Notice::ListeningOnFallback { port: 8080 })
    );
}

#[test]
fn without_the_right_to_80_and_nobody_to_tell_the_error_says_what_helps() {
    for environment in [
        Environment::default(),
        inherited("many", false),
        inherited("0", false),
    ] {
        let (ports, asked) = open_where(unprivileged, &Config::of(&[]), &environment);

        let error = ports.unwrap_err();
        assert_eq!(asked, [80]);
        assert!(matches!(error, PortError::NotAllowed { port: 80 }));
        assert!(
            error
                .to_string()
                .contains("set THRUSTER_HTTP_PORT to 1024 or above"),
            "{error}"
        );
    }
}

#[test]
fn a_chosen_port_that_is_not_allowed_is_not_replaced() {
    let config = Config::of(&[("THRUSTER_HTTP_PORT", "80")]);

    let (ports, asked) = open_where(unprivileged, &config, &inherited("5000", true));

    assert!(matches!(ports.unwrap_err(), PortError::NotAllowed { port: 80 }));
    assert_eq!(asked, [80]);
}

#[test]
fn port_0_takes_free_ports_that_differ() {
    let config = Config::of(&[("HTTP_PORT", "0"), ("TARGET_PORT", "0")]);

    let ports = open(&config, &Environment::default()).unwrap();

    assert_eq!(ports.listener.local_addr().unwrap().port(), ports.http_port);
    assert_ne!(ports.app_port, 0);
    assert_ne!(ports.app_port, ports.http_port);
    assert_eq!(ports.notices, []);
}

#[test]
fn a_port_in_use_names_its_holder() {
    let other = socket::listen(0).unwrap();
    let port = socket::port_of(&other).unwrap();

    let error = open(
        &Config::of(&[("HTTP_PORT", &port.to_string())]),
        &Environment::default(),
    )
    .unwrap_err();

    assert!(error.to_string().contains("address already in use"), "{error}");
    if cfg!(target_os = "linux") {
        assert!(
            error
                .to_string()
                .contains(&format!("(pid {})", std::process::id())),
            "{error}"
        );
    }
}

#[test]
fn the_app_gets_its_usual_port_if_that_is_free() {
    let usual = socket::free_port().unwrap();
    let mut notices = Vec::new();

    let port = app_port(None, usual, 80, &mut notices).unwrap();

    assert_eq!(port, usual);
    assert_eq!(notices, []);
}

#[test]
fn the_apps_usual_port_is_left_to_whoever_has_it() {
    let other = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = socket::port_of(&other).unwrap();
    let mut notices = Vec::new();

    let port = app_port(None, taken, 80, &mut notices).unwrap();

    assert_ne!(port, taken);
    assert_eq!(
        notices,
        [Notice::TargetMoved {
            from: taken,
            to: port,
            holder: holder::of(taken)
        }]
    );
}

#[test]
fn a_chosen_port_that_is_already_answered_is_kept_and_warned_about() {
    let other = socket::listen(0).unwrap();
    let port = socket::port_of(&other).unwrap();
    let config = Config::of(&[("HTTP_PORT", "0"), ("TARGET_PORT", &port.to_string())]);

    let ports = open(&config, &Environment::default()).unwrap();

    assert_eq!(ports.app_port, port);
    assert_eq!(
        ports.notices,
        [Notice::TargetAnswered {
            port,
            holder: holder::of(port)
        }]
    );
}

#[test]
fn the_app_cannot_have_the_port_we_listen_on() {
    let chosen = open(
        &Config::of(&[("HTTP_PORT", "80"), ("TARGET_PORT", "80")]),
        &Environment::default(),
    );
    let found = app_port(Some(Port::new(8080)), TARGET, 8080, &mut Vec::new());

    assert!(matches!(chosen, Err(PortError::Same { port: 80 })));
    assert!(matches!(found, Err(PortError::Same { port: 8080 })));
}
