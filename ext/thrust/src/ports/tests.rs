//! Which ports are chosen; the system's refusal of port 80 is played, so that it can be tested as root too.

use std::cell::RefCell;
use std::net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::target::choose;
use super::*;

/// Chooses with a system that gives a free port for every port it allows, and remembers which were asked for.
fn open_where(
    allowed: impl Fn(u16) -> bool,
    config: &Config,
    environment: Environment,
) -> (Result<Ports, PortError>, Vec<u16>) {
    let asked = RefCell::new(Vec::new());
    let bind = |wanted: Wanted| {
        asked.borrow_mut().push(wanted.port);
        match allowed(wanted.port) {
            true => socket::bind(Wanted { port: 0, ..wanted }),
            false => Err(io::ErrorKind::PermissionDenied.into()),
        }
    };

    let ports = open_with(config, environment, bind);

    (ports, asked.into_inner())
}

fn open_as_it_is(config: &[(&str, &str)]) -> Result<Ports, PortError> {
    open(&Config::of(config), Environment::default())
}

fn unprivileged(port: u16) -> bool {
    port >= 1024
}

fn inherited(port: &str, terminal: bool) -> Environment {
    Environment {
        inherited_port: Some(port.into()),
        terminal,
        ..Environment::default()
    }
}

fn places(ports: &Ports) -> Vec<String> {
    all_places(ports).iter().map(ToString::to_string).collect()
}

fn all_places(ports: &Ports) -> Vec<Place> {
    ports
        .listeners
        .iter()
        .map(|bound| bound.place().clone())
        .collect()
}

fn http_port(ports: &Ports) -> u16 {
    ports.listeners[0].place().port().unwrap()
}

/// A port that somebody listens on.
fn taken() -> (TcpListener, u16) {
    let other = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = other.local_addr().unwrap().port();
    (other, port)
}

/// Whether a socket that was closed is gone within the deadline: a child that another test is just starting has all of
/// ours open until it is its own program.
pub(super) fn is_let_go(is_gone: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_gone() {
        if Instant::now() > deadline {
            return false;
        }
        thread::yield_now();
    }
    true
}

#[test]
fn port_80_is_listened_on_where_it_is_allowed() {
    let (ports, asked) = open_where(|_| true, &Config::of(&[]), inherited("5000", true));

    assert!(ports.is_ok());
    assert_eq!(asked, [80]);
}

#[test]
fn without_the_right_to_80_the_inherited_port_is_listened_on() {
    let (ports, asked) = open_where(unprivileged, &Config::of(&[]), inherited("5000", false));

    let ports = ports.unwrap();
    assert_eq!(asked, [80, 5000]);
    assert!(
        ports
            .notices
            .contains(&Notice::ListeningOnInherited { port: 5000 })
    );
    assert_ne!(ports.app_port, Some(http_port(&ports)));
}

#[test]
fn without_the_right_to_80_and_without_port_a_terminal_gets_8080() {
    let environment = Environment {
        terminal: true,
        ..Environment::default()
    };

    let (ports, asked) = open_where(unprivileged, &Config::of(&[]), environment);

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
        let (ports, asked) = open_where(unprivileged, &Config::of(&[]), environment);

        let error = ports.unwrap_err();
        assert_eq!(asked, [80]);
        assert!(matches!(
            error,
            PortError::NotAllowed {
                place: Place::Everywhere(80),
                purpose: Purpose::Requests,
            }
        ));
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

    let (ports, asked) = open_where(unprivileged, &config, inherited("5000", true));

    assert!(matches!(ports.unwrap_err(), PortError::NotAllowed { .. }));
    assert_eq!(asked, [80]);
}

#[test]
fn an_address_that_is_not_allowed_is_named_with_what_gave_its_port() {
    let config = Config::of(&[("THRUSTER_BIND", "127.0.0.1:81")]);

    let (ports, _) = open_where(unprivileged, &config, Environment::default());

    let error = ports.unwrap_err().to_string();
    assert!(
        error.starts_with(
            "could not listen on 127.0.0.1:81: permission denied; set its port, in THRUSTER_BIND"
        ),
        "{error}"
    );
}

#[test]
fn port_0_takes_free_ports_that_differ() {
    let ports = open_as_it_is(&[("HTTP_PORT", "0"), ("TARGET_PORT", "0")]).unwrap();

    let app_port = ports.app_port.unwrap();
    assert_ne!(app_port, 0);
    assert_ne!(app_port, http_port(&ports));
    assert_eq!(ports.target, TargetAddress::localhost(app_port));
    assert_eq!(ports.notices, []);
    assert_eq!(
        super::http(&all_places(&ports)),
        Some(format!(":{}", http_port(&ports)))
    );
    assert_eq!(super::bind(&all_places(&ports)), None);
}

#[test]
fn a_port_in_use_names_its_holder() {
    let (_other, port) = taken();

    let error = open_as_it_is(&[("HTTP_PORT", &port.to_string())]).unwrap_err();

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
fn addresses_without_a_port_share_the_one_of_http() {
    for (http_port, asked_for) in [("0", 0), ("7000", 7000)] {
        let config = Config::of(&[
            ("THRUSTER_BIND", "127.0.0.1, 127.0.0.2:7001, 127.0.0.3"),
            ("HTTP_PORT", http_port),
            ("TARGET_PORT", "0"),
        ]);

        let (ports, asked) = open_where(|_| true, &config, Environment::default());

        let first = ports.unwrap().listeners[0].place().port().unwrap();
        assert_eq!(asked, [asked_for, 7001, first]);
    }
}

#[test]
fn what_80_became_for_the_first_address_holds_for_all() {
    let config = Config::of(&[("THRUSTER_BIND", "127.0.0.1,127.0.0.2"), ("TARGET_PORT", "0")]);

    let (ports, asked) = open_where(unprivileged, &config, inherited("5000", false));

    let ports = ports.unwrap();
    assert_eq!(asked, [80, 5000, http_port(&ports)]);
    assert_eq!(ports.notices.len(), 1);
}

#[test]
fn every_address_that_is_named_is_bound_and_reached() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let bind = format!("127.0.0.1:0,unix:{},127.0.0.2:0", path.display());

    let ports = open_as_it_is(&[("THRUSTER_BIND", &bind), ("TARGET_PORT", "0")]).unwrap();

    for bound in &ports.listeners {
        match bound.place() {
            Place::Address(address) => drop(TcpStream::connect(address).unwrap()),
            Place::Unix(path) => drop(std::os::unix::net::UnixStream::connect(path).unwrap()),
            Place::Everywhere(port) => panic!("port {port} was not asked for"),
        }
    }
    assert_eq!(super::bind(&all_places(&ports)), Some(places(&ports).join(",")));
    assert_eq!(
        super::http(&all_places(&ports)),
        Some(format!(":{}", http_port(&ports)))
    );
    drop(ports);
    assert!(!path.exists());
}

#[test]
fn both_families_can_be_named_side_by_side() {
    if TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        return; // No IPv6 here.
    }
    let ports = open_as_it_is(&[
        ("THRUSTER_BIND", "0.0.0.0,::"),
        ("HTTP_PORT", "0"),
        ("TARGET_PORT", "0"),
    ])
    .unwrap();

    let port = http_port(&ports);

    assert_eq!(
        places(&ports),
        [format!("0.0.0.0:{port}"), format!("[::]:{port}")]
    );
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    TcpStream::connect((Ipv6Addr::LOCALHOST, port)).unwrap();
}

#[test]
fn an_address_that_fails_is_named_and_frees_the_others() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let (_other, port) = taken();

    for (address, says) in [
        (format!("127.0.0.1:{port}"), "address already in use"),
        ("192.0.2.1:0".to_owned(), "does not have that address"),
    ] {
        let bind = format!("unix:{},{address}", path.display());

        let error = open_as_it_is(&[("THRUSTER_BIND", &bind)]).unwrap_err();

        let text = error.to_string();
        assert!(text.contains(&address) && text.contains(says), "{text}");
        assert!(!path.exists());
    }
}

#[test]
fn a_late_start_has_the_address_and_does_not_listen_on_it() {
    let config = [
        ("THRUSTER_BOOT_MODE", "late"),
        ("THRUSTER_BIND", "127.0.0.1:0"),
        ("TARGET_PORT", "0"),
    ];
    let mut ports = open_as_it_is(&config).unwrap();
    let bound = ports.listeners.remove(0);
    let port = bound.place().port().unwrap();
    assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err());

    let listener = bound.listen().unwrap();

    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    drop(listener);
}

#[test]
fn a_late_start_that_comes_too_late_says_so() {
    let mut ports = open_as_it_is(&[("THRUSTER_BOOT_MODE", "late"), ("HTTP_PORT", "0")]).unwrap();
    let bound = ports.listeners.remove(0);
    let other = socket::bind(Wanted {
        address: Some(Ipv4Addr::LOCALHOST.into()),
        port: bound.place().port().unwrap(),
        only_v6: false,
    })
    .unwrap();
    other.listen(1).unwrap();

    let error = bound.listen().unwrap_err();

    assert!(matches!(error, PortError::InUse { .. }), "{error}");
}

#[test]
fn the_app_gets_its_usual_port_if_that_is_free_and_nobody_else_gets_it() {
    let usual = socket::free_port().unwrap();
    assert!(is_let_go(|| socket::is_free(usual)));
    let config = Config::of(&[]);
    let mut notices = Vec::new();

    let chosen = choose(&config, usual, &[], &mut notices).unwrap();

    assert_eq!(chosen.app_port, Some(usual));
    assert_eq!(notices, []);
    if cfg!(target_os = "linux") {
        let other = choose(&config, usual, &[], &mut notices).unwrap();
        assert_ne!(other.app_port, Some(usual));
        assert!(
            matches!(&notices[..], [Notice::TargetMoved { from, holder: Some(holder), .. }]
                if *from == usual && holder.pid == std::process::id()),
            "{notices:?}"
        );
    }
}

#[test]
fn the_apps_usual_port_is_left_to_whoever_has_it() {
    let (_other, taken) = taken();
    let mut notices = Vec::new();

    let chosen = choose(&Config::of(&[]), taken, &[], &mut notices).unwrap();

    let to = chosen.app_port.unwrap();
    assert_ne!(to, taken);
    assert_eq!(
        notices,
        [Notice::TargetMoved {
            from: taken,
            to,
            holder: holder::of(taken)
        }]
    );
}

#[test]
fn a_chosen_port_that_is_already_answered_is_kept_and_warned_about() {
    for (setting, before_the_port) in [("TARGET_PORT", ""), ("THRUSTER_TARGET", "http://127.0.0.1:")] {
        let (_other, port) = taken();
        let chosen = format!("{before_the_port}{port}");

        let ports = open_as_it_is(&[("HTTP_PORT", "0"), (setting, &chosen)]).unwrap();

        assert_eq!(ports.app_port, Some(port));
        assert_eq!(
            ports.notices,
            [Notice::TargetAnswered {
                port,
                holder: holder::of(port)
            }]
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_chosen_port_that_another_thrust_keeps_is_an_error_that_names_it() {
    let (port, _reservation) = free_target().unwrap();

    let error = open_as_it_is(&[("HTTP_PORT", "0"), ("TARGET_PORT", &port.to_string())]).unwrap_err();

    let ours = format!("(pid {})", std::process::id());
    assert!(error.to_string().contains(&ours), "{error}");
}

#[test]
fn an_app_on_another_machine_is_not_looked_after() {
    let (_other, port) = taken();
    let target = format!("http://192.0.2.1:{port}");

    let ports = open_as_it_is(&[("HTTP_PORT", "0"), ("THRUSTER_TARGET", &target)]).unwrap();

    assert_eq!(ports.target.to_string(), target);
    assert_eq!(ports.app_port, Some(port));
    assert_eq!(ports.notices, []);
    assert!(ports.reservation.is_none());
}

#[test]
fn an_app_on_a_socket_has_no_port() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app");
    let target = format!("unix:{}", path.display());
    let config = [("HTTP_PORT", "0"), ("THRUSTER_TARGET", target.as_str())];

    let ports = open_as_it_is(&config).unwrap();
    let _other = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let answered = open_as_it_is(&config).unwrap();

    assert_eq!((ports.app_port, ports.target.to_string()), (None, target));
    assert_eq!(ports.notices, []);
    assert!(matches!(
        answered.notices[..],
        [Notice::TargetSocketAnswered { .. }]
    ));
}

#[test]
fn the_app_cannot_have_the_place_we_listen_on() {
    let directory = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", directory.path().join("socket").display());
    let port = socket::free_port().unwrap().to_string();
    let (bind, target) = (format!("127.0.0.1:{port}"), format!("http://localhost:{port}"));

    for (config, says) in [
        ([("HTTP_PORT", "80"), ("TARGET_PORT", "80")], "port 80 is both"),
        (
            [("HTTP_PORT", &port), ("THRUSTER_TARGET", &target)],
            "is both where",
        ),
        (
            [("THRUSTER_BIND", &bind), ("TARGET_PORT", &port)],
            "is both where",
        ),
        (
            [("THRUSTER_BIND", &socket), ("THRUSTER_TARGET", &socket)],
            "is both where",
        ),
    ] {
        let error = open_as_it_is(&config).unwrap_err();

        assert!(error.to_string().contains(says), "{error}");
    }
}
