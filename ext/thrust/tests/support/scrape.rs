//! What a proxy's port for metrics says, read as strictly as the format is described.
//!
//! <https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details>

use std::collections::{BTreeMap, BTreeSet};

use super::{Launch, TestProxy, Wire, eventually};

/// All series at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scrape {
    series: BTreeMap<String, f64>,
}

impl Launch {
    /// Serves metrics on a free port of 127.0.0.1.
    pub(crate) fn with_metrics(self) -> Self {
        self.env("THRUSTER_METRICS_PORT", "0")
            .env("THRUSTER_METRICS_BIND", "127.0.0.1")
    }
}

impl TestProxy {
    /// The port for metrics; see [`Launch::with_metrics`].
    pub(crate) fn metrics_port(&self) -> u16 {
        let line = self.wait_for_log("Metrics are served");
        let place = line["place"].as_str().expect("the line says where");
        let port = place.rsplit([':', ' ']).next().and_then(|port| port.parse().ok());
        port.unwrap_or_else(|| panic!("no port in {line}"))
    }

    /// What is served there.
    pub(crate) fn scrape(&self) -> Scrape {
        Scrape::of(self.metrics_port())
    }

    /// Scrapes until the series has this value, and returns that scrape.
    pub(crate) fn scrape_until(&self, series: &str, value: f64) -> Scrape {
        let port = self.metrics_port();
        let mut last = None;
        eventually(&format!("{series} {value}"), || {
            let scrape = Scrape::of(port);
            let seen = scrape.value(series);
            if last.replace(seen) != Some(seen) {
                eprintln!("{series} is {seen}");
            }
            (seen == value).then_some(scrape)
        })
    }
}

impl Scrape {
    /// What is served on this port.
    pub(crate) fn of(port: u16) -> Self {
        let answer = Wire::connect(port).ask("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(answer.status(), 200);
        assert_eq!(
            answer.header("content-type").as_deref(),
            Some("text/plain; version=0.0.4; charset=utf-8")
        );
        Self::parse(&answer.text())
    }

    /// The value of one series, written as in the text: `name{label="value"}`.
    pub(crate) fn value(&self, series: &str) -> f64 {
        let value = self.series.get(series);
        *value.unwrap_or_else(|| panic!("no series {series} among {:?}", self.names()))
    }

    /// Every series.
    pub(crate) fn names(&self) -> BTreeSet<&str> {
        self.series.keys().map(String::as_str).collect()
    }

    /// The sum of every series whose name with its labels begins so.
    pub(crate) fn sum(&self, prefix: &str) -> f64 {
        let of_it = self.series.iter().filter(|(name, _)| name.starts_with(prefix));
        of_it.map(|(_, value)| value).sum()
    }

    fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has its end");
        let mut lines = text.lines().peekable();
        let (mut families, mut series) = (BTreeSet::new(), BTreeMap::new());
        while let Some(line) = lines.next() {
            let help = line
                .strip_prefix("# HELP ")
                .expect("a family begins with its HELP");
            let (family, help) = help.split_once(' ').expect("HELP has a text");
            assert!(!help.is_empty() && !help.ends_with('.'), "{line}");
            assert!(families.insert(family.to_owned()), "{family} comes twice");
            let kind = lines.next().and_then(|line| line.strip_prefix("# TYPE "));
            let (named, kind) = kind
                .and_then(|kind| kind.split_once(' '))
                .expect("then comes its TYPE");
            assert_eq!(named, family);
            assert_eq!(
                kind == "counter",
                family.ends_with("_total"),
                "{family} is a {kind}"
            );

            let mut samples = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
                let value: f64 = value.parse().expect("a value is a number");
                assert!(value.is_finite() && value >= 0.0, "{line}");
                let before = series.insert(name.to_owned(), value);
                assert_eq!(before, None, "{name} comes twice");
                samples.push((name, value));
            }
            assert!(!samples.is_empty(), "{family} has no series");
            match kind {
                "counter" | "gauge" => samples.iter().for_each(|(name, _)| {
                    assert_eq!(name.split('{').next(), Some(family), "{name} in {family}");
                }),
                "histogram" => assert_is_histogram(family, &samples),
                other => panic!("{family} is a {other}"),
            }
        }
        Self { series }
    }
}

/// One without labels of its own: buckets that grow up to `+Inf`, the sum, and the same count again.
fn assert_is_histogram(family: &str, samples: &[(&str, f64)]) {
    let [buckets @ .., (sum, total), (count, counted)] = samples else {
        panic!("{family} is no histogram: {samples:?}");
    };
    assert_eq!(
        (*sum, *count),
        (&*format!("{family}_sum"), &*format!("{family}_count"))
    );
    let bounds: Vec<f64> = buckets
        .iter()
        .map(|(name, _)| {
            let bound = name.strip_prefix(&format!("{family}_bucket{{le=\""));
            let bound = bound.and_then(|bound| bound.strip_suffix("\"}"));
            // Rust reads this spelling, too.
            bound
                .and_then(|bound| bound.parse().ok())
                .expect("a bucket has a bound")
        })
        .collect();
    assert!(bounds.is_sorted_by(|one, next| one < next), "{bounds:?}");
    assert_eq!(bounds.last(), Some(&f64::INFINITY));
    assert!(buckets.is_sorted_by(|one, next| one.1 <= next.1), "{buckets:?}");
    assert_eq!(buckets.last().map(|bucket| bucket.1), Some(*counted));
    assert!(*counted > 0.0 || *total == 0.0);
}
