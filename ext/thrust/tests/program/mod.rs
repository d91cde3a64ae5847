//! Runs `thrust` to its end with an environment of the test's own.

use std::process::{Command, Stdio};

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `thrust` with these arguments and nothing in the environment but PATH and these variables.
pub(crate) fn thrust(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_thrust"))
        .args(arguments)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .envs(environment.iter().copied())
        .stdin(Stdio::null())
        .output()
        .expect("thrust was built");
    let text = |bytes| String::from_utf8(bytes).expect("thrust writes text");
    Output {
        code: output.status.code().expect("thrust exits by itself"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
