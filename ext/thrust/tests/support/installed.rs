//! A thrust as it is installed: a launcher that leads to one of several binaries, and a runtime directory of its own.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{Launch, TestProxy, TestTarget, bench_app, eventually, write_script};

/// The binary under test.
pub(crate) const THRUST: &str = env!("CARGO_BIN_EXE_thrust");

/// Where a thrust of a test's own runs; goes away with this.
pub(crate) struct Installed(tempfile::TempDir);

impl Installed {
    /// The launcher leads to the binary under test.
    pub(crate) fn new() -> Self {
        let installed = Self(tempfile::tempdir().expect("a temporary directory"));
        fs::create_dir(installed.runtime()).expect("the directory is ours");
        fs::set_permissions(installed.runtime(), Permissions::from_mode(0o700))
            .expect("the directory is ours");
        installed.launch(Path::new(THRUST));
        installed
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn runtime(&self) -> PathBuf {
        self.path().join("run")
    }

    pub(crate) fn launcher(&self) -> PathBuf {
        self.path().join("launcher")
    }

    /// From now on the launcher leads to this binary.
    pub(crate) fn launch(&self, binary: &Path) {
        write_script(&self.launcher(), &format!("exec {} \"$@\"", binary.display()));
    }

    /// The same program elsewhere.
    pub(crate) fn new_binary(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        if fs::hard_link(THRUST, &path).is_err() {
            fs::copy(THRUST, &path).expect("the directory is ours");
        }
        path
    }

    /// Wraps this command.
    pub(crate) fn wrap<W: AsRef<OsStr>>(&self, words: impl IntoIterator<Item = W>) -> Launch {
        self.settle(Launch::new(words))
    }

    /// Wraps a process that does nothing, before an app that the test plays itself.
    pub(crate) fn before(&self, target: &TestTarget) -> Launch {
        self.settle(Launch::before(target))
    }

    /// Wraps an app that serves and can have several generations.
    pub(crate) fn app(&self) -> Launch {
        self.wrap([bench_app()]).env("THRUSTER_HEALTH_PATH", "/1k")
    }

    /// Wraps a script beside an app that serves, whose pid it knows as `$app`.
    pub(crate) fn shell(&self, script: &str) -> Launch {
        let script = format!("{} & app=$!; {script}", bench_app().display());
        self.settle(Launch::shell(&script))
    }

    /// Waits until the app is ready, and returns the status.
    pub(crate) fn ready(&self, proxy: &TestProxy) -> Value {
        eventually("the app is ready", || {
            (proxy.connect().get("/ready").status() == 200).then_some(())
        });
        proxy.status()
    }

    fn settle(&self, launch: Launch) -> Launch {
        launch
            .env("RUNTIME_DIRECTORY", self.runtime())
            .env("THRUSTER_LAUNCHER", self.launcher())
            .env("THRUSTER_READY_PATH", "/ready")
    }
}
