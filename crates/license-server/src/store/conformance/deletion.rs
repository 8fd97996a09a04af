//! The deletion of an organization.

use std::collections::BTreeMap;

use serde_json::json;

use super::people::{account, create, create_token, now, session};
use super::sample::{acquire, audit, id, tenant};
use crate::domain::{
    Account, AccountChange, Actor, AuditEntry, AuditFilter, EndedSessions, MachineSighting,
    MemberOutcome, Membership, NamedUserKey, NamedUserTerms, NewAuditEntry, NewNamedUser,
    OrganizationCreation, PageRequest, PoolId, Role, SealedSecret, SecondFactor, TenantDeletion,
    TenantId,
};
use crate::store::ServerStore;
use crate::store::rows::TABLES;

pub(super) async fn check(store: &dyn ServerStore) {
    the_people_of_a_deleted_organization_lose_it_and_stay(store).await;
    a_code_deletes_one_organization(store).await;
    who_lost_the_permission_deletes_nothing(store).await;
    a_person_without_an_organization_is_recorded_by_the_server(store).await;
    a_deleted_person_leaves_no_address_in_assignments_that_have_ended(store).await;
    a_person_creates_few_organizations(store).await;
}

/// Returns the audit entry of the deletion of a tenant.
fn deletion(tenant: &TenantId, by: &Actor) -> NewAuditEntry {
    NewAuditEntry {
        actor: by.clone(),
        ..audit("organization.delete").with_subject(tenant.as_str())
    }
}

/// Returns the entries of a trail about a subject, in their order.
async fn entries(store: &dyn ServerStore, trail: &TenantId, subject: &str) -> Vec<AuditEntry> {
    let filter = AuditFilter {
        subject: Some(subject.to_owned()),
        ..AuditFilter::default()
    };
    let found = store.audit(trail, &filter, &PageRequest::first()).await;
    found.unwrap().items
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
    let named = store.rename_tenant(&tenant, "ACME", audit("organization.rename"));
    named.await.unwrap();
    let name = store.tenant_name(&tenant).await.unwrap();
    assert_eq!(name.as_deref(), Some("ACME"));
    let last = entries(store, &tenant, "subject").await.pop().unwrap();
    let delete = || store.delete_tenant(&tenant, None, deletion(&tenant, &by_ann));
    assert_eq!(delete().await.unwrap(), TenantDeletion::Deleted);
    // The trail of the server has the end of the trail that is gone.
    let site = TenantId::site();
    let recorded = entries(store, &site, tenant.as_str()).await;
    let [recorded] = &recorded[..] else {
        panic!("{recorded:?}");
    };
    assert_eq!(recorded.actor, by_ann.to_string());
    let former: serde_json::Value =
        serde_json::from_str(recorded.before.as_deref().unwrap()).unwrap();
    let hash = license_core::encoding::hex::encode(&last.hash);
    assert_eq!(
        former,
        json!({"name": "ACME", "audit_entries": last.seq, "audit_hash": hash})
    );
    assert_eq!(store.verify_audit(&site).await.unwrap().fault, None);
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

/// The trail of the server has the changes that no other trail can have.
async fn a_person_without_an_organization_is_recorded_by_the_server(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let by_ann = Actor::Account(ann.id.clone());
    let deleted = store.delete_tenant(&tenant, None, deletion(&tenant, &by_ann));
    assert_eq!(deleted.await.unwrap(), TenantDeletion::Deleted);
    let of_ann = |action| audit(action).with_subject(ann.id.as_str());
    let one = session("one", &ann, None);
    let created = store.create_session(one, SecondFactor::NotNeeded, of_ann("session.create"));
    assert!(created.await.unwrap());
    let rename = AccountChange::Name("Ann".to_owned());
    let renamed = store.change_account(&ann.id, rename, of_ann("account.rename"));
    assert!(renamed.await.unwrap());
    let recorded = store.record_account(&ann.id, of_ann("account.reset_link"));
    recorded.await.unwrap();
    let ended = store.end_sessions(&ann.id, EndedSessions::All, audit("session.end"));
    let ended = ended.await.unwrap().remove(0);
    let deleted = store.delete_account(&ann.id, of_ann("account.delete"));
    assert_eq!(
        deleted.await.unwrap(),
        crate::domain::DeletionOutcome::Deleted
    );
    let site = TenantId::site();
    let found = entries(store, &site, ann.id.as_str()).await;
    let actions: Vec<_> = found.iter().map(|entry| entry.action.as_str()).collect();
    let expected = [
        "session.create",
        "account.rename",
        "account.reset_link",
        "account.delete",
    ];
    assert_eq!(actions, expected);
    assert_eq!(entries(store, &site, &ended).await.len(), 1);
    assert_eq!(store.verify_audit(&site).await.unwrap().fault, None);
}

/// An address that is still assigned is a matter of the organization.
async fn a_deleted_person_leaves_no_address_in_assignments_that_have_ended(
    store: &dyn ServerStore,
) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Member).await;
    let email = ann.email.clone().unwrap();
    let (ended, open) = (PoolId::new(&id(1)), PoolId::new(&id(2)));
    let terms = NamedUserTerms {
        limit: 2,
        cool_down: license_seats::LeaseSpan::MAX,
    };
    for (pool, name) in [(&ended, "ended"), (&open, "open")] {
        let user = NewNamedUser {
            id: format!("usr_{name}"),
            email: email.clone(),
            assigned_at: now(),
            assigned_by: "console".to_owned(),
        };
        let assigned = store.assign_user(&tenant, pool, user, terms, audit("user.assign"));
        assigned.await.unwrap();
    }
    let key = NamedUserKey::Email(email.clone());
    let removed = store.unassign_user(&tenant, &ended, key, audit("user.unassign"));
    assert!(removed.await.unwrap().is_some());
    let bob = create(store, &tenant, "bob", Role::Member).await;
    let seen = |person: &Account| MachineSighting {
        license: id(1),
        machine: "machine".to_owned(),
        version: None,
        user: person.email.clone(),
        at: now(),
    };
    let sightings = vec![seen(&ann), seen(&bob)];
    store.record_machines(&tenant, sightings, 9).await.unwrap();
    for person in [&ann, &bob] {
        let deleted = store.delete_account(&person.id, audit("account.delete"));
        assert_eq!(
            deleted.await.unwrap(),
            crate::domain::DeletionOutcome::Deleted
        );
    }
    // Bob is not assigned, so nothing needs his machine.
    for (person, expected) in [(&ann, 1), (&bob, 0)] {
        let (email, page) = (person.email.clone().unwrap(), PageRequest::first());
        let found = store.machines_of_user(&tenant, &email, &page).await;
        assert_eq!(found.unwrap().items.len(), expected);
    }
    let addresses = async |pool: &PoolId| {
        let users = store.named_users(&tenant, pool).await.unwrap();
        let addresses = users.iter().map(|user| user.email.to_string());
        addresses.collect::<Vec<_>>()
    };
    assert_eq!(addresses(&ended).await, ["usr_ended@deleted.invalid"]);
    assert_eq!(addresses(&open).await, [email.to_string()]);
}

async fn a_person_creates_few_organizations(store: &dyn ServerStore) {
    let (first, second, third) = (tenant(), tenant(), tenant());
    let ann = create(store, &first, "ann", Role::Owner).await;
    let create = |account: &Account, tenant: &TenantId| {
        let (account, tenant) = (account.id.clone(), tenant.clone());
        async move {
            let membership = Membership {
                name: Some("ACME".to_owned()),
                ..Membership::of_owner(tenant, now())
            };
            let audit = audit("organization.create");
            let created = store.create_organization(&account, membership, 2, audit);
            created.await.unwrap()
        }
    };
    let stranger = create(&account("eve"), &second).await;
    assert_eq!(stranger, OrganizationCreation::NotFound);
    assert_eq!(create(&ann, &second).await, OrganizationCreation::Created);
    assert_eq!(
        create(&ann, &third).await,
        OrganizationCreation::LimitReached
    );
    let mut expected = [first, second.clone()];
    expected.sort();
    let found = store.memberships(&ann.id).await.unwrap();
    assert_eq!(
        found.iter().map(|one| &one.tenant).collect::<Vec<_>>(),
        expected.each_ref()
    );
    assert_eq!(Membership::owned(&found), 2);
    assert_eq!(store.verify_audit(&second).await.unwrap().entries, 1);
    assert_eq!(store.verify_audit(&third).await.unwrap().entries, 0);
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
        store.delete_tenant(&tenant, Some(proof), deletion(&tenant, &by))
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
        let audit = deletion(&tenant, &caller);
        let deleted = store.delete_tenant(&tenant, None, audit).await;
        assert_eq!(deleted.unwrap(), TenantDeletion::NotPermitted, "{caller}");
    }
    assert!(!store.is_deleted(&tenant).await.unwrap());
    assert_eq!(store.memberships(&bob.id).await.unwrap().len(), 1);
    let by_bob = Actor::Account(bob.id);
    assert_eq!(entries(store, &TenantId::site(), tenant.as_str()).await, []);
    let deleted = store
        .delete_tenant(&tenant, None, deletion(&tenant, &by_bob))
        .await;
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
