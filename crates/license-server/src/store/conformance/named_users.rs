//! Named users: places, cool-downs and machines.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use license_core::time;
use license_seats::LeaseSpan;
use serde_json::json;

use super::sample::{audit, former_states, id, tenant};
use crate::domain::{
    AssignOutcome, AuditFilter, EmailAddress, MachineSighting, NamedUserKey, NamedUserTerms,
    NewNamedUser, PageRequest, PoolId, TenantId,
};
use crate::store::ServerStore;

pub(super) async fn check(store: &dyn ServerStore) {
    a_user_is_assigned_once(store).await;
    a_place_is_bound_for_its_cool_down(store).await;
    concurrent_assignments(&[store]).await;
    machines_are_remembered_for_each_user(store).await;
}

/// A license that permits `limit` users, with a cool-down that has passed, or that never passes.
fn terms(limit: u64, is_bound: bool) -> NamedUserTerms {
    NamedUserTerms {
        limit,
        cool_down: if is_bound {
            LeaseSpan::MAX
        } else {
            LeaseSpan::ZERO
        },
    }
}

fn email(name: &str) -> EmailAddress {
    EmailAddress::parse(&format!("{name}@example.com")).unwrap()
}

fn key(name: &str) -> NamedUserKey {
    NamedUserKey::Email(email(name))
}

fn pool() -> PoolId {
    PoolId::new(&id(1))
}

async fn assign(
    store: &dyn ServerStore,
    tenant: &TenantId,
    name: &str,
    terms: NamedUserTerms,
) -> AssignOutcome {
    let user = NewNamedUser {
        id: format!("usr_{name}"),
        email: email(name),
        assigned_at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
        assigned_by: "console".to_owned(),
    };
    let pool = pool();
    let assigned = store.assign_user(tenant, &pool, user, terms, audit("user.assign"));
    assigned.await.unwrap()
}

/// Returns the names of the users, with a minus before those who were removed.
async fn names(store: &dyn ServerStore, tenant: &TenantId) -> Vec<String> {
    let users = store.named_users(tenant, &pool()).await.unwrap();
    let names = users.iter().map(|user| {
        let sign = if user.is_assigned() { "" } else { "-" };
        let name = user.email.as_str().split('@').next().unwrap();
        format!("{sign}{name}")
    });
    names.collect()
}

async fn a_user_is_assigned_once(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let entries = async || store.verify_audit(&own).await.unwrap().entries;
    let version = store.content_version(&own).await.unwrap();
    let assigned = assign(store, &own, "ann", terms(2, true)).await;
    let AssignOutcome::Assigned(ann) = assigned else {
        panic!("{assigned:?}");
    };
    assert_eq!(ann.id, "usr_ann");
    assert_eq!(entries().await, 1);
    assert_ne!(store.content_version(&own).await.unwrap(), version);
    let again = assign(store, &own, "ann", terms(2, true)).await;
    assert_eq!(again, AssignOutcome::Known(ann.clone()));
    assert_eq!(entries().await, 1, "nothing has changed");
    assign(store, &own, "bob", terms(2, true)).await;
    let full = assign(store, &own, "eve", terms(2, true)).await;
    assert_eq!(full, AssignOutcome::Full { assigned: 2 });
    assert_eq!(entries().await, 2);
    assert_eq!(names(store, &own).await, ["ann", "bob"]);

    // A stranger neither sees nor removes a user, and has places of its own.
    assert!(names(store, &other).await.is_empty());
    let pool = pool();
    let unassign = |tenant, key| store.unassign_user(tenant, &pool, key, audit("x"));
    assert_eq!(unassign(&other, key("ann")).await.unwrap(), None);
    let other_pool = PoolId::new(&id(2));
    let elsewhere = store.unassign_user(&own, &other_pool, key("ann"), audit("x"));
    assert_eq!(elsewhere.await.unwrap(), None);
    assign(store, &other, "ann", terms(1, true)).await;
    assert_eq!(names(store, &own).await, ["ann", "bob"]);

    let assignments = store.assignments_of(&own, &email("ann")).await.unwrap();
    assert_eq!(assignments, [(pool.clone(), ann.clone())]);
    let others = store.assignments_of(&own, &email("eve")).await.unwrap();
    assert!(others.is_empty());
    // The audit trail names the user by the id.
    assert!(unassign(&own, key("bob")).await.unwrap().is_some());
    let expected = json!({
        "user": "usr_bob", "assigned_at": "2027-01-15T09:00:00Z", "assigned_by": "console",
    });
    assert_eq!(former_states(store, &own, "x").await, [expected]);
    assert_eq!(
        former_states(store, &own, "user.assign").await,
        [json!(null), json!(null)]
    );
    let page = store
        .audit(&own, &AuditFilter::default(), &PageRequest::first())
        .await
        .unwrap();
    let details = &page.items[0].details;
    assert!(
        details.contains("usr_ann") && !details.contains('@'),
        "{details}"
    );
}

async fn a_place_is_bound_for_its_cool_down(store: &dyn ServerStore) {
    let own = tenant();
    let pool = pool();
    let unassign = |key| store.unassign_user(&own, &pool, key, audit("user.unassign"));
    assign(store, &own, "ann", terms(1, true)).await;
    let removed = unassign(NamedUserKey::Id("usr_ann".to_owned())).await;
    assert_eq!(removed.unwrap().unwrap().email, email("ann"));
    assert_eq!(unassign(key("ann")).await.unwrap(), None, "removed before");
    assert_eq!(names(store, &own).await, ["-ann"]);

    let denied = assign(store, &own, "bob", terms(1, true)).await;
    assert!(
        matches!(denied, AssignOutcome::CoolDown { left } if !left.is_zero()),
        "{denied:?}"
    );
    // The same user returns to the place, under the same id, and the cool-down continues.
    let since = store.named_users(&own, &pool).await.unwrap()[0].since;
    let back = assign(store, &own, "ann", terms(1, true)).await;
    let AssignOutcome::Assigned(ann) = back else {
        panic!("{back:?}");
    };
    assert_eq!((ann.id.as_str(), ann.since), ("usr_ann", since));
    assert!(ann.is_assigned());
    unassign(key("ann")).await.unwrap();

    // After the cool-down, the place goes to another user, and the old row is forgotten.
    let free = assign(store, &own, "bob", terms(1, false)).await;
    assert!(matches!(free, AssignOutcome::Assigned(_)), "{free:?}");
    assert_eq!(names(store, &own).await, ["bob"]);
    let full = assign(store, &own, "ann", terms(1, false)).await;
    assert_eq!(full, AssignOutcome::Full { assigned: 1 });
    assert_eq!(store.verify_audit(&own).await.unwrap().fault, None);
}

/// Assigns many users at once to the last places of a license.
pub(in crate::store) async fn concurrent_assignments(stores: &[&dyn ServerStore]) {
    let own = tenant();
    let assignments = (0..24).zip(stores.iter().cycle()).map(|(number, store)| {
        let own = &own;
        async move { assign(*store, own, &format!("user{number}"), terms(3, true)).await }
    });
    let outcomes = join_all(assignments).await;
    let granted = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, AssignOutcome::Assigned(_)));
    assert_eq!(granted.count(), 3, "{outcomes:?}");
    assert_eq!(names(stores[0], &own).await.len(), 3);
    // The same user at once gets one place.
    let same = stores.iter().cycle().take(8);
    let same = same.map(|store| assign(*store, &own, "ann", terms(4, true)));
    let outcomes = join_all(same).await;
    let granted = outcomes
        .iter()
        .filter(|outcome| matches!(outcome, AssignOutcome::Assigned(_)));
    assert_eq!(granted.count(), 1, "{outcomes:?}");
    let users = names(stores[0], &own).await;
    assert_eq!(users.iter().collect::<BTreeSet<_>>().len(), 4, "{users:?}");
}

async fn machines_are_remembered_for_each_user(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let at = |text| time::parse_instant(text).unwrap();
    let seen = |machine: &str, user: &str, text| MachineSighting {
        license: id(1),
        machine: machine.to_owned(),
        version: Some("1.0.0".to_owned()),
        user: Some(email(user)),
        at: at(text),
    };
    let sightings = vec![
        seen("a", "ann", "2027-01-02"),
        seen("a", "bob", "2027-01-03"),
        seen("b", "ann", "2027-01-04"),
        seen("a", "ann", "2027-01-05"),
    ];
    store.record_machines(&own, sightings, 2).await.unwrap();
    let machines = async |tenant: &TenantId, user: &str| {
        let mut page = PageRequest::new(None, Some(1));
        let mut machines = Vec::new();
        loop {
            let user = email(user);
            let found = store.machines_of_user(tenant, &user, &page).await.unwrap();
            machines.extend(found.items);
            let Some(next) = found.next else { break };
            page = PageRequest::new(Some(next), Some(1));
        }
        machines
    };
    let of_ann = machines(&own, "ann").await;
    let names: Vec<_> = of_ann.iter().map(|found| found.machine.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let times = (of_ann[0].first_seen, of_ann[0].last_seen);
    assert_eq!(times, (at("2027-01-02"), at("2027-01-05")));
    assert_eq!(machines(&own, "bob").await.len(), 1);
    assert!(machines(&own, "eve").await.is_empty());
    assert!(machines(&other, "ann").await.is_empty());
    // A machine that is forgotten takes its users with it.
    let third = vec![seen("c", "eve", "2027-01-06")];
    store.record_machines(&own, third, 2).await.unwrap();
    assert_eq!(machines(&own, "ann").await.len(), 1);
    // A user has a bounded number of machines.
    let many = (0..110).map(|number| seen(&format!("m{number:03}"), "zoe", "2027-01-07"));
    let many = many.collect();
    store.record_machines(&own, many, 500).await.unwrap();
    assert_eq!(machines(&own, "zoe").await.len(), 100);
}
