//! `thrust config`: every setting, its value, the source of the value, and what it means.

use clap::{Arg, ArgMatches};
use serde::Serialize;
use thrust_api::settings::{Entry, Settings, Source, Value};

use super::words::{Word, flag};
use super::{CliError, Options, Request};

pub(super) const WORD: Word = Word::built(
    "config",
    "\
Usage: thrust [OPTIONS] config [--json]

Shows every setting, its value, where the value comes from, and what it means.
This version cannot ask a running thrust: it shows what this environment and
these options would give. Secrets are masked.

      --json  For programs: one JSON object
",
    arguments,
    read,
);

/// No running thrust was asked, and the reader should know.
const NOTE: &str = "No running thrust was asked. This is what this environment gives.";

#[derive(Serialize)]
struct Report<'a> {
    /// Whether the values are those of a running thrust.
    running: bool,
    note: &'a str,
    version: &'a str,
    settings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    name: &'a str,
    value: Value,
    /// `default`, `rails`, `environment` or `option`.
    source: &'a str,
    /// The variable or option that gave the value.
    given_by: Option<&'a str>,
    variable: String,
    built: bool,
    meaning: &'a str,
}

fn arguments() -> Vec<Arg> {
    vec![flag("json", "For programs: one JSON object")]
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    Ok(Request::ShowConfig {
        options,
        json: matches.get_flag("json"),
    })
}

/// The settings for people.
pub fn text(settings: &Settings) -> String {
    const HEADINGS: [&str; 4] = ["SETTING", "VALUE", "SOURCE", "MEANING"];
    let rows: Vec<[String; 4]> = settings.entries().iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADINGS[column].len())
    };
    let widths = [width(0), width(1), width(2)];

    let mut text = format!("{NOTE}\n\n{}\n", line(HEADINGS, widths));
    for row in &rows {
        text.push_str(&line(row.each_ref().map(String::as_str), widths));
        text.push('\n');
    }
    text
}

/// The settings for programs.
///
/// # Errors
///
/// The serializer's; no value of ours has a cause for one.
pub fn json(settings: &Settings) -> Result<String, serde_json::Error> {
    let settings = settings.entries().iter().map(row).collect();
    let report = Report {
        running: false,
        note: NOTE,
        version: env!("CARGO_PKG_VERSION"),
        settings,
    };
    Ok(serde_json::to_string_pretty(&report)? + "\n")
}

fn cells(entry: &Entry) -> [String; 4] {
    let setting = entry.setting;
    // A value may hold anything, and this goes to a terminal.
    let value = entry.shown().to_string().escape_debug().to_string();
    let meaning = match setting.is_built() {
        true => setting.help.to_owned(),
        false => format!("(not in this version) {}", setting.help),
    };
    [setting.variable(), value, entry.source.to_string(), meaning]
}

fn line(cells: [&str; 4], [first, second, third]: [usize; 3]) -> String {
    format!(
        "{:first$}  {:second$}  {:third$}  {}",
        cells[0], cells[1], cells[2], cells[3]
    )
}

fn row(entry: &Entry) -> Row<'_> {
    let (source, given_by) = match &entry.source {
        Source::Default => ("default", None),
        Source::Rails => ("rails", None),
        Source::Environment(name) => ("environment", Some(name.as_str())),
        Source::CommandLine(name) => ("option", Some(name.as_str())),
    };
    Row {
        name: entry.setting.name,
        value: entry.shown(),
        source,
        given_by,
        variable: entry.setting.variable(),
        built: entry.setting.is_built(),
        meaning: entry.setting.help,
    }
}

#[cfg(test)]
mod tests {
    use thrust_api::settings::{Pushed, TABLE, Written};

    use super::*;

    fn settings(environment: &[(&str, &str)]) -> Settings {
        let environment = environment
            .iter()
            .map(|(name, text)| (name.into(), text.into()))
            .collect();
        Settings::read(&Written {
            environment,
            options: Vec::new(),
            pushed: Pushed::new(),
            cores: 1,
        })
        .unwrap()
    }

    #[test]
    fn every_setting_stands_there_with_value_source_and_meaning() {
        let text = text(&settings(&[("HTTP_PORT", "8080")]));

        assert!(text.starts_with(NOTE));
        assert_eq!(text.lines().count(), TABLE.len() + 3);
        let row = text
            .lines()
            .find(|line| line.starts_with("THRUSTER_HTTP_PORT "))
            .unwrap();
        let row: Vec<_> = row
            .split("  ")
            .map(str::trim)
            .filter(|cell| !cell.is_empty())
            .collect();
        assert_eq!(
            row,
            [
                "THRUSTER_HTTP_PORT",
                "8080",
                "environment HTTP_PORT",
                "Port to listen on; 0 takes a free one"
            ]
        );
    }

    #[test]
    fn secrets_are_masked_in_both_forms() {
        let settings = settings(&[("EAB_HMAC_KEY", "hush")]);

        for text in [text(&settings), json(&settings).unwrap()] {
            assert!(text.contains("********"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn a_value_cannot_write_to_the_terminal() {
        let text = text(&settings(&[("BAD_GATEWAY_PAGE", "\u{1b}[2Jx\ny")]));

        assert!(text.contains(r"\u{1b}[2Jx\ny"), "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn json_has_values_as_data() {
        let report: serde_json::Value =
            serde_json::from_str(&json(&settings(&[("THRUSTER_LOG_REQUESTS", "0")])).unwrap()).unwrap();

        assert_eq!(report["running"], false);
        let rows = report["settings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == "LOG_REQUESTS").unwrap();
        assert_eq!(row["value"], false);
        assert_eq!(row["source"], "environment");
        assert_eq!(row["given_by"], "THRUSTER_LOG_REQUESTS");
    }
}
