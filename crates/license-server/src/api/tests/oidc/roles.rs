//! Roles of people by their groups and addresses.

use serde_json::{Value, json};

use super::{Site, TestBrowser, settings};
use crate::domain::{
    Account, AccountId, Actor, EmailAddress, Membership, NewAuditEntry, Role, TenantId,
};
use crate::services::tests::at;

/// Creates a member with an address, and returns the id of the account.
async fn member(site: &Site, number: u8, email: &str, role: Role, is_verified: bool) -> AccountId {
    let now = at("2027-01-15T09:00:00Z");
    let account = Account {
        id: AccountId::from_random([number; 16]),
        email: EmailAddress::parse(email),
        name: "Existing".to_owned(),
        password: None,
        totp: None,
        created_at: now,
        verified_at: is_verified.then_some(now),
    };
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "account.create",
        subject: account.id.to_string(),
        before: None,
        details: Value::Null,
        at: now,
    };
    let id = account.id.clone();
    let membership = Membership::new(TenantId::site(), role, now);
    assert!(
        site.api
            .store
            .create_account(account, membership, audit)
            .await
            .unwrap()
    );
    id
}

/// Returns the role of a member.
async fn role(site: &Site, id: &AccountId) -> &'static str {
    let member = site.api.store.member(&TenantId::site(), id).await.unwrap();
    member.unwrap().role.as_str()
}

#[tokio::test]
async fn a_lost_group_loses_the_role() {
    let site = Site::start().await;
    let (page, mut browser) = site.sign_in_as(&json!({"groups": ["admins"]})).await;
    assert_eq!(page.status, 303);
    let id = site.members().await[0].account.clone();
    // A lower role at the next sign-in ends the sessions with the higher one.
    let (page, mut second) = site.sign_in_as(&json!({"groups": ["auditors"]})).await;
    assert_eq!(page.status, 303);
    assert_eq!(role(&site, &id).await, "auditor");
    assert_eq!(browser.open(&site.api, "/api/v1/audit").await.status, 401);
    let changed = &site.audited("member.role").await[0];
    assert_eq!(changed["before"]["role"], "administrator");
    assert_eq!(changed["details"]["role"], "auditor");
    // Requests of these tests have no connection.
    assert_eq!(changed["address"], "0.0.0.0");
    // No group: the sign-in is refused, and the role and the session are lost.
    let (page, refused) = site.sign_in_as(&json!({"groups": []})).await;
    assert_eq!(page.code(), (403, "LOGIN_NO_ROLE"));
    assert!(
        refused
            .cookies
            .keys()
            .all(|name| name != "__Host-license_session")
    );
    assert_eq!(role(&site, &id).await, "member");
    assert_eq!(second.open(&site.api, "/api/v1/audit").await.status, 401);
    // A stranger without a group leaves no trace.
    let (page, _) = site.sign_in_as(&json!({"sub": "eve", "groups": []})).await;
    assert_eq!(page.code(), (403, "LOGIN_NO_ROLE"));
    assert_eq!(site.members().await.len(), 1);
}

#[tokio::test]
async fn the_last_owner_stays_owner() {
    let site = Site::start().await;
    let (page, _) = site.sign_in_as(&json!({"groups": ["owners"]})).await;
    assert_eq!(page.status, 303);
    let id = site.members().await[0].account.clone();
    for groups in [json!(["auditors"]), json!([])] {
        site.sign_in_as(&json!({ "groups": groups })).await;
        assert_eq!(role(&site, &id).await, "owner", "{groups}");
    }
    let (page, _) = site
        .sign_in_as(&json!({"sub": "bob", "groups": ["owners"]}))
        .await;
    assert_eq!(page.status, 303);
    site.sign_in_as(&json!({"groups": ["auditors"]})).await;
    assert_eq!(role(&site, &id).await, "auditor", "there is another owner");
}

#[tokio::test]
async fn an_address_takes_no_account() {
    let site = Site::start().await;
    let ann = member(&site, 1, "ann@acme.example", Role::Administrator, true).await;
    let pat = member(&site, 2, "pat@acme.example", Role::Auditor, false).await;
    let count = async || site.members().await.len();
    // Without linking, a verified address gives another account.
    let (page, _) = site.sign_in_as(&json!({"sub": "1"})).await;
    assert_eq!((page.status, count().await), (303, 3));
    assert_eq!(
        site.change(&json!({"links_members": true})).await.status,
        200
    );
    for (subject, claims) in [
        ("2", json!({"email_verified": false})),
        ("3", json!({"email_verified": "true"})),
        ("4", json!({"email_verified": null})),
        // The account calls its own address unverified.
        ("5", json!({"email": "pat@acme.example"})),
    ] {
        let before = count().await;
        let mut claims = claims;
        claims["sub"] = json!(subject);
        let (page, _) = site.sign_in_as(&claims).await;
        assert_eq!((page.status, count().await), (303, before + 1), "{claims}");
    }
    assert_eq!(role(&site, &ann).await, "administrator");
    // A verified address of a member, whatever its case.
    let before = count().await;
    let linked = json!({"sub": "6", "email": "ANN@acme.example", "groups": ["admins"]});
    let (page, _) = site.sign_in_as(&linked).await;
    assert_eq!((page.status, count().await), (303, before));
    assert_eq!(
        site.audited("identity.link").await[0]["subject"],
        json!(ann.as_str())
    );
    // The identity stays with its account when the address changes at the provider.
    let (page, _) = site
        .sign_in_as(&json!({"sub": "6", "email": "pat@acme.example", "groups": ["auditors"]}))
        .await;
    assert_eq!(page.status, 303);
    assert_eq!(role(&site, &ann).await, "auditor");
    assert_eq!(role(&site, &pat).await, "auditor");
}

#[tokio::test]
async fn only_verified_addresses_in_the_domains_sign_in() {
    let site = Site::with(&json!({"email_domains": ["ACME.example"]})).await;
    for (claims, is_accepted) in [
        (json!({"sub": "1"}), true),
        (json!({"sub": "2", "email_verified": false}), false),
        (json!({"sub": "3", "email": "ann@evil.example"}), false),
        (
            json!({"sub": "4", "email": "ann@acme.example@evil.example"}),
            false,
        ),
        (json!({"sub": "5", "email": "ann@evil.acme.example"}), false),
        (json!({"sub": "6", "email": null}), false),
    ] {
        let (page, _) = site.sign_in_as(&claims).await;
        let expected = if is_accepted {
            (303, "")
        } else {
            (403, "LOGIN_EMAIL")
        };
        assert_eq!(page.code(), expected, "{claims}");
    }
}

#[tokio::test]
async fn strangers_need_an_invitation_unless_the_provider_creates_people() {
    let site = Site::with(&json!({"creates_people": false})).await;
    let (page, _) = site.sign_in_as(&json!({})).await;
    assert_eq!(page.code(), (403, "LOGIN_NOT_INVITED"));
    assert!(site.members().await.is_empty());
}

#[tokio::test]
async fn nobody_gives_or_gets_more_than_entrusted() {
    let administrator_only = json!({"roles": [{"group": "admins", "role": "administrator"}],
        "links_members": true});
    let site = Site::with(&administrator_only).await;
    let owner = member(&site, 1, "ann@acme.example", Role::Owner, true).await;
    // An administrator cannot take over the account of an owner by a provider.
    let (page, browser) = site.sign_in_as(&json!({"groups": ["admins"]})).await;
    assert_eq!(page.code(), (403, "LOGIN_NO_ROLE"), "{page:?}");
    assert!(
        browser
            .cookies
            .keys()
            .all(|name| name != "__Host-license_session")
    );
    assert_eq!(role(&site, &owner).await, "owner");
    let administrator = site.api.token(&TenantId::site(), "administrator").await;
    let manager = site.api.token(&TenantId::site(), "settings:manage").await;
    let path = "/api/v1/identity-providers";
    let issuer = &site.provider.issuer;
    for (secret, changes, expected) in [
        (&administrator, json!({}), 403),
        (
            &administrator,
            json!({"roles": [], "default_role": "owner"}),
            403,
        ),
        (
            &administrator,
            json!({"roles": [], "default_role": "member", "highest_role": "owner"}),
            403,
        ),
        (&administrator, administrator_only.clone(), 201),
        (&manager, administrator_only.clone(), 403),
        (
            &manager,
            json!({"roles": [], "default_role": "member"}),
            201,
        ),
        (&manager, json!({"roles": [], "default_role": "root"}), 400),
        (&manager, json!({"roles": []}), 400),
        (
            &manager,
            json!({"roles": [], "default_role": "member", "name": "AC\u{200b}ME"}),
            400,
        ),
        (
            &manager,
            json!({"roles": [], "default_role": "member", "id": "idp_1"}),
            400,
        ),
        (
            &manager,
            json!({"roles": [], "default_role": "member", "client_secret": "a\nb"}),
            400,
        ),
    ] {
        let body = settings(issuer, &changes);
        let answer = site.api.send("POST", path, secret, Some(&body)).await;
        assert_eq!(answer.status, expected, "{changes}: {answer:?}");
    }
    // The stored secret is not sent to another issuer.
    let other = settings(
        "https://login.evil.example",
        &json!({"client_secret": null}),
    );
    let mut kept = other.clone();
    kept.as_object_mut().unwrap().remove("client_secret");
    let path_of_own = format!("{path}/{}", site.id);
    for (body, expected) in [(kept, 400), (other, 200)] {
        let answer = site
            .api
            .send("PUT", &path_of_own, &site.owner, Some(&body))
            .await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
    // Nor does an administrator change a provider that signs in owners.
    assert_eq!(site.change(&json!({})).await.status, 200);
    let body = settings(issuer, &administrator_only);
    let path = format!("{path}/{}", site.id);
    let answer = site
        .api
        .send("PUT", &path, &administrator, Some(&body))
        .await;
    assert_eq!(answer.status, 403, "{answer:?}");
    // Nor deletes it, which would end the sessions of the owners.
    for (secret, expected) in [(&administrator, 403), (&manager, 403), (&site.owner, 204)] {
        let answer = site.api.send("DELETE", &path, secret, None).await;
        assert_eq!(answer.status, expected, "{answer:?}");
    }
}

#[tokio::test]
async fn a_provider_without_roles_of_groups_keeps_the_roles_of_members() {
    let site = Site::with(&json!({
        "roles": [], "default_role": "member", "highest_role": "administrator",
    }))
    .await;
    let (page, _) = site.sign_in_as(&json!({})).await;
    assert_eq!(page.status, 303);
    let id = site.members().await[0].account.clone();
    let audit = NewAuditEntry {
        actor: Actor::Console,
        action: "member.role",
        subject: id.to_string(),
        before: None,
        details: Value::Null,
        at: at("2027-01-15T09:00:00Z"),
    };
    let roles = (Role::Member, Role::Administrator);
    site.api
        .store
        .change_role(&TenantId::site(), &id, roles, audit)
        .await
        .unwrap();
    let mut browser = TestBrowser::default();
    assert_eq!(site.sign_in(&mut browser).await.status, 303);
    assert_eq!(role(&site, &id).await, "administrator");
    assert_eq!(browser.open(&site.api, "/api/v1/tokens").await.status, 200);
}
