//! What the system tells of this process: time on the processor, memory, descriptors.

use std::time::SystemTime;

use thrust_api::snapshot::{Family, Samples};

use super::family::{family, gauge, plain};
use crate::date::since_1970;

/// What this process takes of the machine at the moment; what the system does not tell is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Usage {
    /// Time on a processor since the process began, in seconds.
    cpu: f64,
    /// Memory that it has, in bytes.
    resident: u64,
    /// Descriptors that are open,
    open: u64,
    /// and that may be.
    limit: u64,
}

/// What is known of this process, which was `started` then. The names are those that every program has.
pub(super) fn families(started: SystemTime) -> [Family; 5] {
    let usage = usage();
    [
        gauge(
            "process_start_time_seconds",
            "When thrust was started, in seconds since 1970",
            since_1970(started),
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

/// As it stands (proc_pid_stat(5), proc_pid_status(5)).
#[cfg(target_os = "linux")]
fn usage() -> Usage {
    use std::fs;

    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    // Since Linux 6.2 this is their number; before, they have to be counted.
    let open = match fs::metadata("/proc/self/fd").map(|directory| directory.len()) {
        Ok(0) => fs::read_dir("/proc/self/fd").map_or(0, |open| open.count() as u64),
        Ok(count) => count,
        Err(_) => 0,
    };
    Usage {
        cpu: cpu(&stat).unwrap_or_default(),
        resident: resident(&status).unwrap_or_default(),
        open,
        limit: limit(),
    }
}

/// As it stands, as far as systems other than Linux tell.
#[cfg(not(target_os = "linux"))]
fn usage() -> Usage {
    Usage {
        limit: limit(),
        ..Usage::default()
    }
}

fn limit() -> u64 {
    use rustix::process::{Resource, getrlimit};

    getrlimit(Resource::Nofile).current.unwrap_or_default()
}

/// User and system time, in hundredths of a second as everywhere in /proc.
#[cfg(target_os = "linux")]
fn cpu(stat: &str) -> Option<f64> {
    // The name in parentheses may hold anything.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / 100.0)
}

#[cfg(target_os = "linux")]
fn resident(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_told_apart_from_its_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 301 0 0 0 150 25 0 0 20 0 3 0 99 1000 200";

        assert_eq!(cpu(stat), Some(1.75));
        assert_eq!(resident("Name:\ta\nVmRSS:\t    5120 kB\n"), Some(5 * 1024 * 1024));
    }

    #[test]
    fn this_process_takes_something_of_each() {
        let _one_more = std::fs::File::open("/proc/self/stat").unwrap();

        let usage = usage();

        assert!(
            usage.resident > 0 && usage.open > 3 && usage.limit >= usage.open,
            "{usage:?}"
        );
    }
}
