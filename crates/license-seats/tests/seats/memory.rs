//! Memory of a large pool. The counters of allocations belong to a thread, so other tests do not
//! change them.

use allocation_counter::{AllocationInfo, measure};
use license_core::session::SessionId;
use license_seats::{
    Acquire, CommandTime, Heartbeat, Holder, InstanceId, LeaseSpan, LeaseTime, Pool, PoolTerms,
    SeatCommand, SeatSecret, Seq,
};

const NOW: CommandTime = CommandTime::at(LeaseTime::from_millis(1_000));
const LATER: CommandTime = CommandTime::at(LeaseTime::from_millis(41_000));

fn session(number: u32) -> SessionId {
    SessionId::new(None, None, &number.to_string(), b"/project")
}

fn acquire(number: u32) -> SeatCommand {
    SeatCommand::Acquire(Acquire {
        holder: Holder::new(session(number), &format!("user{number}@example.com"))
            .with_groups(["design"]),
        instance: InstanceId::from_bytes([1; 16]),
        commitment: SeatSecret::from_bytes([7; 32]).commitment(),
        wait: None,
    })
}

fn heartbeat(number: u32) -> SeatCommand {
    SeatCommand::Heartbeat(Heartbeat {
        session: session(number),
        instance: InstanceId::from_bytes([1; 16]),
        seq: Seq(u64::from(number)),
    })
}

/// Returns a pool whose sessions 1 to `leases` hold seats, and the allocations of its creation.
fn pool(leases: u32) -> (Pool, AllocationInfo) {
    let mut pool = Pool::new(PoolTerms::with_capacity(leases));
    let info = measure(|| {
        for number in 1..=leases {
            assert!(pool.apply(acquire(number), NOW).reply.is_ok());
        }
    });
    (pool, info)
}

#[test]
fn ten_thousand_leases_need_less_than_twenty_mebibytes() {
    let (pool, info) = pool(10_000);
    assert_eq!(pool.usage().held, 10_000);
    println!("{} bytes for 10,000 leases", info.bytes_current);
    assert!(info.bytes_max < 20 << 20, "{info:?}");
}

#[test]
fn a_heartbeat_needs_as_much_memory_in_a_large_pool_as_in_a_small_one() {
    let [small, large] = [100, 10_000].map(|leases| {
        let (mut pool, _) = pool(leases);
        measure(|| {
            for number in 1..=100 {
                assert!(pool.apply(heartbeat(number), LATER).reply.is_ok());
            }
        })
    });
    println!(
        "{} and {} allocated bytes",
        small.bytes_total, large.bytes_total
    );
    assert!(
        large.bytes_total < 2 * small.bytes_total,
        "{small:?} {large:?}"
    );
}

#[test]
fn ended_leases_are_bounded() {
    let mut terms = PoolTerms::with_capacity(1);
    terms.lease.remembered = 100;
    let mut pool = Pool::new(terms);
    let mut at = NOW;
    for number in 1..=1_000 {
        // The lease before is late, and its seat is reclaimed.
        assert!(pool.apply(acquire(number), at).reply.is_ok());
        at.now = at.now.saturating_add(LeaseSpan::from_secs(123));
    }
    assert_eq!(pool.rows().ended.len(), 100);
}
