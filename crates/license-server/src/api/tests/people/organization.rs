//! Organizations: where a person works, names, new ones and deletions.

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
    let site = people.site();
    people.create(&site, "root@example.com", Role::Owner).await;
    let root = people.browser("root@example.com").await;
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
    let renamed = json!({"name": "Annette"});
    let renamed = people.send(&ann, "PATCH", "/account", renamed).await;
    renamed.expect(200);
    let deleted = people.send(&ann, "DELETE", "/account", proof).await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    // The trail of the server has what no other trail has.
    let path = format!("/audit?subject={id}");
    let recorded = people.send(&root, "GET", &path, Value::Null).await;
    let recorded = recorded.expect(200);
    let entry = &recorded["items"][0];
    assert_eq!(entry["action"], "organization.delete");
    assert_eq!(entry["before"]["name"], "ACME");
    assert_eq!(entry["before"]["audit_hash"].as_str().unwrap().len(), 64);
    assert!(entry["before"]["audit_entries"].as_u64().unwrap() > 3);
    let recorded = people.send(&root, "GET", "/audit?limit=500", Value::Null);
    let recorded = recorded.await.expect(200);
    let entries = recorded["items"].as_array().unwrap().iter();
    let actor = entry["actor"].as_str().unwrap();
    let of_ann = entries.filter(|one| one["actor"] == actor);
    let actions: Vec<_> = of_ann.map(|one| one["action"].as_str().unwrap()).collect();
    let expected = [
        "organization.delete",
        "session.create",
        "account.rename",
        "account.delete",
    ];
    assert_eq!(actions, expected);
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

/// Registers an organization, and returns the refusal of its name.
async fn refuse_name(people: &mut PeopleApi, browser: &Browser, name: &str) {
    let body = json!({ "name": name });
    let refused = people.send(browser, "POST", "/organizations", body).await;
    let refused = refused.expect_problem(400, "BAD_REQUEST");
    assert_eq!(
        refused["detail"],
        "the name of the organization is a name of the server"
    );
}

#[tokio::test]
async fn a_sign_in_continues_where_the_person_worked_and_else_at_the_server() {
    let mut people = PeopleApi::with_mail().await;
    let site = people.site();
    // The id of the organization of the stranger is smaller than that of the server.
    let (id, _) = register(&mut people, "mal@example.com").await;
    let owner = people.create(&site, "ann@example.com", Role::Owner).await;
    let account = people.api.store.account(&owner).await.unwrap().unwrap();
    people.join(&tenant(&id), &account).await;
    let place = async |people: &PeopleApi| {
        let ann = people.browser("ann@example.com").await;
        let found = people.send(&ann, "GET", "/session", Value::Null).await;
        let found = found.expect(200)["session"]["organization"].clone();
        (ann, found)
    };
    let (ann, found) = place(&people).await;
    assert_eq!(found, site.as_str());
    let there = json!({ "organization": id });
    let chosen = people.send(&ann, "PATCH", "/session", there).await;
    assert_eq!(chosen.status, 204);
    let ended = people.send(&ann, "DELETE", "/sessions/current", Value::Null);
    assert_eq!(ended.await.status, 204);
    people.clock.advance_ms(1000);
    let (ann, found) = place(&people).await;
    assert_eq!(found, json!(id));
    let back = json!({"organization": site.as_str()});
    let chosen = people.send(&ann, "PATCH", "/session", back).await;
    assert_eq!(chosen.status, 204);
    let (_, found) = place(&people).await;
    assert_eq!(found, site.as_str());
}

#[tokio::test]
async fn a_person_creates_and_names_organizations_but_none_like_the_server() {
    let mut people = PeopleApi::with_mail().await;
    let site = people.site();
    let (id, eve) = register(&mut people, "eve@example.com").await;
    people.create(&site, "ann@example.com", Role::Owner).await;
    people.create(&site, "bob@example.com", Role::Auditor).await;
    let (ann, bob) = (
        people.browser("ann@example.com").await,
        people.browser("bob@example.com").await,
    );
    let members = &people.api.tenants.own().members;
    let issuer = members.organization_name().await.unwrap();
    for name in [
        "This server",
        "THIS-SERVER",
        &issuer,
        &issuer.to_uppercase(),
    ] {
        refuse_name(&mut people, &eve, name).await;
    }
    let body = json!({"name": "Second Ltd"});
    let created = people.send(&eve, "POST", "/organizations", body).await;
    let created = created.expect(201);
    let second = created["id"].as_str().unwrap();
    assert_eq!(
        (&created["name"], &created["role"]),
        (&json!("Second Ltd"), &json!("owner"))
    );
    let here = people.send(&eve, "GET", "/session", Value::Null).await;
    assert_eq!(here.expect(200)["session"]["organization"], json!(id));
    let account = people.send(&eve, "GET", "/account", Value::Null).await;
    let organizations = account.expect(200)["organizations"].clone();
    assert_eq!(organizations.as_array().unwrap().len(), 2);
    let choose = json!({ "organization": second });
    people
        .send(&eve, "PATCH", "/session", choose)
        .await
        .expect(204);
    let members = people.send(&eve, "GET", "/members", Value::Null).await;
    assert_eq!(members.expect(200)["items"].as_array().unwrap().len(), 1);
    // The address of Ann is not verified.
    let body = json!({"name": "Third Ltd"});
    let refused = people.send(&ann, "POST", "/organizations", body).await;
    refused.expect_problem(403, "FORBIDDEN");

    let name = |name: &str| json!({ "name": name });
    let renamed = people.send(&eve, "PATCH", PATH, name("Renamed Ltd")).await;
    assert_eq!(
        renamed.expect(200),
        json!({"id": second, "name": "Renamed Ltd"})
    );
    for (browser, body, status, code) in [
        (&eve, name("this server"), 400, "BAD_REQUEST"),
        (
            &eve,
            name("Pay at https://evil.example"),
            400,
            "BAD_REQUEST",
        ),
        (&eve, json!({"title": "x"}), 400, "MALFORMED"),
        (&bob, name("Bob Ltd"), 403, "FORBIDDEN"),
    ] {
        let refused = people.send(browser, "PATCH", PATH, body).await;
        refused.expect_problem(status, code);
    }
    // The organization of the server gets a name, which no other one can have then.
    let renamed = people.send(&ann, "PATCH", PATH, name("Vendor GmbH")).await;
    assert_eq!(
        renamed.expect(200),
        json!({"id": "site", "name": "Vendor GmbH"})
    );
    refuse_name(&mut people, &eve, "vendor gmbh").await;
    let account = people.send(&ann, "GET", "/account", Value::Null).await;
    assert_eq!(
        account.expect(200)["organizations"][0]["name"],
        "Vendor GmbH"
    );
    let path = "/audit?action=organization.rename";
    let trail = people
        .send(&ann, "GET", path, Value::Null)
        .await
        .expect(200);
    let entry = &trail["items"][0];
    assert_eq!(entry["before"], json!({"name": null}));
    assert_eq!(entry["details"], json!({"name": "Vendor GmbH"}));
}

#[tokio::test]
async fn a_person_leaves_an_organization_unless_it_would_have_no_owner() {
    let mut people = PeopleApi::with_mail().await;
    let site = people.site();
    let (id, mal) = register(&mut people, "mal@example.com").await;
    people.create(&site, "root@example.com", Role::Owner).await;
    let ann = people.create(&site, "ann@example.com", Role::Auditor).await;
    let account = people.api.store.account(&ann).await.unwrap().unwrap();
    people.join(&tenant(&id), &account).await;
    let leave = async |browser: &Browser, id: &str| {
        let path = format!("/account/organizations/{id}");
        people.send(browser, "DELETE", &path, Value::Null).await
    };
    leave(&mal, &id).await.expect_problem(409, "LAST_OWNER");
    leave(&mal, site.as_str())
        .await
        .expect_problem(404, "NOT_FOUND");
    let browser = people.browser("ann@example.com").await;
    let left = leave(&browser, &id).await;
    assert_eq!(left.status, 204, "{left:?}");
    assert!(left.cookies().is_empty(), "the session is in another one");
    leave(&browser, &id).await.expect_problem(404, "NOT_FOUND");
    let members = people.send(&mal, "GET", "/members", Value::Null).await;
    assert_eq!(members.expect(200)["items"].as_array().unwrap().len(), 1);
    let trail = people.send(&mal, "GET", "/audit?action=member.remove", Value::Null);
    let trail = trail.await.expect(200);
    assert_eq!(trail["items"][0]["actor"], format!("account:{ann}"));
    assert_eq!(trail["items"][0]["before"], json!({"role": "auditor"}));
    let left = leave(&browser, site.as_str()).await;
    assert!(left.cookies()[0].contains("Max-Age=0"), "{left:?}");
    let ended = people.send(&browser, "GET", "/session", Value::Null).await;
    ended.expect_problem(401, "UNAUTHORIZED");
    // The account stays, because its owner can sign in.
    let browser = people.browser("ann@example.com").await;
    let account = people.send(&browser, "GET", "/account", Value::Null).await;
    assert_eq!(account.expect(200)["organizations"], json!([]));
}
