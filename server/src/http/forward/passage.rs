//! What passes through this replica and lasts: held GETs and websockets of sessions elsewhere. They are
//! counted and given up one by one when this replica goes down, as its own sessions are.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use dashmap::DashMap;
use tokio_util::sync::CancellationToken;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Passages {
    /// One for each client's connection, whose number has a cap.
    all: DashMap<u64, CancellationToken>,
    next: AtomicU64,
    closed: AtomicBool,
}

/// One of them; over when dropped.
#[derive(Debug)]
pub(crate) struct Passage {
    passages: Arc<Passages>,
    number: u64,
    end: CancellationToken,
}

impl Passages {
    /// A new one; none once all were closed.
    pub(super) fn enter(self: &Arc<Self>) -> Option<Passage> {
        let (number, end) = (self.next.fetch_add(1, Ordering::Relaxed), CancellationToken::new());
        self.all.insert(number, end.clone());
        let passage = Passage { passages: Arc::clone(self), number, end };
        // After it is in the list: either `close` finds it there or this finds all closed.
        (!self.closed.load(Ordering::SeqCst)).then_some(passage)
    }

    /// What ends each of them.
    pub(crate) fn ends(&self) -> Vec<CancellationToken> {
        self.all.iter().map(|entry| entry.value().clone()).collect()
    }

    /// Ends all, and lets no new one begin.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.ends().iter().for_each(CancellationToken::cancel);
    }
}

impl Passage {
    /// Waits until it has to give way.
    pub(super) async fn closed(&self) {
        self.end.cancelled().await;
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        self.passages.all.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_last_are_known_until_they_end() {
        let passages = Arc::new(Passages::default());
        let (one, two) = (passages.enter().unwrap(), passages.enter().unwrap());
        assert_eq!(passages.ends().len(), 2);
        drop(one);
        assert_eq!(passages.ends().len(), 1);
        passages.close();
        assert!(two.end.is_cancelled());
        assert!(passages.enter().is_none());
        drop(two);
        assert!(passages.ends().is_empty());
    }
}
