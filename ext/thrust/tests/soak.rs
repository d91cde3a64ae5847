//! The soak runs, and finds nothing in a few seconds.

#![cfg(target_os = "linux")]

mod support;

use std::process::Command;

use self::support::{THRUST, example};

#[test]
fn a_short_soak_finds_nothing() {
    let soak = Command::new(example("soak"))
        .arg(THRUST)
        .args(["--minutes", "0.1", "--seed", "1", "--workers", "8"])
        .output()
        .expect("the soak runs");

    let summary = String::from_utf8_lossy(&soak.stdout);
    let progress = String::from_utf8_lossy(&soak.stderr);
    assert!(soak.status.success(), "{summary}\n{progress}");
    for end in ["right", "502", "cut", "left"] {
        assert!(
            !summary.contains(&format!("| {end} | 0 |")),
            "none was {end}: {summary}"
        );
    }
}
