//! Sessions, passwords, one-time codes, exports and deletions.

use super::*;
use crate::services::AccountName;

/// An hour in milliseconds.
const HOUR: u32 = 60 * 60 * 1000;

#[tokio::test]
async fn a_session_works_like_a_token_with_the_permissions_of_the_role() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Auditor)
        .await;
    let mut ann = Browser::default();
    let reply = people.sign_in(&mut ann, "ANN@example.com", None).await;
    for line in reply.cookies() {
        for part in [
            "; Path=/",
            "; Secure",
            "; HttpOnly",
            "; SameSite=Lax",
            "; Max-Age=",
        ] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(
            line.starts_with("__Host-") && !line.contains("Domain"),
            "{line}"
        );
    }
    assert_eq!(reply.cookies().len(), 2);
    let body = reply.expect(201);
    assert_eq!(
        (&body["role"], &body["name"]),
        (&json!("auditor"), &json!("Ann"))
    );
    assert!(
        body["permissions"]
            .as_array()
            .unwrap()
            .contains(&json!("audit:read"))
    );
    let secret = ann.session.clone().unwrap();
    assert!(
        !body.to_string().contains(&secret),
        "scripts cannot read the secret"
    );

    people
        .send(&ann, "GET", "/audit", Value::Null)
        .await
        .expect(200);
    let token = json!({"name": "x", "scopes": ["auditor"]});
    let refused = people.send(&ann, "POST", "/tokens", token.clone()).await;
    refused.expect_problem(403, "FORBIDDEN");
    // A request with a token has the permissions of the token only, and needs no CSRF token.
    let owner = people.api.token(&people.site(), "owner").await;
    let bearer = format!("Bearer {owner}");
    let headers = [("authorization", bearer.as_str())];
    let both = Browser {
        csrf: None,
        ..ann.clone()
    };
    people
        .send_with(&both, "POST", "/tokens", token, &headers)
        .await
        .expect(201);

    let current = people
        .send(&ann, "GET", "/session", Value::Null)
        .await
        .expect(200);
    assert_eq!(current["csrf_token"], json!(ann.csrf));
    assert_eq!(current["session"]["user_agent"], "browser of the tests");
    let other = people.browser("ann@example.com").await;
    let list = people
        .send(&ann, "GET", "/sessions", Value::Null)
        .await
        .expect(200);
    let sessions = list["items"].as_array().unwrap();
    assert_eq!(sessions.len(), 2);
    let current: Vec<_> = sessions
        .iter()
        .map(|one| one["is_current"] == true)
        .collect();
    assert_eq!(current.iter().filter(|is_current| **is_current).count(), 1);
    let ended = people
        .send(&ann, "DELETE", "/sessions/others", Value::Null)
        .await;
    assert_eq!(ended.status, 204);
    let refused = people.send(&other, "GET", "/session", Value::Null).await;
    refused.expect_problem(401, "UNAUTHORIZED");
    let ended = people
        .send(&ann, "DELETE", "/sessions/current", Value::Null)
        .await;
    assert_eq!(ended.cookies().len(), 1, "{ended:?}");
    assert!(ended.cookies()[0].contains("Max-Age=0"));
    let refused = people.send(&ann, "GET", "/session", Value::Null).await;
    refused.expect_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_or_old() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let status = async || {
        people
            .send(&ann, "GET", "/session", Value::Null)
            .await
            .status
    };
    for _ in 0..70 {
        people.clock.advance_ms(11 * HOUR);
        if status().await != 200 {
            break;
        }
    }
    // Uses keep a session, up to thirty days.
    let idle = people.browser("ann@example.com").await;
    assert_eq!(status().await, 401);
    people.clock.advance_ms(12 * HOUR);
    let ended = people.send(&idle, "GET", "/session", Value::Null).await;
    ended.expect_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_code_is_needed_after_it_was_confirmed_and_works_once() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let mut ann = people.browser("ann@example.com").await;
    let other = people.browser("ann@example.com").await;
    let proof = json!({"password": PASSWORD});
    let wrong = json!({"password": "wrong password"});
    let refused = people.send(&ann, "POST", "/account/totp", wrong).await;
    refused.expect_problem(401, "UNAUTHORIZED");
    let new = people
        .send(&ann, "POST", "/account/totp", proof.clone())
        .await
        .expect(201);
    let secret = new["secret"].as_str().unwrap().to_owned();
    assert!(new["uri"].as_str().unwrap().contains(&secret));
    people.browser("ann@example.com").await;
    let refused = people.send(
        &ann,
        "POST",
        "/account/totp/confirm",
        json!({"totp": "000000"}),
    );
    refused.await.expect_problem(401, "UNAUTHORIZED");
    let first = code(&secret, &people.clock);
    let confirm = json!({"totp": first});
    let codes = people
        .send(&ann, "POST", "/account/totp/confirm", confirm)
        .await
        .expect(201);
    let codes = codes["recovery_codes"].as_array().unwrap().clone();
    assert_eq!(codes.len(), 10);
    let ended = people.send(&other, "GET", "/session", Value::Null).await;
    ended.expect_problem(401, "UNAUTHORIZED");

    let mut fresh = Browser::default();
    people
        .sign_in(&mut fresh, "ann@example.com", None)
        .await
        .expect_problem(401, "TOTP_REQUIRED");
    let replayed = people
        .sign_in(&mut fresh, "ann@example.com", Some(&first))
        .await;
    replayed.expect_problem(401, "UNAUTHORIZED");
    people.clock.advance_ms(30_000);
    let next = code(&secret, &people.clock);
    people
        .sign_in(&mut fresh, "ann@example.com", Some(&next))
        .await
        .expect(201);
    let replayed = people
        .sign_in(&mut Browser::default(), "ann@example.com", Some(&next))
        .await;
    replayed.expect_problem(401, "UNAUTHORIZED");
    // The code of the sign-in cannot end the codes either.
    let end = json!({"password": PASSWORD, "totp": next});
    let replayed = people.send(&fresh, "DELETE", "/account/totp", end).await;
    replayed.expect_problem(401, "UNAUTHORIZED");
    // A recovery code works once, with or without its hyphens.
    let recovery = codes[0].as_str().unwrap().to_lowercase().replace('-', " ");
    people
        .sign_in(&mut ann, "ann@example.com", Some(&recovery))
        .await
        .expect(201);
    let replayed = people
        .sign_in(&mut Browser::default(), "ann@example.com", Some(&recovery))
        .await;
    replayed.expect_problem(401, "UNAUTHORIZED");
    let renew = json!({"password": PASSWORD, "totp": codes[1]});
    let renewed = people
        .send(&ann, "POST", "/account/recovery-codes", renew)
        .await
        .expect(201);
    let old = codes[2].as_str().unwrap();
    let old = people
        .sign_in(&mut Browser::default(), "ann@example.com", Some(old))
        .await;
    old.expect_problem(401, "UNAUTHORIZED");
    let end = json!({"password": PASSWORD, "totp": renewed["recovery_codes"][0]});
    let ended = people.send(&ann, "DELETE", "/account/totp", end).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    people.browser("ann@example.com").await;
    let report = people.api.store.verify_audit(&people.site()).await.unwrap();
    assert_eq!(report.fault, None);
}

#[tokio::test]
async fn a_new_password_ends_other_sessions_and_the_old_password() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let (ann, other) = (
        people.browser("ann@example.com").await,
        people.browser("ann@example.com").await,
    );
    let change = |current: &str, new: &str| json!({"current": current, "new": new});
    let path = "/account/password";
    let wrong = people.send(
        &ann,
        "POST",
        path,
        change("wrong password", "another password"),
    );
    wrong.await.expect_problem(401, "UNAUTHORIZED");
    let weak = people
        .send(&ann, "POST", path, change(PASSWORD, "short"))
        .await;
    weak.expect_problem(400, "WEAK_PASSWORD");
    let changed = people
        .send(&ann, "POST", path, change(PASSWORD, "another password"))
        .await;
    assert_eq!(changed.status, 204, "{changed:?}");
    people
        .send(&ann, "GET", "/session", Value::Null)
        .await
        .expect(200);
    people
        .send(&other, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    let old = people
        .sign_in(&mut Browser::default(), "ann@example.com", None)
        .await;
    old.expect_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn an_account_can_be_exported_and_deleted() {
    let people = PeopleApi::start().await;
    let site = people.site();
    people.create(&site, "ann@example.com", Role::Owner).await;
    let bob = people.create(&site, "bob@example.com", Role::Owner).await;
    let browser = people.browser("bob@example.com").await;
    let token = json!({"name": "of bob", "scopes": ["auditor"]});
    let token = people
        .send(&browser, "POST", "/tokens", token)
        .await
        .expect(201);
    let secret = token["secret"].as_str().unwrap().to_owned();
    people
        .send_as(&secret, "GET", "/audit", Value::Null)
        .await
        .expect(200);
    let export = people
        .send(&browser, "GET", "/account/export", Value::Null)
        .await
        .expect(200);
    assert_eq!(export["account"]["email"], "bob@example.com");
    assert_eq!(export["account"]["organizations"][0]["role"], "owner");
    assert_eq!(export["sessions"].as_array().unwrap().len(), 1);
    assert_eq!(export["organizations"][0]["tokens"][0]["name"], "of bob");
    let actions = export["organizations"][0]["audit"]
        .as_array()
        .unwrap()
        .iter();
    let actions: Vec<_> = actions
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["token.create", "session.create"]);
    let text = export.to_string();
    let session = browser.session.clone().unwrap();
    for secret in ["argon2", &secret, &session, "digest"] {
        assert!(!text.contains(secret), "{secret}");
    }

    let wrong = json!({"password": "wrong password"});
    let refused = people.send(&browser, "DELETE", "/account", wrong).await;
    refused.expect_problem(401, "UNAUTHORIZED");
    let proof = json!({"password": PASSWORD});
    let deleted = people
        .send(&browser, "DELETE", "/account", proof.clone())
        .await;
    assert_eq!(deleted.status, 204, "{deleted:?}");
    people
        .send(&browser, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    people
        .send_as(&secret, "GET", "/audit", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    let gone = people
        .sign_in(&mut Browser::default(), "bob@example.com", None)
        .await;
    gone.expect_problem(401, "UNAUTHORIZED");
    // The trail keeps the opaque id, and never had the address.
    let ann = people.browser("ann@example.com").await;
    let trail = people
        .send(&ann, "GET", "/audit", Value::Null)
        .await
        .expect(200)
        .to_string();
    assert!(trail.contains(&bob.to_string()) && !trail.contains("bob@example.com"));
    // The last owner stays.
    let last = people.send(&ann, "DELETE", "/account", proof).await;
    let last = last.expect_problem(409, "LAST_OWNER");
    assert_eq!(last["organizations"], json!([site.as_str()]));
}

#[tokio::test]
async fn an_administrator_at_the_console_helps_people_who_cannot_sign_in() {
    let people = PeopleApi::start().await;
    let accounts = people.api.tenants.accounts();
    let email = EmailAddress::parse("ann@example.com").unwrap();
    let create = || accounts.create_at_console(email.clone(), "Ann", Role::Owner);
    let link = create().await.unwrap();
    assert_eq!(create().await.unwrap_err().code, "ADDRESS_TAKEN");
    // An account without a password cannot sign in.
    let refused = people
        .sign_in(&mut Browser::default(), "ann@example.com", None)
        .await;
    refused.expect_problem(401, "UNAUTHORIZED");
    let (_, secret) = link.split_once("/password-reset#").unwrap();
    let body = json!({"token": secret, "password": PASSWORD});
    let stranger = Browser::default();
    let done = people
        .send(&stranger, "POST", "/password-resets/confirm", body)
        .await;
    assert_eq!(done.status, 204, "{done:?}");
    let ann = people.browser("ann@example.com").await;

    let none = accounts.end_totp_at_console(&email).await.unwrap_err();
    assert_eq!(none.code, "BAD_REQUEST");
    let proof = json!({"password": PASSWORD});
    let new = people.send(&ann, "POST", "/account/totp", proof).await;
    let secret = new.expect(201)["secret"].as_str().unwrap().to_owned();
    let confirm = json!({"totp": code(&secret, &people.clock)});
    let confirmed = people.send(&ann, "POST", "/account/totp/confirm", confirm);
    confirmed.await.expect(201);
    let refused = people
        .sign_in(&mut Browser::default(), "ann@example.com", None)
        .await;
    refused.expect_problem(401, "TOTP_REQUIRED");
    accounts.end_totp_at_console(&email).await.unwrap();
    people.browser("ann@example.com").await;
    accounts.reset_at_console(&email).await.unwrap();
    let eve = people
        .create(&people.site(), "eve@example.com", Role::Owner)
        .await;
    let delete = |name| async move { accounts.delete_at_console(&name).await };
    delete(AccountName::Id(eve.clone())).await.unwrap();
    let gone = delete(AccountName::Id(eve)).await.unwrap_err();
    assert_eq!(gone.code, "NOT_FOUND");
    let last = delete(AccountName::Email(email.clone())).await.unwrap_err();
    assert_eq!(last.code, "LAST_OWNER");
    let unknown = EmailAddress::parse("eve@example.com").unwrap();
    let refused = accounts.reset_at_console(&unknown).await.unwrap_err();
    assert_eq!(refused.code, "NOT_FOUND");
    let trail = people.send(&ann, "GET", "/audit", Value::Null).await;
    let trail = trail.expect(200);
    let entries = trail["items"].as_array().unwrap().iter();
    let console = entries.filter(|entry| entry["actor"] == "console");
    let actions: Vec<_> = console
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    let expected = [
        "account.create",
        "account.totp_off",
        "account.reset_link",
        "account.create",
        "account.delete",
    ];
    assert_eq!(actions, expected);
}
