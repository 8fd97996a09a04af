//! Searches in licenses: what they read, and licenses of an earlier version.

use rusqlite::Connection;

use super::{directory, open};
use crate::domain::{LicenseOrdering, LicenseSelection, PageRequest, RevokedLicenseIds, TenantId};
use crate::store::license_search::Candidates;
use crate::store::sqlite::{license_terms, schema};
use crate::store::{LicenseStore, conformance};

/// Returns the steps of a search.
fn steps(db: &Connection, selection: &LicenseSelection, candidates: Candidates) -> Vec<String> {
    let explained = format!(
        "EXPLAIN QUERY PLAN {}",
        license_terms::sql(selection, candidates)
    );
    let mut statement = db.prepare(&explained).unwrap();
    let count = statement.parameter_count();
    let values = vec![Option::<i64>::None; count];
    let values = rusqlite::params_from_iter(values);
    let steps = statement.query_map(values, |row| row.get::<_, String>(3));
    steps.unwrap().map(Result::unwrap).collect()
}

#[test]
fn a_search_reads_an_index_of_its_order_or_of_its_word() {
    let mut db = Connection::open_in_memory().unwrap();
    schema::migrate(&mut db).unwrap();
    let mut selection = LicenseSelection::all(license_core::time::MIN);
    for (order, index) in [
        (LicenseOrdering::Installed, "PRIMARY KEY"),
        (
            LicenseOrdering::Customer,
            "COVERING INDEX license_terms_by_name",
        ),
        (
            LicenseOrdering::Expires,
            "COVERING INDEX license_terms_by_end",
        ),
        (
            LicenseOrdering::Issued,
            "COVERING INDEX license_terms_by_issue",
        ),
    ] {
        selection.order = order;
        let found = steps(&db, &selection, Candidates::All);
        let expected = format!("SEARCH license_terms USING {index} ");
        assert!(
            found.iter().any(|step| step.starts_with(&expected)),
            "{found:#?}"
        );
        for candidates in [Candidates::Words, Candidates::Names] {
            let found = steps(&db, &selection, candidates);
            for expected in [
                "SEARCH words USING PRIMARY KEY (tenant=? AND word>? AND word<?)",
                "SEARCH license_terms USING PRIMARY KEY (tenant=? AND number=?)",
            ] {
                assert!(found.iter().any(|step| step == expected), "{found:#?}");
            }
        }
    }
}

#[tokio::test]
async fn licenses_of_an_earlier_version_are_indexed_once() {
    let directory = directory();
    let (store, tenant) = (open(directory.path()), TenantId::site());
    let records: Vec<_> = (1..=3)
        .map(|number| conformance::license(number, number, &[]))
        .collect();
    let audit = conformance::audit("license.install");
    store
        .install_licenses(&tenant, records, audit)
        .await
        .unwrap();
    let db = Connection::open(directory.path().join("server.db")).unwrap();
    db.execute_batch(
        "DELETE FROM license_terms; DELETE FROM license_words; UPDATE licenses SET indexed = 0",
    )
    .unwrap();
    let selection = LicenseSelection::all(license_core::time::MIN).text("acme");
    let count = async || {
        let page = PageRequest::first();
        let found = store.search_licenses(&tenant, &selection, &page).await;
        found.unwrap().items.len()
    };
    assert_eq!(count().await, 0);
    assert!(!store.is_indexed(&tenant, false).await.unwrap());
    let list = RevokedLicenseIds {
        product: "CODITECT".to_owned(),
        issuer: "vendor".to_owned(),
        ids: vec![conformance::id(2)],
    };
    let index = || store.index_licenses(&tenant, vec![list.clone()]);
    assert_eq!(index().await.unwrap(), 3);
    assert_eq!(count().await, 3);
    let revoked = "SELECT count(*) FROM license_terms WHERE is_revoked = 1";
    let revoked: i64 = db.query_row(revoked, [], |row| row.get(0)).unwrap();
    assert_eq!(revoked, 1);
    assert!(store.is_indexed(&tenant, true).await.unwrap());
    assert_eq!(index().await.unwrap(), 0);
}
