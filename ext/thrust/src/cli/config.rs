//! `thrust config`: every setting, its value, the source of the value, and what it means.

use clap::ArgMatches;
use serde::Serialize;
use thrust_api::message::{App, Configuration, SettingReport};
use thrust_api::settings::Settings;

use super::ask::{self, AskError, Subject};
use super::words::Word;
use super::{CliError, Options, Request};
use crate::control::discovery;

pub(super) const WORD: Word = Word::built(
    "config",
    "\
Usage: thrust [OPTIONS] config [--json] [--pid N | --environment]

Shows every setting, its value, where the value comes from, and what it means:
as the running thrust has it, with what its app has told. With OPTIONS, or
where none runs, it shows what this environment would give. Secrets are masked.

      --json         For programs: one JSON object
      --pid N        The running thrust with this process id
      --environment  None that runs: what this environment would give

Exit status: 0  it is shown
             1  the environment or the options have faults, or thrust answered
                with an error
             2  no such thrust, or it is not clear which one is meant
             3  thrust did not answer, or not to the end
",
    ask::subject_arguments,
    read,
);

/// Nobody was asked, and the reader should know.
const NOTE: &str = "No running thrust was asked. This is what this environment gives.";

#[derive(Serialize)]
struct Report<'a> {
    /// Whether the values are those of a running thrust,
    running: bool,
    /// and of which process.
    pid: Option<u32>,
    note: Option<&'a str>,
    version: &'a str,
    settings: &'a [SettingReport],
    app: Option<&'a App>,
}

/// What there is to show.
#[derive(Debug)]
pub enum Shown {
    /// What holds in this running thrust.
    Running(discovery::Running, Configuration),
    /// What would hold.
    Environment(Settings),
}

/// Asks the running thrust that is meant. `None` if none is, or none runs.
///
/// # Errors
///
/// If there is no answer.
pub fn running(of: Subject) -> Result<Option<Shown>, AskError> {
    let asked = ask::configuration(of)?;
    Ok(asked.map(|(running, configuration)| Shown::Running(running, configuration)))
}

impl Shown {
    /// For people, or for programs.
    pub fn print(self, json: bool) -> String {
        let (running, configuration) = match self {
            Self::Running(running, configuration) => (Some(running), configuration),
            Self::Environment(settings) => (
                None,
                Configuration {
                    settings: settings.entries().iter().map(Into::into).collect(),
                    app: None,
                },
            ),
        };
        if json {
            return for_programs(running.map(|running| running.pid), &configuration);
        }
        let whose = match running {
            Some(running) => {
                let directory = running.directory.to_string_lossy();
                format!("thrust runs as process {} in {}.", running.pid, plain(&directory))
            }
            None => NOTE.to_owned(),
        };
        format!("{whose}\n\n{}", table(&configuration.settings))
    }
}

fn read(matches: &ArgMatches, options: Options) -> Result<Request, CliError> {
    Ok(Request::ShowConfig {
        json: matches.get_flag("json"),
        of: ask::subject(matches, &options),
        options,
    })
}

fn for_programs(pid: Option<u32>, configuration: &Configuration) -> String {
    let report = Report {
        running: pid.is_some(),
        pid,
        note: pid.is_none().then_some(NOTE),
        version: env!("CARGO_PKG_VERSION"),
        settings: &configuration.settings,
        app: configuration.app.as_ref(),
    };
    serde_json::to_string_pretty(&report).expect("a report is a map with text for keys") + "\n"
}

fn table(settings: &[SettingReport]) -> String {
    const HEADINGS: [&str; 4] = ["SETTING", "VALUE", "SOURCE", "MEANING"];
    let rows: Vec<[String; 4]> = settings.iter().map(cells).collect();
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0).max(HEADINGS[column].len())
    };
    let widths = [width(0), width(1), width(2)];

    let mut text = line(HEADINGS, widths) + "\n";
    for row in &rows {
        text.push_str(&line(row.each_ref().map(String::as_str), widths));
        text.push('\n');
    }
    text
}

fn cells(report: &SettingReport) -> [String; 4] {
    let source = match (&*report.source, &report.given_by) {
        ("rails", _) => "Rails".to_owned(),
        (source, Some(name)) => format!("{source} {name}"),
        (source, None) => source.to_owned(),
    };
    let meaning = match report.built {
        true => report.meaning.clone(),
        false => format!("(not in this version) {}", report.meaning),
    };
    [
        plain(&report.variable),
        plain(&report.text),
        plain(&source),
        plain(&meaning),
    ]
}

/// A value may hold anything, and this goes to a terminal.
fn plain(text: &str) -> String {
    text.escape_debug().to_string()
}

fn line(cells: [&str; 4], [first, second, third]: [usize; 3]) -> String {
    format!(
        "{:first$}  {:second$}  {:third$}  {}",
        cells[0], cells[1], cells[2], cells[3]
    )
}

#[cfg(test)]
mod tests {
    use thrust_api::settings::TABLE;

    use super::*;
    use crate::config::settings_of;

    fn shown(environment: &[(&str, &str)], json: bool) -> String {
        Shown::Environment(settings_of(environment).unwrap()).print(json)
    }

    #[test]
    fn every_setting_stands_there_with_value_source_and_meaning() {
        let text = shown(&[("HTTP_PORT", "8080")], false);

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
        for json in [false, true] {
            let text = shown(&[("EAB_HMAC_KEY", "hush")], json);

            assert!(text.contains("********"), "{text}");
            assert!(!text.contains("hush"), "{text}");
        }
    }

    #[test]
    fn a_value_cannot_write_to_the_terminal() {
        let text = shown(&[("BAD_GATEWAY_PAGE", "\u{1b}[2Jx\ny")], false);

        assert!(text.contains(r"\u{1b}[2Jx\ny"), "{text:?}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn json_has_values_as_data() {
        let report: serde_json::Value =
            serde_json::from_str(&shown(&[("THRUSTER_LOG_REQUESTS", "0")], true)).unwrap();

        assert_eq!(report["running"], false);
        let rows = report["settings"].as_array().unwrap();
        let row = rows.iter().find(|row| row["name"] == "LOG_REQUESTS").unwrap();
        assert_eq!(row["value"], false);
        assert_eq!(row["source"], "environment");
        assert_eq!(row["given_by"], "THRUSTER_LOG_REQUESTS");
    }
}
