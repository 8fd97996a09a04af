//! Identity providers, and the people who sign in through them.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::saturating_add;
use serde_json::json;

use super::sample::{audit, former_states, tenant};
use crate::domain::{
    Account, AccountId, Actor, Admission, EmailAddress, Group, GroupDepartment, GroupId,
    GroupOutcome, IdentityProvider, Membership, NewAuditEntry, PageRequest, ProviderOutcome,
    ProviderPerson, ProviderSettings, ProviderSignIn, Role, SealedSecret, SecretDigest,
    SignInSession, TenantId, test_settings,
};
use crate::store::{ServerStore, ServerStoreError};

pub(super) async fn check(store: &dyn ServerStore) {
    a_provider_is_found_by_its_id(store).await;
    a_change_needs_the_version_before(store).await;
    a_value_counts_once(store).await;
    a_person_keeps_the_account(store).await;
    an_identity_belongs_to_its_organization(store).await;
    a_member_with_the_same_verified_address_is_linked(store).await;
    a_withdrawn_role_ends_sessions_and_tokens(store).await;
    departments_follow_the_groups(store).await;
    sessions_end_by_person_and_by_session(store).await;
}

fn now() -> DateTime<Utc> {
    audit("").at
}

/// Creates a provider of a tenant with a random id.
async fn provider(store: &dyn ServerStore, tenant: &TenantId) -> IdentityProvider {
    let provider = IdentityProvider {
        id: format!("idp_{}", uuid::Uuid::new_v4().simple()),
        settings: ProviderSettings {
            links_members: true,
            ..test_settings("https://login.acme.example")
        },
        secret: Some(SealedSecret(vec![1, 2, 3])),
        version: 1,
        created_at: now(),
        changed_at: now(),
    };
    let created = store.create_provider(tenant, provider.clone(), 9, audit("provider.create"));
    created.await.unwrap();
    provider
}

/// Returns a sign-in of a person with a role. `None`: the person may not sign in.
fn sign_in(
    provider: &IdentityProvider,
    tenant: &TenantId,
    subject: &str,
    role: Option<Role>,
) -> ProviderSignIn {
    let random = uuid::Uuid::new_v4();
    let id = AccountId::from_random(random.into_bytes());
    let session = SignInSession {
        id: format!("ses_{}", random.simple()),
        digest: SecretDigest::new(id.as_str()),
        account: id.clone(),
        organization: Some(tenant.clone()),
        created_at: now(),
        last_used_at: now(),
        expires_at: saturating_add(now(), TimeDelta::hours(24)),
        address: String::new(),
        user_agent: String::new(),
        provider: Some(provider.id.clone()),
    };
    ProviderSignIn {
        provider: provider.clone(),
        person: ProviderPerson {
            subject: subject.to_owned(),
            session: Some(format!("session of {subject}")),
            email: EmailAddress::parse(&format!("{subject}@acme.example")),
            is_email_verified: true,
            name: None,
            groups: ["staff".to_owned()].into(),
        },
        admission: role.map(|role| Admission {
            role,
            is_binding: true,
            departments: ["Research".to_owned(), "Sales".to_owned()].into(),
        }),
        account: Account {
            id,
            email: None,
            name: subject.to_owned(),
            password: None,
            totp: None,
            created_at: now(),
            verified_at: None,
        },
        session,
        audit: audit("session.create"),
    }
}

async fn enter(store: &dyn ServerStore, tenant: &TenantId, request: &ProviderSignIn) -> AccountId {
    match store.sign_in(tenant, request.clone()).await.unwrap() {
        ProviderOutcome::SignedIn(account) => account,
        other => panic!("expected a sign-in, found {other:?}"),
    }
}

async fn is_open(store: &dyn ServerStore, request: &ProviderSignIn) -> bool {
    let found = store.find_session(request.session.digest).await.unwrap();
    found.is_some()
}

async fn role(store: &dyn ServerStore, tenant: &TenantId, account: &AccountId) -> Option<Role> {
    let member = store.member(tenant, account).await.unwrap();
    member.map(|member| member.role)
}

async fn a_provider_is_found_by_its_id(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let first = provider(store, &own).await;
    let found = store.find_provider(&first.id).await.unwrap();
    assert_eq!(found, Some((own.clone(), first.clone())));
    assert_eq!(store.find_provider("idp_").await.unwrap(), None);
    assert_eq!(store.providers(&other).await.unwrap(), []);
    let second = IdentityProvider {
        id: format!("{}2", first.id),
        secret: None,
        ..first.clone()
    };
    let create = |most| store.create_provider(&own, second.clone(), most, audit("provider.create"));
    let refused = create(1).await.unwrap_err();
    assert!(
        matches!(refused, ServerStoreError::LimitReached { .. }),
        "{refused}"
    );
    create(2).await.unwrap();
    let expected = [first.clone(), second.clone()];
    assert_eq!(store.providers(&own).await.unwrap(), expected);
    let delete = |tenant, version| {
        store.delete_provider(tenant, &first.id, version, audit("provider.delete"))
    };
    let version = first.version;
    assert!(!delete(&other, version).await.unwrap());
    // Another version was checked than the one that would be deleted.
    assert!(!delete(&own, version + 1).await.unwrap());
    assert!(delete(&own, version).await.unwrap());
    assert!(!delete(&own, version).await.unwrap());
    assert_eq!(store.providers(&own).await.unwrap(), [second]);
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 3);
    let before = former_states(store, &own, "provider.delete").await;
    assert_eq!(before, [first.audited()]);
    assert_eq!(before[0]["has_secret"], true);
}

async fn a_change_needs_the_version_before(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let first = provider(store, &own).await;
    let request = sign_in(&first, &own, "ann", Some(Role::Auditor));
    enter(store, &own, &request).await;
    let mut second = first.clone();
    second.version = 2;
    second.secret = None;
    let change = |tenant, provider: &IdentityProvider| {
        store.change_provider(tenant, provider.clone(), audit("provider.change"))
    };
    assert!(!change(&other, &second).await.unwrap());
    assert!(change(&own, &second).await.unwrap());
    assert!(!change(&own, &second).await.unwrap());
    assert_eq!(store.providers(&own).await.unwrap(), [second.clone()]);
    assert!(is_open(store, &request).await);
    second.version = 3;
    second.settings.is_enabled = false;
    assert!(change(&own, &second).await.unwrap());
    assert!(!is_open(store, &request).await);
}

async fn a_value_counts_once(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let at = |seconds| saturating_add(now(), TimeDelta::seconds(seconds));
    let use_once = |tenant, value, now| store.use_once(tenant, [value; 32], at(60), at(now));
    assert!(use_once(&own, 1, 0).await.unwrap());
    assert!(!use_once(&own, 1, 59).await.unwrap());
    assert!(use_once(&own, 2, 0).await.unwrap() && use_once(&other, 1, 0).await.unwrap());
    // The value is forgotten when it could no longer count.
    assert!(use_once(&own, 1, 60).await.unwrap());
}

async fn a_person_keeps_the_account(store: &dyn ServerStore) {
    let tenant = tenant();
    let provider = provider(store, &tenant).await;
    let first = sign_in(&provider, &tenant, "ann", Some(Role::Administrator));
    let ann = enter(store, &tenant, &first).await;
    assert_eq!(ann, first.account.id);
    let member = store.member(&tenant, &ann).await.unwrap().unwrap();
    assert_eq!(
        member.email, first.person.email,
        "the address that the provider states"
    );
    let account = store.account(&ann).await.unwrap().unwrap();
    assert_eq!(account.email, None);
    let found = store
        .find_session(first.session.digest)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.session, first.session);
    // The second sign-in has a lower role, which ends the sessions with the higher one.
    let second = sign_in(&provider, &tenant, "ann", Some(Role::Auditor));
    assert_eq!(enter(store, &tenant, &second).await, ann);
    assert_eq!(role(store, &tenant, &ann).await, Some(Role::Auditor));
    assert!(!is_open(store, &first).await && is_open(store, &second).await);
    // A removed member is unknown, and is created again if the provider creates people.
    let removed = store.remove_member(&tenant, &ann, Role::Auditor, audit("member.remove"));
    removed.await.unwrap();
    // No one could sign in with the account again, so it is gone.
    assert_eq!(store.account(&ann).await.unwrap(), None);
    let before = former_states(store, &tenant, "account.delete").await;
    assert_eq!(before, [serde_json::Value::Null]);
    let mut strict = provider.clone();
    strict.settings.creates_people = false;
    let refused = sign_in(&strict, &tenant, "ann", Some(Role::Auditor));
    let outcome = store.sign_in(&tenant, refused.clone()).await.unwrap();
    assert_eq!(outcome, ProviderOutcome::Unknown);
    assert!(!is_open(store, &refused).await);
    let third = sign_in(&provider, &tenant, "ann", Some(Role::Auditor));
    assert_ne!(enter(store, &tenant, &third).await, ann);
    assert!(store.verify_audit(&tenant).await.unwrap().fault.is_none());
}

async fn an_identity_belongs_to_its_organization(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let (here, there) = (provider(store, &own).await, provider(store, &other).await);
    let request = sign_in(&here, &own, "ann", Some(Role::Auditor));
    let ann = enter(store, &own, &request).await;
    // The same issuer and subject in another organization.
    let request = sign_in(&there, &other, "ann", Some(Role::Auditor));
    assert_ne!(enter(store, &other, &request).await, ann);
    assert_eq!(role(store, &other, &ann).await, None);
}

async fn a_member_with_the_same_verified_address_is_linked(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let (here, there) = (provider(store, &own).await, provider(store, &other).await);
    let subject = format!("ann-{}", uuid::Uuid::new_v4().simple());
    let account = Account {
        email: EmailAddress::parse(&format!("{subject}@acme.example")),
        verified_at: Some(now()),
        ..sign_in(&here, &own, &subject, None).account
    };
    let membership = Membership::new(own.clone(), Role::Auditor, now());
    let created = store.create_account(account.clone(), membership, audit("account.create"));
    assert!(created.await.unwrap());
    // The account is not a member of the other organization.
    let request = sign_in(&there, &other, &subject, Some(Role::Auditor));
    assert_ne!(enter(store, &other, &request).await, account.id);
    let mut unverified = sign_in(&here, &own, &format!("{subject}-2"), Some(Role::Auditor));
    unverified.person.email = account.email.clone();
    unverified.person.is_email_verified = false;
    assert_ne!(enter(store, &own, &unverified).await, account.id);
    let request = sign_in(&here, &own, &subject, Some(Role::Administrator));
    assert_eq!(enter(store, &own, &request).await, account.id);
    assert_eq!(
        role(store, &own, &account.id).await,
        Some(Role::Administrator)
    );
    // An owner has more than the provider can give.
    let audited = audit("member.role");
    let roles = (Role::Administrator, Role::Owner);
    store
        .change_role(&own, &account.id, roles, audited)
        .await
        .unwrap();
    let outcome = store.sign_in(&own, request).await.unwrap();
    assert_eq!(outcome, ProviderOutcome::RoleTooHigh(Role::Owner));
}

async fn a_withdrawn_role_ends_sessions_and_tokens(store: &dyn ServerStore) {
    let tenant = tenant();
    let provider = provider(store, &tenant).await;
    let request = sign_in(&provider, &tenant, "ann", Some(Role::Administrator));
    let ann = enter(store, &tenant, &request).await;
    let token = crate::domain::ApiToken {
        id: format!("tok_{tenant}"),
        name: "token".to_owned(),
        scopes: Role::Auditor.into(),
        digest: SecretDigest::new(&format!("token of {tenant}")),
        created_at: now(),
        created_by: Actor::Account(ann.clone()).to_string(),
        expires_at: None,
        revoked_at: None,
        last_used_on: None,
    };
    assert!(
        store
            .create_token(&tenant, token, audit("token.create"))
            .await
            .unwrap()
    );
    let refused = sign_in(&provider, &tenant, "ann", None);
    assert!(store.withdraw_role(&tenant, refused.clone()).await.unwrap());
    assert_eq!(role(store, &tenant, &ann).await, Some(Role::Member));
    assert!(!is_open(store, &request).await);
    assert!(store.tokens(&tenant).await.unwrap()[0].revoked_at.is_some());
    // There is nothing more to withdraw, and a stranger has nothing.
    assert!(!store.withdraw_role(&tenant, refused).await.unwrap());
    let stranger = sign_in(&provider, &tenant, "eve", None);
    assert!(!store.withdraw_role(&tenant, stranger).await.unwrap());
}

async fn departments_follow_the_groups(store: &dyn ServerStore) {
    let tenant = tenant();
    let mut provider = provider(store, &tenant).await;
    provider.settings.departments = ["Research", "Sales", "Nowhere"]
        .map(|name| GroupDepartment {
            group: name.to_lowercase(),
            department: name.to_owned(),
        })
        .to_vec();
    let mut groups = Vec::new();
    for (number, name) in [(1, "Research"), (2, "Sales"), (3, "Other")] {
        let group = Group {
            id: GroupId::from_random([number; 16]),
            name: name.to_owned(),
            created_at: now(),
        };
        groups.push(group.id.clone());
        let created = store.create_group(&tenant, group, 9, audit("group.create"));
        assert_eq!(created.await.unwrap(), GroupOutcome::Changed);
    }
    let with = |names: &[&str]| {
        let mut request = sign_in(&provider, &tenant, "ann", Some(Role::Auditor));
        let admission = request.admission.as_mut().unwrap();
        admission.departments = names.iter().map(|name| (*name).to_owned()).collect();
        request
    };
    let ann = enter(store, &tenant, &with(&["Research", "Nowhere"])).await;
    let member = (ann.clone(), true);
    let other = store.put_group_member(&tenant, &groups[2], member, audit("group.member"));
    assert_eq!(other.await.unwrap(), GroupOutcome::Changed);
    enter(store, &tenant, &with(&["Sales"])).await;
    let members = async |group| {
        let page = PageRequest::first();
        let found = store.group_members(&tenant, group, &page).await.unwrap();
        found.items.len()
    };
    // An administrator added the last one, which the provider does not have.
    let found = [
        members(&groups[0]).await,
        members(&groups[1]).await,
        members(&groups[2]).await,
    ];
    assert_eq!(found, [0, 1, 1]);
    // A sign-in without a change has no entry.
    enter(store, &tenant, &with(&["Sales"])).await;
    let names = |names: &[&str]| json!({ "departments": names });
    let before = former_states(store, &tenant, "member.departments").await;
    assert_eq!(before, [names(&[]), names(&["Other", "Research"])]);
    let refused = ProviderSignIn {
        provider: provider.clone(),
        ..sign_in(&provider, &tenant, "ann", None)
    };
    assert!(store.withdraw_role(&tenant, refused).await.unwrap());
    let found = [members(&groups[1]).await, members(&groups[2]).await];
    assert_eq!(found, [0, 1]);
}

async fn sessions_end_by_person_and_by_session(store: &dyn ServerStore) {
    let tenant = tenant();
    let (first, second) = (
        provider(store, &tenant).await,
        provider(store, &tenant).await,
    );
    let ann = sign_in(&first, &tenant, "ann", Some(Role::Auditor));
    let bob = sign_in(&first, &tenant, "bob", Some(Role::Auditor));
    let elsewhere = sign_in(&second, &tenant, "ann", Some(Role::Auditor));
    let (ann_id, bob_id) = (
        enter(store, &tenant, &ann).await,
        enter(store, &tenant, &bob).await,
    );
    assert_eq!(
        enter(store, &tenant, &elsewhere).await,
        ann_id,
        "one issuer"
    );
    let end = |subject: Option<&'static str>, session: Option<&'static str>| {
        let audit = NewAuditEntry {
            actor: Actor::Server,
            ..audit("session.logout_by_provider")
        };
        store.end_provider_sessions(&tenant, &first, subject, session, audit)
    };
    assert_eq!(end(Some("ann"), Some("session of bob")).await.unwrap(), []);
    assert_eq!(end(Some("eve"), None).await.unwrap(), []);
    assert_eq!(end(None, Some("session of bob")).await.unwrap(), [bob_id]);
    assert_eq!(end(Some("ann"), None).await.unwrap(), [ann_id]);
    assert!(!is_open(store, &ann).await && !is_open(store, &bob).await);
    assert!(
        is_open(store, &elsewhere).await,
        "a session of another provider"
    );
    let deleted = store.delete_provider(
        &tenant,
        &second.id,
        second.version,
        audit("provider.delete"),
    );
    assert!(deleted.await.unwrap() && !is_open(store, &elsewhere).await);
}
