//! The configuration from outside: faults stop everything, warnings do not, `thrust config` and the docs tell all.

use std::{fs, path::Path};

use thrust_api::settings::{Names, Setting, TABLE, When};

use self::support::thrust;

mod support;

#[test]
fn all_faults_are_told_at_once_and_nothing_is_bound_or_run() {
    let directory = tempfile::tempdir().unwrap();
    let trace = directory.path().join("ran");
    // Listening on a port that is taken would be told too.
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();

    let output = thrust(
        &["--threads", "none", "touch", trace.to_str().unwrap()],
        &[
            ("THRUSTER_HTTP_PORT", &port),
            ("THRUSTER_TARGET_PORT", "70000"),
            ("THRUSTER_LOG_REQUESTS", "maybe"),
        ],
    );

    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert_eq!(
        output.stderr.lines().collect::<Vec<_>>(),
        [
            "thrust: THRUSTER_TARGET_PORT is \"70000\"; a port is a number from 1 to 65535, or 0 for any free one",
            "thrust: THRUSTER_LOG_REQUESTS is \"maybe\"; a switch is on or off (also true or false, 1 or 0)",
            "thrust: --threads is \"none\"; it is a number from 1 to 256",
        ]
    );
    assert!(!trace.exists());
}

#[test]
fn thrust_does_not_start_without_the_tls_it_is_asked_for() {
    for (name, value) in [
        ("TLS_DOMAIN", "example.com"),
        ("THRUSTER_TLS_DOMAIN", "a, b"),
        ("THRUST_ACME_DOMAIN", "a"),
    ] {
        let output = thrust(&["true"], &[(name, value)]);

        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{name}");
        assert!(
            output.stderr.starts_with(&format!("thrust: {name} asks for TLS")),
            "{}",
            output.stderr
        );
    }
}

#[test]
fn what_is_odd_is_a_warning_on_stderr() {
    let output = thrust(
        &["config", "--environment"],
        &[
            ("HTTP_PORT", "eighty"),
            ("THRUSTER_HTP_PORT", "1"),
            ("CACHE_SIZE", "1GB"),
            ("SSL_DOMAIN", "a"),
        ],
    );

    assert_eq!(output.code, 0);
    assert_eq!(
        output.stderr.lines().collect::<Vec<_>>(),
        [
            "thrust: HTTP_PORT is \"eighty\"; a port is a number from 1 to 65535, or 0 for any free one; using 80",
            "thrust: CACHE_SIZE has no effect: this version does not do what it asks for yet",
            "thrust: SSL_DOMAIN is not a setting; did you mean TLS_DOMAIN?",
            "thrust: THRUSTER_HTP_PORT is not a setting; did you mean THRUSTER_HTTP_PORT?",
        ]
    );
}

#[test]
fn config_shows_where_each_value_comes_from() {
    let output = thrust(
        &["--threads=3", "config"],
        &[
            ("THRUSTER_TARGET_PORT", "4000"),
            ("TARGET_PORT", "5000"),
            ("HTTP_READ_TIMEOUT", "2m"),
        ],
    );

    let rows: Vec<Vec<_>> = output
        .stdout
        .lines()
        .map(|line| line.split_ascii_whitespace().collect())
        .collect();
    let row = |name| rows.iter().find(|row| row.first() == Some(&name)).unwrap();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""));
    assert!(
        output.stdout.starts_with("No running thrust was asked."),
        "{}",
        output.stdout
    );
    assert_eq!(
        row("THRUSTER_TARGET_PORT")[1..4],
        ["4000", "environment", "THRUSTER_TARGET_PORT"]
    );
    assert_eq!(
        row("THRUSTER_HTTP_READ_TIMEOUT")[1..4],
        ["120s", "environment", "HTTP_READ_TIMEOUT"]
    );
    assert_eq!(row("THRUSTER_THREADS")[1..4], ["3", "option", "--threads"]);
    assert_eq!(row("THRUSTER_HTTP_PORT")[1..3], ["80", "default"]);
}

#[test]
fn config_speaks_json_and_masks_secrets() {
    let output = thrust(
        &["config", "--environment", "--json"],
        &[("EAB_HMAC_KEY", "hush")],
    );

    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    let rows = report["settings"].as_array().unwrap();
    assert_eq!(rows.len(), TABLE.len());
    let row = rows.iter().find(|row| row["name"] == "EAB_HMAC_KEY").unwrap();
    assert_eq!(row["value"], "********");
    assert_eq!(row["given_by"], "EAB_HMAC_KEY");
    assert!(!output.stdout.contains("hush"));
}

#[test]
fn every_live_setting_has_a_test_that_pushes_it_and_sees_what_follows() {
    let tests = [include_str!("pushed.rs"), include_str!("pushed_files.rs")].concat();

    let unseen: Vec<_> = TABLE
        .into_iter()
        .filter(|setting| setting.when == When::Live && setting.is_built())
        .map(Setting::pushed_name)
        .filter(|name| !tests.contains(&format!("\"{name}\"")))
        .collect();

    assert!(unseen.is_empty(), "{unseen:?}");
}

#[test]
fn the_documentation_has_the_table_of_settings() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = fs::read_to_string(&page).unwrap();

    let mut expected = text.clone();
    for (mark, built) in [("settings", true), ("later", false)] {
        expected = replaced(&expected, mark, &table(built));
    }

    check_or_write(&page, &expected);
}

#[test]
fn the_gem_has_the_table_of_settings() {
    let rows: Vec<_> = TABLE.iter().map(|setting| row(setting)).collect();

    // A row a line: a new setting is one line in a diff.
    let expected = format!("[\n  {}\n]\n", rows.join(",\n  "));

    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../lib/thruster/settings.json");
    check_or_write(&file, &expected);
}

#[test]
fn the_fuzzer_has_the_names_of_settings() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/settings.dict");
    let text = fs::read_to_string(&file).unwrap();
    let is_name = |line: &&str| line.starts_with("\"THRUST") || line.starts_with("\"+");
    let words = text.lines().filter(|line| !is_name(line));

    let names = TABLE.iter().flat_map(|setting| {
        let pushed = (setting.when == When::Live).then(|| format!("+{}", setting.pushed_name()));
        let variables = [Some(setting.variable()), setting.dialect.map(str::to_owned)];
        variables.into_iter().chain([pushed]).flatten()
    });
    let names = names.map(|name| format!("\"{name}=\""));
    let expected: Vec<_> = words.map(str::to_owned).chain(names).collect();

    check_or_write(&file, &(expected.join("\n") + "\n"));
}

/// A setting as the gem reads it: under the name by which Rails sets it.
fn row(setting: &Setting) -> String {
    serde_json::json!({
        "name": setting.pushed_name(),
        "variable": setting.variable(),
        "option": format!("--{}", setting.option()),
        "kind": setting.kind.placeholder(),
        "default": setting.default.describe(),
        "when": when(setting),
        "built": setting.is_built(),
        "secret": setting.secret,
        "help": setting.help,
    })
    .to_string()
}

fn check_or_write(file: &Path, expected: &str) {
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(file, expected).expect("the file is ours");
    } else {
        assert!(
            fs::read_to_string(file).expect("the file is there") == expected,
            "{} differs from the settings; run `UPDATE_DOCS=1 cargo test -p thrust --test configuration`",
            file.display()
        );
    }
}

/// The text with what stands between `<!-- MARK -->` and `<!-- /MARK -->` replaced.
fn replaced(text: &str, mark: &str, content: &str) -> String {
    let begin = format!("<!-- {mark} -->\n");
    let end = format!("<!-- /{mark} -->");
    let (before, rest) = text.split_once(&begin).expect("the page has the mark");
    let (_, after) = rest.split_once(&end).expect("the mark ends");
    format!("{before}{begin}{content}{end}{after}")
}

fn table(built: bool) -> String {
    let mut text = "| Setting | Value | Default | Set | Meaning |\n|---|---|---|---|---|\n".to_owned();
    for setting in TABLE.into_iter().filter(|setting| setting.is_built() == built) {
        let when = when(setting);
        let value = setting.kind.placeholder().replace('|', "\\|");
        let default = setting.default.describe();
        let default = if default.is_empty() { "(empty)" } else { default };
        let (name, help) = (variable(setting), setting.help);
        text.push_str(&format!("| `{name}` | {value} | {default} | {when} | {help} |\n"));
    }
    text
}

fn when(setting: &Setting) -> &'static str {
    match setting.when {
        When::Start => "start",
        When::Live => "live",
    }
}

/// The variable as people write it.
fn variable(setting: &Setting) -> String {
    match setting.names {
        Names::Thruster => setting.name.to_owned(),
        Names::Ours => setting.variable(),
    }
}
