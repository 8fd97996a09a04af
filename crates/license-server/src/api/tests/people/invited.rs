//! Registrations, invitations, members and links, with and without mail.

use super::*;

/// Returns the secret in a link.
fn token(link: &Value) -> String {
    let (page, secret) = link.as_str().unwrap().split_once('#').unwrap();
    assert!(page.starts_with("https://licenses.example.com/"), "{page}");
    secret.to_owned()
}

#[tokio::test]
async fn a_person_registers_an_organization_with_a_link_by_mail() {
    let mut people = PeopleApi::with_mail().await;
    let stranger = Browser::default();
    let request = json!({"email": "Ann@example.com"});
    let accepted = people
        .send(&stranger, "POST", "/registrations", request)
        .await
        .expect(202);
    let mail = people.sink.as_mut().unwrap().next().await;
    assert!(mail.to[0].contains("<ann@example.com>"), "{mail:?}");
    assert!(
        mail.text
            .contains("https://licenses.example.com/registration#"),
        "{mail:?}"
    );
    let confirm = |token: &str, name: &str| json!({"token": token, "name": name, "password": PASSWORD, "organization": "ACME"});
    let path = "/registrations/confirm";
    let wrong = people
        .send(&stranger, "POST", path, confirm("lsv_x", "Ann"))
        .await;
    wrong.expect_problem(403, "LINK_ENDED");
    let secret = mail.secret();
    for name in ["Ann\r\nBcc: x", "Pay at https://evil.example"] {
        let body = confirm(&secret, name);
        let refused = people.send(&stranger, "POST", path, body).await;
        refused.expect_problem(400, "BAD_REQUEST");
    }
    let done = people
        .send(&stranger, "POST", path, confirm(&secret, "Ann"))
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    let replayed = people
        .send(&stranger, "POST", path, confirm(&secret, "Ann"))
        .await;
    replayed.expect_problem(403, "LINK_ENDED");
    let ann = people.browser("ann@example.com").await;
    let account = people
        .send(&ann, "GET", "/account", Value::Null)
        .await
        .expect(200);
    assert_eq!(account["is_verified"], true);
    let organization = &account["organizations"][0];
    assert_eq!(
        (&organization["name"], &organization["role"]),
        (&json!("ACME"), &json!("owner"))
    );
    assert_ne!(organization["id"], people.site().as_str());

    // The answer is the same for an address with an account, which gets another mail.
    let request = json!({"email": "ann@example.com"});
    let again = people
        .send(&stranger, "POST", "/registrations", request)
        .await
        .expect(202);
    assert_eq!(accepted, again);
    let mail = people.sink.as_mut().unwrap().next().await;
    assert!(
        mail.text.contains("already") && !mail.text.contains('#'),
        "{mail:?}"
    );
}

#[tokio::test]
async fn a_new_password_comes_with_a_link_by_mail() {
    let mut people = PeopleApi::with_mail().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let stranger = Browser::default();
    let request = |email: &str| json!({"email": email});
    let path = "/password-resets";
    let unknown = people
        .send(&stranger, "POST", path, request("eve@example.com"))
        .await
        .expect(202);
    let known = people
        .send(&stranger, "POST", path, request("ann@example.com"))
        .await
        .expect(202);
    assert_eq!(unknown, known);
    let sink = people.sink.as_mut().unwrap();
    let mail = sink.next().await;
    assert!(mail.to[0].contains("<ann@example.com>"), "{mail:?}");
    assert!(
        !sink.has_mail(),
        "an address without an account gets no mail"
    );
    let secret = mail.secret();
    let confirm = |password: &str| json!({"token": secret, "password": password});
    let path = "/password-resets/confirm";
    let weak = people.send(&stranger, "POST", path, confirm("short")).await;
    weak.expect_problem(400, "WEAK_PASSWORD");
    let done = people
        .send(&stranger, "POST", path, confirm("another password"))
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    let replayed = people
        .send(&stranger, "POST", path, confirm("third password"))
        .await;
    replayed.expect_problem(403, "LINK_ENDED");
    people
        .send(&ann, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    let mail = people.sink.as_mut().unwrap().next().await;
    assert!(mail.text.contains("A new password was set"), "{mail:?}");
}

#[tokio::test]
async fn another_address_is_used_after_its_link() {
    let mut people = PeopleApi::with_mail().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let change = |password: &str| json!({"email": "new@example.com", "password": password});
    let wrong = people
        .send(&ann, "POST", "/account/email", change("wrong password"))
        .await;
    wrong.expect_problem(401, "UNAUTHORIZED");
    people
        .send(&ann, "POST", "/account/email", change(PASSWORD))
        .await
        .expect(202);
    let mail = people.sink.as_mut().unwrap().next().await;
    assert!(mail.to[0].contains("<new@example.com>"), "{mail:?}");
    let body = json!({"token": mail.secret()});
    let confirmed = people
        .send(&Browser::default(), "POST", "/account/email/confirm", body)
        .await;
    assert_eq!(confirmed.status, 204, "{confirmed:?}");
    people.browser("new@example.com").await;
    let mail = people.sink.as_mut().unwrap().next().await;
    assert!(
        mail.to[0].contains("<ann@example.com>"),
        "the former address gets a mail"
    );
}

#[tokio::test]
async fn a_request_for_another_address_uses_its_code_up() {
    let people = PeopleApi::with_mail().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let proof = json!({"password": PASSWORD});
    let new = people.send(&ann, "POST", "/account/totp", proof).await;
    let secret = new.expect(201)["secret"].as_str().unwrap().to_owned();
    let confirm = json!({"totp": code(&secret, &people.clock)});
    let confirmed = people.send(&ann, "POST", "/account/totp/confirm", confirm);
    let recovery = confirmed.await.expect(201)["recovery_codes"][0].clone();
    people.clock.advance_ms(60_000);
    let next = json!(code(&secret, &people.clock));
    for code in [next, recovery] {
        for expected in [202, 401] {
            let change = json!({"email": "new@example.com", "password": PASSWORD, "totp": code});
            let answer = people.send(&ann, "POST", "/account/email", change).await;
            assert_eq!(answer.status, expected, "{answer:?}");
        }
    }
}

#[tokio::test]
async fn without_mail_an_administrator_passes_links_on() {
    let people = PeopleApi::start().await;
    let site = people.site();
    people
        .create(&site, "ann@example.com", Role::Administrator)
        .await;
    let ann = people.browser("ann@example.com").await;
    let stranger = Browser::default();
    for path in ["/registrations", "/password-resets"] {
        let refused = people
            .send(&stranger, "POST", path, json!({"email": "x@example.com"}))
            .await;
        refused.expect_problem(409, "MAIL_OFF");
    }
    let invite = |email: &str, role: &str| json!({"email": email, "role": role});
    let refused = people.send(
        &ann,
        "POST",
        "/invitations",
        invite("bob@example.com", "owner"),
    );
    refused.await.expect_problem(403, "FORBIDDEN");
    let new = people.send(
        &ann,
        "POST",
        "/invitations",
        invite("bob@example.com", "auditor"),
    );
    let new = new.await.expect(201);
    assert_eq!(new["is_mailed"], false);
    let list = people
        .send(&ann, "GET", "/invitations", Value::Null)
        .await
        .expect(200);
    assert_eq!(list["items"][0]["email"], "bob@example.com");
    let secret = token(&new["link"]);
    assert!(!list.to_string().contains(&secret));
    let accept = json!({"token": secret, "name": "Bob", "password": PASSWORD});
    let path = "/invitations/accept";
    let joined = people
        .send(&stranger, "POST", path, accept.clone())
        .await
        .expect(200);
    assert_eq!(joined["organization"], site.as_str());
    people
        .send(&stranger, "POST", path, accept)
        .await
        .expect_problem(403, "LINK_ENDED");
    let members = people
        .send(&ann, "GET", "/members", Value::Null)
        .await
        .expect(200);
    let bob = members["items"].as_array().unwrap().iter();
    let bob = bob
        .into_iter()
        .find(|one| one["name"] == "Bob")
        .unwrap()
        .clone();
    assert_eq!(bob["is_verified"], false, "the address is not verified");

    // The link of a new password, which only this organization may ask for.
    let path = format!("/members/{}/password-resets", bob["id"].as_str().unwrap());
    let link = people
        .send(&ann, "POST", &path, Value::Null)
        .await
        .expect(201);
    let body = json!({"token": token(&link["link"]), "password": "another password"});
    let done = people
        .send(&stranger, "POST", "/password-resets/confirm", body)
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    // Three valid links stop strangers who ask for more, but not an administrator.
    for _ in 0..4 {
        let given = people.send(&ann, "POST", &path, Value::Null).await;
        given.expect(201);
    }
    let other = TenantId::new(uuid::Uuid::from_u128(7));
    let carl = people.create(&other, "carl@example.com", Role::Owner).await;
    let new = people.send(
        &ann,
        "POST",
        "/invitations",
        invite("carl@example.com", "member"),
    );
    let secret = token(&new.await.expect(201)["link"]);
    // An account joins with its own session only.
    let accept = json!({"token": secret, "name": "Eve", "password": PASSWORD});
    let taken = people
        .send(&stranger, "POST", "/invitations/accept", accept)
        .await;
    taken.expect_problem(409, "ADDRESS_TAKEN");
    let accept = json!({"token": secret});
    let foreign = people
        .send(&ann, "POST", "/invitations/accept", accept.clone())
        .await;
    foreign.expect_problem(403, "FORBIDDEN");
    let browser = people.browser("carl@example.com").await;
    people
        .send(&browser, "POST", "/invitations/accept", accept)
        .await
        .expect(200);
    let choose = json!({"organization": site.as_str()});
    let chosen = people.send(&browser, "PATCH", "/session", choose).await;
    assert_eq!(chosen.status, 204, "{chosen:?}");
    let path = format!("/members/{carl}/password-resets");
    let refused = people.send(&ann, "POST", &path, Value::Null).await;
    refused.expect_problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn a_removed_or_demoted_member_loses_sessions_and_tokens() {
    let people = PeopleApi::start().await;
    let site = people.site();
    let owner = people.create(&site, "ann@example.com", Role::Owner).await;
    let bob = people
        .create(&site, "bob@example.com", Role::Administrator)
        .await;
    let (ann, mut browser) = (
        people.browser("ann@example.com").await,
        people.browser("bob@example.com").await,
    );
    let create = json!({"name": "x", "scopes": ["people:manage", "people:read"]});
    let token = people
        .send(&browser, "POST", "/tokens", create)
        .await
        .expect(201);
    let secret = token["secret"].as_str().unwrap().to_owned();
    let invite = json!({"email": "eve@example.com", "role": "member"});
    people
        .send_as(&secret, "POST", "/invitations", invite)
        .await
        .expect(201);
    // An administrator can neither touch an owner nor become one.
    let owner = format!("/members/{owner}");
    let path = format!("/members/{bob}");
    for (path, role) in [(&owner, "member"), (&path, "owner")] {
        let refused = people
            .send(&browser, "PATCH", path, json!({"role": role}))
            .await;
        refused.expect_problem(403, "FORBIDDEN");
    }
    people
        .send(&browser, "DELETE", &owner, Value::Null)
        .await
        .expect_problem(403, "FORBIDDEN");
    people
        .send(&ann, "PATCH", &owner, json!({"role": "member"}))
        .await
        .expect_problem(409, "LAST_OWNER");
    people
        .send(&ann, "DELETE", &owner, Value::Null)
        .await
        .expect_problem(409, "LAST_OWNER");

    let changed = people
        .send(&ann, "PATCH", &path, json!({"role": "auditor"}))
        .await
        .expect(200);
    assert_eq!(changed["role"], "auditor");
    people
        .send(&browser, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    people
        .send_as(&secret, "GET", "/members", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    let open = people
        .send(&ann, "GET", "/invitations", Value::Null)
        .await
        .expect(200);
    assert_eq!(
        open["items"],
        json!([]),
        "invitations by the revoked token end"
    );
    people
        .sign_in(&mut browser, "bob@example.com", None)
        .await
        .expect(201);
    let removed = people.send(&ann, "DELETE", &path, Value::Null).await;
    assert_eq!(removed.status, 204, "{removed:?}");
    people
        .send(&browser, "GET", "/audit", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    // The account stays, without an organization.
    people
        .sign_in(&mut browser, "bob@example.com", None)
        .await
        .expect(201);
    let account = people
        .send(&browser, "GET", "/account", Value::Null)
        .await
        .expect(200);
    assert_eq!(account["organizations"], json!([]));
    people
        .send(&browser, "GET", "/audit", Value::Null)
        .await
        .expect_problem(403, "FORBIDDEN");
}

#[tokio::test]
async fn the_first_administrator_can_have_an_account() {
    let people = PeopleApi::start().await;
    let setup = &people.api.tenants.own().setup;
    // An account that is no owner does not use the link up.
    let bob = EmailAddress::parse("bob@example.com").unwrap();
    let accounts = people.api.tenants.accounts();
    let created = accounts.create_at_console(bob, "Bob", Role::Member).await;
    assert!(created.is_ok());
    let secret = setup.start().await.unwrap().unwrap();
    let stranger = Browser::default();
    let body = |password: Value| json!({"secret": secret, "name": "Ann", "email": "ann@example.com", "password": password});
    let missing = json!({"secret": secret, "name": "Ann", "email": "ann@example.com"});
    people
        .send(&stranger, "POST", "/setup", missing)
        .await
        .expect_problem(400, "MALFORMED");
    let weak = people
        .send(&stranger, "POST", "/setup", body(json!("short")))
        .await;
    weak.expect_problem(400, "WEAK_PASSWORD");
    let created = people
        .send(&stranger, "POST", "/setup", body(json!(PASSWORD)))
        .await
        .expect(201);
    assert!(created["account"].as_str().unwrap().starts_with("acc_"));
    let again = people
        .send(&stranger, "POST", "/setup", body(json!(PASSWORD)))
        .await;
    again.expect_problem(403, "SETUP_USED");
    let ann = people.browser("ann@example.com").await;
    let session = people
        .send(&ann, "GET", "/session", Value::Null)
        .await
        .expect(200);
    assert_eq!(session["role"], "owner");
    assert_eq!(
        setup.start().await.unwrap(),
        None,
        "there is an administrator"
    );
}
