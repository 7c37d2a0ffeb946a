//! Ending a program together with everything that it started.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// Kills a process and all that descend from it (SIGKILL; nothing to wait for).
///
/// The tree is read from `/proc`; where there is none, only the process itself is killed.
pub fn kill_tree(id: u32) {
    let mut ids = descendants(id);
    ids.push(id);
    kill(&ids);
}

/// Kills everything that descends from a process, but not the process.
pub fn kill_descendants(id: u32) {
    kill(&descendants(id));
}

fn kill(ids: &[u32]) {
    if ids.is_empty() {
        return;
    }
    // `kill` of the shell: the standard library signals only direct children, and only by handle.
    let script = "for id; do kill -KILL \"$id\"; done";
    let _ = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(ids.iter().map(u32::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn descendants(root: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        // A process may be gone between the listing and the reading.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if let Some(parent) = parent(&stat) {
            children.entry(parent).or_default().push(id);
        }
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(id) = open.pop() {
        let own = children.remove(&id).unwrap_or_default();
        open.extend(&own);
        found.extend(own);
    }
    found
}

/// The parent's id in a line of `/proc/ID/stat`: `ID (NAME) STATE PARENT …`, where NAME may hold
/// spaces and parentheses, so the last `)` counts.
fn parent(stat: &str) -> Option<u32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parent;

    #[test]
    fn the_parent_is_found_behind_any_program_name() {
        assert_eq!(parent("12 (sh) S 7 12 7 0"), Some(7));
        assert_eq!(parent("12 (a b) c) d) R 9 12"), Some(9));
        assert_eq!(parent("12 (sh"), None);
    }
}
