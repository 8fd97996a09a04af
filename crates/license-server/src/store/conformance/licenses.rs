//! Licenses, signed lists, machines, activations and usage reports.

use futures_util::future::join;
use license_core::time;

use super::sample::{audit, id, license, tenant};
use crate::domain::{
    ActivationRecord, ActivationState, LicenseRecord, MachineSighting, PageRequest, PoolId,
    RevocationRecord, TenantId, UsageLimits, UsageRecord,
};
use crate::store::{ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    licenses_are_found_by_id_key_pool_and_predecessor(store).await;
    a_license_is_found_in_its_tenant(store).await;
    a_license_gets_one_of_two_tenants(store).await;
    lists_never_become_older(store).await;
    machines_keep_their_first_and_latest_use(store).await;
    activations_are_stored_once_and_stay_deactivated(store).await;
    usage_reports_are_stored_once_within_their_limits(store).await;
}

async fn licenses_are_found_by_id_key_pool_and_predecessor(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let records = vec![license(1, 1, &[]), license(2, 1, &[1]), license(3, 3, &[])];
    let version = store.content_version(&own).await.unwrap();
    assert!(!store.had_license(&own).await.unwrap());
    let install = || store.install_licenses(&own, records.clone(), audit("license.install"));
    assert_eq!(install().await.unwrap(), 3);
    assert_eq!(
        install().await.unwrap(),
        0,
        "the licenses are stored already"
    );
    assert_ne!(store.content_version(&own).await.unwrap(), version);
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 1);

    let found = store.license(&own, &id(2)).await.unwrap().unwrap();
    assert_eq!(
        (&*found.supersedes, found.is_superseded),
        (&[id(1)][..], false)
    );
    assert_eq!((found.number, found.token.as_str()), (2, "token 2"));
    for key in ["KEY-2", "SHORT-2"] {
        let found = store.licenses_by_key(&own, key).await.unwrap();
        assert_eq!(found.len(), 1, "{key}");
        assert_eq!(found[0].id, id(2));
    }
    let of_pool = store
        .licenses_of_pool(&own, &PoolId::new(&id(1)))
        .await
        .unwrap();
    assert_eq!(of_pool.len(), 2);
    let successors = store.successors(&own, &id(1)).await.unwrap();
    assert_eq!(successors[0].id, id(2));
    let replaced: Vec<_> = of_pool.iter().map(|found| found.is_superseded).collect();
    assert_eq!(replaced, [true, false]);

    let first = PageRequest::new(None, Some(2));
    let page = store.licenses(&own, &first).await.unwrap();
    assert_eq!(page.items.len(), 2);
    let page = store
        .licenses(&own, &PageRequest::new(page.next, Some(2)))
        .await
        .unwrap();
    assert_eq!((page.items.len(), page.next), (1, None));
    let pools = store.pools(&own, &PageRequest::first()).await.unwrap();
    assert_eq!(pools.items.len(), 2);

    // Another tenant sees nothing, and can install the same license.
    assert!(store.license(&other, &id(2)).await.unwrap().is_none());
    assert!(
        store
            .licenses_by_key(&other, "KEY-2")
            .await
            .unwrap()
            .is_empty()
    );
    assert!(
        !store
            .remove_license(&other, &id(2), audit("license.remove"))
            .await
            .unwrap()
    );
    let same = vec![license(2, 2, &[])];
    assert_eq!(
        store
            .install_licenses(&other, same, audit("license.install"))
            .await
            .unwrap(),
        1
    );

    assert!(
        store
            .remove_license(&own, &id(2), audit("license.remove"))
            .await
            .unwrap()
    );
    assert!(store.successors(&own, &id(1)).await.unwrap().is_empty());
    assert!(store.license(&other, &id(2)).await.unwrap().is_some());
    for number in [1, 3] {
        let id = id(number);
        let removed = store.remove_license(&own, &id, audit("license.remove"));
        assert!(removed.await.unwrap());
    }
    assert!(store.had_license(&own).await.unwrap());
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 4);
}

/// A license that another tenant must not have is refused by its id, its keys and its pool.
async fn a_license_is_found_in_its_tenant(store: &dyn ServerStore) {
    let tenants = [TenantId::site(), tenant(), tenant()];
    let install = async |tenant: &TenantId, license: LicenseRecord| {
        let installed =
            store.install_unshared_licenses(tenant, vec![license], audit("license.install"));
        installed.await.unwrap()
    };
    // The pool of license 101 is that of license 100, which is not installed.
    assert_eq!(
        install(&tenants[1], license(101, 100, &[100])).await,
        Some(1)
    );
    assert_eq!(
        install(&tenants[1], license(101, 100, &[100])).await,
        Some(0)
    );
    assert_eq!(install(&tenants[0], license(110, 110, &[])).await, Some(1));
    let other_key = |number, key: &str, short: &str| LicenseRecord {
        key: Some(key.to_owned()),
        short_key: Some(short.to_owned()),
        ..license(number, number, &[])
    };
    for shared in [
        license(101, 100, &[100]),
        license(100, 100, &[]),
        license(102, 102, &[101]),
        license(103, 100, &[]),
        other_key(104, "KEY-101", "SHORT-104"),
        other_key(105, "KEY-105", "SHORT-101"),
        license(110, 110, &[]),
        license(111, 110, &[110]),
        other_key(112, "KEY-110", "SHORT-112"),
        other_key(113, "KEY-113", "SHORT-110"),
    ] {
        assert_eq!(
            install(&tenants[2], shared.clone()).await,
            None,
            "{shared:?}"
        );
        assert!(
            store
                .license(&tenants[2], &shared.id)
                .await
                .unwrap()
                .is_none()
        );
    }
    assert_eq!(store.verify_audit(&tenants[2]).await.unwrap().entries, 0);
    assert_eq!(install(&tenants[2], license(120, 120, &[])).await, Some(1));

    for (name, expected) in [
        (id(101).as_str(), Some(&tenants[1])),
        ("KEY-101", Some(&tenants[1])),
        ("SHORT-101", Some(&tenants[1])),
        (id(120).as_str(), Some(&tenants[2])),
        // A pool is no license, and the licenses of the server are found without their tenant.
        (id(100).as_str(), None),
        (id(110).as_str(), None),
        ("KEY-110", None),
        ("KEY", None),
        ("", None),
    ] {
        let found = store.tenant_of_license(name).await.unwrap();
        assert_eq!(found.as_ref(), expected, "{name}");
    }
    let licensed = store.licensed_tenants().await.unwrap();
    assert!(
        tenants.iter().all(|tenant| licensed.contains(tenant)),
        "{licensed:?}"
    );
    // A removed license is free for another tenant.
    let free = id(101);
    let removed = store.remove_license(&tenants[1], &free, audit("license.remove"));
    assert!(removed.await.unwrap());
    assert_eq!(store.tenant_of_license("KEY-101").await.unwrap(), None);
    assert_eq!(
        install(&tenants[2], license(101, 100, &[100])).await,
        Some(1)
    );
    let free = id(110);
    let removed = store.remove_license(&tenants[0], &free, audit("license.remove"));
    assert!(removed.await.unwrap());
}

/// Of two installations at the same time, one is refused.
async fn a_license_gets_one_of_two_tenants(store: &dyn ServerStore) {
    let (one, other) = (tenant(), tenant());
    for number in 130..140 {
        let install = |tenant| {
            let records = vec![license(number, number, &[])];
            store.install_unshared_licenses(tenant, records, audit("license.install"))
        };
        let (first, second) = join(install(&one), install(&other)).await;
        let installed = [first.unwrap(), second.unwrap()];
        assert!(
            installed.contains(&Some(1)) && installed.contains(&None),
            "{installed:?}"
        );
    }
}

async fn lists_never_become_older(store: &dyn ServerStore) {
    let tenant = tenant();
    let list = |seq: u64| RevocationRecord {
        product: "CODITECT".to_owned(),
        issuer: "vendor".to_owned(),
        seq,
        armor: format!("list {seq}"),
        digest: [7; 32],
        imported_at: time::MIN,
    };
    for (seq, expected) in [(5, true), (5, false), (4, false), (6, true)] {
        let imported =
            store.import_revocations(&tenant, list(seq), Vec::new(), audit("revocations.import"));
        assert_eq!(imported.await.unwrap(), expected, "{seq}");
    }
    let stored = store.revocations(&tenant).await.unwrap();
    assert_eq!((stored.len(), stored[0].seq), (1, 6));
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 2);

    let statements = vec!["one".to_owned(), "two".to_owned()];
    let import = || store.import_statements(&tenant, statements.clone(), audit("trust.import"));
    assert_eq!(import().await.unwrap(), 2);
    assert_eq!(import().await.unwrap(), 0);
    let stored = store.statements(&tenant).await.unwrap();
    let armors: Vec<_> = stored
        .iter()
        .map(|statement| statement.armor.as_str())
        .collect();
    assert_eq!(armors, ["one", "two"]);
}

async fn machines_keep_their_first_and_latest_use(store: &dyn ServerStore) {
    let tenant = tenant();
    let at = |text| time::parse_instant(text).unwrap();
    let seen = |machine: &str, version: Option<&str>, text| MachineSighting {
        license: id(1),
        machine: machine.to_owned(),
        version: version.map(str::to_owned),
        user: None,
        at: at(text),
    };
    let sightings = vec![
        seen("a", Some("1.0.0"), "2027-01-02"),
        seen("b", None, "2027-01-02"),
        seen("a", None, "2027-01-05"),
        // A clock that was set back does not change the latest use.
        seen("a", None, "2027-01-01"),
    ];
    store.record_machines(&tenant, sightings, 2).await.unwrap();
    for license in [None, Some(id(1))] {
        let mut page = PageRequest::new(None, Some(1));
        let mut names = Vec::new();
        loop {
            let found = store
                .machines(&tenant, license.as_ref(), &page)
                .await
                .unwrap();
            names.extend(found.items);
            let Some(next) = found.next else { break };
            page = PageRequest::new(Some(next), Some(1));
        }
        assert_eq!(names.len(), 2);
        assert_eq!(names[0].version.as_deref(), Some("1.0.0"));
        let times = (names[0].first_seen, names[0].last_seen);
        assert_eq!(times, (at("2027-01-02"), at("2027-01-05")));
    }
    let none = store
        .machines(&tenant, Some(&id(2)), &PageRequest::first())
        .await
        .unwrap();
    assert!(none.items.is_empty());
    let names = async || {
        let page = store
            .machines(&tenant, Some(&id(1)), &PageRequest::first())
            .await
            .unwrap();
        let names = page.items.into_iter().map(|machine| machine.machine);
        names.collect::<Vec<_>>()
    };
    // A third machine replaces the one that was not seen for the longest time.
    let third = vec![seen("c", None, "2027-01-03")];
    store.record_machines(&tenant, third, 2).await.unwrap();
    assert_eq!(names().await, ["a", "c"]);
    let forget = |before| store.forget_machines(&tenant, at(before));
    assert_eq!(forget("2027-01-03").await.unwrap(), 0);
    assert_eq!(forget("2027-01-04").await.unwrap(), 1);
    assert_eq!(names().await, ["a"]);
}

async fn activations_are_stored_once_and_stay_deactivated(store: &dyn ServerStore) {
    let tenant = tenant();
    let request = |nonce: &str| ActivationRecord {
        nonce: nonce.to_owned(),
        license: id(1),
        machine: "machine".to_owned(),
        request: format!("request {nonce}"),
        requested_at: time::MIN,
        answer: None,
        answered_at: None,
        receipt: None,
        state: ActivationState::Waiting,
    };
    let stored = store
        .store_activation(&tenant, request("a"), 2)
        .await
        .unwrap();
    assert_eq!(stored, request("a"));
    let other = ActivationRecord {
        request: "another request".to_owned(),
        ..request("a")
    };
    let stored = store.store_activation(&tenant, other, 2).await.unwrap();
    assert_eq!(stored.request, "request a", "the first request stays");
    store
        .store_activation(&tenant, request("b"), 2)
        .await
        .unwrap();
    // A repetition of a stored request is not a new one.
    store
        .store_activation(&tenant, request("b"), 2)
        .await
        .unwrap();
    let third = store.store_activation(&tenant, request("c"), 2).await;
    assert!(
        matches!(third, Err(ServerStoreError::LimitReached { .. })),
        "{third:?}"
    );

    let answer = |nonce: &'static str| {
        let audit = audit("activation.import");
        store.answer_activation(&tenant, nonce, "answer".to_owned(), audit)
    };
    assert_eq!(
        answer("a").await.unwrap().unwrap().state,
        ActivationState::Answered
    );
    assert!(answer("c").await.unwrap().is_none());
    let receipt = |text: &str| store.deactivate(&tenant, "a", text.to_owned());
    receipt("receipt").await.unwrap();
    let deactivated = receipt("another receipt").await.unwrap().unwrap();
    assert_eq!(deactivated.receipt.as_deref(), Some("receipt"));
    let answered = answer("a").await.unwrap().unwrap();
    assert_eq!(answered.state, ActivationState::Deactivated);

    let page = PageRequest::new(None, Some(1));
    let waiting = Some(ActivationState::Waiting);
    let found = store.activations(&tenant, waiting, &page).await.unwrap();
    assert_eq!((found.items[0].nonce.as_str(), found.next), ("b", None));
    let found = store.activations(&tenant, None, &page).await.unwrap();
    let next = PageRequest::new(found.next, Some(1));
    let found = store.activations(&tenant, None, &next).await.unwrap();
    assert_eq!((found.items[0].nonce.as_str(), found.next), ("b", None));
}

async fn usage_reports_are_stored_once_within_their_limits(store: &dyn ServerStore) {
    let tenant = tenant();
    let report = |license: u8, digest: u8| UsageRecord {
        number: 0,
        license: id(license),
        digest: [digest; 32],
        product: "CODITECT".to_owned(),
        report: format!("report {digest}"),
        entries: 3,
        received_at: time::MIN,
    };
    let submit = |license, digest, reports, bytes| {
        let limits = UsageLimits { reports, bytes };
        store.store_usage(&tenant, report(license, digest), limits)
    };
    assert!(submit(1, 1, 2, 16).await.unwrap());
    assert!(submit(1, 2, 2, 16).await.unwrap());
    assert!(!submit(1, 2, 2, 16).await.unwrap(), "it is stored already");
    for (reports, bytes) in [(2, 1000), (1000, 23)] {
        let refused = submit(1, 3, reports, bytes).await;
        let is_limit = matches!(refused, Err(ServerStoreError::LimitReached { .. }));
        assert!(is_limit, "{refused:?}");
    }
    assert!(submit(1, 3, 3, 24).await.unwrap());
    assert!(submit(2, 4, 1, 8).await.unwrap(), "another license");
    let page = |after, limit| PageRequest::new(after, Some(limit));
    let found = store.usage(&tenant, &page(None, 1)).await.unwrap();
    assert_eq!(
        (found.items[0].number, &found.items[0].license),
        (1, &id(1))
    );
    let found = store.usage(&tenant, &page(found.next, 9)).await.unwrap();
    let numbers: Vec<_> = found.items.iter().map(|report| report.number).collect();
    assert_eq!((numbers, found.next), (vec![2, 3, 4], None));
    let delete = |through| store.delete_usage(&tenant, through, audit("usage.delete"));
    assert_eq!(delete(4).await.unwrap(), 4);
    assert!(submit(1, 5, 1, 8).await.unwrap());
    assert_eq!(delete(4).await.unwrap(), 0, "numbers are not used again");
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 1);
}
