//! Groups: members, administrators and shares.

use license_core::time;
use serde_json::{Value, json};

use super::sample::{audit, former_states, id, tenant};
use crate::domain::{
    Account, AccountId, EmailAddress, Group, GroupId, GroupOutcome, GroupShare, Membership,
    PageRequest, PoolId, Role, SeatPolicy, ShareChange, TenantId,
};
use crate::store::{SeatUser, ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    names_are_unique_in_an_organization(store).await;
    only_members_of_the_organization_join(store).await;
    shares_are_reservations_of_the_policy(store).await;
}

fn group(name: &str) -> Group {
    Group {
        id: GroupId::from_random(uuid::Uuid::new_v4().into_bytes()),
        name: name.to_owned(),
        created_at: time::parse_instant("2027-01-15T09:00:00Z").unwrap(),
    }
}

async fn create(store: &dyn ServerStore, tenant: &TenantId, name: &str) -> Group {
    let group = group(name);
    let created = store.create_group(tenant, group.clone(), 10, audit("group.create"));
    assert_eq!(created.await.unwrap(), GroupOutcome::Changed);
    group
}

/// Creates a member of an organization.
async fn member(
    store: &dyn ServerStore,
    tenant: &TenantId,
    name: &str,
) -> (AccountId, EmailAddress) {
    let random = uuid::Uuid::new_v4();
    let email = EmailAddress::parse(&format!("{name}-{}@example.com", random.simple())).unwrap();
    let account = Account {
        id: AccountId::from_random(random.into_bytes()),
        email: Some(email.clone()),
        name: name.to_owned(),
        password: None,
        totp: None,
        created_at: time::MIN,
        verified_at: None,
    };
    let membership = Membership::new(tenant.clone(), Role::Member, time::MIN);
    let created = store.create_account(account.clone(), membership, audit("account.create"));
    assert!(created.await.unwrap());
    (account.id, email)
}

async fn names_are_unique_in_an_organization(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let design = create(store, &own, "Design").await;
    create(store, &other, "Design").await;
    let again = store.create_group(&own, group("Design"), 10, audit("x"));
    assert_eq!(again.await.unwrap(), GroupOutcome::NameTaken);
    let full = store
        .create_group(&own, group("Sales"), 1, audit("x"))
        .await;
    assert!(
        matches!(full, Err(ServerStoreError::LimitReached { .. })),
        "{full:?}"
    );
    let sales = create(store, &own, "Sales").await;
    let rename =
        |tenant, id, name: &str| store.rename_group(tenant, id, name.to_owned(), audit("rename"));
    for (tenant, id, name, expected) in [
        (&own, &sales.id, "Design", GroupOutcome::NameTaken),
        (&own, &sales.id, "Sales", GroupOutcome::Unchanged),
        (&own, &sales.id, "Marketing", GroupOutcome::Changed),
        (&other, &sales.id, "Theirs", GroupOutcome::NoGroup),
        (&other, &sales.id, "Design", GroupOutcome::NoGroup),
    ] {
        assert_eq!(rename(tenant, id, name).await.unwrap(), expected, "{name}");
    }
    assert_eq!(store.group(&other, &design.id).await.unwrap(), None);
    let delete = |tenant, id| store.delete_group(tenant, id, audit("group.delete"));
    assert!(!delete(&other, &design.id).await.unwrap());
    assert!(delete(&own, &design.id).await.unwrap());
    assert!(!delete(&own, &design.id).await.unwrap());
    let page = store.groups(&own, &PageRequest::first()).await.unwrap();
    let names: Vec<_> = page.items.iter().map(|group| &group.name).collect();
    assert_eq!(names, ["Marketing"]);
    // Two groups were created, one was renamed, and one was deleted.
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 4);
    for (action, name) in [("rename", "Sales"), ("group.delete", "Design")] {
        let expected = json!({ "name": name, "shares": [] });
        assert_eq!(former_states(store, &own, action).await, [expected]);
    }
}

async fn only_members_of_the_organization_join(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let group = create(store, &own, "Design").await.id;
    let (ann, email) = member(store, &own, "ann").await;
    let (eve, _) = member(store, &other, "eve").await;
    let put = |tenant, account: &AccountId, is_administrator| {
        let member = (account.clone(), is_administrator);
        store.put_group_member(tenant, &group, member, audit("group.member_put"))
    };
    for (tenant, account, is_administrator, expected) in [
        (&own, &eve, false, GroupOutcome::NoMember),
        (&other, &eve, true, GroupOutcome::NoGroup),
        (&own, &ann, false, GroupOutcome::Changed),
        (&own, &ann, false, GroupOutcome::Unchanged),
        (&own, &ann, true, GroupOutcome::Changed),
    ] {
        let outcome = put(tenant, account, is_administrator).await.unwrap();
        assert_eq!(outcome, expected, "{account} {is_administrator}");
    }
    let members = async |tenant: &TenantId| {
        let first = PageRequest::first();
        let page = store.group_members(tenant, &group, &first).await;
        page.unwrap().items
    };
    let found = members(&own).await;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (&found[0].account, &found[0].email),
        (&ann, &Some(email.clone()))
    );
    assert!(found[0].is_administrator);
    assert!(members(&other).await.is_empty());
    let memberships = store.groups_of(&own, &ann).await.unwrap();
    assert_eq!((memberships.len(), &memberships[0].group), (1, &group));
    assert!(store.groups_of(&other, &ann).await.unwrap().is_empty());
    assert_eq!(
        store.groups_of_user(&own, &email).await.unwrap(),
        std::slice::from_ref(&group)
    );
    assert!(
        store
            .groups_of_user(&other, &email)
            .await
            .unwrap()
            .is_empty()
    );
    let remove =
        |tenant, account| store.remove_group_member(tenant, &group, account, audit("remove"));
    assert!(!remove(&other, &ann).await.unwrap());
    assert!(remove(&own, &ann).await.unwrap());
    assert!(!remove(&own, &ann).await.unwrap());
    let part = |administrator| json!({ "member": ann.as_str(), "administrator": administrator });
    let put_before = former_states(store, &own, "group.member_put").await;
    assert_eq!(put_before, [Value::Null, part(false)]);
    assert_eq!(former_states(store, &own, "remove").await, [part(true)]);

    // A person who leaves the organization leaves its groups.
    put(&own, &ann, true).await.unwrap();
    let removed = store.remove_member(&own, &ann, Role::Member, audit("member.remove"));
    removed.await.unwrap();
    assert!(members(&own).await.is_empty());
    assert!(store.groups_of(&own, &ann).await.unwrap().is_empty());
}

async fn shares_are_reservations_of_the_policy(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let (design, sales) = (
        create(store, &own, "Design").await.id,
        create(store, &own, "Sales").await.id,
    );
    let pool = PoolId::new(&id(1));
    let share = |reserved, at_most| GroupShare { reserved, at_most };
    let set = |tenant, id, share| {
        let change = ShareChange {
            pool: pool.clone(),
            share,
            capacity: 5,
        };
        store.set_group_share(tenant, id, change, audit("group.share"))
    };
    let policy = SeatPolicy {
        max_queue: 7,
        ..SeatPolicy::default()
    };
    let stored = store.set_seat_policy(&own, &pool, policy, audit("pool.policy"));
    stored.await.unwrap();
    for (tenant, id, share, expected) in [
        (&own, &design, share(3, Some(4)), GroupOutcome::Changed),
        (&own, &design, share(3, Some(4)), GroupOutcome::Unchanged),
        (
            &own,
            &sales,
            share(3, None),
            GroupOutcome::TooManyReserved { reserved: 6 },
        ),
        (&own, &sales, share(2, None), GroupOutcome::Changed),
        (&other, &sales, share(1, None), GroupOutcome::NoGroup),
    ] {
        assert_eq!(set(tenant, id, share).await.unwrap(), expected, "{share:?}");
    }
    let policy = async || store.seat_policy(&own, &pool).await.unwrap().unwrap();
    let stored = policy().await;
    assert_eq!((stored.max_queue, stored.reserved()), (7, 5));
    let shares = store.group_shares(&own, &design).await.unwrap();
    assert_eq!(shares.get(&pool), Some(&share(3, Some(4))));
    assert!(
        store
            .group_shares(&other, &design)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.seat_policy(&other, &pool).await.unwrap().is_none());
    // A deleted group has no share, and the others keep theirs.
    set(&own, &design, share(3, None)).await.unwrap();
    let deleted = store.delete_group(&own, &design, audit("group.delete"));
    assert!(deleted.await.unwrap());
    let audited = |at_most| json!({ "pool": pool.as_str(), "reserved": 3, "at_most": at_most });
    assert_eq!(
        former_states(store, &own, "group.share").await,
        [Value::Null, Value::Null, audited(json!(4))]
    );
    let before = json!({ "name": "Design", "shares": [audited(Value::Null)] });
    assert_eq!(former_states(store, &own, "group.delete").await, [before]);
    let stored = policy().await;
    assert_eq!((stored.max_queue, stored.reserved()), (7, 2));
    let used = store.pools_in_use(&own, SeatUser::Group(sales.clone()));
    assert!(used.await.unwrap().is_empty());
}
