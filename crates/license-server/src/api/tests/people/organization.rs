//! The deletion of an organization.

use serde_json::{Value, json};

use super::{Browser, PASSWORD, PeopleApi, code};
use crate::domain::{Role, TenantId};

const PATH: &str = "/organization";

/// Returns the id of an organization, and the browser of its owner, who registered it as `ACME`.
async fn register(people: &mut PeopleApi, email: &str) -> (String, Browser) {
    let stranger = Browser::default();
    let request = json!({ "email": email });
    let requested = people.send(&stranger, "POST", "/registrations", request);
    requested.await.expect(202);
    let sink = people.sink.as_mut().unwrap();
    let mut mail = sink.next().await;
    while !mail.to[0].contains(email) {
        // A notice to a person who has registered before.
        mail = sink.next().await;
    }
    let secret = mail.secret();
    let confirm = json!({
        "token": secret, "name": "Ann", "password": PASSWORD, "organization": "ACME",
    });
    let confirmed = people.send(&stranger, "POST", "/registrations/confirm", confirm);
    assert_eq!(confirmed.await.status, 204);
    let browser = people.browser(email).await;
    let account = people.send(&browser, "GET", "/account", Value::Null).await;
    let account = account.expect(200);
    let id = account["organizations"][0]["id"].as_str().unwrap();
    (id.to_owned(), browser)
}

fn tenant(id: &str) -> TenantId {
    TenantId::new(id.parse().unwrap())
}

#[tokio::test]
async fn the_only_owner_deletes_the_organization_and_then_the_account() {
    let mut people = PeopleApi::with_mail().await;
    let (id, ann) = register(&mut people, "ann@example.com").await;
    let (other, eve) = register(&mut people, "eve@example.com").await;
    let token = people.api.token(&tenant(&id), "owner").await;
    people
        .create(&tenant(&id), "bob@example.com", Role::Administrator)
        .await;
    let bob = people.browser("bob@example.com").await;
    let webhook = json!({"url": "https://hooks.example.com/", "events": ["*"]});
    let created = people.send(&ann, "POST", "/webhooks", webhook);
    created.await.expect(201);
    let proof = json!({ "password": PASSWORD });
    let last = people.send(&ann, "DELETE", "/account", proof.clone()).await;
    last.expect_problem(409, "LAST_OWNER");

    let order = |name: &str, password: &str| json!({"organization": name, "password": password});
    for (body, status, code) in [
        (order(&other, PASSWORD), 400, "BAD_REQUEST"),
        (order("acme", PASSWORD), 400, "BAD_REQUEST"),
        (order("", PASSWORD), 400, "BAD_REQUEST"),
        (json!({ "organization": "ACME" }), 400, "BAD_REQUEST"),
        (json!({ "password": PASSWORD }), 400, "MALFORMED"),
        (order("ACME", "wrong password"), 401, "UNAUTHORIZED"),
    ] {
        let refused = people.send(&ann, "DELETE", PATH, body).await;
        refused.expect_problem(status, code);
    }
    let refused = people.send(&bob, "DELETE", PATH, order("ACME", PASSWORD));
    let refused = refused.await.expect_problem(403, "FORBIDDEN");
    assert_eq!(refused["expected"], "organization:manage");
    let without_csrf = Browser {
        csrf: None,
        ..ann.clone()
    };
    let refused = people.send(&without_csrf, "DELETE", PATH, order("ACME", PASSWORD));
    refused.await.expect_problem(403, "CSRF_REQUIRED");

    let deleted = people.send(&ann, "DELETE", PATH, order(" ACME ", PASSWORD));
    let deleted = deleted.await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert!(deleted.cookies()[0].contains("Max-Age=0"), "{deleted:?}");
    for browser in [&ann, &bob] {
        let ended = people.send(browser, "GET", "/session", Value::Null).await;
        ended.expect_problem(401, "UNAUTHORIZED");
    }
    let ended = people.send_as(&token, "GET", "/audit", Value::Null).await;
    ended.expect_problem(401, "UNAUTHORIZED");
    let webhooks = people.api.store.webhook_tenants().await.unwrap();
    assert_eq!(webhooks, []);
    // The organization of the same name is another one.
    let members = people.send(&eve, "GET", "/members", Value::Null).await;
    assert_eq!(members.expect(200)["items"].as_array().unwrap().len(), 1);
    // The account stays, without an organization, and can be deleted now.
    let ann = people.browser("ann@example.com").await;
    let account = people.send(&ann, "GET", "/account", Value::Null).await;
    assert_eq!(account.expect(200)["organizations"], json!([]));
    let deleted = people.send(&ann, "DELETE", "/account", proof).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
}

#[tokio::test]
async fn a_code_is_needed_and_an_api_token_confirms_with_the_id_alone() {
    let mut people = PeopleApi::with_mail().await;
    let (_, ann) = register(&mut people, "ann@example.com").await;
    let proof = json!({ "password": PASSWORD });
    let new = people.send(&ann, "POST", "/account/totp", proof).await;
    let secret = new.expect(201)["secret"].as_str().unwrap().to_owned();
    let confirm = json!({"totp": code(&secret, &people.clock)});
    let confirmed = people.send(&ann, "POST", "/account/totp/confirm", confirm.clone());
    confirmed.await.expect(201);
    let mut order = json!({"organization": "ACME", "password": PASSWORD});
    let refused = people.send(&ann, "DELETE", PATH, order.clone()).await;
    refused.expect_problem(401, "TOTP_REQUIRED");
    order["totp"] = confirm["totp"].clone();
    let replayed = people.send(&ann, "DELETE", PATH, order.clone()).await;
    replayed.expect_problem(401, "UNAUTHORIZED");
    people.clock.advance_ms(30_000);
    order["totp"] = json!(code(&secret, &people.clock));
    let deleted = people.send(&ann, "DELETE", PATH, order).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");

    let (id, _) = register(&mut people, "eve@example.com").await;
    let weak = people.api.token(&tenant(&id), "administrator").await;
    let token = people.api.token(&tenant(&id), "owner").await;
    let order = json!({ "organization": id });
    let refused = people.send_as(&weak, "DELETE", PATH, order.clone()).await;
    refused.expect_problem(403, "FORBIDDEN");
    let deleted = people.send_as(&token, "DELETE", PATH, order.clone()).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    let again = people.send_as(&token, "DELETE", PATH, order).await;
    again.expect_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn the_organization_of_the_server_stays() {
    let people = PeopleApi::start().await;
    let site = people.site();
    people.create(&site, "ann@example.com", Role::Owner).await;
    let ann = people.browser("ann@example.com").await;
    let order = json!({"organization": site.as_str(), "password": PASSWORD});
    let refused = people.send(&ann, "DELETE", PATH, order).await;
    let refused = refused.expect_problem(409, "OWN_ORGANIZATION");
    assert!(
        refused["hint"]
            .as_str()
            .unwrap()
            .contains("stop the server")
    );
    let members = people.send(&ann, "GET", "/members", Value::Null).await;
    members.expect(200);
}
