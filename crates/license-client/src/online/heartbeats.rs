//! The thread that renews all seats of a process.
//!
//! The thread starts with the first seat, and ends after the last one. A child process has no copy
//! of the thread, so it starts its own for its own seats.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process;
use std::sync::{
    Arc, Condvar, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, TryLockError, Weak,
};
use std::thread;
use std::time::Duration;

use super::seat::SeatCore;
use crate::boot_time::BootTime;

/// The longest sleep of the thread. The clock of a sleep stops in suspend, so the thread notices
/// the end of a lease at most this time after the machine resumes.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);

/// How often, and how long in between, a lock is tried that a parent process may have held.
const TRIES: u32 = 200;
const TRY_PAUSE: Duration = Duration::from_millis(5);

/// The seats of the process that created it.
struct Heartbeats {
    owner: u32,
    seats: Mutex<Seats>,
    changed: Condvar,
}

#[derive(Default)]
struct Seats {
    all: Vec<Weak<SeatCore>>,
    is_running: bool,
}

static HEARTBEATS: RwLock<Option<Arc<Heartbeats>>> = RwLock::new(None);

/// Renews a seat until it is dropped.
pub(super) fn add(seat: &Arc<SeatCore>) -> io::Result<()> {
    let heartbeats = current()?;
    let mut seats = heartbeats.seats();
    seats.all.push(Arc::downgrade(seat));
    if !seats.is_running {
        let running = Arc::clone(&heartbeats);
        let thread = thread::Builder::new().name("license-seats".to_owned());
        thread.spawn(move || running.run())?;
        seats.is_running = true;
    }
    heartbeats.changed.notify_all();
    Ok(())
}

/// Lets the thread look at its seats now.
pub(super) fn wake() {
    if let Ok(heartbeats) = current() {
        heartbeats.changed.notify_all();
    }
}

/// Returns the seats of this process. A child process does not wait forever for a lock that a
/// thread of its parent held at the `fork`.
fn current() -> io::Result<Arc<Heartbeats>> {
    let mut known = lock()?;
    match known.as_ref() {
        Some(heartbeats) if heartbeats.owner == process::id() => Ok(Arc::clone(heartbeats)),
        _ => {
            let heartbeats = Arc::new(Heartbeats {
                owner: process::id(),
                seats: Mutex::default(),
                changed: Condvar::new(),
            });
            // The locks of a parent process may be held forever, so they are left alone.
            std::mem::forget(known.replace(Arc::clone(&heartbeats)));
            Ok(heartbeats)
        }
    }
}

fn lock() -> io::Result<RwLockWriteGuard<'static, Option<Arc<Heartbeats>>>> {
    for _ in 0..TRIES {
        match HEARTBEATS.try_write() {
            Ok(known) => return Ok(known),
            Err(TryLockError::Poisoned(poisoned)) => return Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(TRY_PAUSE),
        }
    }
    let message = "a lock is still held after a second, perhaps by a thread of the parent process";
    Err(io::Error::new(io::ErrorKind::WouldBlock, message))
}

impl Heartbeats {
    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Renews the seats until there are none.
    fn run(&self) {
        loop {
            let Some(seats) = self.live() else {
                return;
            };
            self.look_at(&seats);
            // The seats are not kept alive while the thread sleeps.
            drop(seats);
            let guard = self.seats();
            let next = live_in(&guard)
                .filter_map(|seat| seat.due())
                .map(|due| due.at)
                .min();
            let now = BootTime::now();
            let sleep = next.map_or(LONGEST_SLEEP, |next| next.since(now).min(LONGEST_SLEEP));
            if !sleep.is_zero() {
                let waited = self.changed.wait_timeout(guard, sleep);
                drop(waited.unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Returns the seats that need the thread. Returns `None` if there are none, and the thread
    /// then ends.
    fn live(&self) -> Option<Vec<Arc<SeatCore>>> {
        let mut seats = self.seats();
        let is_live =
            |seat: &Weak<SeatCore>| seat.upgrade().is_some_and(|seat| seat.due().is_some());
        seats.all.retain(is_live);
        if seats.all.is_empty() {
            seats.is_running = false;
            return None;
        }
        Some(live_in(&seats).collect())
    }

    /// Does what is due, and asks a server that has just failed only once.
    fn look_at(&self, seats: &[Arc<SeatCore>]) {
        let mut failed = Vec::new();
        for seat in seats {
            seat.notice_end();
            let due = seat.due();
            let is_due = due.is_some_and(|due| due.is_request && due.at <= BootTime::now());
            if !is_due {
                continue;
            }
            if failed.contains(&seat.server()) {
                seat.postpone();
                continue;
            }
            // Nothing in a renewal panics, and a defect must not end the renewals of other seats.
            let is_reached = catch_unwind(AssertUnwindSafe(|| seat.renew()));
            match is_reached {
                Ok(true) => {}
                Ok(false) => failed.push(seat.server()),
                Err(_) => seat.postpone(),
            }
            seat.notice_end();
        }
        for seat in seats {
            seat.refresh_entry();
        }
    }
}

fn live_in(seats: &Seats) -> impl Iterator<Item = Arc<SeatCore>> {
    seats.all.iter().filter_map(Weak::upgrade)
}
