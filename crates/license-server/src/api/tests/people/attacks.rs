//! Attacks on accounts and sessions.

use super::*;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_session_of_an_attacker_is_not_taken_over() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    people
        .create(&people.site(), "eve@example.com", Role::Member)
        .await;
    // Eve plants her own cookie in the browser of Ann, who then signs in.
    let eve = people.browser("eve@example.com").await;
    let mut ann = Browser {
        csrf: None,
        device: None,
        ..eve.clone()
    };
    people
        .sign_in(&mut ann, "ann@example.com", None)
        .await
        .expect(201);
    assert_ne!(ann.session, eve.session);
    people
        .send(&eve, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
    // An invented session is not adopted either.
    let mut planted = Browser {
        session: Some("lss_planted".to_owned()),
        ..Browser::default()
    };
    people
        .sign_in(&mut planted, "ann@example.com", None)
        .await
        .expect(201);
    assert_ne!(planted.session.as_deref(), Some("lss_planted"));
    let fixed = Browser {
        session: Some("lss_planted".to_owned()),
        ..Browser::default()
    };
    people
        .send(&fixed, "GET", "/session", Value::Null)
        .await
        .expect_problem(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn another_site_cannot_change_anything() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    people
        .create(&people.site(), "eve@example.com", Role::Owner)
        .await;
    let (ann, eve) = (
        people.browser("ann@example.com").await,
        people.browser("eve@example.com").await,
    );
    for (method, path, body) in [
        ("POST", "/tokens", json!({"name": "x", "scopes": ["owner"]})),
        (
            "POST",
            "/invitations",
            json!({"email": "x@example.com", "role": "owner"}),
        ),
        ("DELETE", "/sessions/current", Value::Null),
        ("PATCH", "/account", json!({"name": "x"})),
        ("DELETE", "/account", json!({"password": PASSWORD})),
        (
            "POST",
            "/account/password",
            json!({"current": PASSWORD, "new": "another password"}),
        ),
    ] {
        for csrf in [
            None,
            Some(String::new()),
            eve.csrf.clone(),
            ann.session.clone(),
        ] {
            let forged = Browser {
                csrf,
                ..ann.clone()
            };
            let refused = people.send(&forged, method, path, body.clone()).await;
            refused.expect_problem(403, "CSRF_REQUIRED");
        }
        let headers = [("sec-fetch-site", "cross-site")];
        let refused = people.send_with(&ann, method, path, body, &headers).await;
        refused.expect_problem(403, "CSRF_REQUIRED");
    }
    // Another site can neither sign a browser in, nor send a form.
    let sign_in = json!({"email": "eve@example.com", "password": PASSWORD});
    let stranger = Browser::default();
    for site in ["cross-site", "same-site"] {
        let headers = [("sec-fetch-site", site)];
        let refused = people.send_with(&stranger, "POST", "/sessions", sign_in.clone(), &headers);
        refused.await.expect_problem(403, "CSRF_REQUIRED");
    }
    let form = Request::post("/api/v1/sessions")
        .header(header::HOST, "licenses.example.com")
        .header(header::CONTENT_TYPE, "text/plain")
        .header(header::CONTENT_LENGTH, sign_in.to_string().len())
        .body(Body::from(sign_in.to_string()));
    let answer = people
        .api
        .router
        .clone()
        .oneshot(form.unwrap())
        .await
        .unwrap();
    assert_eq!(answer.status(), 415);
}

#[tokio::test]
async fn a_person_reaches_nothing_of_another_person() {
    let people = PeopleApi::start().await;
    let other = TenantId::new(uuid::Uuid::from_u128(9));
    let ann = people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    people.create(&other, "eve@example.com", Role::Owner).await;
    let (browser, eve) = (
        people.browser("ann@example.com").await,
        people.browser("eve@example.com").await,
    );
    let own = people
        .send(&browser, "GET", "/session", Value::Null)
        .await
        .expect(200);
    let session = own["session"]["id"].as_str().unwrap();
    for id in [session, "ses_x", ""] {
        let path = format!("/sessions/{id}");
        let refused = people.send(&eve, "DELETE", &path, Value::Null).await;
        assert_eq!(refused.status, 404, "{id}: {refused:?}");
    }
    for organization in [people.site().to_string(), "x".to_owned(), "*".to_owned()] {
        let body = json!({"organization": organization});
        let refused = people.send(&eve, "PATCH", "/session", body).await;
        refused.expect_problem(404, "NOT_FOUND");
    }
    let path = format!("/members/{ann}");
    for (method, path, body) in [
        ("PATCH", path.clone(), json!({"role": "member"})),
        ("DELETE", path.clone(), Value::Null),
        ("POST", format!("{path}/password-resets"), Value::Null),
        ("DELETE", format!("{path}/totp"), Value::Null),
    ] {
        let refused = people.send(&eve, method, &path, body).await;
        refused.expect_problem(404, "NOT_FOUND");
    }
    // An API token has no account.
    let token = people.api.token(&people.site(), "owner").await;
    for path in ["/account", "/sessions", "/session", "/account/export"] {
        let refused = people.send_as(&token, "GET", path, Value::Null).await;
        refused.expect_problem(401, "UNAUTHORIZED");
    }
    people
        .send(&browser, "GET", "/session", Value::Null)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_body_has_no_room_for_other_values() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Member)
        .await;
    let ann = people.browser("ann@example.com").await;
    for body in [
        json!({"name": "Ann", "role": "owner"}),
        json!({"name": "Ann", "email": "eve@example.com"}),
        json!({"name": "Ann", "id": "acc_x"}),
        json!({"name": "Ann", "verified_at": 0}),
        json!({"name": ["Ann"]}),
    ] {
        let refused = people.send(&ann, "PATCH", "/account", body).await;
        refused.expect_problem(400, "MALFORMED");
    }
    for name in [
        "a\r\nSet-Cookie: x=y",
        "a\u{202e}b",
        "a\0b",
        "",
        " ",
        &"a".repeat(101),
    ] {
        let refused = people
            .send(&ann, "PATCH", "/account", json!({"name": name}))
            .await;
        refused.expect_problem(400, "BAD_REQUEST");
    }
    let renamed = people
        .send(&ann, "PATCH", "/account", json!({"name": " <b>Ann</b> "}))
        .await;
    assert_eq!(renamed.expect(200)["name"], "<b>Ann</b>");
    let owner = people.api.token(&people.site(), "owner").await;
    for email in [
        "a@example.com\r\nBcc: b@example.com",
        "a b@example.com",
        "a",
        "ä@example.com",
    ] {
        let invite = json!({"email": email, "role": "member"});
        let refused = people.send_as(&owner, "POST", "/invitations", invite).await;
        refused.expect_problem(400, "MALFORMED");
        let sign_in = json!({"email": email, "password": PASSWORD});
        let refused = people
            .send(&Browser::default(), "POST", "/sessions", sign_in)
            .await;
        refused.expect_problem(401, "UNAUTHORIZED");
    }
}

#[tokio::test]
async fn a_stranger_cannot_lock_the_owner_of_an_account_out() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let mut ann = people.browser("ann@example.com").await;
    let guess =
        |number: u32| json!({"email": "ann@example.com", "password": format!("guess {number}")});
    let stranger = Browser::default();
    let mut codes = Vec::new();
    for number in 0..25 {
        let reply = people
            .send(&stranger, "POST", "/sessions", guess(number))
            .await;
        codes.push(reply.status);
    }
    assert_eq!(codes.iter().filter(|status| **status == 401).count(), 19);
    assert_eq!(codes.last(), Some(&429));
    // The right password no longer helps the stranger, so a guess reveals nothing.
    let right = people
        .sign_in(&mut Browser::default(), "ann@example.com", None)
        .await;
    right.expect_problem(429, "RATE_LIMITED");
    // A mark of another person, or a damaged one, does not count.
    people
        .create(&people.site(), "eve@example.com", Role::Member)
        .await;
    let eve = people.browser("eve@example.com").await;
    let damaged = ann
        .device
        .as_ref()
        .map(|mark| mark.replace(&mark[..2], "AB"));
    for device in [eve.device, damaged, Some("x".to_owned())] {
        let mut browser = Browser {
            device,
            ..Browser::default()
        };
        let refused = people.sign_in(&mut browser, "ann@example.com", None).await;
        refused.expect_problem(429, "RATE_LIMITED");
    }
    let known = Browser {
        session: None,
        csrf: None,
        ..ann.clone()
    };
    ann = known;
    people
        .sign_in(&mut ann, "ann@example.com", None)
        .await
        .expect(201);
}

#[tokio::test]
async fn answers_and_times_do_not_tell_whether_an_address_has_an_account() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let mut times = [Duration::MAX; 2];
    let mut bodies = Vec::new();
    for _ in 0..5 {
        for (index, email) in ["ann@example.com", "stranger@example.com"]
            .into_iter()
            .enumerate()
        {
            let start = Instant::now();
            let body = json!({"email": email, "password": "wrong password"});
            let reply = people
                .send(&Browser::default(), "POST", "/sessions", body)
                .await;
            times[index] = times[index].min(start.elapsed());
            assert!(reply.cookies().is_empty(), "{reply:?}");
            bodies.push((reply.status, reply.body));
        }
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    // The test of the hasher shows that the same hash is computed.
    let ratio = times[0].as_secs_f64() / times[1].as_secs_f64();
    assert!((0.2..5.0).contains(&ratio), "{times:?}");
}
