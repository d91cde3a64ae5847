//! Makes the families of a snapshot.

use thrust_api::snapshot::{Bucket, Distribution, Family, Labels, Sample, Samples};

use crate::metrics::{BOUNDS, Counter, Histogram};

/// The sum over all cores.
pub(super) fn total<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.map(Counter::get).sum()
}

/// Any family.
pub(super) fn family(name: &'static str, help: &'static str, samples: Samples) -> Family {
    Family {
        name: name.into(),
        help: help.into(),
        samples,
    }
}

/// A counter with one series.
pub(super) fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Samples::Counter(vec![plain(value as f64)]))
}

/// A gauge with one series.
pub(super) fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Samples::Gauge(vec![plain(value as f64)]))
}

/// A histogram of the times that all cores have recorded, in seconds.
pub(super) fn histogram<'a>(
    name: &'static str,
    help: &'static str,
    histograms: impl Iterator<Item = &'a Histogram>,
) -> Family {
    let mut counts = [0; BOUNDS.len() + 1];
    let mut micros = 0_u64;
    for histogram in histograms {
        let (buckets, sum) = histogram.get();
        for (count, more) in counts.iter_mut().zip(buckets) {
            *count += more;
        }
        micros = micros.saturating_add(sum);
    }
    let mut count = 0;
    let buckets = BOUNDS.iter().zip(&counts).map(|(bound, more)| {
        count += more;
        Bucket {
            bound: *bound as f64 / 1e6,
            count,
        }
    });
    let distribution = Distribution {
        labels: Labels::new(),
        buckets: buckets.collect(),
        sum: micros as f64 / 1e6,
        count: counts.iter().sum(),
    };
    family(name, help, Samples::Histogram(vec![distribution]))
}

/// A value without labels.
pub(super) fn plain(value: f64) -> Sample {
    Sample {
        labels: Labels::new(),
        value,
    }
}

/// A value with one label.
pub(super) fn labelled(name: &'static str, value: &'static str, count: u64) -> Sample {
    Sample {
        labels: Labels::from([(name.into(), value.into())]),
        value: count as f64,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_buckets_of_all_cores_are_added_up_and_then_each_holds_those_before() {
        let cores = [Histogram::default(), Histogram::default()];
        for (core, millis) in [(0, 2), (1, 2), (1, 40_000)] {
            cores[core].record(Duration::from_millis(millis));
        }

        let Samples::Histogram(all) = histogram("a_seconds", "A", cores.iter()).samples else {
            panic!("it is another kind");
        };

        let [one] = &all[..] else { panic!("{all:?}") };
        assert_eq!((one.count, one.sum), (3, 40.004));
        let counts: Vec<_> = one.buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [&[0][..], &[2; 13]].concat());
        assert_eq!((one.buckets[0].bound, one.buckets[13].bound), (0.001, 30.0));
    }
}
