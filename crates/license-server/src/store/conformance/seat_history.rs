//! The history of floating seats.

use license_seats::{LeaseTime, SeatCommand, TicketId};

use super::sample::{acquire, acquire_command, apply, id, tenant};
use crate::domain::{
    HistoryDay, HistoryHour, PoolId, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
    StoredSeatHistory, TenantDeletion, TenantId,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    sums_of_several_servers_add_up(store).await;
    ranges_exclude_their_end_and_other_pools(store).await;
    old_rows_and_those_beyond_the_limit_are_forgotten(store).await;
    pools_in_use_are_listed_with_their_levels(store).await;
    a_deleted_tenant_gets_no_history(store).await;
}

const HOUR: HistoryHour = HistoryHour(500_000);

fn pool(number: u8) -> SeatScope {
    SeatScope::Pool(PoolId::new(&id(number)))
}

fn sums(factor: u32) -> SeatSums {
    let sum = |value: u64| value * u64::from(factor);
    SeatSums {
        capacity_low: 10 * factor,
        capacity_high: 10 * factor,
        held_high: 3 * factor,
        held_ms: sum(4),
        full_ms: sum(5),
        granted: sum(6),
        overage: sum(7),
        queued: sum(8),
        waits: sum(9),
        waited_ms: sum(10),
        longest_wait_ms: sum(11),
        abandoned: sum(12),
        queue_high: 13 * factor,
    }
}

fn demand(granted: u64, queued: u64, denied: u64) -> SeatDemand {
    SeatDemand {
        granted,
        queued,
        denied,
    }
}

/// Returns a batch with an hour, a denial and a request of one pool.
fn batch(scope: &SeatScope, hour: HistoryHour, factor: u32) -> SeatHistoryBatch {
    let mut batch = SeatHistoryBatch::default();
    let count = u64::from(factor);
    batch.hours.insert((scope.clone(), hour), sums(factor));
    let denial = (scope.clone(), hour, "NO_SEAT");
    batch.denials.insert(denial, count);
    if let SeatScope::Pool(pool) = scope {
        let level = (pool.clone(), hour.day(), 7);
        batch
            .demand
            .insert(level, demand(count, 2 * count, 3 * count));
    }
    batch
}

async fn add(store: &dyn ServerStore, tenant: &TenantId, batch: SeatHistoryBatch) {
    store.add_seat_history(tenant, batch).await.unwrap();
}

async fn all_of(
    store: &dyn ServerStore,
    tenant: &TenantId,
    scope: &SeatScope,
) -> StoredSeatHistory {
    let (from, until) = (HistoryHour(0), HistoryHour(1_000_000));
    let found = store.seat_history(tenant, scope, from, until).await;
    found.unwrap()
}

async fn sums_of_several_servers_add_up(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    add(store, &own, batch(&pool(1), HOUR, 1)).await;
    add(store, &own, batch(&pool(1), HOUR, 2)).await;
    add(store, &other, batch(&pool(1), HOUR, 5)).await;
    add(store, &own, SeatHistoryBatch::default()).await;
    let mut expected = sums(1);
    expected.add(&sums(2));
    let found = all_of(store, &own, &pool(1)).await;
    assert_eq!(found.hours, [(HOUR, expected)].into());
    assert_eq!(found.denials[&HOUR], [("NO_SEAT".to_owned(), 3)].into());
    let days = (HOUR.day(), HOUR.day().plus(1));
    let requests = store
        .seat_demand(&own, &PoolId::new(&id(1)), days.0, days.1)
        .await
        .unwrap();
    assert_eq!(requests, [(7, demand(3, 6, 9))].into());
    // An unlimited license has the largest number of seats.
    let mut unlimited = SeatHistoryBatch::default();
    let sums = SeatSums {
        capacity_high: u32::MAX,
        ..SeatSums::default()
    };
    unlimited.hours.insert((SeatScope::All, HOUR), sums);
    add(store, &own, unlimited).await;
    let found = all_of(store, &own, &SeatScope::All).await;
    assert_eq!(found.hours, [(HOUR, sums)].into());
}

async fn ranges_exclude_their_end_and_other_pools(store: &dyn ServerStore) {
    let own = tenant();
    for hours in 0..4 {
        add(store, &own, batch(&pool(1), HOUR.plus(hours), 1)).await;
    }
    add(store, &own, batch(&pool(2), HOUR, 1)).await;
    add(store, &own, batch(&SeatScope::All, HOUR, 1)).await;
    let one = pool(1);
    let range = store.seat_history(&own, &one, HOUR.plus(1), HOUR.plus(3));
    let found = range.await.unwrap();
    let hours: Vec<_> = found.hours.keys().copied().collect();
    assert_eq!(hours, [HOUR.plus(1), HOUR.plus(2)]);
    let denials: Vec<_> = found.denials.keys().copied().collect();
    assert_eq!(denials, hours);
    let first = HOUR.day();
    add(store, &own, batch(&pool(1), first.plus(1).first_hour(), 1)).await;
    let pool = PoolId::new(&id(1));
    for (from, until, granted) in [(0, 1, 4), (0, 2, 5), (1, 2, 1)] {
        let found = store
            .seat_demand(&own, &pool, first.plus(from), first.plus(until))
            .await
            .unwrap();
        assert_eq!(found[&7].granted, granted, "{from} {until}");
    }
    let none = store.seat_demand(&own, &pool, first.plus(2), first.plus(9));
    assert!(none.await.unwrap().is_empty());
}

async fn old_rows_and_those_beyond_the_limit_are_forgotten(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    for tenant in [&own, &other] {
        for days in 0..4 {
            let hour = HOUR.day().plus(days).first_hour();
            add(store, tenant, batch(&pool(1), hour, 1)).await;
        }
    }
    let forget = async |before: HistoryDay, keep| {
        let forgotten = store.forget_seat_history(&own, before, keep).await;
        forgotten.unwrap()
    };
    // Each day has a row in each of three tables.
    assert_eq!(forget(HOUR.day(), 100).await, 0);
    assert_eq!(forget(HOUR.day().plus(1), 100).await, 3);
    assert_eq!(forget(HOUR.day(), 3).await, 0);
    assert_eq!(forget(HOUR.day(), 2).await, 3);
    let left = all_of(store, &own, &pool(1)).await;
    let hours: Vec<_> = left.hours.keys().map(|hour| hour.day()).collect();
    assert_eq!(hours, [HOUR.day().plus(2), HOUR.day().plus(3)]);
    assert_eq!(all_of(store, &other, &pool(1)).await.hours.len(), 4);
}

async fn pools_in_use_are_listed_with_their_levels(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let (one, two) = (PoolId::new(&id(1)), PoolId::new(&id(2)));
    acquire(store, &own, &two, 2, 1).await;
    acquire(store, &own, &one, 1, 1).await;
    let ticket = TicketId::from_bytes([1; 16]);
    apply(store, &own, &one, 1, acquire_command(2, Some(ticket))).await;
    acquire(store, &other, &one, 9, 1).await;
    // A pool without leases and tickets is not in use.
    let unused = PoolId::new(&id(3));
    apply(store, &own, &unused, 1, SeatCommand::Tick).await;
    let levels = store.pool_levels(&own).await.unwrap();
    let found: Vec<_> = levels
        .iter()
        .map(|level| {
            (
                &level.pool,
                level.capacity,
                level.held,
                level.waiting,
                level.is_full(),
            )
        })
        .collect();
    let mut expected = vec![(&one, 1, 1, 1, true), (&two, 2, 1, 0, false)];
    expected.sort_unstable();
    assert_eq!(found, expected);
    for level in &levels {
        assert_eq!(level.offered, 0);
        let view = store.pool(&own, &level.pool).await.unwrap().unwrap();
        assert_eq!(view.usage.held, level.held);
        assert!(view.now > LeaseTime::from_millis(0) && level.next_seq > 1);
    }
}

async fn a_deleted_tenant_gets_no_history(store: &dyn ServerStore) {
    let own = tenant();
    let audit = super::sample::audit("test");
    store.record(&own, audit).await.unwrap();
    add(store, &own, batch(&pool(1), HOUR, 1)).await;
    let audit = super::sample::audit("organization.delete");
    let deleted = store.delete_tenant(&own, None, audit).await;
    assert_eq!(deleted.unwrap(), TenantDeletion::Deleted);
    // A batch of a server that does not know of the deletion.
    add(store, &own, batch(&pool(1), HOUR, 1)).await;
    let left = all_of(store, &own, &pool(1)).await;
    assert_eq!(left, StoredSeatHistory::default());
}
