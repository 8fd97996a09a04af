//! Members and invitations.

use super::*;
use crate::domain::{Invitation, JoinOutcome, MemberOutcome, PageRequest, SecondFactor};
use crate::store::ServerStoreError;

pub(super) async fn check(store: &dyn ServerStore) {
    members_belong_to_one_organization(store).await;
    a_removed_member_loses_everything(store).await;
    a_revoked_token_loses_its_invitations(store).await;
    an_organization_keeps_an_owner(store).await;
    an_invitation_works_once_for_its_address(store).await;
    invitations_are_bounded(store).await;
    the_link_creates_one_administrator(store).await;
}

async fn members_belong_to_one_organization(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let ann = create(store, &own, "ann", Role::Owner).await;
    let bob = create(store, &own, "bob", Role::Member).await;
    create(store, &other, "eve", Role::Owner).await;
    let first = store.members(&own, &PageRequest::new(None, Some(1))).await;
    let first = first.unwrap();
    let rest = store
        .members(&own, &PageRequest::new(first.next, None))
        .await;
    let found: Vec<_> = first.items.into_iter().chain(rest.unwrap().items).collect();
    let mut expected = [&ann, &bob].map(|account| (account.id.clone(), account.email.clone()));
    expected.sort_unstable();
    let found = found
        .into_iter()
        .map(|member| (member.account, member.email));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    let found = store.member(&own, &ann.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.role), ("ann", Role::Owner));
    assert!(!found.is_verified && !found.has_totp);
    assert_eq!(store.member(&other, &ann.id).await.unwrap(), None);
    let roles = (Role::Member, Role::Auditor);
    let foreign = store.change_role(&other, &bob.id, roles, audit("member.change"));
    assert_eq!(foreign.await.unwrap(), MemberOutcome::NotFound);
    let foreign = store.remove_member(&other, &bob.id, Role::Member, audit("member.remove"));
    assert_eq!(foreign.await.unwrap(), MemberOutcome::NotFound);
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 1);
}

async fn a_removed_member_loses_everything(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "ann", Role::Owner).await;
    let bob = create(store, &own, "bob", Role::Administrator).await;
    let actor = Actor::Account(bob.id.clone());
    // Bob is a member of a second organization, where nothing changes.
    invite(store, &other, &email(&bob), Role::Auditor, "other").await;
    let join = store.join(
        &other,
        secret("other", &other),
        &bob.id,
        audit("member.join"),
    );
    assert_eq!(join.await.unwrap(), JoinOutcome::Joined);
    let (here, there) = (
        session("here", &bob, Some(&own)),
        session("there", &bob, Some(&other)),
    );
    for session in [&here, &there] {
        let factor = SecondFactor::NotNeeded;
        let create = store.create_session(session.clone(), factor, audit("sign-in"));
        assert!(create.await.unwrap());
    }
    assert!(create_token(store, &own, "token", &actor).await);
    let child = Actor::ApiToken(format!("token_{own}"));
    assert!(create_token(store, &own, "child", &child).await);
    assert!(create_token(store, &other, "token", &actor).await);
    let invited = email(&account("carl"));
    invite_by(store, &own, &invited, "carl", &child).await;

    // A role with more permissions takes nothing away, except the session.
    let change = |roles| store.change_role(&own, &bob.id, roles, audit("member.change"));
    let stale = change((Role::Auditor, Role::Owner)).await.unwrap();
    assert_eq!(stale, MemberOutcome::RoleChanged);
    let more = change((Role::Administrator, Role::Owner)).await.unwrap();
    assert_eq!(more, MemberOutcome::Changed);
    assert_eq!(valid_tokens(store, &own).await, ["child", "token"]);
    assert_eq!(store.find_session(here.digest).await.unwrap(), None);
    assert!(store.find_session(there.digest).await.unwrap().is_some());

    // A request that was accepted before a change gives no more than the role of now.
    let less = change((Role::Owner, Role::Auditor)).await.unwrap();
    assert_eq!(less, MemberOutcome::Changed);
    assert!(valid_tokens(store, &own).await.is_empty());
    assert!(create_token(store, &own, "small", &actor).await);
    for (role, expected) in [(Role::Owner, false), (Role::Auditor, true)] {
        let invitation = invitation(&own, &invited, role, role.as_str(), &actor);
        let invite = store.create_invitation(&own, invitation, 10, audit("member.invite"));
        assert_eq!(invite.await.unwrap(), expected, "{role}");
    }
    let less = change((Role::Auditor, Role::Member)).await.unwrap();
    assert_eq!(less, MemberOutcome::Changed);
    assert!(!create_token(store, &own, "large", &actor).await);

    let removed = store.remove_member(&own, &bob.id, Role::Member, audit("member.remove"));
    assert_eq!(removed.await.unwrap(), MemberOutcome::Changed);
    assert!(valid_tokens(store, &own).await.is_empty());
    assert!(store.invitations(&own, now()).await.unwrap().is_empty());
    assert_eq!(valid_tokens(store, &other).await, ["token"]);
    assert!(!create_token(store, &own, "late", &actor).await);
    let found = store.find_session(there.digest).await.unwrap().unwrap();
    assert_eq!(found.role, Some(Role::Auditor));
    let audit = store.verify_audit(&own).await.unwrap();
    assert_eq!(audit.fault, None);
}

async fn an_organization_keeps_an_owner(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let demote = || {
        let roles = (Role::Owner, Role::Administrator);
        store.change_role(&tenant, &ann.id, roles, audit("member.change"))
    };
    let remove = || store.remove_member(&tenant, &ann.id, Role::Owner, audit("member.remove"));
    assert_eq!(demote().await.unwrap(), MemberOutcome::LastOwner);
    assert_eq!(remove().await.unwrap(), MemberOutcome::LastOwner);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 1);
    create(store, &tenant, "bob", Role::Owner).await;
    assert_eq!(demote().await.unwrap(), MemberOutcome::Changed);
}

fn secret(name: &str, tenant: &TenantId) -> SecretDigest {
    SecretDigest::new(&format!("{name} to {tenant}"))
}

async fn a_revoked_token_loses_its_invitations(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let by = |id: &str, tenant: &TenantId| Actor::ApiToken(format!("{id}_{tenant}"));
    for tenant in [&own, &other] {
        for (id, creator) in [
            ("parent", Actor::Console),
            ("child", by("parent", tenant)),
            ("sibling", Actor::Console),
        ] {
            assert!(create_token(store, tenant, id, &creator).await);
            let eve = EmailAddress::parse(&format!("{id}@example.com")).unwrap();
            invite_by(store, tenant, &eve, id, &by(id, tenant)).await;
        }
    }
    let (parent, child) = (by("parent", &own), by("child", &own));
    let revoked = store.revoke_tokens(&own, &parent, audit("token.revoke"));
    assert_eq!(revoked.await.unwrap().len(), 2);
    let left = store.invitations(&own, now()).await.unwrap();
    let left: Vec<_> = left.into_iter().map(|one| one.id).collect();
    assert_eq!(left, ["inv_sibling"]);
    let others = store.invitations(&other, now()).await.unwrap();
    assert_eq!(others.len(), 3);
    // A request of the token that runs at the same time creates none.
    let eve = EmailAddress::parse("eve@example.com").unwrap();
    let late = invitation(&own, &eve, Role::Member, "late", &child);
    let late = store.create_invitation(&own, late, 10, audit("member.invite"));
    assert!(!late.await.unwrap());
    assert_eq!(store.invitations(&own, now()).await.unwrap().len(), 1);
}

async fn invite(
    store: &dyn ServerStore,
    tenant: &TenantId,
    email: &EmailAddress,
    role: Role,
    name: &str,
) {
    let invitation = invitation(tenant, email, role, name, &Actor::Console);
    let invited = store.create_invitation(tenant, invitation, 10, audit("member.invite"));
    assert!(invited.await.unwrap());
}

async fn invite_by(
    store: &dyn ServerStore,
    tenant: &TenantId,
    email: &EmailAddress,
    name: &str,
    by: &Actor,
) {
    let invitation = invitation(tenant, email, Role::Member, name, by);
    let invited = store.create_invitation(tenant, invitation, 10, audit("member.invite"));
    assert!(invited.await.unwrap());
}

fn invitation(
    tenant: &TenantId,
    email: &EmailAddress,
    role: Role,
    name: &str,
    by: &Actor,
) -> Invitation {
    Invitation {
        id: format!("inv_{name}"),
        email: email.clone(),
        role,
        digest: secret(name, tenant),
        created_at: now(),
        created_by: by.to_string(),
        expires_at: later(1),
        is_mailed: true,
    }
}

async fn an_invitation_works_once_for_its_address(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    create(store, &own, "ann", Role::Owner).await;
    let (bob, eve) = (account("bob"), account("eve"));
    invite(store, &own, &email(&bob), Role::Billing, "old").await;
    invite(store, &own, &email(&bob), Role::Auditor, "bob").await;
    let open = store.invitations(&own, now()).await.unwrap();
    assert_eq!(open.len(), 1, "a new invitation replaces the old one");
    assert!(store.invitations(&own, later(1)).await.unwrap().is_empty());
    assert!(store.invitations(&other, now()).await.unwrap().is_empty());
    let found = store.find_invitation(secret("bob", &own)).await.unwrap();
    assert_eq!(found, Some((own.clone(), open[0].clone())));
    let replaced = store.find_invitation(secret("old", &own)).await.unwrap();
    assert_eq!(replaced, None);
    let withdraw = |tenant, id| store.delete_invitation(tenant, id, audit("invitation.withdraw"));
    assert!(!withdraw(&other, &open[0].id).await.unwrap());
    assert!(withdraw(&own, &open[0].id).await.unwrap());
    assert!(!withdraw(&own, &open[0].id).await.unwrap());
    let before = former_states(store, &own, "invitation.withdraw").await;
    assert_eq!(before, [open[0].audited()]);
    assert_eq!(
        (&before[0]["role"], &before[0]["email"]),
        (&json!("auditor"), &json!(null))
    );
    invite(store, &own, &email(&bob), Role::Auditor, "bob").await;
    let join = |tenant, account: &Account| {
        let digest = secret("bob", &own);
        store.join_with_new_account(tenant, digest, account.clone(), audit("member.join"))
    };
    let ended = JoinOutcome::LinkEnded;
    assert_eq!(join(&own, &eve).await.unwrap(), ended, "another address");
    assert_eq!(join(&other, &bob).await.unwrap(), ended, "another tenant");
    assert_eq!(join(&own, &bob).await.unwrap(), JoinOutcome::Joined);
    let found = store.account(&bob.id).await.unwrap().unwrap();
    assert_eq!(found.verified_at, Some(now()), "the link was mailed");
    assert_eq!(join(&own, &account("x")).await.unwrap(), ended);
    let member = store.member(&own, &bob.id).await.unwrap().unwrap();
    assert_eq!(member.role, Role::Auditor);

    // An account joins a second organization, and is a member once.
    let join = || {
        store.join(
            &other,
            secret("again", &other),
            &bob.id,
            audit("member.join"),
        )
    };
    assert_eq!(join().await.unwrap(), ended);
    for expected in [JoinOutcome::Joined, JoinOutcome::AlreadyMember] {
        invite(store, &other, &email(&bob), Role::Member, "again").await;
        let taken = Account {
            email: bob.email.clone(),
            ..account("taken")
        };
        let digest = secret("again", &other);
        let new = store.join_with_new_account(&other, digest, taken, audit("member.join"));
        assert_eq!(new.await.unwrap(), JoinOutcome::AddressTaken);
        assert_eq!(join().await.unwrap(), expected);
    }
    assert_eq!(store.memberships(&bob.id).await.unwrap().len(), 2);
}

async fn invitations_are_bounded(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let create = |name: &str| {
        let email = EmailAddress::parse(&format!("{name}@example.com")).unwrap();
        let invitation = invitation(&own, &email, Role::Member, name, &Actor::Console);
        store.create_invitation(&own, invitation, 2, audit("member.invite"))
    };
    create("a").await.unwrap();
    create("b").await.unwrap();
    create("b").await.unwrap();
    let refused = create("c").await;
    assert!(
        matches!(refused, Err(ServerStoreError::LimitReached { .. })),
        "{refused:?}"
    );
    let withdraw = |tenant| store.delete_invitation(tenant, "inv_a", audit("member.uninvite"));
    assert!(!withdraw(&other).await.unwrap());
    assert!(withdraw(&own).await.unwrap());
    assert!(!withdraw(&own).await.unwrap());
    create("c").await.unwrap();
}

async fn the_link_creates_one_administrator(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = account("ann");
    let begin = || store.begin_setup(&tenant, SecretDigest::new("people"), later(1));
    assert!(begin().await.unwrap());
    let complete = |secret| {
        let secret = SecretDigest::new(secret);
        store.complete_setup_with_account(&tenant, secret, ann.clone(), audit("setup.complete"))
    };
    assert_eq!(complete("x").await.unwrap(), JoinOutcome::LinkEnded);
    assert_eq!(complete("people").await.unwrap(), JoinOutcome::Joined);
    assert_eq!(complete("people").await.unwrap(), JoinOutcome::LinkEnded);
    assert!(!begin().await.unwrap(), "there is a member");
    let member = store.member(&tenant, &ann.id).await.unwrap().unwrap();
    assert_eq!(member.role, Role::Owner);
}
