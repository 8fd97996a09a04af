//! Pools, leases and tickets.

use std::sync::Arc;

use license_seats::{EndLease, EndMode, PoolTerms, SeatCommand, SeatReply, TicketId};

use super::sample::{acquire, acquire_command, apply, audit, denial, grant, id, session, tenant};
use crate::domain::{PageRequest, PoolId, SeatPolicy};
use crate::store::{PoolRequest, ServerStore};

pub(super) async fn check(store: &dyn ServerStore) {
    seats_are_granted_up_to_the_capacity(store).await;
    leases_and_tickets_have_pages(store).await;
    the_end_of_a_lease_is_audited_only_if_it_happens(store).await;
    policies_change_the_content(store).await;
}

async fn seats_are_granted_up_to_the_capacity(store: &dyn ServerStore) {
    let (own, other, pool) = (tenant(), tenant(), PoolId::new(&id(1)));
    assert!(store.pool(&own, &pool).await.unwrap().is_none());
    for number in 1..=2 {
        let granted = grant(&acquire(store, &own, &pool, 2, number).await);
        assert_eq!(
            (granted.lease.seq.0, granted.is_new),
            (u64::from(number), true)
        );
    }
    assert_eq!(denial(&acquire(store, &own, &pool, 2, 3).await), "NO_SEAT");
    let again = grant(&acquire(store, &own, &pool, 2, 1).await);
    assert_eq!((again.lease.seq.0, again.is_new), (1, false));
    // The same pool of another tenant is another pool.
    let elsewhere = grant(&acquire(store, &other, &pool, 2, 3).await);
    assert_eq!(elsewhere.lease.seq.0, 1);

    let view = store.pool(&own, &pool).await.unwrap().unwrap();
    assert_eq!((view.usage.held, view.usage.capacity), (2, 2));
    // Fewer seats end no lease, and grant nothing new.
    assert_eq!(denial(&acquire(store, &own, &pool, 1, 3).await), "NO_SEAT");
    let shrunk = grant(&acquire(store, &own, &pool, 1, 2).await);
    assert_eq!(shrunk.lease.seq.0, 2);
    let kinds = store
        .events(&own, &PageRequest::first())
        .await
        .unwrap()
        .items;
    let kinds: Vec<_> = kinds.iter().map(|event| event.kind.as_str()).collect();
    assert!(kinds.contains(&"seat.granted"), "{kinds:?}");
    assert!(kinds.contains(&"seat.denied"), "{kinds:?}");
    assert!(kinds.contains(&"seat.terms_changed"), "{kinds:?}");
}

async fn leases_and_tickets_have_pages(store: &dyn ServerStore) {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    for number in 0..3 {
        acquire(store, &tenant, &pool, 3, number).await;
    }
    for number in 3..6 {
        let ticket = TicketId::from_bytes([u8::try_from(number).unwrap(); 16]);
        let command = acquire_command(number, Some(ticket));
        let reply = apply(store, &tenant, &pool, 3, command).await;
        assert!(
            matches!(reply.outcome.reply, Ok(SeatReply::Queued(_))),
            "{reply:?}"
        );
    }
    let (mut seqs, mut waiting) = (Vec::new(), Vec::new());
    let mut page = PageRequest::new(None, Some(2));
    loop {
        let found = store.leases(&tenant, &pool, &page).await.unwrap();
        seqs.extend(found.items.iter().map(|row| row.lease.seq.0));
        let Some(next) = found.next else { break };
        page = PageRequest::new(Some(next), Some(2));
    }
    assert_eq!(seqs, [1, 2, 3]);
    let mut page = PageRequest::new(None, Some(2));
    loop {
        let found = store.tickets(&tenant, &pool, &page).await.unwrap();
        waiting.extend(
            found
                .items
                .iter()
                .map(|row| (row.position, row.ticket.holder.session)),
        );
        let Some(next) = found.next else { break };
        page = PageRequest::new(Some(next), Some(2));
    }
    assert_eq!(waiting, [(1, session(3)), (2, session(4)), (3, session(5))]);
}

async fn the_end_of_a_lease_is_audited_only_if_it_happens(store: &dyn ServerStore) {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    acquire(store, &tenant, &pool, 1, 1).await;
    let end = |number, reason: &str| {
        let request = PoolRequest {
            pool: pool.clone(),
            terms: Arc::new(PoolTerms::with_capacity(1)),
            license_left: None,
            command: SeatCommand::End(EndLease {
                session: session(number),
                seq: None,
                mode: EndMode::Hard,
                reason: reason.into(),
            }),
        };
        store.apply(&tenant, request, Some(audit("lease.end")))
    };
    assert_eq!(denial(&end(2, "left").await.unwrap()), "NO_LEASE");
    assert_eq!(denial(&end(1, "").await.unwrap()), "INVALID_REASON");
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 0);
    assert!(end(1, "left").await.unwrap().outcome.reply.is_ok());
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 1);
    assert!(
        store
            .leases(&tenant, &pool, &PageRequest::first())
            .await
            .unwrap()
            .items
            .is_empty()
    );
}

async fn policies_change_the_content(store: &dyn ServerStore) {
    let (own, other, pool) = (tenant(), tenant(), PoolId::new(&id(1)));
    assert_eq!(store.seat_policy(&own, &pool).await.unwrap(), None);
    let version = store.content_version(&own).await.unwrap();
    let policy = SeatPolicy {
        max_queue: 7,
        ..SeatPolicy::default()
    };
    let set = store.set_seat_policy(&own, &pool, policy.clone(), audit("pool.policy"));
    set.await.unwrap();
    assert_eq!(store.seat_policy(&own, &pool).await.unwrap(), Some(policy));
    assert_eq!(store.seat_policy(&other, &pool).await.unwrap(), None);
    assert_ne!(store.content_version(&own).await.unwrap(), version);
}
