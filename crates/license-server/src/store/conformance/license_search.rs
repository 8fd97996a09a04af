//! Searches in licenses, and lists of all machines.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time;
use license_issuer::ledger::LicenseStatus;
use serde_json::{Value, json};

use super::sample::{audit, id, license, tenant, unsigned};
use crate::domain::{
    LicenseOrdering, LicenseRecord, LicenseSelection, MachineList, MachineSighting, PageRequest,
    PoolCapacity, RevocationRecord, RevokedLicenseIds, TenantId,
};
use crate::store::{ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    let tenant = tenant();
    let installed = store.install_licenses(&tenant, records(), audit("license.install"));
    assert_eq!(installed.await.unwrap(), 5);
    let search = Search { store, tenant };
    search.words_are_found_by_their_beginnings().await;
    search.the_status_follows_the_time().await;
    search.lists_are_sorted_and_paged().await;
    search
        .seats_are_counted_while_licenses_are_in_effect()
        .await;
    search.revocations_change_the_status().await;
    search.a_removed_license_replaces_nothing().await;
    machines_are_listed_by_time_and_by_name(store).await;
}

fn at(text: &str) -> DateTime<Utc> {
    time::parse_instant(text).unwrap()
}

/// Returns the time of most searches.
fn now() -> DateTime<Utc> {
    at("2027-01-15T09:00:00Z")
}

/// Returns five licenses. The second one replaces the first one in 2028.
fn records() -> Vec<LicenseRecord> {
    let record = |number: u8, supersedes: &[u8], customer: &str, claims: Value| LicenseRecord {
        customer: customer.to_owned(),
        token: unsigned(number, customer, claims),
        ..license(number, number, supersedes)
    };
    let seconds = |text: &str| at(text).timestamp();
    vec![
        record(
            1,
            &[],
            "ACME Ltd",
            json!({"tier": "TEAM", "exp": seconds("2028-01-01"), "seats": 10}),
        ),
        record(
            2,
            &[1],
            "ACME Ltd",
            json!({
                "tier": "TEAM", "nbf": seconds("2028-01-01"), "exp": seconds("2029-01-01"),
                "quotas": {"users": 20},
            }),
        ),
        record(
            3,
            &[],
            "Größe AG",
            json!({"tier": "PRO", "users": ["ann@acme.example", "bob"]}),
        ),
        record(
            4,
            &[],
            "Zeta",
            json!({
                "tier": "PRO", "exp": seconds("2027-01-14"), "seats": 5,
                "renewal": {"notify_days": 14, "grace_hours": 72},
            }),
        ),
        record(
            5,
            &[],
            "acme labs",
            json!({"tier": "ENT", "exp": seconds("2027-02-01"), "quotas": {"users": -1}}),
        ),
    ]
}

struct Search<'s> {
    store: &'s dyn ServerStore,
    tenant: TenantId,
}

impl Search<'_> {
    /// Returns the numbers of the licenses that are found, page by page.
    async fn find(&self, selection: &LicenseSelection) -> Vec<u8> {
        let mut page = PageRequest::new(None, Some(2));
        let mut numbers = Vec::new();
        loop {
            let found = self.store.search_licenses(&self.tenant, selection, &page);
            let found = found.await.unwrap();
            for record in found.items {
                let numbered = (1..=5).find(|number| id(*number) == record.id);
                numbers.push(numbered.unwrap());
            }
            match found.next {
                Some(next) => page = PageRequest::new(Some(next), Some(2)),
                None => return numbers,
            }
        }
    }

    async fn with_status(&self, status: LicenseStatus, now: DateTime<Utc>) -> Vec<u8> {
        let mut selection = LicenseSelection::all(now);
        selection.status = Some(status);
        self.find(&selection).await
    }

    async fn seats_are_counted_while_licenses_are_in_effect(&self) {
        // The fourth license is in its days of grace until 17 January. The fifth one is unlimited.
        for (time, pools, seats) in [
            ("2026-01-01", 0, 0),
            ("2027-01-15T09:00:00Z", 3, 15),
            ("2027-01-18", 2, 10),
            ("2027-03-01", 1, 10),
            ("2028-03-01", 1, 20),
            ("2029-03-01", 0, 0),
        ] {
            let capacity = self.store.pool_capacity(&self.tenant, at(time));
            let expected = PoolCapacity { pools, seats };
            assert_eq!(capacity.await.unwrap(), expected, "{time}");
        }
        let other = tenant();
        let capacity = self.store.pool_capacity(&other, now());
        assert_eq!(capacity.await.unwrap(), PoolCapacity::default());
    }

    async fn words_are_found_by_their_beginnings(&self) {
        for (text, expected) in [
            ("acme", &[1, 2, 3, 5][..]),
            ("ACM", &[1, 2, 3, 5]),
            ("acme ltd", &[1, 2]),
            ("lab", &[5]),
            ("GRÖSSE", &[3]),
            ("ann@acme.example", &[3]),
            ("bob", &[3]),
            ("key-4", &[4]),
            ("SHORT-5", &[5]),
            (id(3).as_str(), &[3]),
            ("cme", &[]),
            ("acme stranger", &[]),
            ("", &[1, 2, 3, 4, 5]),
        ] {
            let selection = LicenseSelection::all(now()).text(text);
            assert_eq!(self.find(&selection).await, expected, "{text}");
        }
        let selection = LicenseSelection::all(now()).customer("acme");
        assert_eq!(self.find(&selection).await, [1, 2, 5]);
        let selection = LicenseSelection::all(now()).customer("bob");
        assert!(self.find(&selection).await.is_empty());
        let mut selection = LicenseSelection::all(now()).text("acme").customer("labs");
        assert_eq!(self.find(&selection).await, [5]);
        selection.tier = Some("TEAM".to_owned());
        assert!(self.find(&selection).await.is_empty());
        let other = super::tenant();
        let page = PageRequest::first();
        let all = LicenseSelection::all(now());
        let found = self.store.search_licenses(&other, &all, &page).await;
        assert!(found.unwrap().items.is_empty());
    }

    async fn the_status_follows_the_time(&self) {
        for (status, when, expected) in [
            (LicenseStatus::Active, now(), &[1, 3, 5][..]),
            (LicenseStatus::Future, now(), &[2]),
            (LicenseStatus::Expired, now(), &[4]),
            (LicenseStatus::Superseded, now(), &[]),
            (LicenseStatus::Active, at("2028-01-01"), &[2, 3]),
            (LicenseStatus::Superseded, at("2028-01-01"), &[1]),
            (LicenseStatus::Expired, at("2028-01-01"), &[4, 5]),
        ] {
            let found = self.with_status(status, when).await;
            assert_eq!(found, expected, "{status} at {when}");
        }
        let mut selection = LicenseSelection::all(now());
        selection.status = Some(LicenseStatus::Active);
        selection.ends_by = Some(now() + TimeDelta::days(30));
        for order in LicenseOrdering::ALL {
            selection.order = order;
            assert_eq!(self.find(&selection).await, [5], "{order:?}");
        }
    }

    async fn lists_are_sorted_and_paged(&self) {
        let mut selection = LicenseSelection::all(now());
        for (order, expected) in [
            (LicenseOrdering::Installed, [1, 2, 3, 4, 5]),
            (LicenseOrdering::Customer, [5, 1, 2, 3, 4]),
            (LicenseOrdering::Expires, [4, 5, 1, 2, 3]),
            (LicenseOrdering::Issued, [1, 2, 3, 4, 5]),
        ] {
            selection.order = order;
            for is_descending in [false, true] {
                selection.is_descending = is_descending;
                let mut found = self.find(&selection).await;
                if is_descending {
                    found.reverse();
                }
                assert_eq!(found, expected, "{order:?} {is_descending}");
            }
        }
        let (store, tenant) = (self.store, &self.tenant);
        let page = PageRequest::new(None, Some(2));
        let found = store
            .search_licenses(tenant, &selection, &page)
            .await
            .unwrap();
        selection.is_descending = false;
        let page = PageRequest::new(found.next, Some(2));
        let refused = store.search_licenses(tenant, &selection, &page).await;
        assert!(
            matches!(refused, Err(ServerStoreError::Cursor { .. })),
            "{refused:?}"
        );
    }

    async fn import(&self, seq: u64, revoked: &[u8]) {
        let list = RevocationRecord {
            product: "CODITECT".to_owned(),
            issuer: "vendor".to_owned(),
            seq,
            armor: format!("list {seq}"),
            digest: [7; 32],
            imported_at: now(),
        };
        let ids = revoked.iter().map(|number| id(*number)).collect();
        let audit = audit("revocations.import");
        let store = self.store;
        let imported = store.import_revocations(&self.tenant, list, ids, audit);
        assert!(imported.await.unwrap());
    }

    async fn revocations_change_the_status(&self) {
        let later = at("2028-01-01");
        // License 9 is not installed.
        self.import(1, &[2, 9]).await;
        assert_eq!(self.with_status(LicenseStatus::Revoked, later).await, [2]);
        // A revoked license replaces no other one.
        assert!(
            self.with_status(LicenseStatus::Superseded, later)
                .await
                .is_empty()
        );
        assert_eq!(
            self.with_status(LicenseStatus::Expired, later).await,
            [1, 4, 5]
        );
        self.import(2, &[4]).await;
        assert_eq!(self.with_status(LicenseStatus::Revoked, later).await, [4]);
        assert_eq!(
            self.with_status(LicenseStatus::Superseded, later).await,
            [1]
        );
        // A license is revoked from its installation if the list has it already.
        self.import(3, &[4, 6]).await;
        let record = license(6, 6, &[]);
        let store = self.store;
        let install = |records| store.install_licenses(&self.tenant, records, audit("install"));
        assert_eq!(install(vec![record]).await.unwrap(), 1);
        let mut selection = LicenseSelection::all(later);
        selection.status = Some(LicenseStatus::Revoked);
        let page = PageRequest::first();
        let found = store.search_licenses(&self.tenant, &selection, &page).await;
        let found: Vec<_> = found
            .unwrap()
            .items
            .into_iter()
            .map(|found| found.id)
            .collect();
        assert_eq!(found, [id(4), id(6)]);
        self.remove(6).await;
        // Preparing what is prepared changes nothing.
        assert!(store.is_indexed(&self.tenant, true).await.unwrap());
        let list = RevokedLicenseIds {
            product: "CODITECT".to_owned(),
            issuer: "vendor".to_owned(),
            ids: vec![id(4), id(6)],
        };
        let indexed = store.index_licenses(&self.tenant, vec![list]).await;
        assert_eq!(indexed.unwrap(), 0);
        assert_eq!(self.with_status(LicenseStatus::Revoked, later).await, [4]);
    }

    async fn remove(&self, number: u8) {
        let id = id(number);
        let removed = self
            .store
            .remove_license(&self.tenant, &id, audit("remove"));
        assert!(removed.await.unwrap());
    }

    async fn a_removed_license_replaces_nothing(&self) {
        self.remove(2).await;
        let later = at("2028-01-01");
        assert!(
            self.with_status(LicenseStatus::Superseded, later)
                .await
                .is_empty()
        );
        let selection = LicenseSelection::all(now()).text("acme");
        assert_eq!(self.find(&selection).await, [1, 3, 5]);
    }
}

async fn machines_are_listed_by_time_and_by_name(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let seen = |license: u8, machine: &str, text: &str| MachineSighting {
        license: id(license),
        machine: machine.to_owned(),
        version: None,
        user: None,
        at: at(text),
    };
    let sightings = vec![
        seen(1, "aa", "2027-01-02"),
        seen(2, "aa", "2027-01-03"),
        seen(1, "ab", "2027-01-02"),
        seen(1, "b", "2027-01-05"),
    ];
    store.record_machines(&own, sightings, 10).await.unwrap();
    let find = async |tenant: &TenantId, list: MachineList| {
        let mut page = PageRequest::new(None, Some(1));
        let mut names = Vec::new();
        loop {
            let found = store.list_machines(tenant, &list, &page).await.unwrap();
            names.extend(found.items.into_iter().map(|machine| machine.machine));
            let Some(next) = found.next else { return names };
            page = PageRequest::new(Some(next), Some(1));
        }
    };
    let named = |name: &str| MachineList::Named(name.to_owned());
    assert_eq!(
        find(&own, MachineList::Recent).await,
        ["b", "aa", "ab", "aa"]
    );
    assert_eq!(find(&own, named("a")).await, ["aa", "aa", "ab"]);
    assert_eq!(find(&own, named("ab")).await, ["ab"]);
    assert!(find(&own, named("c")).await.is_empty());
    assert!(find(&other, MachineList::Recent).await.is_empty());
    let page = PageRequest::new(None, Some(1));
    let found = store.list_machines(&own, &named("a"), &page).await.unwrap();
    let page = PageRequest::new(found.next, Some(1));
    let refused = store.list_machines(&own, &MachineList::Recent, &page).await;
    assert!(
        matches!(refused, Err(ServerStoreError::Cursor { .. })),
        "{refused:?}"
    );
}
