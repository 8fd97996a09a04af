//! Copies of the vendor's ledger.

use super::sample::{audit, id, license, tenant};
use crate::domain::{
    LedgerCopy, LedgerPosition, PageRequest, TenantId, Trial, TrialClaim, TrialId, TrialState,
    TrialUser, test_trial,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    assert_eq!(store.ledger_position(&own).await.unwrap(), None);
    let version = store.content_version(&own).await.unwrap();
    let copy = |seq: i64, numbers: &[u8]| LedgerCopy {
        licenses: numbers
            .iter()
            .map(|number| (license(*number, *number, &[]), Some(audit("license.issue"))))
            .collect(),
        trials: vec![trial(numbers[0])],
        audits: vec![audit("license.revoke")],
        facts: Vec::new(),
        position: LedgerPosition {
            seq,
            hash: vec![7; 32],
        },
    };
    assert_eq!(store.copy_ledger(&own, copy(3, &[1, 2])).await.unwrap(), 2);
    assert_ne!(store.content_version(&own).await.unwrap(), version);
    // A license that is stored already is ignored, with its audit entry.
    assert_eq!(store.copy_ledger(&own, copy(4, &[2, 3])).await.unwrap(), 1);
    assert!(store.license(&own, &id(3)).await.unwrap().is_some());
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 5);
    let position = store.ledger_position(&own).await.unwrap().unwrap();
    assert_eq!((position.seq, position.hash), (4, vec![7; 32]));
    assert_eq!(store.ledger_position(&other).await.unwrap(), None);
    a_copied_trial_is_stored_once_and_counts(store, &own).await;
}

/// The two copies have the trials 1 and 2.
async fn a_copied_trial_is_stored_once_and_counts(store: &dyn ServerStore, own: &TenantId) {
    let again = LedgerCopy {
        licenses: Vec::new(),
        trials: vec![trial(1)],
        audits: Vec::new(),
        facts: Vec::new(),
        position: LedgerPosition {
            seq: 5,
            hash: vec![7; 32],
        },
    };
    store.copy_ledger(own, again).await.unwrap();
    let found = store.trials(own, None, &PageRequest::first()).await;
    assert_eq!(found.unwrap().items, [trial(2), trial(1)]);
    // Another trial of the customer is refused.
    let other = Trial {
        id: TrialId::new(trial(1).requested_at, [9; 10]),
        ..trial(1)
    };
    let claim = store.reserve_trial(own, other).await.unwrap();
    assert_eq!(claim, TrialClaim::Used);
}

/// Returns a trial of the ledger.
fn trial(number: u8) -> Trial {
    let state = TrialState::Started;
    Trial {
        state,
        user: TrialUser {
            email: None,
            customer: format!("Customer {number}"),
            machine: None,
        },
        started_by: "ledger".to_owned(),
        license: Some(id(number)),
        ..test_trial(number)
    }
}
