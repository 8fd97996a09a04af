//! The deletion of an organization.

use std::collections::BTreeMap;

use super::people::{account, create, create_token, now, session};
use super::sample::{acquire, audit, id, tenant};
use crate::domain::{
    Account, AccountChange, Actor, MemberOutcome, Membership, PoolId, Role, SealedSecret,
    SecondFactor, TenantDeletion, TenantId,
};
use crate::store::ServerStore;
use crate::store::rows::TABLES;

pub(super) async fn check(store: &dyn ServerStore) {
    the_people_of_a_deleted_organization_lose_it_and_stay(store).await;
    a_code_deletes_one_organization(store).await;
    who_lost_the_permission_deletes_nothing(store).await;
}

async fn the_people_of_a_deleted_organization_lose_it_and_stay(store: &dyn ServerStore) {
    let (tenant, other) = (tenant(), tenant());
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let eve = create(store, &other, "eve", Role::Owner).await;
    // Only the identity provider of the organization lets this person in.
    let bound = Account {
        email: None,
        password: None,
        ..account("bob")
    };
    let membership = Membership::new(tenant.clone(), Role::Member, now());
    let created = store.create_account(bound.clone(), membership, audit("account.create"));
    assert!(created.await.unwrap());
    let sessions = [
        (&ann, Some(&tenant), false),
        (&ann, None, true),
        (&bound, Some(&tenant), false),
        (&eve, Some(&other), true),
    ];
    for (number, (account, organization, _)) in sessions.into_iter().enumerate() {
        let one = session(&number.to_string(), account, organization);
        let create = store.create_session(one, SecondFactor::NotNeeded, audit("sign-in"));
        assert!(create.await.unwrap());
    }
    for (organization, by) in [(&tenant, &ann), (&other, &eve)] {
        let by = Actor::Account(by.id.clone());
        assert!(create_token(store, organization, "token", &by).await);
    }
    let pool = PoolId::new(&id(1));
    acquire(store, &tenant, &pool, 5, 1).await;
    acquire(store, &other, &pool, 5, 1).await;

    let by_ann = Actor::Account(ann.id.clone());
    let delete = || store.delete_tenant(&tenant, &by_ann, None, now());
    assert_eq!(delete().await.unwrap(), TenantDeletion::Deleted);
    assert_eq!(delete().await.unwrap(), TenantDeletion::NotFound);
    for (number, (account, organization, stays)) in sessions.into_iter().enumerate() {
        let one = session(&number.to_string(), account, organization);
        let found = store.find_session(one.digest).await.unwrap();
        assert_eq!(found.is_some(), stays, "{number}");
    }
    assert_eq!(store.account(&bound.id).await.unwrap(), None);
    assert!(store.account(&ann.id).await.unwrap().is_some());
    assert!(store.memberships(&ann.id).await.unwrap().is_empty());
    assert!(store.tokens(&tenant).await.unwrap().is_empty());
    assert_eq!(store.tokens(&other).await.unwrap().len(), 1);
    assert_eq!(store.memberships(&eve.id).await.unwrap().len(), 1);
    let seats = async |tenant| store.pool(tenant, &pool).await.unwrap().is_some();
    assert!(!seats(&tenant).await && seats(&other).await);
    // A request that was running brings nothing back.
    let late = store.record(&tenant, audit("member.change")).await;
    assert!(late.is_err(), "{late:?}");
    let report = store.verify_audit(&tenant).await.unwrap();
    assert_eq!((report.fault, report.entries), (None, 0));
    let report = store.verify_audit(&other).await.unwrap();
    assert!(report.fault.is_none() && report.entries > 0);
    // The account is the last owner of nothing any more.
    let deleted = store.delete_account(&ann.id, audit("account.delete")).await;
    assert_eq!(deleted.unwrap(), crate::domain::DeletionOutcome::Deleted);
}

async fn a_code_deletes_one_organization(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    for change in [
        AccountChange::BeginTotp(SealedSecret(vec![1])),
        AccountChange::ConfirmTotp(100, Vec::new(), None),
    ] {
        let changed = store.change_account(&ann.id, change, audit("account.totp"));
        assert!(changed.await.unwrap());
    }
    let by = Actor::Account(ann.id.clone());
    let delete = |step: u64| {
        let proof = (ann.id.clone(), SecondFactor::Code(step));
        store.delete_tenant(&tenant, &by, Some(proof), now())
    };
    assert_eq!(delete(100).await.unwrap(), TenantDeletion::CodeUsed);
    assert_eq!(store.memberships(&ann.id).await.unwrap().len(), 1);
    let report = store.verify_audit(&tenant).await.unwrap();
    assert!(report.entries > 0, "{report:?}");
    assert_eq!(delete(101).await.unwrap(), TenantDeletion::Deleted);
}

/// The request of a caller can wait, for example for the hash of a password, while another one
/// takes the permission away.
async fn who_lost_the_permission_deletes_nothing(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let bob = create(store, &tenant, "bob", Role::Owner).await;
    let by_ann = Actor::Account(ann.id.clone());
    assert!(create_token(store, &tenant, "token", &by_ann).await);
    let token = store.tokens(&tenant).await.unwrap().remove(0);
    let roles = (Role::Owner, Role::Administrator);
    let demoted = store.change_role(&tenant, &ann.id, roles, audit("member.change"));
    assert_eq!(demoted.await.unwrap(), MemberOutcome::Changed);
    let stranger = account("eve").id;
    for caller in [by_ann, Actor::ApiToken(token.id), Actor::Account(stranger)] {
        let deleted = store.delete_tenant(&tenant, &caller, None, now()).await;
        assert_eq!(deleted.unwrap(), TenantDeletion::NotPermitted, "{caller}");
    }
    assert!(!store.is_deleted(&tenant).await.unwrap());
    assert_eq!(store.memberships(&bob.id).await.unwrap().len(), 1);
    let by_bob = Actor::Account(bob.id);
    let deleted = store.delete_tenant(&tenant, &by_bob, None, now()).await;
    assert_eq!(deleted.unwrap(), TenantDeletion::Deleted);
    assert!(store.is_deleted(&tenant).await.unwrap());
}

/// Returns statements that give a tenant a row in each table, from the names and the types of all
/// columns. Texts are the id of the tenant, so that the rows refer to each other.
pub(in crate::store) fn fill(columns: &[(String, String, String)], tenant: &TenantId) -> String {
    let mut tables: BTreeMap<&str, Vec<(&str, String)>> = BTreeMap::new();
    let (digest, text) = (tenant.as_str().replace('-', ""), format!("'{tenant}'"));
    for (table, column, kind) in columns {
        let value = match kind.to_ascii_lowercase().as_str() {
            "integer" | "bigint" => "1".to_owned(),
            "text" => text.clone(),
            // SQLite and PostgreSQL have other literals for bytes.
            "blob" => format!("x'{digest}{digest}'"),
            "bytea" => format!("'\\x{digest}{digest}'"),
            kind => panic!("add a value of {kind}, the type of {table}.{column}"),
        };
        tables.entry(table).or_default().push((column, value));
    }
    let others = tables.keys().filter(|table| !TABLES.contains(table));
    let others: Vec<_> = others
        .copied()
        .filter(|table| *table != "accounts")
        .collect();
    let order = ["accounts"].into_iter().chain(TABLES).chain(others);
    let inserts = order.map(|table| {
        let columns = &tables[table];
        let names: Vec<_> = columns.iter().map(|(name, _)| *name).collect();
        let values: Vec<_> = columns.iter().map(|(_, value)| value.as_str()).collect();
        let (names, values) = (names.join("\", \""), values.join(", "));
        format!("INSERT INTO {table} (\"{names}\") VALUES ({values});")
    });
    inserts.collect()
}
