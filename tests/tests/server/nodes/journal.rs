//! The knowledge of clients about their seats, with its times.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The time in which a client may use its seat.
#[derive(Clone, Copy, Debug)]
struct Use {
    session: u32,
    from: Instant,
    until: Instant,
}

/// The uses of the seats of one pool.
pub(super) struct Journal {
    capacity: usize,
    /// Uses by fencing number.
    uses: Mutex<BTreeMap<u64, Use>>,
}

/// A grant as the client sees it: the seat may be used from the response on, for some seconds after
/// the request was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) seq: u64,
    pub(super) sent: Instant,
    pub(super) received: Instant,
    pub(super) valid_for: Duration,
}

impl Granted {
    pub(super) fn until(&self) -> Instant {
        self.sent + self.valid_for
    }
}

impl Journal {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            uses: Mutex::default(),
        }
    }

    /// Records a grant or a renewal.
    #[track_caller]
    pub(super) fn granted(&self, session: u32, granted: Granted) {
        let mut uses = self.uses.lock().unwrap();
        let found = uses.entry(granted.seq).or_insert(Use {
            session,
            from: granted.received,
            until: granted.until(),
        });
        assert_eq!(found.session, session, "{granted:?} has another holder");
        found.until = found.until.max(granted.until());
    }

    /// Records that a client uses its seat no longer, because it releases the seat.
    pub(super) fn ended(&self, seq: u64, at: Instant) {
        if let Some(found) = self.uses.lock().unwrap().get_mut(&seq) {
            found.until = found.until.min(at);
        }
    }

    /// Returns the number of grants.
    pub(super) fn len(&self) -> usize {
        self.uses.lock().unwrap().len()
    }

    /// Checks that no more seats were in use at once than the pool has.
    #[track_caller]
    pub(super) fn check(&self) {
        let uses = self.uses.lock().unwrap();
        for begun in uses.values() {
            let at = begun.from;
            let in_use = uses
                .iter()
                .filter(|(_, one)| one.from <= at && at < one.until);
            let in_use: Vec<(&u64, &Use)> = in_use.collect();
            let capacity = self.capacity;
            assert!(
                in_use.len() <= capacity,
                "expected at most {capacity} seats in use at once, found {in_use:#?}"
            );
        }
    }
}

#[test]
fn a_journal_finds_seats_that_are_used_at_the_same_time() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let granted = |seq, sent| Granted {
        seq,
        sent: at(sent),
        received: at(sent + 1),
        valid_for: Duration::from_secs(10),
    };
    let journal = Journal::new(1);
    journal.granted(1, granted(1, 0));
    journal.granted(2, granted(2, 9));
    journal.check();
    journal.granted(3, granted(3, 30));
    journal.ended(3, at(35));
    journal.granted(4, granted(4, 34));
    journal.check();
    journal.granted(2, granted(2, 25));
    assert!(std::panic::catch_unwind(|| journal.check()).is_err());
}
