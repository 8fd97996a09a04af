//! Trials.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use serde_json::json;

use super::sample::{audit, former_states, id, license, tenant};
use crate::domain::{
    AuditFilter, EmailAddress, NewAuditEntry, PageRequest, ReminderDays, SecretDigest, TenantId,
    Trial, TrialChange, TrialClaim, TrialState, test_trial as trial,
};
use crate::store::{ServerStore, TrialRequest};

pub(super) async fn check(store: &dyn ServerStore) {
    a_request_is_claimed_once_and_can_be_repeated(store).await;
    an_address_has_few_open_requests(store).await;
    a_customer_an_address_and_a_machine_have_one_trial(store).await;
    a_change_is_audited_with_both_states(store).await;
    work_is_found_when_it_is_due(store).await;
    replaced_licenses_are_found(store).await;
    old_requests_and_addresses_are_forgotten(store).await;
    concurrent_claims_get_one_trial(store).await;
}

fn at(seconds: i64) -> DateTime<Utc> {
    time::parse_instant("2027-01-15T09:00:00Z").unwrap() + TimeDelta::seconds(seconds)
}

fn days() -> ReminderDays {
    ReminderDays::new(vec![7, 3, 1])
}

fn requested(number: u8) -> Trial {
    Trial {
        state: TrialState::Requested,
        next_at: None,
        ..trial(number)
    }
}

fn request(secret: &str) -> TrialRequest {
    TrialRequest {
        digest: SecretDigest::new(secret),
        until: at(3600),
    }
}

async fn claim(store: &dyn ServerStore, tenant: &TenantId, secret: &str, now: i64) -> TrialClaim {
    let claim = store.claim_trial(tenant, SecretDigest::new(secret), at(now));
    claim.await.unwrap()
}

/// Returns the audit entry of a change at a time.
fn audit_at(action: &'static str, seconds: i64) -> NewAuditEntry {
    NewAuditEntry {
        at: at(seconds),
        details: json!({ "reason": "a test" }),
        ..audit(action)
    }
}

/// Reserves a trial with the license of this number, which ends in ten days.
async fn start(store: &dyn ServerStore, tenant: &TenantId, number: u8) -> Trial {
    let reserved = store.reserve_trial(tenant, trial(number)).await.unwrap();
    assert!(matches!(reserved, TrialClaim::Granted(_)), "{reserved:?}");
    let start = TrialChange::Start {
        license: id(number),
        ends_at: at(10 * 86_400),
    };
    change(store, tenant, &trial(number), start, 0)
        .await
        .unwrap()
}

async fn change(
    store: &dyn ServerStore,
    tenant: &TenantId,
    trial: &Trial,
    change: TrialChange,
    now: i64,
) -> Option<Trial> {
    let audit = audit_at("trial.change", now);
    let changed = store.change_trial(tenant, &trial.id, change, days(), audit);
    changed.await.unwrap()
}

async fn a_request_is_claimed_once_and_can_be_repeated(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let stored = store.request_trial(&own, requested(1), request("secret"), 3);
    assert!(stored.await.unwrap());
    // A request that is not confirmed is not listed.
    let page = PageRequest::first();
    let listed = store.trials(&own, None, &page).await.unwrap();
    assert_eq!(listed.items, []);
    assert_eq!(claim(store, &own, "other", 1).await, TrialClaim::Unknown);
    assert_eq!(claim(store, &other, "secret", 1).await, TrialClaim::Unknown);
    let late = claim(store, &own, "secret", 3600).await;
    assert_eq!(late, TrialClaim::Unknown);
    let issuing = Trial {
        next_at: Some(at(61)),
        ..trial(1)
    };
    let granted = TrialClaim::Granted(Box::new(issuing.clone()));
    assert_eq!(claim(store, &own, "secret", 1).await, granted);
    assert_eq!(claim(store, &own, "secret", 5).await, granted);
    let listed = store.trials(&own, None, &page).await.unwrap();
    assert_eq!(listed.items, std::slice::from_ref(&issuing));
    let found = store.trial(&own, &issuing.id).await.unwrap();
    assert_eq!(found, Some(issuing.clone()));
    assert_eq!(store.trial(&other, &issuing.id).await.unwrap(), None);
    // A license that is refused frees the customer.
    store.drop_trial(&own, &issuing.id).await.unwrap();
    assert_eq!(store.trial(&own, &issuing.id).await.unwrap(), None);
    start(store, &own, 1).await;
    store.drop_trial(&own, &issuing.id).await.unwrap();
    assert!(store.trial(&own, &issuing.id).await.unwrap().is_some());
}

async fn an_address_has_few_open_requests(store: &dyn ServerStore) {
    let tenant = tenant();
    let ask = async |number: u8, secret: &str, after: i64| {
        let mut trial = requested(number);
        trial.user.email = EmailAddress::parse("ann@acme.example");
        trial.requested_at = at(after);
        let stored = store.request_trial(&tenant, trial, request(secret), 2);
        stored.await.unwrap()
    };
    assert!(ask(1, "1", 0).await && ask(2, "2", 0).await);
    assert!(!ask(3, "3", 0).await);
    // Requests that have ended do not count.
    assert!(ask(3, "3", 3600).await);
}

async fn a_customer_an_address_and_a_machine_have_one_trial(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let first = start(store, &own, 1).await;
    let like = |customer: bool, email: bool, machine: bool| {
        let mut second = trial(2);
        if customer {
            second.user.customer = format!("  {} ", first.user.customer.to_lowercase());
        }
        if email {
            second.user.email = EmailAddress::parse("user1+again@ACME.example");
        }
        if machine {
            second.user.machine = first.user.machine.clone();
        }
        second
    };
    for second in [
        like(true, false, false),
        like(false, true, false),
        like(false, false, true),
    ] {
        let keys = second.user.keys();
        assert!(store.is_trial_used(&own, keys.clone()).await.unwrap());
        assert!(!store.is_trial_used(&other, keys).await.unwrap());
        let refused = store.reserve_trial(&own, second.clone()).await.unwrap();
        assert_eq!(refused, TrialClaim::Used);
        let asked = Trial {
            state: TrialState::Requested,
            ..second
        };
        let secret = format!("{asked:?}");
        let stored = store.request_trial(&own, asked.clone(), request(&secret), 9);
        assert!(stored.await.unwrap());
        assert_eq!(claim(store, &own, &secret, 1).await, TrialClaim::Used);
        store.forget_trials(&own, at(3600), at(0)).await.unwrap();
    }
    // Another tenant has its own trials, and a machine that is not known is no machine.
    let granted = store.reserve_trial(&other, like(true, true, true)).await;
    assert!(matches!(granted.unwrap(), TrialClaim::Granted(_)));
    let mut unknown = [trial(3), trial(4)];
    for trial in &mut unknown {
        trial.user.machine = None;
        let granted = store.reserve_trial(&own, trial.clone()).await.unwrap();
        assert!(matches!(granted, TrialClaim::Granted(_)));
    }
    // An exception is granted, and the rule holds for those after it.
    let exception = Trial {
        is_exception: true,
        ..like(true, true, true)
    };
    let granted = store.reserve_trial(&own, exception.clone()).await.unwrap();
    assert_eq!(granted, TrialClaim::Granted(Box::new(exception)));
    let mut third = like(true, true, true);
    third.id = trial(5).id;
    let refused = store.reserve_trial(&own, third).await.unwrap();
    assert_eq!(refused, TrialClaim::Used);
}

async fn a_change_is_audited_with_both_states(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let trial = start(store, &own, 1).await;
    let convert = TrialChange::Convert(id(9));
    let hidden = change(store, &other, &trial, convert.clone(), 5).await;
    assert_eq!(hidden, None);
    let stopped = change(store, &own, &trial, TrialChange::StopReminders, 5).await;
    assert_eq!(stopped.unwrap().stopped_at, Some(at(5)));
    let converted = change(store, &own, &trial, convert.clone(), 6)
        .await
        .unwrap();
    assert_eq!(converted.state, TrialState::Converted);
    assert_eq!(store.trial(&own, &trial.id).await.unwrap(), Some(converted));
    // A change that the state does not permit leaves no entry.
    assert_eq!(change(store, &own, &trial, convert, 7).await, None);
    let former = former_states(store, &own, "trial.change").await;
    let states: Vec<_> = former.iter().map(|state| &state["state"]).collect();
    assert_eq!(states, ["issuing", "started", "started"]);
    let entries = store
        .audit(&own, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let last = entries.items.last().unwrap();
    let details: serde_json::Value = serde_json::from_str(&last.details).unwrap();
    assert_eq!(
        (&details["state"], &details["reason"], &details["paid"]),
        (
            &json!("converted"),
            &json!("a test"),
            &json!(id(9).as_str())
        )
    );
    let text = format!("{:?}", entries.items);
    assert!(!text.contains("@") && !text.contains("fp1:"), "{text}");
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 0);
    let kinds = store.events(&own, &PageRequest::first()).await.unwrap();
    assert_eq!(kinds.items.len(), 3);
    // The newest comes first, and a state selects.
    start(store, &own, 2).await;
    let list = async |state| {
        let first = PageRequest::new(None, Some(1));
        let page = store.trials(&own, state, &first).await.unwrap();
        let next = PageRequest::new(page.next.clone(), Some(1));
        let rest = match page.next {
            Some(_) => store.trials(&own, state, &next).await.unwrap().items,
            None => Vec::new(),
        };
        let all = page.items.into_iter().chain(rest);
        all.map(|trial| trial.id).collect::<Vec<_>>()
    };
    let second = super::super::trials::TrialColumns::from(&self::trial(2)).id;
    let ids = list(None).await;
    assert_eq!(ids.len(), 2);
    assert_eq!((ids[0].as_str(), &ids[1]), (second.as_str(), &trial.id));
    assert_eq!(
        list(Some(TrialState::Converted)).await,
        std::slice::from_ref(&trial.id)
    );
}

async fn work_is_found_when_it_is_due(store: &dyn ServerStore) {
    let tenant = tenant();
    let trial = start(store, &tenant, 1).await;
    let due = async |now: i64| {
        let found = store.due_trials(&tenant, at(now)).await.unwrap();
        found.into_iter().map(|trial| trial.id).collect::<Vec<_>>()
    };
    // The first reminder is due seven days before the end.
    let first = 3 * 86_400;
    assert_eq!(due(first - 1).await, []);
    assert_eq!(due(first).await, std::slice::from_ref(&trial.id));
    store
        .postpone_trial(&tenant, &trial.id, at(first + 600))
        .await
        .unwrap();
    assert_eq!(due(first + 599).await, []);
    assert_eq!(due(first + 600).await, std::slice::from_ref(&trial.id));
    change(store, &tenant, &trial, TrialChange::Remind(7), first).await;
    assert_eq!(due(first + 600).await, []);
    let end = 10 * 86_400;
    change(store, &tenant, &trial, TrialChange::End, end).await;
    assert_eq!(due(end * 2).await, []);
    // Nothing is due any more, so nothing can be postponed.
    store
        .postpone_trial(&tenant, &trial.id, at(0))
        .await
        .unwrap();
    assert_eq!(due(end * 2).await, []);
}

async fn replaced_licenses_are_found(store: &dyn ServerStore) {
    let tenant = tenant();
    let trial = start(store, &tenant, 1).await;
    assert_eq!(store.superseded_trials(&tenant).await.unwrap(), []);
    let licenses = vec![license(1, 1, &[]), license(2, 1, &[1])];
    let installed = store.install_licenses(&tenant, licenses, audit("license.install"));
    assert_eq!(installed.await.unwrap(), 2);
    let found = store.superseded_trials(&tenant).await.unwrap();
    assert_eq!(found, [(trial.clone(), id(2))]);
    let convert = TrialChange::Convert(id(2));
    change(store, &tenant, &trial, convert, 1).await.unwrap();
    assert_eq!(store.superseded_trials(&tenant).await.unwrap(), []);
}

async fn old_requests_and_addresses_are_forgotten(store: &dyn ServerStore) {
    let tenant = tenant();
    let trial = start(store, &tenant, 1).await;
    let convert = TrialChange::Convert(id(2));
    change(store, &tenant, &trial, convert, 100).await.unwrap();
    let address = async || {
        let found = store.trial(&tenant, &trial.id).await.unwrap().unwrap();
        (found.user.email.is_some(), found.user.machine.is_some())
    };
    store.forget_trials(&tenant, at(0), at(99)).await.unwrap();
    assert_eq!(address().await, (true, true));
    store.forget_trials(&tenant, at(0), at(100)).await.unwrap();
    assert_eq!(address().await, (false, false));
    // The rule of one trial outlives the address.
    let mut again = self::trial(2);
    again.user.email = trial.user.email.clone();
    let refused = store.reserve_trial(&tenant, again.clone()).await.unwrap();
    assert_eq!(refused, TrialClaim::Used);

    let asked = requested(3);
    let stored = store.request_trial(&tenant, asked, request("secret"), 1);
    assert!(stored.await.unwrap());
    store.forget_trials(&tenant, at(3599), at(0)).await.unwrap();
    assert!(!asked_again(store, &tenant).await);
    store.forget_trials(&tenant, at(3600), at(0)).await.unwrap();
    assert!(asked_again(store, &tenant).await);
}

/// Asks for the trial of one address, if none is stored.
async fn asked_again(store: &dyn ServerStore, tenant: &TenantId) -> bool {
    let mut trial = requested(4);
    trial.user.email = requested(3).user.email;
    let stored = store.request_trial(tenant, trial, request("again"), 1);
    stored.await.unwrap()
}

async fn concurrent_claims_get_one_trial(store: &dyn ServerStore) {
    let tenant = tenant();
    let reserve = async |number: u8| {
        let mut trial = trial(number);
        trial.user.customer = "ACME Ltd".to_owned();
        store.reserve_trial(&tenant, trial).await.unwrap()
    };
    let claims = futures_util::future::join_all((1..=8).map(reserve)).await;
    let granted = claims.iter().filter(|claim| **claim != TrialClaim::Used);
    assert_eq!(granted.count(), 1, "{claims:?}");
}
