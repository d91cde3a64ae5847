//! Where a later generation runs: its directory, its Gemfile, its socket and its pid file.

mod support;

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::thread;

use rustix::process::Signal;
use tempfile::TempDir;

use self::support::{Launch, TestProxy, TestTarget, Wire, eventually, write_script};

#[test]
fn it_starts_where_the_name_of_our_directory_leads_by_now() {
    let site = Site::new();
    site.release("1");
    let proxy = site.start(says("$PWD $(pwd -P) $BUNDLE_GEMFILE"), |launch| {
        // As bundle exec sets it: the link is resolved.
        launch.env("BUNDLE_GEMFILE", site.path("releases/1/Gemfile"))
    });
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    site.release("2");
    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    let current = site.path("current");
    let seen = |release: &str, gemfile: &Path| {
        let physical = site.path("releases").join(release);
        format!(
            "{} {} {}",
            current.display(),
            physical.display(),
            gemfile.display()
        )
    };
    assert_eq!(
        proxy.said(),
        [
            seen("1", &site.path("releases/1/Gemfile")),
            seen("2", &current.join("Gemfile"))
        ]
    );
}

#[test]
fn it_starts_in_the_directory_that_is_set() {
    let site = Site::new();
    site.release("1");
    let proxy = site.start(says("$PWD"), |launch| {
        launch.env("THRUSTER_DIRECTORY", site.path("releases/2"))
    });
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    let failed = proxy.restart(&[]);
    site.release("2");
    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(failed.code(), Some(1));
    let missing = site.path("releases/2").display().to_string();
    assert!(failed.stderr.concat().contains(&missing), "{failed:?}");
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(
        proxy.said(),
        [site.path("current").display().to_string(), missing]
    );
}

#[test]
fn a_relative_command_is_the_one_of_the_new_directory() {
    let site = Site::new();
    for release in ["1", "2"] {
        site.release(release);
        fs::create_dir(site.path("current/bin")).unwrap();
        let script = says(&format!("release {release}"));
        write_script(&site.path("current/bin/app"), &script);
    }
    site.release("1");
    let proxy = site.launch(Launch::new(["bin/app"])).start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    site.release("2");
    let restart = proxy.begin_restart(&[]);
    let _second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.said(), ["release 1", "release 2"]);
}

#[test]
fn each_generation_has_a_socket_of_its_own_if_the_first_has_one() {
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("app.sock");
    let proxy = Launch::shell(r#"echo "said $THRUSTER_TARGET_SOCKET ${PORT-none}"; exec sleep 1000"#)
        .env("THRUSTER_TARGET", format!("unix:{}", socket.display()))
        .env("PORT", "4000")
        .start();
    let first = PathBuf::from(proxy.socket(1));
    serve(&first, "first").unwrap();
    assert_eq!(proxy.connect().get("/").text(), "first");

    for generation in 2..4 {
        let restart = proxy.begin_restart(&[]);
        let own = PathBuf::from(proxy.socket(generation));
        serve(&own, "later").unwrap();

        assert_eq!(restart.wait_exit().code(), Some(0));
        assert_eq!(proxy.connect().get("/").text(), "later");
        assert_eq!(own, directory.path().join(format!("app.sock.{generation}")));
    }
    assert_eq!(first, socket);
}

#[test]
fn a_relative_socket_is_in_our_directory_wherever_the_app_starts() {
    let site = Site::new();
    site.release("1");
    let current = site.path("current");
    let proxy = Launch::shell(r#"echo "said $THRUSTER_TARGET_SOCKET none"; exec sleep 1000"#)
        .env("THRUSTER_TARGET", "unix:app.sock")
        .env("PWD", &current)
        .through(["env".as_ref(), "-C".as_ref(), current.as_os_str()])
        .start();
    let first = site.path("releases/1/app.sock");
    serve(&first, "first").unwrap();
    assert_eq!(proxy.connect().get("/").text(), "first");

    site.release("2");
    let restart = proxy.begin_restart(&[]);
    let own = PathBuf::from(proxy.socket(2));
    let served = serve(&own, "second");

    assert!(own.is_absolute() && served.is_ok(), "{own:?}");
    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.connect().get("/").text(), "second");
}

#[test]
fn the_first_pid_file_holds_the_pid_of_whoever_serves() {
    let site = Site::new();
    site.release("1");
    // As Puma does: refuses to start where another runs, and deletes the path whoever's pid is in it.
    let server = r#"file=${PIDFILE:-tmp/pids/server.pid}; mkdir -p tmp/pids
        test ! -e "$file" || { echo "A server is already running"; exit 1; }
        trap 'rm -f "$file"; exit 0' TERM
        echo $$ >"$file"; echo "said $$"; echo "app on $PORT"; while :; do sleep 0.01; done"#;
    let proxy = site.start(server, |launch| launch);
    let _first = TestTarget::saying(proxy.app_port(1), "first");
    let file = site.path("releases/1/tmp/pids/server.pid");
    assert_eq!(pid_in(&file), Some(proxy.said()[0].clone()));

    let mut apps = Vec::new();
    for generation in 2..4 {
        let restart = proxy.begin_restart(&[]);
        apps.push(TestTarget::saying(proxy.app_port(generation), "next"));
        assert_eq!(restart.wait_exit().code(), Some(0));
        proxy.wait_for_logs("Old generation ended", generation - 1);

        let serves = proxy.said()[generation - 1].clone();
        eventually("the pid of the one that serves", || {
            (pid_in(&file).as_ref() == Some(&serves)).then_some(())
        });
    }
    proxy.signal(Signal::TERM);
    assert_eq!(proxy.wait_exit().code(), Some(0));

    assert!(!file.exists(), "{:?}", pid_in(&file));
    let left: Vec<_> = fs::read_dir(file.parent().unwrap()).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn an_app_on_an_address_of_this_machine_gets_another_port_there() {
    let proxy = Launch::shell(r#"echo "app on $PORT"; exec sleep 1000"#)
        .env(
            "THRUSTER_TARGET",
            format!("http://127.0.0.1:{}", support::free_port()),
        )
        .start();
    let _first = TestTarget::saying(proxy.app_port(1), "first");

    let restart = proxy.begin_restart(&[]);
    let second = TestTarget::saying(proxy.app_port(2), "second");

    assert_eq!(restart.wait_exit().code(), Some(0));
    assert_eq!(proxy.connect().get("/").text(), "second");
    assert_eq!(proxy.status()["target"], format!("127.0.0.1:{}", second.port()));
}

/// A shell that says this and that it waits for its app.
fn says(what: &str) -> String {
    format!(r#"echo "said {what}"; echo "app on $PORT"; exec sleep 1000"#)
}

/// Directories as Capistrano makes them.
struct Site(TempDir);

impl Site {
    fn new() -> Self {
        let site = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(site.path("releases")).expect("the directory is ours");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        // Without links of the system's own, such as the one that /tmp may be.
        self.0
            .path()
            .canonicalize()
            .expect("the directory is ours")
            .join(name)
    }

    /// Makes a release, if it is not there, and the link to it.
    fn release(&self, name: &str) {
        let release = self.path("releases").join(name);
        fs::create_dir_all(&release).expect("the directory is ours");
        fs::write(release.join("Gemfile"), "").expect("the directory is ours");
        let link = self.path("next");
        symlink(release, &link).expect("the directory is ours");
        fs::rename(link, self.path("current")).expect("the directory is ours");
    }

    /// A proxy that was started in `current`.
    fn start(&self, script: impl AsRef<str>, configure: impl FnOnce(Launch) -> Launch) -> TestProxy {
        self.launch(configure(Launch::shell(script.as_ref()))).start()
    }

    fn launch(&self, launch: Launch) -> Launch {
        let current = self.path("current");
        launch
            .env("THRUSTER_TARGET_PORT", "0")
            .env("PWD", &current)
            .through(["env".as_ref(), "-C".as_ref(), current.as_os_str()])
    }
}

/// What the generations have said so far.
trait Said {
    fn said(&self) -> Vec<String>;

    /// The socket on which this generation is awaited, once its process runs.
    fn socket(&self, generation: usize) -> String;
}

impl Said for TestProxy {
    fn said(&self) -> Vec<String> {
        let lines = self.lines();
        let said = lines.iter().filter_map(|line| line.strip_prefix("said "));
        said.map(str::to_owned).collect()
    }

    fn socket(&self, generation: usize) -> String {
        eventually("a socket's path", || {
            let said = self.said().get(generation - 1)?.clone();
            Some(said.strip_suffix(" none").expect("it has no PORT").to_owned())
        })
    }
}

/// Answers every request on this socket with `text`, one on a connection.
fn serve(path: &Path, text: &'static str) -> io::Result<()> {
    let listener = UnixListener::bind(path)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || {
                let mut wire = Wire::over_unix(stream);
                while wire.wait_for_more() && wire.read_message().is_some() {
                    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
                    if wire.try_send(answer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    Ok(())
}

fn pid_in(file: &Path) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    text.strip_suffix('\n').map(str::to_owned)
}
