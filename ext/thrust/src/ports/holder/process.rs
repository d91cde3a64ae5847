//! What /proc tells of processes: which there are, their names, their parents, and the sockets that they have open.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// All processes that can be seen.
pub(super) fn all() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// This process, its children, their children and so on; one that was adopted by another is not among them.
pub fn descendants(pid: u32) -> Vec<u32> {
    let mut children: HashMap<u32, Vec<u32>> = HashMap::new();
    for process in all() {
        if let Some(parent) = parent(process) {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(pid) = family.get(next) {
        // Taken out, so that no pid that is used again can lead in a circle.
        family.extend(children.remove(pid).unwrap_or_default());
        next += 1;
    }
    family
}

/// The inodes of the sockets that a process has open; none if we may not look.
pub(super) fn sockets(pid: u32) -> Vec<u64> {
    let Ok(open) = fs::read_dir(directory(pid).join("fd")) else {
        return Vec::new();
    };
    open.flatten()
        .filter_map(|entry| socket_inode(&fs::read_link(entry.path()).ok()?))
        .collect()
}

/// The name of a process's program.
pub(super) fn name(pid: u32) -> String {
    let name = fs::read_to_string(directory(pid).join("comm")).unwrap_or_default();
    // A process may call itself anything, and this goes to a terminal.
    let name: String = name
        .trim_end()
        .chars()
        .filter(|character| !character.is_control())
        .collect();
    if name.is_empty() {
        "a process".to_owned()
    } else {
        name
    }
}

fn parent(pid: u32) -> Option<u32> {
    parent_in(&fs::read_to_string(directory(pid).join("stat")).ok()?)
}

/// The parent in a line of /proc/PID/stat. The name before it may hold anything, brackets and spaces too.
fn parent_in(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The inode in the target of a link such as `socket:[4711]`.
fn socket_inode(target: &Path) -> Option<u64> {
    target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}

fn directory(pid: u32) -> PathBuf {
    Path::new("/proc").join(pid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent_in("17 (puma 6.6 (tcp) [app]) S 4 17 17 0"), Some(4));
        assert_eq!(parent_in("17"), None);
    }

    #[test]
    fn only_sockets_have_an_inode_of_one() {
        assert_eq!(socket_inode(Path::new("socket:[4711]")), Some(4711));
        assert_eq!(socket_inode(Path::new("pipe:[4711]")), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_child_descends_from_us() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();

        let family = descendants(std::process::id());

        assert_eq!(family[0], std::process::id());
        assert!(family.contains(&child.id()), "{family:?}");
        assert_eq!(descendants(child.id()), [child.id()]);
        drop(child.stdin.take());
        child.wait().unwrap();
    }
}
