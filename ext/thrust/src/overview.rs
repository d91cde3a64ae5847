//! Everything that can be seen of this run, and the snapshot of it that all who ask get.
//!
//! A snapshot only reads: no request waits for one, and none is taken unless somebody asks. It always has the same
//! series; what a client sends can make no new ones.

mod child;
mod counted;
mod endpoint;
mod family;
mod machine;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use thrust_api::snapshot::{Family, Labels, Sample, Samples, Snapshot};

use self::child::Child;
pub(crate) use self::endpoint::Endpoint;
use self::family::{counter, family, gauge, labelled};
use crate::core::Carries;
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
    /// What the supervisor tells.
    pub(crate) child: Child,
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

    /// How everything is now.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let cores = self.service.all_metrics();
        let mut families = vec![built()];
        families.extend(counted::requests(cores));
        families.extend(counted::failures(cores));
        families.extend(counted::traffic(cores));
        families.extend(self.gauges());
        families.extend(self.child.families(self.service.is_ready()));
        families.extend(machine::families(self.started));
        Snapshot { families }
    }

    fn gauges(&self) -> [Family; 4] {
        [
            gauge(
                "thrust_requests_held",
                "Requests that wait for the app to accept connections, or for their turn",
                self.service.held() as u64,
            ),
            family(
                "thrust_connections",
                "Open connections of clients, by what they carry",
                Samples::Gauge(self.front.connections_by_carries().map(carrying).into()),
            ),
            family(
                "thrust_pool_connections",
                "Connections to the current generation of the app: idle, and in use by requests that end by themselves",
                Samples::Gauge(vec![
                    labelled("state", "idle", self.service.idle_connections() as u64),
                    labelled("state", "in_use", self.service.in_flight() as u64),
                ]),
            ),
            counter(
                "thrust_log_lines_dropped_total",
                "Log lines that were dropped because stdout was not read fast enough",
                self.dropped.load(Ordering::Relaxed),
            ),
        ]
    }
}

fn built() -> Family {
    let sample = Sample {
        labels: Labels::from([("version".into(), env!("CARGO_PKG_VERSION").into())]),
        value: 1.0,
    };
    family(
        "thrust_build_info",
        "Always 1; says which version runs",
        Samples::Gauge(vec![sample]),
    )
}

fn carrying((carries, count): (Carries, usize)) -> Sample {
    let name = match carries {
        Carries::Requests => "requests",
        Carries::EventStreams => "event_streams",
        Carries::Tunnel => "tunnels",
    };
    labelled("carries", name, count as u64)
}

#[cfg(test)]
impl Overview {
    /// Of a run that serves nobody, with two cores.
    fn for_test() -> Arc<Self> {
        use crate::config::Config;
        use crate::core::Core;
        use crate::upstream::Target;

        let service = Arc::new(Service::new(2, &Target::Port(1), &Config::of(&[])));
        let front = Arc::new(Front::new(Core::for_test(), Vec::new(), Vec::new()));
        let uptime = Duration::from_secs(60);
        Arc::new(Self::new(service, front, Arc::default(), uptime))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Reason, Side};

    /// The sum of all series of a family that is no histogram.
    fn value(of: &Overview, name: &str) -> f64 {
        let families = of.snapshot().families;
        let family = families.into_iter().find(|family| family.name == name).unwrap();
        match family.samples {
            Samples::Counter(samples) | Samples::Gauge(samples) => {
                samples.iter().map(|sample| sample.value).sum()
            }
            Samples::Histogram(_) => panic!("{name} is a histogram"),
        }
    }

    #[test]
    fn what_the_cores_have_counted_is_summed() {
        let overview = Overview::for_test();
        for core in overview.service.all_metrics() {
            core.repeats.add(3);
        }

        assert_eq!(value(&overview, "thrust_request_repeats_total"), 6.0);
    }

    #[test]
    fn each_reason_is_in_one_family_only() {
        let overview = Overview::for_test();
        for reason in Reason::ALL {
            overview.service.all_metrics()[1].failed(*reason);
        }

        let families = [
            "thrust_refusals_total",
            "thrust_target_failures_total",
            "thrust_clients_gone_total",
        ];
        let counted = families.map(|name| value(&overview, name));
        assert_eq!(counted.iter().sum::<f64>(), Reason::ALL.len() as f64);
        assert_eq!(counted[2], 1.0);
    }

    #[test]
    fn every_family_and_every_reason_is_described() {
        let page = include_str!("../../../docs/metrics.md");

        for family in Overview::for_test().snapshot().families {
            assert!(page.contains(&format!("`{}", family.name)), "{}", family.name);
        }
        for reason in Reason::ALL {
            let rows = match reason.side() {
                Side::Clients => between(page, "<!-- refusals -->", "<!-- /refusals -->"),
                Side::Targets => between(page, "<!-- target failures -->", "<!-- /target failures -->"),
                Side::Gone => continue,
            };
            assert!(
                rows.contains(&format!("`{}`", reason.name())),
                "{}",
                reason.name()
            );
        }
    }

    fn between<'a>(page: &'a str, begin: &str, end: &str) -> &'a str {
        let (_, rest) = page.split_once(begin).unwrap();
        rest.split_once(end).unwrap().0
    }
}
