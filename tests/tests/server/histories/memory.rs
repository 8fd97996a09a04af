//! A pool in memory, with a lock or without, to examine the checker itself.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::clients::Target;
use super::model::{Call, Pool, Reply};

/// A pool in memory.
pub(super) struct MemoryPool {
    pool: Mutex<Pool>,
    tickets: AtomicU64,
    /// Whether an acquire keeps the lock from its count to its insertion.
    is_locked: bool,
}

impl MemoryPool {
    pub(super) fn new(capacity: usize, is_locked: bool) -> Self {
        Self {
            pool: Mutex::new(Pool::new(capacity, 1)),
            tickets: AtomicU64::new(1),
            is_locked,
        }
    }
}

impl Target for MemoryPool {
    fn send(&self, call: &Call) -> Option<Reply> {
        let ticket = self.tickets.fetch_add(1, Ordering::SeqCst);
        let ticket = Some(ticket.into());
        if let Call::Acquire { session, .. } = *call
            && !self.is_locked
        {
            let counted = self.pool.lock().unwrap().clone().apply(call, ticket);
            // Other commands can come between the count and the insertion.
            thread::sleep(Duration::from_micros(50));
            if let Reply::New { .. } = counted {
                let seq = self.pool.lock().unwrap().grant(session, None);
                return Some(Reply::New { seq });
            }
        }
        Some(self.pool.lock().unwrap().apply(call, ticket))
    }
}
