//! Accounts, sessions and links.

use super::*;
use crate::domain::{
    AccountChange, AccountLink, DeletionOutcome, EndedSessions, JoinOutcome, LinkPurpose,
    SealedSecret, SecondFactor,
};
use crate::store::AccountTrail;

pub(super) async fn check(store: &dyn ServerStore) {
    an_address_has_one_account(store).await;
    a_session_is_found_by_its_secret(store).await;
    a_session_works_in_organizations_of_its_account(store).await;
    a_new_password_ends_other_sessions(store).await;
    a_code_is_accepted_once(store).await;
    a_link_works_once(store).await;
    a_registration_creates_an_organization(store).await;
    an_address_changes_by_its_link(store).await;
    an_account_is_deleted_with_everything(store).await;
    ended_rows_are_forgotten(store).await;
}

async fn an_address_has_one_account(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let ann = create(store, &own, "ann", Role::Owner).await;
    assert_eq!(store.account(&ann.id).await.unwrap(), Some(ann.clone()));
    let found = store.account_by_email(&email(&ann)).await.unwrap();
    assert_eq!(found, Some(ann.clone()));
    let second = Account {
        email: ann.email.clone(),
        ..account("second")
    };
    let membership = Membership::new(other.clone(), Role::Owner, now());
    let created = store.create_account(second.clone(), membership, audit("account.create"));
    assert!(!created.await.unwrap());
    assert_eq!(store.account(&second.id).await.unwrap(), None);
    assert_eq!(store.verify_audit(&other).await.unwrap().entries, 0);
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 1);
    let renamed = AccountChange::Name("Ann".to_owned());
    let change = |account| store.change_account(account, renamed.clone(), audit("account.change"));
    assert!(change(&ann.id).await.unwrap());
    assert!(!change(&second.id).await.unwrap());
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert_eq!(found.name, "Ann");
    assert_eq!(store.verify_audit(&own).await.unwrap().entries, 2);
}

async fn a_session_is_found_by_its_secret(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Auditor).await;
    let created = session("one", &ann, Some(&tenant));
    let create = store.create_session(created.clone(), SecondFactor::NotNeeded, audit("sign-in"));
    assert!(create.await.unwrap());
    let found = store.find_session(created.digest).await.unwrap().unwrap();
    assert_eq!(found.session, created);
    assert_eq!((&found.account, found.role), (&ann, Some(Role::Auditor)));
    let caller = found.principal().unwrap();
    assert_eq!(caller.permissions, Role::Auditor.permissions());
    assert_eq!(
        (&caller.tenant, caller.actor.identity()),
        (&tenant, &Actor::Account(ann.id.clone()))
    );
    let address = caller.actor.address().map(|address| address.to_string());
    assert_eq!(address, Some(created.address));
    let unknown = store.find_session(SecretDigest::new("x")).await.unwrap();
    assert_eq!(unknown, None);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().entries, 2);
    // Times of uses only advance.
    for (at, address) in [(later(2), "192.0.2.2"), (later(1), "192.0.2.3")] {
        let used = store.record_session_use(&created.id, at, address);
        used.await.unwrap();
    }
    let found = store.find_session(created.digest).await.unwrap().unwrap();
    let used = (found.session.last_used_at, found.session.address.as_str());
    assert_eq!(used, (later(2), "192.0.2.2"));
}

async fn a_session_works_in_organizations_of_its_account(store: &dyn ServerStore) {
    let (own, other) = (tenant(), tenant());
    let ann = create(store, &own, "ann", Role::Owner).await;
    let bob = create(store, &other, "bob", Role::Owner).await;
    let none = session("none", &ann, None);
    let create = store.create_session(none.clone(), SecondFactor::NotNeeded, audit("sign-in"));
    assert!(create.await.unwrap());
    let role = async || {
        let found = store.find_session(none.digest).await.unwrap().unwrap();
        (found.role, found.principal().map(|caller| caller.tenant))
    };
    assert_eq!(role().await, (None, None));
    let choose =
        |organization| store.choose_organization(&none, organization, audit("session.enter"));
    assert!(!choose(&other).await.unwrap());
    assert_eq!(role().await, (None, None));
    assert!(choose(&own).await.unwrap());
    assert_eq!(role().await, (Some(Role::Owner), Some(own.clone())));
    let memberships = store.memberships(&ann.id).await.unwrap();
    let entered = Membership {
        entered_at: Some(now()),
        ..Membership::of_owner(own.clone(), now())
    };
    assert_eq!(memberships, [entered]);
    // A session of another account cannot be ended.
    let end = |account: &Account, which| {
        let account = account.id.clone();
        async move {
            let ended = store.end_sessions(&account, which, audit("session.end"));
            ended.await.unwrap()
        }
    };
    let nothing: [&str; 0] = [];
    let one = EndedSessions::One(none.id.clone());
    assert_eq!(end(&bob, one.clone()).await, nothing);
    assert_eq!(
        end(&ann, EndedSessions::Others(none.id.clone())).await,
        nothing
    );
    assert_eq!(store.sessions(&ann.id).await.unwrap().len(), 1);
    assert_eq!(end(&ann, one).await, [none.id.as_str()]);
    assert!(store.sessions(&ann.id).await.unwrap().is_empty());
}

async fn a_new_password_ends_other_sessions(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    for id in ["one", "two"] {
        let session = session(id, &ann, Some(&tenant));
        let create = store.create_session(session, SecondFactor::NotNeeded, audit("sign-in"));
        assert!(create.await.unwrap());
    }
    let kept = session("two", &ann, None).id;
    let change = AccountChange::Password(PasswordHash::new("new".to_owned()), Some(kept.clone()));
    let changed = store.change_account(&ann.id, change, audit("account.password"));
    assert!(changed.await.unwrap());
    let sessions = store.sessions(&ann.id).await.unwrap();
    let ids: Vec<_> = sessions.iter().map(|session| &session.id).collect();
    assert_eq!(ids, [&kept]);
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert_eq!(found.password.unwrap().expose(), "new");
}

async fn a_code_is_accepted_once(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let change = |change| store.change_account(&ann.id, change, audit("account.totp"));
    let codes = |number: u8| vec![digest(&format!("code {number}"), &ann)];
    let confirm = AccountChange::ConfirmTotp(100, codes(1), None);
    assert!(!change(confirm.clone()).await.unwrap(), "no secret");
    assert!(
        !change(AccountChange::RecoveryCodes(
            SecondFactor::NotNeeded,
            codes(1)
        ))
        .await
        .unwrap()
    );
    let secret = |byte: u8| AccountChange::BeginTotp(SealedSecret(vec![byte]));
    assert!(change(secret(1)).await.unwrap());
    assert!(change(secret(2)).await.unwrap(), "not confirmed yet");
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert!(!found.needs_code());
    assert!(change(confirm.clone()).await.unwrap());
    assert!(!change(confirm).await.unwrap() && !change(secret(3)).await.unwrap());
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert!(found.needs_code());
    assert_eq!(found.totp.unwrap().secret, SealedSecret(vec![2]));

    let sign_in = |id: &'static str, factor| {
        let session = session(id, &ann, Some(&tenant));
        async move {
            let created = store.create_session(session, factor, audit("sign-in"));
            created.await.unwrap()
        }
    };
    assert!(!sign_in("a", SecondFactor::Code(99)).await);
    assert!(!sign_in("b", SecondFactor::Code(100)).await);
    assert!(sign_in("c", SecondFactor::Code(101)).await);
    assert!(!sign_in("d", SecondFactor::Code(101)).await);
    let recovery = |number| SecondFactor::Recovery(codes(number)[0]);
    assert!(sign_in("e", recovery(1)).await);
    assert!(!sign_in("f", recovery(1)).await && !sign_in("g", recovery(2)).await);
    assert!(
        change(AccountChange::RecoveryCodes(
            SecondFactor::NotNeeded,
            codes(2)
        ))
        .await
        .unwrap()
    );
    assert!(sign_in("h", recovery(2)).await);
    assert_eq!(store.sessions(&ann.id).await.unwrap().len(), 3);
    assert!(
        change(AccountChange::RecoveryCodes(
            SecondFactor::NotNeeded,
            codes(3)
        ))
        .await
        .unwrap()
    );
    let used = AccountChange::EndTotp(SecondFactor::Code(101));
    assert!(!change(used).await.unwrap(), "the code was used");
    let end = AccountChange::EndTotp(SecondFactor::Code(102));
    assert!(change(end.clone()).await.unwrap());
    assert!(!sign_in("i", recovery(3)).await);
    assert!(!change(end).await.unwrap());
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert_eq!(found.totp, None);
    // Only the changes that require codes, or end this, record the former state.
    let before = former_states(store, &tenant, "account.totp").await;
    let before: Vec<_> = before.into_iter().filter(|one| !one.is_null()).collect();
    assert_eq!(before, [json!({ "totp": false }), json!({ "totp": true })]);
}

fn link(purpose: LinkPurpose, account: &Account, secret: &str) -> AccountLink {
    AccountLink {
        digest: digest(secret, account),
        purpose,
        email: email(account),
        account: (purpose != LinkPurpose::Registration).then(|| account.id.clone()),
        created_at: now(),
        expires_at: later(1),
    }
}

async fn a_link_works_once(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let one = session("one", &ann, Some(&tenant));
    let create = store.create_session(one.clone(), SecondFactor::NotNeeded, audit("sign-in"));
    assert!(create.await.unwrap());
    for (secret, expected) in [("first", true), ("second", true), ("third", false)] {
        let link = link(LinkPurpose::PasswordReset, &ann, secret);
        assert_eq!(store.create_link(link, 2).await.unwrap(), expected);
    }
    let reset = |secret: &str, hours| {
        let audit = crate::domain::NewAuditEntry {
            at: later(hours),
            ..audit("account.reset")
        };
        let digest = digest(secret, &ann);
        async move {
            let password = PasswordHash::new("reset".to_owned());
            store.complete_reset(digest, password, audit).await.unwrap()
        }
    };
    assert_eq!(reset("first", 1).await, None, "the link has ended");
    assert_eq!(reset("third", 0).await, None);
    let other_purpose = store.find_link(digest("first", &ann), LinkPurpose::EmailChange);
    assert_eq!(other_purpose.await.unwrap(), None);
    assert_eq!(reset("first", 0).await, Some(ann.id.clone()));
    assert_eq!(reset("first", 0).await, None);
    assert_eq!(reset("second", 0).await, None, "one reset ends all links");
    assert_eq!(store.find_session(one.digest).await.unwrap(), None);
    let found = store.account(&ann.id).await.unwrap().unwrap();
    assert_eq!(found.password.unwrap().expose(), "reset");
    assert_eq!(found.verified_at, Some(now()));
}

async fn a_registration_creates_an_organization(store: &dyn ServerStore) {
    let organization = tenant();
    let (ann, eve) = (account("ann"), account("eve"));
    let first = link(LinkPurpose::Registration, &ann, "first");
    assert!(store.create_link(first, 2).await.unwrap());
    let register = |account: &Account| {
        let membership = Membership {
            name: Some("ACME".to_owned()),
            ..Membership::of_owner(organization.clone(), now())
        };
        let (account, digest) = (account.clone(), digest("first", &ann));
        store.complete_registration(digest, account, membership, audit("account.create"))
    };
    assert_eq!(register(&ann).await.unwrap(), JoinOutcome::Joined);
    assert_eq!(register(&ann).await.unwrap(), JoinOutcome::LinkEnded);
    let memberships = store.memberships(&ann.id).await.unwrap();
    assert_eq!(memberships[0].name.as_deref(), Some("ACME"));
    // A link is for one address.
    let second = AccountLink {
        digest: digest("first", &ann),
        ..link(LinkPurpose::Registration, &eve, "x")
    };
    assert!(store.create_link(second, 2).await.unwrap());
    assert_eq!(
        register(&account("bob")).await.unwrap(),
        JoinOutcome::LinkEnded
    );
}

async fn an_address_changes_by_its_link(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let bob = create(store, &tenant, "bob", Role::Member).await;
    let new = email(&account("new"));
    for (secret, address) in [("new", &new), ("taken", &email(&bob))] {
        let link = AccountLink {
            email: address.clone(),
            ..link(LinkPurpose::EmailChange, &ann, secret)
        };
        assert!(store.create_link(link, 2).await.unwrap());
    }
    let change = |secret| {
        let digest = digest(secret, &ann);
        store.complete_email_change(digest, audit("account.email"))
    };
    assert_eq!(change("taken").await.unwrap(), JoinOutcome::AddressTaken);
    assert_eq!(change("new").await.unwrap(), JoinOutcome::Joined);
    assert_eq!(change("new").await.unwrap(), JoinOutcome::LinkEnded);
    let found = store.account_by_email(&new).await.unwrap().unwrap();
    assert_eq!((found.id, found.verified_at), (ann.id.clone(), Some(now())));
    assert_eq!(store.account_by_email(&email(&ann)).await.unwrap(), None);
}

async fn an_account_is_deleted_with_everything(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let actor = Actor::Account(ann.id.clone());
    let one = session("one", &ann, Some(&tenant));
    let create_session =
        store.create_session(one.clone(), SecondFactor::NotNeeded, audit("sign-in"));
    assert!(create_session.await.unwrap());
    assert!(create_token(store, &tenant, "token", &actor).await);
    let entry = crate::domain::NewAuditEntry {
        actor: actor.clone(),
        ..audit("account.change")
    };
    let change = AccountChange::Name("Ann".to_owned());
    assert!(store.change_account(&ann.id, change, entry).await.unwrap());
    let trail = store.account_trail(&ann.id).await.unwrap();
    let [
        AccountTrail {
            tokens,
            audit: entries,
            ..
        },
    ] = &trail[..]
    else {
        panic!("{trail:?}");
    };
    assert_eq!((tokens.len(), entries.len()), (1, 1));
    assert_eq!(entries[0].actor, actor.to_string());

    let delete = || store.delete_account(&ann.id, audit("account.delete"));
    let last = DeletionOutcome::LastOwner(vec![tenant.clone()]);
    assert_eq!(delete().await.unwrap(), last);
    assert_eq!(store.sessions(&ann.id).await.unwrap().len(), 1);
    create(store, &tenant, "bob", Role::Owner).await;
    assert_eq!(delete().await.unwrap(), DeletionOutcome::Deleted);
    assert_eq!(delete().await.unwrap(), DeletionOutcome::NotFound);
    assert_eq!(store.account(&ann.id).await.unwrap(), None);
    assert_eq!(store.find_session(one.digest).await.unwrap(), None);
    assert!(store.memberships(&ann.id).await.unwrap().is_empty());
    assert!(valid_tokens(store, &tenant).await.is_empty());
    assert!(!create_token(store, &tenant, "late", &actor).await);
    assert_eq!(store.verify_audit(&tenant).await.unwrap().fault, None);
    let before = former_states(store, &tenant, "account.delete").await;
    assert_eq!(before, [json!({ "role": "owner" })]);
    let before = former_states(store, &tenant, "token.revoke").await;
    assert!(!before.is_empty() && before.iter().all(|token| token["name"].is_string()));
}

async fn ended_rows_are_forgotten(store: &dyn ServerStore) {
    let tenant = tenant();
    let ann = create(store, &tenant, "ann", Role::Owner).await;
    let one = session("one", &ann, Some(&tenant));
    let create = store.create_session(one.clone(), SecondFactor::NotNeeded, audit("sign-in"));
    assert!(create.await.unwrap());
    let reset = link(LinkPurpose::PasswordReset, &ann, "reset");
    assert!(store.create_link(reset, 2).await.unwrap());
    let early = time::saturating_sub(now(), TimeDelta::hours(1));
    store.forget_ended(now(), early).await.unwrap();
    assert!(store.find_session(one.digest).await.unwrap().is_some());
    // The session was not used for an hour, and the link has ended.
    assert!(store.forget_ended(later(1), now()).await.unwrap() >= 2);
    assert_eq!(store.find_session(one.digest).await.unwrap(), None);
    let found = store.find_link(digest("reset", &ann), LinkPurpose::PasswordReset);
    assert_eq!(found.await.unwrap(), None);
}
