//! The grammar, one promise a test.

use std::os::unix::ffi::OsStringExt;

use thrust_api::settings::{HTTP_IDLE_TIMEOUT, HTTP_PORT, LOG_REQUESTS, TABLE};

use super::*;

fn parse_line(line: &[&str]) -> Result<Request, CliError> {
    let arguments = std::iter::once("thrust")
        .chain(line.iter().copied())
        .map(OsString::from)
        .collect();
    parse(arguments, None)
}

fn wrapped(line: &[&str]) -> (Vec<(&'static str, String)>, Vec<String>) {
    match parse_line(line) {
        Ok(Request::Wrap { options, command }) => {
            let text = |word: OsString| word.into_string().unwrap();
            let options = options
                .into_iter()
                .map(|(setting, value)| (setting.name, text(value)))
                .collect();
            (options, command.into_iter().map(text).collect())
        }
        other => panic!("{line:?}: {other:?}"),
    }
}

fn fault(line: &[&str]) -> String {
    parse_line(line).unwrap_err().to_string()
}

pub(super) fn printed(line: &[&str]) -> String {
    match parse_line(line) {
        Ok(Request::Print(text)) => text,
        other => panic!("{line:?}: {other:?}"),
    }
}

#[test]
fn the_command_and_everything_after_it_pass_untouched() {
    for line in [
        &["bin/rails", "server", "-p", "3000"][..],
        &["sh", "-c", "exit 3", "--", "x"],
        &["echo", "--http-port", "1", "--help", "--version", "--"],
        &["echo", "", "-"],
        &[""],
    ] {
        assert_eq!(
            wrapped(line),
            (Vec::new(), line.iter().map(ToString::to_string).collect())
        );
    }
}

#[test]
fn words_that_are_not_text_pass_untouched() {
    let word = OsString::from_vec(vec![b'x', 0xff]);

    let request = parse(vec!["thrust".into(), "echo".into(), word.clone()], None);

    assert!(matches!(request, Ok(Request::Wrap { command, .. }) if command[1] == word));
}

#[test]
fn options_before_the_command_are_settings() {
    let (options, command) = wrapped(&[
        "--http-port",
        "8080",
        "--threads=2",
        "--http-idle-timeout",
        "-1",
        "bin/rails",
        "server",
    ]);

    assert_eq!(
        options,
        [
            (HTTP_PORT.name, "8080".to_owned()),
            (HTTP_IDLE_TIMEOUT.name, "-1".to_owned()),
            ("THREADS", "2".to_owned())
        ]
    );
    assert_eq!(command, ["bin/rails", "server"]);
}

#[test]
fn a_switch_alone_is_on_and_takes_its_value_after_an_equals_sign() {
    assert_eq!(
        wrapped(&["--log-requests", "puma"]).0,
        [(LOG_REQUESTS.name, "on".to_owned())]
    );
    assert_eq!(
        wrapped(&["--log-requests=false", "puma"]).0,
        [(LOG_REQUESTS.name, "false".to_owned())]
    );
}

#[test]
fn a_switch_with_its_value_as_a_word_of_its_own_is_pointed_out() {
    assert_eq!(
        fault(&["--log-requests", "off", "puma"]),
        "a switch takes its value after an equals sign: --log-requests=off (to run off: --log-requests -- off)"
    );
    assert_eq!(wrapped(&["--debug", "--", "true"]).1, ["true"]);
    assert_eq!(wrapped(&["--threads", "1", "true"]).1, ["true"]);
}

#[test]
fn every_setting_that_is_built_is_an_option_and_no_other() {
    for setting in TABLE {
        let line = [format!("--{}=x", setting.option()), "puma".to_owned()];
        let line: Vec<_> = line.iter().map(String::as_str).collect();

        assert_eq!(parse_line(&line).is_ok(), setting.is_built(), "{line:?}");
        assert_eq!(
            printed(&["--help"]).contains(&format!("--{}", setting.option())),
            setting.is_built(),
            "{line:?}"
        );
    }
}

#[test]
fn no_command_gets_the_usage() {
    for line in [&[][..], &["--"], &["--http-port", "80"]] {
        let fault = fault(line);

        assert!(fault.starts_with("there is no COMMAND to run"), "{fault}");
        assert!(fault.contains("Usage: thrust [OPTIONS] COMMAND"), "{fault}");
    }
}

#[test]
fn mistakes_are_explained_in_our_words() {
    assert_eq!(
        fault(&["--htp-port", "80", "x"]),
        "there is no option --htp-port; did you mean --http-port?"
    );
    assert_eq!(
        fault(&["--quux", "x"]),
        "there is no option --quux; `thrust --help` lists those there are"
    );
    assert_eq!(
        fault(&["-x", "y"]),
        "there is no option -x; `thrust --help` lists those there are"
    );
    assert_eq!(fault(&["--http-port"]), "--http-port <PORT> needs a value");
    assert_eq!(
        fault(&["--threads=1", "--threads=2", "x"]),
        "--threads <NUMBER> is given more than once"
    );
}

#[test]
fn a_reserved_word_that_is_not_built_says_so() {
    for word in ["proxy", "cache", "certs"] {
        let expected = format!("`thrust {word}` is not part of this version yet");

        assert_eq!(fault(&[word]), expected);
        assert_eq!(fault(&[word, "--anything", "else"]), expected);
        assert_eq!(fault(&["help", word]), expected);
    }
}

#[test]
fn a_path_is_never_reserved_and_after_two_dashes_no_word_is() {
    for line in [&["./restart"][..], &["bin/config"], &["/usr/bin/help"]] {
        assert_eq!(wrapped(line).1, line);
    }
    assert_eq!(wrapped(&["--", "restart", "now"]).1, ["restart", "now"]);
    assert_eq!(wrapped(&["--threads=1", "--", "config"]).1, ["config"]);
    assert_eq!(wrapped(&["--", "-x", "--help"]).1, ["-x", "--help"]);
    assert_eq!(wrapped(&["--", "--", "x"]).1, ["--", "x"]);
}

#[test]
fn a_program_of_a_reserved_name_is_offered() {
    let directory = tempfile::tempdir().unwrap();
    let program = directory.path().join("certs");
    std::fs::write(&program, "").unwrap();
    let path = std::env::join_paths(["relative".into(), directory.path().to_owned()]).unwrap();
    let fault = || {
        parse(vec!["thrust".into(), "certs".into()], Some(&path))
            .unwrap_err()
            .to_string()
    };

    assert_eq!(fault(), "`thrust certs` is not part of this version yet");

    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        fault(),
        format!(
            "`thrust certs` is not part of this version yet; to run {}, write `thrust -- certs`",
            program.display()
        )
    );
}

#[test]
fn config_takes_options_before_it_and_json_after_it() {
    let request = parse_line(&["--http-port=81", "config", "--json"]).unwrap();

    assert!(matches!(request, Request::ShowConfig { options, json: true, .. } if options.len() == 1));
    assert!(matches!(
        parse_line(&["config"]),
        Ok(Request::ShowConfig { json: false, .. })
    ));
    assert_eq!(
        fault(&["config", "--yaml"]),
        "there is no option --yaml; `thrust --help` lists those there are"
    );
}

#[test]
fn status_and_restart_take_the_thrust_that_is_meant() {
    assert!(matches!(
        parse_line(&["status"]),
        Ok(Request::Status {
            json: false,
            pid: None
        })
    ));
    assert!(matches!(
        parse_line(&["status", "--pid", "7", "--json"]),
        Ok(Request::Status {
            json: true,
            pid: Some(7)
        })
    ));
    assert!(matches!(
        parse_line(&["restart"]),
        Ok(Request::Restart {
            what: restart::What::App,
            timeout: None,
            pid: None
        })
    ));
    let limit = Some(Duration::from_secs(90));
    assert!(matches!(
        parse_line(&["restart", "--self", "--timeout=1m30s", "--pid=7"]),
        Ok(Request::Restart {
            what: restart::What::Thrust,
            timeout,
            pid: Some(7)
        }) if timeout == limit
    ));
}

#[test]
fn mistakes_after_a_word_are_explained() {
    for pid in ["0", "-1", "x", "99999999999"] {
        let fault = fault(&["status", &format!("--pid={pid}")]);

        assert!(fault.contains("--pid"), "{fault}");
        assert_eq!(fault.lines().count(), 1, "{fault}");
    }
    assert_eq!(
        fault(&["restart", "--timeout", "0"]),
        "--timeout is \"0\"; a time is a number of seconds, or a number with a unit such as 30s or 2m, above 0 \
         and at most 365 days"
    );
    assert_eq!(
        fault(&["status", "--jsno"]),
        "there is no option --jsno; did you mean --json?"
    );
    assert_eq!(
        fault(&["--http-port=81", "status"]),
        "`thrust status` takes no settings, and --http-port is one"
    );
    assert_eq!(
        fault(&["status", "web"]),
        "nothing is known of \"web\" in this place; `thrust help WORD` tells what a word takes"
    );
    assert_eq!(
        fault(&["completions"]),
        "completions needs to know for which shell: bash, zsh or fish"
    );
    assert!(fault(&["completions", "tcsh"]).contains("bash, zsh, fish"));
}

#[test]
fn completions_know_every_option_and_word() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);

        for setting in TABLE.into_iter().filter(|setting| setting.is_built()) {
            assert!(script.contains(&setting.option()), "{shell}: {}", setting.name);
        }
        for word in words::built() {
            assert!(script.contains(word), "{shell}: {word}");
        }
        assert!(script.contains("timeout"), "{shell}");
    }
}

#[test]
fn help_and_version_are_printed() {
    let help = printed(&["--help"]);

    for word in words::built() {
        assert_eq!(printed(&[word, "--help"]), printed(&["help", word]));
        let calls = ["thrust", "thrust [OPTIONS]"].map(|before| format!("{before} {word} "));
        assert!(calls.iter().any(|call| help.contains(call)), "{word}: {help}");
    }
    assert!(help.contains("Usage: thrust [OPTIONS] COMMAND"), "{help}");
    assert_eq!(printed(&["help"]), help);
    assert_eq!(printed(&["-h"]), help);
    assert!(printed(&["help", "config"]).starts_with("Usage: thrust [OPTIONS] config [--json]"));
    assert_eq!(printed(&["config", "--help"]), printed(&["help", "config"]));
    assert_eq!(
        printed(&["--version"]),
        format!("thrust {}\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        fault(&["help", "me"]),
        "there is no help on \"me\"; there is on restart, status, config, doctor, help, completions"
    );
}
