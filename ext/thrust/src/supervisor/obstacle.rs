//! What keeps a second generation from running beside the first: a port, a socket or a pid file that is written down.

use std::env;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::process::Command;

/// Servers whose options we know.
const SERVERS: [&str; 3] = ["rails", "puma", "rackup"];

/// Something that only one process can have, and that is written down where PORT should be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    /// Where it is written: the command, or a file and its line.
    place: String,
    /// As it is written.
    text: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Port,
    Socket,
    PidFile,
}

impl fmt::Display for Obstacle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, text, what } = self;
        let (what, instead) = match what {
            What::Port => ("the port", "leave it out: the app is to listen on ENV[\"PORT\"]"),
            What::Socket => (
                "the socket",
                "leave it out, or with THRUSTER_TARGET=unix:… bind ENV[\"THRUSTER_TARGET_SOCKET\"]",
            ),
            What::PidFile => ("the pid file", "leave it out: ENV[\"PIDFILE\"] says where"),
        };
        write!(
            formatter,
            "{place} fixes {what} (`{text}`), which two generations cannot share; {instead}"
        )
    }
}

/// What the command line itself fixes.
pub(super) fn in_command(command: &Command) -> Option<Obstacle> {
    let words = [&command.program].into_iter().chain(&command.arguments);
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    let is_server = |word: &str| {
        let name = Path::new(word).file_name().and_then(OsStr::to_str);
        name.is_some_and(|name| SERVERS.contains(&name))
    };
    let server = words.iter().position(|word| is_server(word))?;
    let words = &words[server + 1..];
    words.iter().enumerate().find_map(|(index, word)| {
        let next = words.get(index + 1).map(AsRef::as_ref);
        let (what, text) = option(word, next)?;
        let place = "the command".to_owned();
        Some(Obstacle { place, text, what })
    })
}

/// What an option fixes, and how that is written; `next` is the word after it.
fn option(word: &str, next: Option<&str>) -> Option<(What, String)> {
    let value = |names: &[&str]| {
        names.iter().find_map(|name| {
            if word == *name {
                return next.map(|value| (value.to_owned(), format!("{word} {value}")));
            }
            let value = word.strip_prefix(name)?;
            let value = if name.starts_with("--") {
                value.strip_prefix('=')?
            } else {
                value
            };
            Some((value.to_owned(), word.to_owned()))
        })
    };
    if let Some((_, text)) = value(&["-P", "--pid", "--pidfile"]) {
        return Some((What::PidFile, text));
    }
    if let Some((port, text)) = value(&["-p", "--port"])
        && !port.is_empty()
        && port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Some((What::Port, text));
    }
    let (address, text) = value(&["-b", "--bind"])?;
    Some((address_kind(&address)?, text))
}

/// What Puma's configuration in `directory` fixes. A guess from its text, for after a failure.
pub(super) fn in_puma_config(directory: &Path) -> Option<Obstacle> {
    let environment = env::var("RAILS_ENV").or_else(|_| env::var("RACK_ENV"));
    let environment = environment.unwrap_or_else(|_| "development".to_owned());
    let files = [
        PathBuf::from("config/puma.rb"),
        PathBuf::from("config/puma").join(format!("{environment}.rb")),
    ];
    files.iter().find_map(|file| {
        let text = fs::read_to_string(directory.join(file)).ok()?;
        text.lines().enumerate().find_map(|(index, line)| {
            Some(Obstacle {
                place: format!("{}:{}", file.display(), index + 1),
                text: line.trim().to_owned(),
                what: line_kind(line)?,
            })
        })
    })
}

fn line_kind(line: &str) -> Option<What> {
    let line = line.trim();
    // Only sometimes is not fixed.
    if line.contains(" if ") || line.contains(" unless ") || line.contains("ENV") {
        return None;
    }
    let argument = |word: &str| {
        let rest = line.strip_prefix(word)?;
        let rest = rest.strip_prefix(|first: char| first == '(' || first.is_ascii_whitespace())?;
        Some(rest.trim_start().trim_start_matches(['"', '\'']).to_owned())
    };
    if let Some(port) = argument("port") {
        return port
            .starts_with(|first: char| first.is_ascii_digit())
            .then_some(What::Port);
    }
    address_kind(&argument("bind")?)
}

/// What an address of Puma's fixes; Rails' `-b` takes a host, which fixes nothing.
fn address_kind(address: &str) -> Option<What> {
    if address.starts_with("unix://") {
        Some(What::Socket)
    } else if (address.starts_with("tcp://") || address.starts_with("ssl://"))
        && !address.contains("#{")
        && !address.trim_end_matches(['"', '\'', ')']).ends_with(":0")
    {
        Some(What::Port)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn obstacle(words: &str) -> Option<String> {
        let words: Vec<_> = words.split(' ').map(Into::into).collect();
        in_command(&Command::from(words)).map(|obstacle| obstacle.text)
    }

    #[test]
    fn options_of_servers_that_only_one_process_can_have_are_named() {
        for (words, text) in [
            ("bin/rails server -P tmp/x.pid", "-P tmp/x.pid"),
            ("bin/rails s --pid=tmp/x.pid", "--pid=tmp/x.pid"),
            ("bundle exec puma -p 3000", "-p 3000"),
            ("bundle exec puma -p3000", "-p3000"),
            ("puma --port 3000", "--port 3000"),
            ("puma -b tcp://0.0.0.0:3000", "-b tcp://0.0.0.0:3000"),
            ("puma -b unix:///run/app.sock", "-b unix:///run/app.sock"),
        ] {
            assert_eq!(obstacle(words).as_deref(), Some(text), "{words}");
        }
    }

    #[test]
    fn what_leaves_room_for_a_second_one_is_no_obstacle() {
        for words in [
            "bin/rails server",
            "bin/rails server -b 0.0.0.0 -e production",
            "puma -C config/puma.rb -w 2",
            "sh -c puma_-p_3000",
            "node server.js -p 3000",
        ] {
            assert_eq!(obstacle(words), None, "{words}");
        }
    }

    #[test]
    fn lines_of_pumas_configuration_that_fix_something_are_found() {
        for (line, what) in [
            ("port 3000", Some(What::Port)),
            ("  port(3000)", Some(What::Port)),
            ("port \"3000\"", Some(What::Port)),
            ("bind 'tcp://127.0.0.1:9292'", Some(What::Port)),
            ("bind \"unix:///run/app.sock\"", Some(What::Socket)),
            ("port ENV.fetch(\"PORT\", 3000)", None),
            ("port 3000 if development?", None),
            ("bind \"tcp://0.0.0.0:#{port}\"", None),
            ("# port 3000", None),
            ("portal 3000", None),
            ("threads 3, 3", None),
        ] {
            assert_eq!(line_kind(line), what, "{line}");
        }
    }

    #[test]
    fn the_file_and_the_line_are_named() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("config")).unwrap();
        fs::write(
            directory.path().join("config/puma.rb"),
            "threads 3, 3\nport 4000\n",
        )
        .unwrap();

        let obstacle = in_puma_config(directory.path()).unwrap();

        let text = obstacle.to_string();
        assert!(
            text.starts_with("config/puma.rb:2 fixes the port (`port 4000`)"),
            "{text}"
        );
    }
}
