//! A snapshot of the metrics, as the control socket sends it, in the words of Prometheus.

use magnus::{Error, Ruby};
use thrust_api::snapshot::{Snapshot, prometheus};

use crate::errors::{error, guarded};

/// The text for a snapshot in JSON.
///
/// # Errors
///
/// `Thruster::Error` if the JSON is none, or not that of a snapshot.
pub(crate) fn text(ruby: &Ruby, json: String) -> Result<String, Error> {
    guarded(ruby, || {
        serde_json::from_str::<Snapshot>(&json)
            .map(|snapshot| prometheus::of(&snapshot))
            .map_err(|fault| error(ruby, format_args!("this is no snapshot of metrics: {fault}")))
    })
}
