//! Decides which file a command names, and why that file cannot be run.
//!
//! A name without a slash is looked up in `PATH`, a name with one is a path as it is. What only a relative directory
//! of `PATH` offers is refused: `PATH=.` must not run whatever the working directory holds. A relative path is one as
//! seen from the directory that the program will run in.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::StartFault;

/// How much of a script the system looks at for its first line.
const FIRST_LINE: u64 = 256;

/// The file that `program` means in `directory`, `None` being ours, given the value of `PATH`.
///
/// # Errors
///
/// The fault of the directory or of the file that was meant; a file in `PATH` that may not be run counts only if no
/// other is found.
pub(super) fn find(
    program: &OsStr,
    path: Option<&OsStr>,
    directory: Option<&Path>,
) -> Result<PathBuf, StartFault> {
    if program.is_empty() {
        return Err(StartFault::Empty);
    }
    directory.map_or(Ok(()), check_directory)?;
    let check = |file: PathBuf| check(&seen_from(directory, &file)).map(|()| file);
    if program.as_bytes().contains(&b'/') {
        return check(PathBuf::from(program));
    }
    let path = path.unwrap_or_default();
    let mut forbidden = None;
    for searched in env::split_paths(path) {
        match check(searched.join(program)) {
            Ok(found) if searched.is_absolute() => return Ok(found),
            Ok(found) => {
                return Err(StartFault::RelativePath {
                    program: program.into(),
                    found: absolute(&seen_from(directory, &found)),
                });
            }
            Err(fault @ StartFault::NotExecutable { .. }) => forbidden = forbidden.or(Some(fault)),
            Err(_) => {}
        }
    }
    Err(forbidden.unwrap_or_else(|| StartFault::NotInPath {
        program: program.into(),
        path: path.into(),
    }))
}

/// Names the reason why the system did not run `file` in `directory`, which [`find`] had found in order.
pub(super) fn why_not_started(file: &Path, directory: Option<&Path>, source: io::Error) -> StartFault {
    let file = seen_from(directory, file);
    // The file is there, so what does not exist is the program that its first line names.
    if source.kind() == io::ErrorKind::NotFound
        && let Some(interpreter) = interpreter(&file)
    {
        return StartFault::NoInterpreter { file, interpreter };
    }
    StartFault::Refused { file, source }
}

/// Whether a program can be started in `directory`.
fn check_directory(directory: &Path) -> Result<(), StartFault> {
    // Its entry for itself can only be reached where it is a directory that we may enter.
    match fs::metadata(directory.join(".")) {
        Ok(_) => Ok(()),
        Err(source) => Err(StartFault::WorkingDirectory {
            directory: directory.into(),
            source,
        }),
    }
}

fn check(file: &Path) -> Result<(), StartFault> {
    match fs::metadata(file) {
        Ok(metadata) if metadata.is_dir() => Err(StartFault::Directory { file: file.into() }),
        Ok(_) if access(file, Access::EXEC_OK).is_err() => {
            Err(StartFault::NotExecutable { file: file.into() })
        }
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(StartFault::Missing { file: absolute(file) })
        }
        Err(source) => Err(StartFault::Unreachable {
            file: file.into(),
            source,
        }),
    }
}

/// The path as we have to write it for what is `file` in `directory`.
fn seen_from(directory: Option<&Path>, file: &Path) -> PathBuf {
    directory.map_or_else(|| file.into(), |directory| directory.join(file))
}

/// The path seen from the root, for a message; as it was where the working directory is gone.
fn absolute(file: &Path) -> PathBuf {
    std::path::absolute(file).unwrap_or_else(|_| file.into())
}

/// The program after `#!`, with a carriage return that an editor left at the end of the line.
fn interpreter(script: &Path) -> Option<String> {
    let mut start = Vec::new();
    File::open(script)
        .ok()?
        .take(FIRST_LINE)
        .read_to_end(&mut start)
        .ok()?;
    let line = start.strip_prefix(b"#!")?.split(|&byte| byte == b'\n').next()?;
    let line = line.trim_ascii_start();
    let word = line.split(|byte| matches!(byte, b' ' | b'\t')).next()?;
    Some(String::from_utf8_lossy(word).into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn a_name_is_looked_up_in_the_directories_of_path_in_order() {
        let (first, second) = (directory_with("other", 0o755), directory_with("app", 0o755));

        let found = find("app".as_ref(), Some(&path_of(&[&first, &second])), None).unwrap();

        assert_eq!(found, second.path().join("app"));
    }

    #[test]
    fn a_name_with_a_slash_is_never_looked_up() {
        let directory = directory_with("app", 0o755);

        let fault = find("./app".as_ref(), Some(directory.path().as_os_str()), None).unwrap_err();

        assert!(
            matches!(fault, StartFault::Missing { file } if file == env::current_dir().unwrap().join("app"))
        );
    }

    #[test]
    fn a_file_that_may_not_be_run_gives_way_to_one_later_in_path() {
        let (first, second) = (directory_with("app", 0o644), directory_with("app", 0o755));

        let found = find("app".as_ref(), Some(&path_of(&[&first, &second])), None).unwrap();
        let fault = find("app".as_ref(), Some(&path_of(&[&first])), None).unwrap_err();

        assert_eq!(found, second.path().join("app"));
        assert!(matches!(fault, StartFault::NotExecutable { file } if file == first.path().join("app")));
    }

    #[test]
    fn a_hit_in_a_relative_directory_of_path_is_refused() {
        let directory = directory_with("app", 0o755);
        let relative = relative_to_working_directory(directory.path());

        let fault = find("app".as_ref(), Some(relative.as_os_str()), None).unwrap_err();

        assert!(matches!(fault, StartFault::RelativePath { found, .. } if found.is_absolute()));
    }

    #[test]
    fn a_name_that_is_nowhere_says_where_it_was_looked_for() {
        let without_path = find("app".as_ref(), None, None).unwrap_err();
        let fault = find("nosuchcmd".as_ref(), Some("/nowhere:/usr/nowhere".as_ref()), None).unwrap_err();

        assert!(matches!(without_path, StartFault::NotInPath { path, .. } if path.is_empty()));
        assert!(fault.to_string().contains("/nowhere:/usr/nowhere"), "{fault}");
    }

    #[test]
    fn a_directory_and_an_empty_word_are_no_programs() {
        assert!(matches!(
            find("/usr/".as_ref(), None, None),
            Err(StartFault::Directory { .. })
        ));
        assert!(matches!(find("".as_ref(), None, None), Err(StartFault::Empty)));
    }

    #[test]
    fn a_script_without_its_interpreter_is_told_from_other_failures() {
        let directory = directory_with("app", 0o755);
        let script = directory.path().join("app");
        fs::write(&script, "#! /no/such/ruby\r -w\nputs 1\n").unwrap();

        let missing = why_not_started(&script, None, io::ErrorKind::NotFound.into());
        let refused = why_not_started(&script, None, io::ErrorKind::PermissionDenied.into());

        assert!(
            matches!(missing, StartFault::NoInterpreter { interpreter, .. } if interpreter == "/no/such/ruby\r")
        );
        assert!(matches!(refused, StartFault::Refused { .. }));
    }

    #[test]
    fn a_relative_path_is_looked_for_in_the_directory_to_run_in_and_kept_as_typed() {
        let directory = directory_with("app", 0o755);

        let found = find("./app".as_ref(), None, Some(directory.path())).unwrap();
        let fault = find("./other".as_ref(), None, Some(directory.path())).unwrap_err();

        assert_eq!(found, Path::new("./app"));
        assert!(matches!(fault, StartFault::Missing { file } if file == directory.path().join("other")));
    }

    #[test]
    fn a_directory_that_cannot_be_entered_is_named() {
        let directory = directory_with("app", 0o755);

        for (name, kind) in [
            ("gone", io::ErrorKind::NotFound),
            ("app", io::ErrorKind::NotADirectory),
        ] {
            let nowhere = directory.path().join(name);
            let fault = find("/bin/sh".as_ref(), None, Some(&nowhere)).unwrap_err();

            assert!(
                matches!(&fault, StartFault::WorkingDirectory { directory, source }
                    if *directory == nowhere && source.kind() == kind),
                "{fault:?}"
            );
        }
    }

    fn directory_with(program: &str, mode: u32) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(program);
        fs::write(&file, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        directory
    }

    fn path_of(directories: &[&TempDir]) -> std::ffi::OsString {
        env::join_paths(directories.iter().map(|directory| directory.path())).unwrap()
    }

    fn relative_to_working_directory(directory: &Path) -> PathBuf {
        let up = env::current_dir()
            .unwrap()
            .components()
            .skip(1)
            .map(|_| "..")
            .collect::<PathBuf>();
        up.join(directory.strip_prefix("/").unwrap())
    }
}
