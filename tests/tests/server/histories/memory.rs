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
    /// Whether a command keeps the lock from its first read to its write.
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
        if self.is_locked {
            let mut pool = self.pool.lock().unwrap();
            thread::sleep(Duration::from_micros(50));
            return Some(pool.apply(call, ticket));
        }
        // Counts, and then inserts. Other commands can come in between.
        let mut pool = self.pool.lock().unwrap().clone();
        let reply = pool.apply(call, ticket);
        thread::sleep(Duration::from_micros(50));
        *self.pool.lock().unwrap() = pool;
        Some(reply)
    }
}
