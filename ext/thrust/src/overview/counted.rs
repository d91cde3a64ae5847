//! What the cores have counted, as families.

use std::sync::Arc;

use thrust_api::snapshot::{Family, Sample, Samples};

use super::family::{counter, family, gauge, histogram, labelled, total};
use crate::error::{Reason, Side};
use crate::metrics::{Counter, METHODS, Metrics};

/// Requests that have ended or not, and how long they took.
pub(super) fn requests(cores: &[Arc<Metrics>]) -> [Family; 5] {
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

/// What passed, and how often it was tried.
pub(super) fn traffic(cores: &[Arc<Metrics>]) -> [Family; 6] {
    let sum = |counter: fn(&Metrics) -> &Counter| total(cores.iter().map(|core| counter(core)));
    [
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
        counter(
            "thrust_connections_accepted_total",
            "Connections of clients that were accepted",
            sum(|core| &core.accepted),
        ),
        counter(
            "thrust_accept_pauses_total",
            "How often clients had to wait because THRUSTER_MAX_CONNECTIONS were connected",
            sum(|core| &core.accept_pauses),
        ),
        counter(
            "thrust_pool_connects_total",
            "Connections that were made to the app",
            sum(|core| &core.connects),
        ),
    ]
}

/// What went wrong, by reason.
pub(super) fn failures(cores: &[Arc<Metrics>]) -> [Family; 3] {
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
            "Requests and connections that were refused or given up for what a client did, or for a limit",
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
