//! A snapshot as Prometheus reads it: its text format, version 0.0.4.

use std::fmt::{Display, Write};

use super::{Distribution, Family, Labels, Sample, Samples, Snapshot};

/// What the text is, for `Content-Type`.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The whole text.
pub fn of(snapshot: &Snapshot) -> String {
    let mut out = String::with_capacity(32 * 1024);
    for family in &snapshot.families {
        write(&mut out, family);
    }
    out
}

fn write(out: &mut String, family: &Family) {
    let Family { name, help, samples } = family;
    let kind = match samples {
        Samples::Counter(_) => "counter",
        Samples::Gauge(_) => "gauge",
        Samples::Histogram(_) => "histogram",
    };
    line(
        out,
        format_args!("# HELP {name} {}", help.replace('\\', r"\\").replace('\n', r"\n")),
    );
    line(out, format_args!("# TYPE {name} {kind}"));
    match samples {
        Samples::Counter(samples) | Samples::Gauge(samples) => {
            for Sample { labels, value } in samples {
                line(out, format_args!("{name}{} {value}", shown(labels, None)));
            }
        }
        Samples::Histogram(distributions) => {
            for one in distributions {
                distribution(out, name, one);
            }
        }
    }
}

fn distribution(out: &mut String, name: &str, one: &Distribution) {
    let Distribution {
        labels,
        buckets,
        sum,
        count,
    } = one;
    for bucket in buckets {
        let labels = shown(labels, Some(&bucket.bound.to_string()));
        line(out, format_args!("{name}_bucket{labels} {}", bucket.count));
    }
    line(
        out,
        format_args!("{name}_bucket{} {count}", shown(labels, Some("+Inf"))),
    );
    let labels = shown(labels, None);
    line(out, format_args!("{name}_sum{labels} {sum}"));
    line(out, format_args!("{name}_count{labels} {count}"));
}

/// Labels in braces, the bound of a bucket last; nothing if there are none.
fn shown(labels: &Labels, bound: Option<&str>) -> String {
    let labels = labels.iter().map(|(name, value)| (&**name, &**value));
    let all: Vec<_> = labels
        .chain(bound.map(|bound| ("le", bound)))
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    if all.is_empty() {
        String::new()
    } else {
        format!("{{{}}}", all.join(","))
    }
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n")
}

fn line(out: &mut String, text: impl Display) {
    writeln!(out, "{text}").expect("a String takes everything");
}

#[cfg(test)]
mod tests {
    use super::super::Bucket;
    use super::*;

    #[test]
    fn each_family_has_its_help_its_type_and_then_its_samples() {
        let labels = |value: &'static str| Labels::from([("method".into(), value.into())]);
        let sample = |value| Sample {
            labels: labels("GET"),
            value,
        };
        let family = |name: &'static str, samples| Family {
            name: name.into(),
            help: "What\nit is".into(),
            samples,
        };
        let distribution = Distribution {
            labels: labels("a\\\"\n"),
            buckets: vec![
                Bucket {
                    bound: 0.0025,
                    count: 1,
                },
                Bucket {
                    bound: 30.0,
                    count: 3,
                },
            ],
            sum: 40.5,
            count: 4,
        };
        let bare = Sample {
            labels: Labels::new(),
            value: 0.5,
        };
        let snapshot = Snapshot {
            families: vec![
                family("a_total", Samples::Counter(vec![sample(12_345_678_901.0)])),
                family("b", Samples::Gauge(vec![bare])),
                family("c_seconds", Samples::Histogram(vec![distribution])),
            ],
        };

        assert_eq!(
            of(&snapshot),
            r#"# HELP a_total What\nit is
# TYPE a_total counter
a_total{method="GET"} 12345678901
# HELP b What\nit is
# TYPE b gauge
b 0.5
# HELP c_seconds What\nit is
# TYPE c_seconds histogram
c_seconds_bucket{method="a\\\"\n",le="0.0025"} 1
c_seconds_bucket{method="a\\\"\n",le="30"} 3
c_seconds_bucket{method="a\\\"\n",le="+Inf"} 4
c_seconds_sum{method="a\\\"\n"} 40.5
c_seconds_count{method="a\\\"\n"} 4
"#
        );
    }
}
