//! What cargo-fuzz runs: each target takes any bytes, has our code read them, and panics where two readings differ.
//!
//! Only tests and builds for fuzzing have this module (`--cfg fuzzing`, which cargo-fuzz sets); a test runs every
//! committed seed through its target. How to run them: `fuzz/README.md`.

mod chunks;
mod forwarded;
mod heads;
mod pieces;
mod plain;
mod settings;

pub use chunks::chunks;
pub use forwarded::forwarded;
pub use heads::{request_heads, response_heads};
pub use settings::settings;

/// A target: panics if it finds something.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also that of its file in `fuzz/fuzz_targets` and its directory in `fuzz/seeds`.
pub const TARGETS: [(&str, Target); 5] = [
    ("request_heads", request_heads),
    ("response_heads", response_heads),
    ("chunks", chunks),
    ("forwarded", forwarded),
    ("settings", settings),
];

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn no_target_finds_anything_in_its_seeds() {
        for (name, target) in TARGETS {
            let seeds = files(&directory("seeds").join(name));
            assert!(!seeds.is_empty(), "{name} has no seeds");

            for seed in seeds {
                let input = fs::read(&seed).unwrap();
                // What is printed before a panic is shown with it.
                eprintln!("{name}: {}", seed.display());
                target(&input);
            }
        }
    }

    #[test]
    fn every_target_is_a_program_of_its_own_and_every_program_a_target() {
        let mut programs: Vec<_> = files(&directory("fuzz_targets"))
            .iter()
            .map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned())
            .collect();
        programs.sort();

        let mut names = TARGETS.map(|(name, _)| name);
        names.sort_unstable();
        assert_eq!(programs, names);
    }

    fn directory(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
    }

    fn files(directory: &Path) -> Vec<PathBuf> {
        let entries =
            fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}
