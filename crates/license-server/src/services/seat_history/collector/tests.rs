use std::collections::BTreeMap;
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{
    Acquire, CommandTime, Holder, InstanceId, LeaseTime, Pool, Release, SeatCommand, SeatSecret,
    TicketId,
};

use super::*;
use crate::domain::HistoryDay;
use crate::services::tests::{at, id};

/// A pool whose commands are recorded.
struct Recorded {
    collector: SeatCollector,
    pool: Pool,
    id: PoolId,
    now_ms: u64,
}

impl Recorded {
    fn new(capacity: u32) -> Self {
        Self {
            collector: SeatCollector::default(),
            pool: Pool::new(PoolTerms::with_capacity(capacity)),
            id: PoolId::new(&id(1)),
            now_ms: 1_000,
        }
    }

    fn apply(&mut self, command: SeatCommand) -> PoolReply {
        let now = LeaseTime::from_millis(self.now_ms);
        let reply = PoolReply {
            outcome: self.pool.apply(command, CommandTime::at(now)),
            now,
            ended_at: None,
        };
        let terms = self.pool.terms();
        self.collector
            .record(&self.id, terms, &reply, at("2027-01-15T09:10:00Z"));
        reply
    }

    fn acquire(&mut self, number: u32, wait: Option<u8>) -> PoolReply {
        self.apply(SeatCommand::Acquire(Acquire {
            holder: Holder::new(session(number), "ann"),
            instance: instance(number),
            commitment: SeatSecret::from_bytes([7; 32]).commitment(),
            wait: wait.map(|wait| TicketId::from_bytes([wait; 16])),
        }))
    }

    fn release(&mut self, number: u32) {
        let lease = Arc::clone(self.pool.lease(&session(number)).unwrap());
        let released = self.apply(SeatCommand::Release(Release {
            session: session(number),
            instance: instance(number),
            seq: lease.seq,
            secret: SeatSecret::from_bytes([7; 32]),
        }));
        assert!(released.outcome.reply.is_ok());
    }

    /// Returns what was collected, and the number of granted, waiting and denied requests by the
    /// number of seats that they needed.
    fn take(&self) -> (SeatHistoryBatch, BTreeMap<u32, (u64, u64, u64)>) {
        let batch = self.collector.take();
        let demand = batch.demand.iter().map(|((pool, day, level), demand)| {
            assert_eq!(*pool, self.id);
            assert_eq!(*day, HistoryDay::of("2027-01-15".parse().unwrap()));
            (*level, (demand.granted, demand.queued, demand.denied))
        });
        let demand = demand.collect();
        (batch, demand)
    }
}

fn session(number: u32) -> SessionId {
    SessionId::new(None, None, "ann", &number.to_be_bytes())
}

fn instance(number: u32) -> InstanceId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&number.to_be_bytes());
    InstanceId::from_bytes(bytes)
}

fn sums(batch: &SeatHistoryBatch, scope: SeatScope) -> SeatSums {
    let hour = HistoryHour::of(at("2027-01-15T09:00:00Z"));
    batch.hours[&(scope, hour)]
}

#[test]
fn grants_are_counted_by_the_seats_in_use_and_denials_by_the_missing_ones() {
    let mut recorded = Recorded::new(2);
    recorded.acquire(1, None);
    recorded.acquire(2, None);
    // A repeated request for a seat that the session holds needs no other one.
    recorded.acquire(2, None);
    recorded.acquire(3, None);
    recorded.acquire(4, None);
    // The repetition of a denied request needs no other seat than the first one.
    recorded.acquire(4, None);
    recorded.release(1);
    recorded.acquire(3, None);
    let (batch, demand) = recorded.take();
    let expected = [
        (1, (1, 0, 0)),
        (2, (2, 0, 0)),
        (3, (0, 0, 1)),
        (4, (0, 0, 2)),
    ];
    assert_eq!(demand, expected.into());
    let pool = sums(&batch, SeatScope::Pool(recorded.id.clone()));
    assert_eq!((pool.granted, pool.held_high, pool.waits), (3, 2, 0));
    assert_eq!((pool.capacity_low, pool.capacity_high), (2, 2));
    let hour = HistoryHour::of(at("2027-01-15T09:00:00Z"));
    for scope in [SeatScope::All, SeatScope::Pool(recorded.id.clone())] {
        assert_eq!(batch.denials[&(scope, hour, "NO_SEAT")], 3);
    }
    assert_eq!(sums(&batch, SeatScope::All).granted, 3);
    assert!(recorded.collector.take().is_empty());
}

#[test]
fn a_request_that_waits_counts_once_with_its_place_in_the_queue() {
    let mut recorded = Recorded::new(1);
    recorded.acquire(1, None);
    recorded.acquire(2, Some(2));
    recorded.acquire(3, Some(3));
    recorded.now_ms += 7_000;
    recorded.release(1);
    // The second session claims its offer after seven seconds.
    recorded.acquire(2, Some(2));
    let (batch, demand) = recorded.take();
    let expected = [(1, (1, 0, 0)), (2, (0, 1, 0)), (3, (0, 1, 0))];
    assert_eq!(demand, expected.into());
    let pool = sums(&batch, SeatScope::Pool(recorded.id.clone()));
    assert_eq!((pool.granted, pool.queued, pool.queue_high), (2, 2, 2));
    assert_eq!(
        (pool.waits, pool.waited_ms, pool.longest_wait_ms),
        (1, 7_000, 7_000)
    );
}

#[test]
fn a_late_lease_is_not_in_the_way_of_a_request() {
    let mut recorded = Recorded::new(2);
    recorded.acquire(1, None);
    recorded.now_ms += 130_000;
    recorded.acquire(2, None);
    let (_, demand) = recorded.take();
    assert_eq!(demand, [(1, (2, 0, 0))].into());
}

#[test]
fn a_change_of_the_number_of_seats_keeps_the_demand() {
    let mut recorded = Recorded::new(3);
    for number in 1..=3 {
        recorded.acquire(number, None);
    }
    let fewer = PoolTerms::with_capacity(1);
    recorded.apply(SeatCommand::SetTerms(Arc::new(fewer)));
    // Three seats are held, so a fourth one would have been needed.
    recorded.acquire(4, None);
    let (batch, demand) = recorded.take();
    let expected = [
        (1, (1, 0, 0)),
        (2, (1, 0, 0)),
        (3, (1, 0, 0)),
        (4, (0, 0, 1)),
    ];
    assert_eq!(demand, expected.into());
    let pool = sums(&batch, SeatScope::Pool(recorded.id.clone()));
    assert_eq!((pool.capacity_low, pool.capacity_high), (3, 3));
}

#[test]
fn observations_add_up_the_time_for_which_seats_are_held() {
    let collector = SeatCollector::default();
    let level = |number: u8, held, offered, capacity| PoolLevel {
        pool: PoolId::new(&id(number)),
        capacity,
        ceiling: capacity,
        held,
        offered,
        waiting: 4,
        next_seq: 1,
    };
    let now = at("2027-01-15T09:59:00Z");
    // The first observation has no time before it.
    collector.observe(&[level(1, 5, 0, 5)], 10_000, now);
    collector.observe(&[level(1, 4, 1, 5), level(2, 3, 0, u32::MAX)], 11_000, now);
    collector.observe(&[level(1, 3, 1, 5)], 12_000, now);
    // After a pause, only a part of the time is known.
    collector.observe(&[level(1, 2, 0, 5)], 112_000, now);
    let batch = collector.take();
    let one = sums(&batch, SeatScope::Pool(PoolId::new(&id(1))));
    assert_eq!((one.held_high, one.queue_high), (5, 4));
    assert_eq!(
        (one.held_ms, one.full_ms),
        (4_000 + 3_000 + 2 * 5_000, 1_000)
    );
    let two = sums(&batch, SeatScope::Pool(PoolId::new(&id(2))));
    assert_eq!((two.held_ms, two.full_ms), (3_000, 0));
    let all = sums(&batch, SeatScope::All);
    assert_eq!((all.held_high, all.queue_high), (7, 8));
    assert_eq!((all.held_ms, all.full_ms), (one.held_ms + 3_000, 1_000));
    // A server that takes over does not know the time before.
    collector.stop_observing();
    collector.observe(&[level(1, 5, 0, 5)], 200_000, now);
    let batch = collector.take();
    assert_eq!(sums(&batch, SeatScope::All).held_ms, 0);
}

#[test]
fn numbers_of_seats_are_exact_up_to_256_and_rounded_up_by_less_than_a_128th() {
    for level in 1..=EXACT_LEVELS {
        assert_eq!(rounded(level), level);
    }
    let mut distinguished = std::collections::BTreeSet::new();
    for level in EXACT_LEVELS + 1..=20_000 {
        let found = rounded(level);
        assert!(
            found >= level && (found - level) * 128 < level,
            "{level} {found}"
        );
        assert_eq!(rounded(found), found);
        distinguished.insert(found);
    }
    assert!(distinguished.len() < 1_000, "{}", distinguished.len());
    assert!(rounded(u32::MAX - 1) >= u32::MAX - 1);
}

#[test]
fn what_cannot_be_stored_is_kept_within_bounds() {
    let mut recorded = Recorded::new(5);
    recorded.acquire(1, None);
    let (batch, _) = recorded.take();
    recorded.acquire(2, None);
    recorded.collector.put_back(batch);
    let (batch, demand) = recorded.take();
    assert_eq!(demand, [(1, (1, 0, 0)), (2, (1, 0, 0))].into());
    assert_eq!(sums(&batch, SeatScope::All).granted, 2);
    for number in 0..MAX_ROWS {
        let pool = PoolId::parse(&format!("pool-{number}")).unwrap();
        recorded.id = pool;
        recorded.acquire(1, None);
    }
    for number in 0..u32::try_from(MAX_ROWS).unwrap() {
        recorded.id = PoolId::parse(&format!("pool-{number}")).unwrap();
        recorded.acquire(number + 100, None);
    }
    assert!(recorded.collector.take().len() <= MAX_ROWS);
}
