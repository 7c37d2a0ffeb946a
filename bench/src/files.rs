//! The limit on open files: one a connection.

use std::{fs, io};

/// Why so many connections cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The limit is too low.
    #[error(
        "{connections} connections need {need} open files, and {limit} are allowed: raise the limit with `ulimit -n {need}`, or use fewer connections"
    )]
    TooFew {
        /// What was asked for.
        connections: usize,
        /// Files that it takes.
        need: usize,
        /// The soft limit of this process.
        limit: usize,
    },
    /// The limit cannot be read.
    #[error("/proc/self/limits: {0}")]
    Unreadable(#[from] io::Error),
}

/// Files that the process itself has open: standard streams, epoll, a few of the runtime.
const OWN: usize = 32;

/// Checks that this process may open so many connections.
///
/// # Errors
///
/// It may not.
pub fn check(connections: usize) -> Result<(), FilesError> {
    let limits = fs::read_to_string("/proc/self/limits")?;
    within(connections, soft_limit(&limits).unwrap_or(usize::MAX))
}

fn within(connections: usize, limit: usize) -> Result<(), FilesError> {
    let need = connections.saturating_add(OWN);
    if need > limit {
        return Err(FilesError::TooFew { connections, need, limit });
    }
    Ok(())
}

/// The number in `Max open files   1024   4096   files`; `None` where it is `unlimited`.
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_counts() {
        let limits = "Limit  Soft  Hard  Units\nMax open files            1024     4096    files\n";
        assert_eq!(soft_limit(limits), Some(1024));
        assert_eq!(soft_limit("Max open files unlimited unlimited files"), None);
        assert!(within(992, 1024).is_ok());
        let error = within(993, 1024).unwrap_err().to_string();
        assert!(error.contains("`ulimit -n 1025`"), "{error}");
    }
}
