//! Metrics as data: what a running thrust has counted so far, and what it is busy with, at one moment.
//!
//! Names, kinds and units follow Prometheus, whose text says the same. `docs/metrics.md` lists every family.

pub mod prometheus;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A name or a text, which thrust itself knows beforehand.
pub type Text = Cow<'static, str>;

/// Values by which the samples of a family differ; empty if there is only one.
pub type Labels = BTreeMap<Text, Text>;

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// Always the same ones, in the same order.
    pub families: Vec<Family>,
}

/// What has one name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Family {
    /// Ends in the unit, if there is one: seconds or bytes.
    pub name: Text,
    /// For people: a sentence without a full stop.
    pub help: Text,
    /// The values.
    #[serde(flatten)]
    pub samples: Samples,
}

/// The values of a family, by its kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "samples", rename_all = "snake_case")]
pub enum Samples {
    /// They only grow, and begin at 0 whenever thrust starts.
    Counter(Vec<Sample>),
    /// They go up and down.
    Gauge(Vec<Sample>),
    /// How many values lay where.
    Histogram(Vec<Distribution>),
}

/// One value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// What tells it from the others of its family.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// In the unit of the family.
    pub value: f64,
}

/// Many values, of which only the size is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// What tells it from the others of its family.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// By their bounds, the lowest first.
    pub buckets: Vec<Bucket>,
    /// The sum of all values, in the unit of the family.
    pub sum: f64,
    /// How many values there are, those above the last bound included.
    pub count: u64,
}

/// The values up to a bound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// The largest value that belongs to it.
    pub bound: f64,
    /// How many values are at most as large, those of the buckets before included.
    pub count: u64,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_snapshot_says_the_kind_of_each_family_and_leaves_out_labels_that_are_not_there() {
        let snapshot = Snapshot {
            families: vec![
                Family {
                    name: "a_total".into(),
                    help: "A".into(),
                    samples: Samples::Counter(vec![Sample {
                        labels: Labels::from([("method".into(), "GET".into())]),
                        value: 2.0,
                    }]),
                },
                Family {
                    name: "b_seconds".into(),
                    help: "B".into(),
                    samples: Samples::Histogram(vec![Distribution {
                        labels: Labels::new(),
                        buckets: vec![Bucket { bound: 0.5, count: 1 }],
                        sum: 3.25,
                        count: 2,
                    }]),
                },
            ],
        };

        let written = serde_json::to_value(&snapshot).unwrap();

        assert_eq!(
            written,
            json!({ "families": [
                { "name": "a_total", "help": "A", "kind": "counter",
                  "samples": [{ "labels": { "method": "GET" }, "value": 2.0 }] },
                { "name": "b_seconds", "help": "B", "kind": "histogram",
                  "samples": [{ "buckets": [{ "bound": 0.5, "count": 1 }], "sum": 3.25, "count": 2 }] },
            ] })
        );
        assert_eq!(serde_json::from_value::<Snapshot>(written).unwrap(), snapshot);
    }
}
