//! Copies of the vendor's ledger.

use super::sample::{audit, id, license, tenant};
use crate::domain::{LedgerCopy, LedgerPosition};
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
}
