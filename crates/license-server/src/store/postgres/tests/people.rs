//! Changes of people at the same time, on several connections.

use chrono::{DateTime, TimeDelta, Utc};
use license_test_services::TestDatabase;

use super::open;
use crate::domain::{
    Account, AccountChange, AccountId, EmailAddress, MemberOutcome, Membership, Role, SealedSecret,
    SecondFactor, SecretDigest, SignInSession, TenantId,
};
use crate::store::postgres::PostgresStore;
use crate::store::{AccountStore, MemberStore, conformance};

fn now() -> DateTime<Utc> {
    conformance::audit("account.create").at
}

/// Creates an owner of a tenant.
async fn owner(store: &PostgresStore, tenant: &TenantId, number: u8) -> AccountId {
    let random = uuid::Uuid::new_v4();
    let account = Account {
        id: AccountId::from_random(random.into_bytes()),
        email: EmailAddress::parse(&format!("{number}-{}@example.com", random.simple())),
        name: format!("owner {number}"),
        password: None,
        totp: None,
        created_at: now(),
        verified_at: None,
    };
    let id = account.id.clone();
    let membership = Membership::of_owner(tenant.clone(), now());
    let audit = conformance::audit("account.create");
    let created = store.create_account(account, membership, audit).await;
    assert!(created.unwrap());
    id
}

#[tokio::test]
async fn two_owners_who_remove_each_other_leave_one() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let store = open(&test).await;
    for _ in 0..10 {
        let tenant = conformance::tenant();
        let (ann, bob) = (
            owner(&store, &tenant, 1).await,
            owner(&store, &tenant, 2).await,
        );
        let audit = || conformance::audit("member.remove");
        let (removed, demoted) = tokio::join!(
            store.remove_member(&tenant, &ann, Role::Owner, audit()),
            store.change_role(&tenant, &bob, (Role::Owner, Role::Member), audit()),
        );
        let mut outcomes = [removed.unwrap(), demoted.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome != MemberOutcome::Changed);
        assert_eq!(outcomes, [MemberOutcome::Changed, MemberOutcome::LastOwner]);
    }
}

#[tokio::test]
async fn a_code_at_two_connections_is_accepted_once() {
    let Some(test) = TestDatabase::create() else {
        return;
    };
    let store = open(&test).await;
    let tenant = conformance::tenant();
    let ann = owner(&store, &tenant, 1).await;
    for change in [
        AccountChange::BeginTotp(SealedSecret(vec![1])),
        AccountChange::ConfirmTotp(100, Vec::new(), None),
    ] {
        let audit = conformance::audit("account.totp");
        assert!(store.change_account(&ann, change, audit).await.unwrap());
    }
    let sign_in = |step: u64, id: &str| {
        let session = SignInSession {
            id: format!("{id} {step}"),
            digest: SecretDigest::new(&format!("{id} {step}")),
            account: ann.clone(),
            organization: Some(tenant.clone()),
            created_at: now(),
            last_used_at: now(),
            expires_at: now() + TimeDelta::days(1),
            address: String::new(),
            user_agent: String::new(),
            provider: None,
        };
        let audit = conformance::audit("session.create");
        store.create_session(session, SecondFactor::Code(step), audit)
    };
    for step in 101..111 {
        let (one, other) = tokio::join!(sign_in(step, "one"), sign_in(step, "other"));
        assert_ne!(one.unwrap(), other.unwrap(), "{step}");
    }
    assert_eq!(store.sessions(&ann).await.unwrap().len(), 10);
}
