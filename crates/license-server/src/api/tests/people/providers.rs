//! People whom an identity provider has signed in.

use super::*;
use crate::domain::SecondFactor;
use crate::services::{ClientInfo, csrf_token};

/// Signs a person in, as the identity provider of an organization does.
async fn signed_in(people: &PeopleApi, account: &Account, organization: TenantId) -> Browser {
    let client = ClientInfo::default();
    let new = people.api.tenants.accounts().create_session(
        account,
        Some(organization),
        Some("provider".to_owned()),
        SecondFactor::NotNeeded,
        &client,
    );
    let new = new.await.unwrap();
    Browser {
        csrf: Some(csrf_token(&new.secret)),
        session: Some(new.secret.to_string()),
        device: None,
    }
}

#[tokio::test]
async fn a_person_of_an_identity_provider_stays_in_its_organization() {
    let people = PeopleApi::start().await;
    let (site, other) = (people.site(), TenantId::new(uuid::Uuid::from_u128(5)));
    let id = people.create(&site, "ann@example.com", Role::Owner).await;
    let own = people.browser("ann@example.com").await;
    let account = people.api.store.account(&id).await.unwrap().unwrap();
    people.join(&other, &account).await;
    let bound = signed_in(&people, &account, other).await;
    let count = async |browser: &Browser, path: &str, list: &str| {
        let found = people.send(browser, "GET", path, Value::Null).await;
        found.expect(200)[list].as_array().unwrap().len()
    };
    assert_eq!(count(&own, "/account", "organizations").await, 2);
    assert_eq!(count(&bound, "/account", "organizations").await, 1);
    assert_eq!(count(&own, "/sessions", "items").await, 2);
    assert_eq!(count(&bound, "/sessions", "items").await, 1);
    for (method, path, body) in [
        ("PATCH", "/session", json!({"organization": site.as_str()})),
        ("PATCH", "/account", json!({"name": "Eve"})),
        ("POST", "/organizations", json!({"name": "Ann Ltd"})),
        ("DELETE", "/account", json!({"password": PASSWORD})),
        (
            "POST",
            "/account/password",
            json!({"current": PASSWORD, "new": "another password"}),
        ),
        ("POST", "/account/totp", json!({"password": PASSWORD})),
        ("DELETE", "/account/totp", json!({"password": PASSWORD})),
        ("DELETE", "/sessions/others", Value::Null),
    ] {
        let refused = people.send(&bound, method, path, body).await;
        refused.expect_problem(403, "FORBIDDEN");
    }
    // The export has the part of the organization, and the other one cannot be left.
    let export = people.send(&bound, "GET", "/account/export", Value::Null);
    let export = export.await.expect(200);
    let organizations = export["organizations"].as_array().unwrap();
    assert_eq!(organizations.len(), 1, "{export}");
    assert_ne!(organizations[0]["organization"], site.as_str());
    assert_eq!(
        export["account"]["organizations"].as_array().unwrap().len(),
        1
    );
    let sessions = export["sessions"].as_array().unwrap();
    assert!(
        sessions
            .iter()
            .all(|one| one["organization"] != site.as_str())
    );
    let path = format!("/account/organizations/{site}");
    let refused = people.send(&bound, "DELETE", &path, Value::Null).await;
    refused.expect_problem(404, "NOT_FOUND");
    let current = people.send(&own, "GET", "/session", Value::Null).await;
    let current = current.expect(200);
    let path = format!("/sessions/{}", current["session"]["id"].as_str().unwrap());
    let refused = people.send(&bound, "DELETE", &path, Value::Null).await;
    refused.expect_problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn the_account_of_an_identity_provider_ends_with_its_membership() {
    let people = PeopleApi::start().await;
    let site = people.site();
    people.create(&site, "root@example.com", Role::Owner).await;
    let store = &people.api.store;
    let now = people.api.tenants.own().now();
    let account = Account {
        id: AccountId::from_random([9; 16]),
        email: None,
        name: "Bound".to_owned(),
        password: None,
        totp: None,
        created_at: now,
        verified_at: None,
    };
    let audit = NewAuditEntry::new(
        Actor::Console,
        "account.create",
        account.id.as_str(),
        Value::Null,
        now,
    );
    let membership = Membership::new(site.clone(), Role::Member, now);
    let created = store.create_account(account.clone(), membership, audit);
    assert!(created.await.unwrap());
    let bound = signed_in(&people, &account, site.clone()).await;
    let proof = json!({"password": PASSWORD});
    let refused = people.send(&bound, "DELETE", "/account", proof).await;
    let refused = refused.expect_problem(403, "FORBIDDEN");
    assert!(refused["hint"].as_str().unwrap().contains("leaves"));
    let path = format!("/account/organizations/{site}");
    let left = people.send(&bound, "DELETE", &path, Value::Null).await;
    assert_eq!(left.status, 204, "{left:?}");
    assert_eq!(store.account(&account.id).await.unwrap(), None);
    let root = people.browser("root@example.com").await;
    let path = format!("/audit?subject={}", account.id);
    let trail = people
        .send(&root, "GET", &path, Value::Null)
        .await
        .expect(200);
    let entries = trail["items"].as_array().unwrap().iter();
    let actions: Vec<_> = entries.map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(
        actions,
        ["account.create", "member.remove", "account.delete"]
    );
}
