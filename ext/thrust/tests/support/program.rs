//! `thrust` run to its end with an environment of the test's own: for what it prints, and with which status.

use super::Launch;

/// How a run ended, and what it said.
#[derive(Debug)]
pub(crate) struct Output {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs `thrust` with these arguments, these variables and an empty stdin; nothing else configures it.
pub(crate) fn thrust(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let launch = environment
        .iter()
        .fold(Launch::bare(arguments), |launch, (name, value)| {
            launch.env(name, value)
        });
    let ended = launch.run();
    Output {
        code: ended.code().expect("thrust exits by itself"),
        stdout: text(&ended.stdout),
        stderr: text(&ended.stderr),
    }
}

fn text(lines: &[String]) -> String {
    lines.iter().flat_map(|line| [line, "\n"]).collect()
}
