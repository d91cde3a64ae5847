//! What the doctor has found, and how it is told.

use std::fmt::Write;

use serde::Serialize;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// It is as it should be.
    Ok,
    /// It works, but not as one would expect.
    Warning,
    /// It does not work.
    Error,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What was found.
    pub what: String,
    /// Why that matters.
    pub why: Option<String>,
    /// What to change.
    pub change: Option<String>,
}

impl Finding {
    /// All is well.
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            what: what.into(),
            why: None,
            change: None,
        }
    }

    /// Something is not as it should be.
    pub(super) fn new(check: &'static str, level: Level, what: impl Into<String>) -> Self {
        Self {
            level,
            ..Self::ok(check, what)
        }
    }

    pub(super) fn because(self, why: impl Into<String>) -> Self {
        Self {
            why: Some(why.into()),
            ..self
        }
    }

    pub(super) fn change(self, change: impl Into<String>) -> Self {
        Self {
            change: Some(change.into()),
            ..self
        }
    }
}

/// One object with all of them.
pub fn for_programs(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Report<'a> {
        findings: &'a [Finding],
    }
    let text = serde_json::to_string_pretty(&Report { findings });
    text.expect("findings are maps with text for keys") + "\n"
}

/// A paragraph for each, the worst last, where it is read.
pub fn for_people(findings: &[Finding]) -> String {
    let mut sorted: Vec<_> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.level);
    let mut text = String::new();
    for finding in sorted {
        let mark = match finding.level {
            Level::Ok => "ok",
            Level::Warning => "WARNING",
            Level::Error => "ERROR",
        };
        // What others have named may hold anything, and this goes to a terminal.
        let plain = |text: &str| text.escape_debug().to_string().replace("\\\"", "\"");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{mark:<8} {}: {}", finding.check, plain(&finding.what));
        let details = [("why:", &finding.why), ("change:", &finding.change)];
        for (word, detail) in details {
            if let Some(detail) = detail {
                let _ = writeln!(text, "{word:>18} {}", plain(detail));
            }
        }
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    let _ = writeln!(
        text,
        "\n{}, {}, {} ok",
        counted(count(Level::Error), "error"),
        counted(count(Level::Warning), "warning"),
        count(Level::Ok)
    );
    text
}

fn counted(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::new("ports", Level::Error, "port 80 is \u{1b}[2J taken")
                .because("nobody would be let in")
                .change("stop nginx"),
            Finding::ok("settings", "all 3 that are set can be read"),
        ]
    }

    #[test]
    fn people_read_the_worst_last_with_why_and_what_to_change() {
        assert_eq!(
            for_people(&findings()),
            "ok       settings: all 3 that are set can be read\n\
             ERROR    ports: port 80 is \\u{1b}[2J taken\n\
             \u{20}             why: nobody would be let in\n\
             \u{20}          change: stop nginx\n\n\
             1 error, 0 warnings, 1 ok\n"
        );
    }

    #[test]
    fn programs_get_one_object() {
        let report: serde_json::Value = serde_json::from_str(&for_programs(&findings())).unwrap();

        assert_eq!(report["findings"][0]["level"], "error");
        assert_eq!(report["findings"][0]["change"], "stop nginx");
        assert!(report["findings"][1]["why"].is_null());
    }
}
