//! Everything that can be seen of this run, and the snapshot of it that all who ask get.
//!
//! A snapshot only reads: no request waits for one, and none is taken unless somebody asks. It always has the same
//! series; what a client sends can make no new ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use thrust_api::snapshot::{Bucket, Distribution, Family, Labels, Sample, Samples, Snapshot};

use super::counter::{BOUNDS, Counter, Histogram};
use super::machine;
use super::{METHODS, Metrics};
use crate::core::Carries;
use crate::error::{Reason, Side};
use crate::front::Front;
use crate::service::Service;

/// What a snapshot is taken of.
#[derive(Debug)]
pub(crate) struct Overview {
    service: Arc<Service>,
    front: Arc<Front>,
    /// Log lines.
    dropped: Arc<AtomicU64>,
    started: SystemTime,
    child: Child,
}

/// What is known of the current generation. Only the main thread changes it.
#[derive(Debug, Default)]
struct Child {
    generation: AtomicU64,
    /// In seconds since 1970.
    started: AtomicU64,
    up: AtomicBool,
    /// Generations that took the place of another.
    restarts: Counter,
    /// Generations that ended by themselves.
    exits: Counter,
}

impl Overview {
    /// Of a run that began `uptime` ago; `dropped` counts its log lines that were lost.
    pub(crate) fn new(
        service: Arc<Service>,
        front: Arc<Front>,
        dropped: Arc<AtomicU64>,
        uptime: Duration,
    ) -> Self {
        let now = SystemTime::now();
        Self {
            service,
            front,
            dropped,
            started: now.checked_sub(uptime).unwrap_or(now),
            child: Child::default(),
        }
    }

    /// Notes which generation is the current one, and when it was started.
    pub(crate) fn child_is(&self, generation: u64, started: SystemTime) {
        let child = &self.child;
        // At first there is none to take the place of.
        if child.generation.swap(generation, Ordering::Relaxed) != 0 {
            child.restarts.add(1);
        }
        child.started.store(seconds(started), Ordering::Relaxed);
        child.up.store(true, Ordering::Relaxed);
    }

    /// Notes that the current generation ended without being told to.
    pub(crate) fn child_exited(&self) {
        self.child.exits.add(1);
        self.child_ended();
    }

    /// Notes that the current generation has ended.
    pub(crate) fn child_ended(&self) {
        self.child.up.store(false, Ordering::Relaxed);
        self.child.started.store(0, Ordering::Relaxed);
    }

    /// How everything is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let cores = self.service.all_metrics();
        let sum = |counter: fn(&Metrics) -> &Counter| total(cores.iter().map(|core| counter(core)));
        let mut families = vec![built()];
        families.extend(requests(cores));
        families.extend([
            gauge(
                "thrust_requests_held",
                "Requests that wait for the app to accept connections",
                self.service.held() as u64,
            ),
            counter(
                "thrust_request_repeats_total",
                "Requests that were sent to the app a second time",
                sum(|core| &core.repeats),
            ),
            counter(
                "thrust_received_bytes_total",
                "Bytes of request bodies and through tunnels, from clients",
                sum(|core| &core.received),
            ),
            counter(
                "thrust_sent_bytes_total",
                "Bytes of answers' bodies and through tunnels, to clients",
                sum(|core| &core.sent),
            ),
        ]);
        families.extend(failures(cores));
        families.extend([
            counter(
                "thrust_connections_accepted_total",
                "Connections of clients that were accepted",
                sum(|core| &core.accepted),
            ),
            family(
                "thrust_connections",
                "Open connections of clients, by what they carry",
                Samples::Gauge(self.connections()),
            ),
            family(
                "thrust_pool_connections",
                "Connections to the current generation of the app: idle ones, and those in use by requests that end by themselves",
                Samples::Gauge(vec![
                    labelled("state", "idle", self.service.idle_connections() as u64),
                    labelled("state", "in_use", self.service.in_flight() as u64),
                ]),
            ),
            counter(
                "thrust_pool_connects_total",
                "Connections that were made to the app",
                sum(|core| &core.connects),
            ),
            counter(
                "thrust_log_lines_dropped_total",
                "Log lines that were dropped because stdout was not read fast enough",
                self.dropped.load(Ordering::Relaxed),
            ),
        ]);
        families.extend(self.child());
        families.extend(self.process());
        Snapshot { families }
    }

    fn connections(&self) -> Vec<Sample> {
        let by_load = self.front.connections_by_load();
        let sample = |(carries, count)| {
            let name = match carries {
                Carries::Requests => "requests",
                Carries::EventStreams => "event_streams",
                Carries::Tunnel => "tunnels",
            };
            labelled("carries", name, count as u64)
        };
        by_load.map(sample).into()
    }

    fn child(&self) -> [Family; 6] {
        let child = &self.child;
        [
            gauge(
                "thrust_child_up",
                "Whether the process of the app runs",
                child.up.load(Ordering::Relaxed).into(),
            ),
            gauge(
                "thrust_child_ready",
                "Whether the app has shown that it works, accepts connections, and thrust is not ending",
                self.service.is_ready().into(),
            ),
            gauge(
                "thrust_child_generation",
                "The generation of the app that gets the requests, counted from 1",
                child.generation.load(Ordering::Relaxed),
            ),
            gauge(
                "thrust_child_start_time_seconds",
                "When the process of the app was started, in seconds since 1970; 0 while there is none",
                child.started.load(Ordering::Relaxed),
            ),
            counter(
                "thrust_child_restarts_total",
                "Generations of the app that took the place of another",
                child.restarts.get(),
            ),
            counter(
                "thrust_child_exits_total",
                "Generations of the app that ended without being told to",
                child.exits.get(),
            ),
        ]
    }

    fn process(&self) -> [Family; 5] {
        let usage = machine::usage();
        [
            gauge(
                "process_start_time_seconds",
                "When thrust was started, in seconds since 1970",
                seconds(self.started),
            ),
            family(
                "process_cpu_seconds_total",
                "Time that thrust has spent on a processor",
                Samples::Counter(vec![plain(usage.cpu)]),
            ),
            gauge(
                "process_resident_memory_bytes",
                "Memory that thrust has",
                usage.resident,
            ),
            gauge(
                "process_open_fds",
                "File descriptors that thrust has open",
                usage.open,
            ),
            gauge(
                "process_max_fds",
                "File descriptors that thrust may have open",
                usage.limit,
            ),
        ]
    }
}

fn built() -> Family {
    let version = Labels::from([("version".into(), env!("CARGO_PKG_VERSION").into())]);
    let sample = Sample {
        labels: version,
        value: 1.0,
    };
    family(
        "thrust_build_info",
        "Always 1; says which version runs",
        Samples::Gauge(vec![sample]),
    )
}

fn requests(cores: &[Arc<Metrics>]) -> [Family; 5] {
    let mut ended = Vec::new();
    let names = METHODS.iter().map(|method| method.as_str()).chain(["other"]);
    for (method, name) in names.enumerate() {
        for (class, status) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
            let count = total(cores.iter().map(|core| &core.requests[method][class]));
            let labels = [("method", name.to_owned()), ("status", status.to_owned())];
            ended.push(Sample {
                labels: labels.map(|(name, value)| (name.into(), value.into())).into(),
                value: count as f64,
            });
        }
    }
    [
        family(
            "thrust_requests_total",
            "Requests that have ended, by method and class of status",
            Samples::Counter(ended),
        ),
        gauge(
            "thrust_requests_in_flight",
            "Requests that have begun and not ended; event streams and tunnels are among them",
            cores.iter().map(|core| core.in_flight()).sum(),
        ),
        histogram(
            "thrust_request_duration_seconds",
            "From the arrival of a request to the end of its answer, without event streams and tunnels",
            cores.iter().map(|core| &core.total),
        ),
        histogram(
            "thrust_request_first_byte_seconds",
            "From the arrival of a request to the first byte of its answer",
            cores.iter().map(|core| &core.first_byte),
        ),
        histogram(
            "thrust_request_queue_seconds",
            "How long requests waited for the app or for their turn, of those that had to",
            cores.iter().map(|core| &core.queue),
        ),
    ]
}

fn failures(cores: &[Arc<Metrics>]) -> [Family; 3] {
    let count = |reason: Reason| total(cores.iter().map(|core| &core.failures[reason as usize]));
    let by_reason = |side| {
        let reasons = Reason::ALL.iter().filter(|reason| reason.side() == side);
        reasons
            .map(|reason| labelled("reason", reason.name(), count(*reason)))
            .collect()
    };
    [
        family(
            "thrust_refusals_total",
            "Requests that were refused or given up for what their client did, or for a limit",
            Samples::Counter(by_reason(Side::Clients)),
        ),
        family(
            "thrust_target_failures_total",
            "Requests that the app did not answer as it should",
            Samples::Counter(by_reason(Side::Targets)),
        ),
        counter(
            "thrust_clients_gone_total",
            "Requests whose client left before the end of its answer, 499 in the log",
            count(Reason::ClientGone),
        ),
    ]
}

fn total<'a>(counters: impl Iterator<Item = &'a Counter>) -> u64 {
    counters.map(Counter::get).sum()
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn family(name: &'static str, help: &'static str, samples: Samples) -> Family {
    Family {
        name: name.into(),
        help: help.into(),
        samples,
    }
}

fn counter(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Samples::Counter(vec![plain(value as f64)]))
}

fn gauge(name: &'static str, help: &'static str, value: u64) -> Family {
    family(name, help, Samples::Gauge(vec![plain(value as f64)]))
}

fn histogram<'a>(
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

fn plain(value: f64) -> Sample {
    Sample {
        labels: Labels::new(),
        value,
    }
}

fn labelled(name: &'static str, value: &'static str, count: u64) -> Sample {
    Sample {
        labels: Labels::from([(name.into(), value.into())]),
        value: count as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::core::Core;
    use crate::upstream::Target;

    fn overview() -> Overview {
        let service = Arc::new(Service::new(2, &Target::Port(1), &Config::of(&[])));
        let front = Arc::new(Front::new(Core::for_test(), Vec::new(), Vec::new()));
        Overview::new(service, front, Arc::default(), Duration::from_secs(60))
    }

    fn value(of: &Overview, name: &str) -> f64 {
        let snapshot = of.snapshot();
        let family = snapshot
            .families
            .iter()
            .find(|family| family.name == name)
            .unwrap();
        match &family.samples {
            Samples::Counter(samples) | Samples::Gauge(samples) => {
                samples.iter().map(|sample| sample.value).sum()
            }
            Samples::Histogram(distributions) => distributions[0].sum,
        }
    }

    #[test]
    fn what_the_cores_have_counted_is_summed() {
        let overview = overview();
        for (core, millis) in overview.service.all_metrics().iter().zip([2, 40_000]) {
            core.repeats.add(3);
            core.total.record(Duration::from_millis(millis));
        }

        let snapshot = overview.snapshot();

        assert_eq!(value(&overview, "thrust_request_repeats_total"), 6.0);
        let durations = |family: &Family| match &family.samples {
            Samples::Histogram(one) if family.name == "thrust_request_duration_seconds" => {
                Some(one[0].clone())
            }
            _ => None,
        };
        let one = snapshot.families.iter().find_map(durations).unwrap();
        assert_eq!((one.count, one.sum), (2, 40.002));
        let counts: Vec<_> = one.buckets.iter().map(|bucket| bucket.count).collect();
        assert_eq!(counts, [&[0][..], &[1; 13]].concat());
        assert_eq!((one.buckets[0].bound, one.buckets[13].bound), (0.001, 30.0));
    }

    #[test]
    fn each_reason_is_in_one_family_only_and_those_of_clients_who_left_in_their_own() {
        let overview = overview();
        for reason in Reason::ALL {
            overview.service.all_metrics()[1].failed(*reason);
        }

        let counted = |name| value(&overview, name);
        let (refusals, failures) = (
            counted("thrust_refusals_total"),
            counted("thrust_target_failures_total"),
        );
        assert_eq!(counted("thrust_clients_gone_total"), 1.0);
        assert_eq!(refusals + failures + 1.0, Reason::ALL.len() as f64);
    }

    #[test]
    fn the_first_generation_is_no_restart_and_one_that_ended_is_not_up() {
        let overview = overview();
        let seen = || {
            [
                "generation",
                "up",
                "restarts_total",
                "exits_total",
                "start_time_seconds",
            ]
            .map(|name| value(&overview, &format!("thrust_child_{name}")))
        };
        let started = UNIX_EPOCH + Duration::from_secs(1_700_000_000);

        assert_eq!(seen(), [0.0; 5]);
        overview.child_is(1, started);
        assert_eq!(seen(), [1.0, 1.0, 0.0, 0.0, 1.7e9]);
        overview.child_exited();
        assert_eq!(seen(), [1.0, 0.0, 0.0, 1.0, 0.0]);
        overview.child_is(2, started);
        overview.child_ended();
        assert_eq!(seen(), [2.0, 0.0, 1.0, 1.0, 0.0]);
    }

    #[test]
    fn every_family_and_every_reason_is_described() {
        let page = include_str!("../../../../docs/metrics.md");

        for family in overview().snapshot().families {
            assert!(page.contains(&format!("`{}", family.name)), "{}", family.name);
        }
        for reason in Reason::ALL {
            let row = match reason.side() {
                Side::Clients => between(page, "<!-- refusals -->", "<!-- /refusals -->"),
                Side::Targets => between(page, "<!-- target failures -->", "<!-- /target failures -->"),
                Side::Gone => continue,
            };
            assert!(row.contains(&format!("`{}`", reason.name())), "{}", reason.name());
        }
    }

    fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
        let (_, rest) = page.split_once(begin).unwrap();
        rest.split_once(end).unwrap().0
    }
}
