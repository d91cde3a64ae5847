//! What the proxy uses of the machine, as Linux tells it.

use std::fs;

use super::TestProxy;

/// Hundredths of a second that it has computed.
pub(crate) fn processor_time(proxy: &TestProxy) -> u64 {
    let line = read(proxy, "stat");
    // The second field is a name in parentheses, which may hold anything.
    let (_, fields) = line.rsplit_once(')').expect("a name in parentheses");
    let times = fields.split_whitespace().skip(11).take(2);
    times.map(|time| time.parse::<u64>().expect("a number")).sum()
}

/// Descriptors that it has open.
pub(crate) fn descriptors(proxy: &TestProxy) -> usize {
    fs::read_dir(path(proxy, "fd"))
        .expect("the proxy is running")
        .count()
}

/// Bytes that it has in memory.
pub(crate) fn memory(proxy: &TestProxy) -> u64 {
    bytes(proxy, "VmRSS:")
}

/// The most bytes that it has had in memory so far.
pub(crate) fn peak_memory(proxy: &TestProxy) -> u64 {
    bytes(proxy, "VmHWM:")
}

fn bytes(proxy: &TestProxy, name: &str) -> u64 {
    let status = read(proxy, "status");
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let size = line
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .expect("a size in kilobytes");
    size.parse::<u64>().expect("a number") * 1024
}

fn read(proxy: &TestProxy, name: &str) -> String {
    fs::read_to_string(path(proxy, name)).expect("the proxy is running")
}

fn path(proxy: &TestProxy, name: &str) -> String {
    format!("/proc/{}/{name}", proxy.pid().as_raw_nonzero())
}
