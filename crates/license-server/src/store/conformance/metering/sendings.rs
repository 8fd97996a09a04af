//! The outbox of amounts for the billing provider.

use super::{audit, customer, fact, former_states, install, pool, sending, settlement, tenant};
use crate::domain::{
    PageRequest, SendingResult, SendingState, TenantId, UsageSending, UsageSettlement,
};
use crate::store::{SendingClaim, ServerStore};

pub(super) async fn check(store: &dyn ServerStore) {
    an_amount_is_sent_until_it_is_recorded_or_uncertain(store).await;
}

/// Returns a tenant with two amounts in its outbox.
async fn outbox(store: &dyn ServerStore) -> TenantId {
    let own = tenant();
    install(store, &own).await;
    let facts = vec![fact(1, "a/1", "2027-01-15", 13)];
    store.record_facts(&own, facts).await.unwrap();
    let before = customer(store, &own, 1).await;
    let queued = UsageSettlement {
        sendings: vec![sending(0, 8), sending(1, 2)],
        ..settlement(before)
    };
    assert!(store.settle_usage(&own, queued).await.unwrap());
    own
}

async fn an_amount_is_sent_until_it_is_recorded_or_uncertain(store: &dyn ServerStore) {
    let (own, other) = (outbox(store).await, tenant());
    // The store queued the amounts at the time of its own clock.
    let queued = store.sendings_of(&own, &pool(1)).await.unwrap();
    let start = queued[0].queued_at;
    let minute = chrono::TimeDelta::minutes(1);
    let claim = async |tenant: &TenantId, after: chrono::TimeDelta, limit| {
        let now = start + after;
        let claim = SendingClaim {
            now,
            next_at: now + minute,
            oldest: now - chrono::TimeDelta::hours(23),
            limit,
        };
        let claimed = store.claim_sendings(tenant, claim, audit("usage.uncertain"));
        claimed.await.unwrap()
    };
    assert!(claim(&other, chrono::TimeDelta::zero(), 9).await.is_empty());
    let first = claim(&own, chrono::TimeDelta::zero(), 1).await;
    let second = claim(&own, chrono::TimeDelta::zero(), 9).await;
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_eq!(claim(&own, chrono::TimeDelta::zero(), 9).await, []);
    // A server that was killed has not recorded its answer, so the amount is due again.
    let again = claim(&own, minute, 9).await;
    let attempts: Vec<_> = again.iter().map(|sending| sending.attempts).collect();
    assert_eq!(attempts, [2, 2]);
    let finish = |sending: &UsageSending, attempt, state, error: Option<&str>| {
        let result = SendingResult {
            id: sending.id.clone(),
            attempt,
            state,
            error: error.map(str::to_owned),
            next_at: start + minute * 2,
            is_refused: false,
        };
        store.finish_sending(&own, result)
    };
    // The answer to an earlier attempt changes nothing.
    finish(&again[0], 1, SendingState::Sent, None)
        .await
        .unwrap();
    assert_eq!(claim(&own, minute * 2, 9).await.len(), 2);
    finish(&again[0], 3, SendingState::Sent, None)
        .await
        .unwrap();
    let failed = finish(&again[1], 3, SendingState::Waiting, Some("no answer"));
    failed.await.unwrap();
    let waiting = claim(&own, minute * 3, 9).await;
    assert_eq!(
        (waiting.len(), waiting[0].error.as_deref()),
        (1, Some("no answer"))
    );
    // After a day without an answer, a person has to look.
    assert_eq!(claim(&own, chrono::TimeDelta::hours(24), 9).await, []);
    let list = async |state| {
        let page = PageRequest::first();
        store.sendings(&own, state, &page).await.unwrap().items
    };
    let uncertain = list(Some(SendingState::Uncertain)).await;
    assert_eq!(uncertain.len(), 1);
    assert_eq!(
        (uncertain[0].quantity, list(None).await.len()),
        (again[1].quantity, 2)
    );
    let decide = async |id: &str, state| {
        let audit = audit("usage.decide");
        store.decide_sending(&own, id, state, audit).await.unwrap()
    };
    let (id, sent) = (&uncertain[0].id, SendingState::Sent);
    assert_eq!(decide("mtr_0", sent).await, None);
    assert_eq!(decide(&again[0].id, sent).await, Some(false));
    assert_eq!(decide(id, SendingState::Dropped).await, Some(true));
    assert_eq!(decide(id, sent).await, Some(false));
    let former = former_states(store, &own, "usage.decide").await;
    assert_eq!(former[0]["state"], "uncertain");
    assert_eq!(former_states(store, &own, "usage.uncertain").await.len(), 1);
}
