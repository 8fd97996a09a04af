//! Logins that `license-server` accepts and refuses, and the keys of the provider.
#![cfg(unix)]

use license_tests::server::Server;
use serde_json::{Value, json};

use super::provider::{ANN, LoginSite, SEATS, stored};
use super::site::Site;

/// Returns the body of an acquire, with a user if it is not empty.
fn acquire(user: &str) -> Value {
    let mut body = json!({
        "session": format!("sess_{:032x}", 1), "instance": format!("inst_{:032x}", 1),
        "machine_id": "host", "nonce": format!("{:032x}", 1), "commitment": format!("{:064x}", 1),
    });
    if !user.is_empty() {
        body["user"] = user.into();
    }
    body
}

#[test]
fn forged_and_stolen_tokens_get_no_seat() {
    let Some(LoginSite {
        site,
        provider,
        server,
        ..
    }) = LoginSite::new()
    else {
        return;
    };
    let authorization = format!("License {}", site.token());
    let send = |tokens: &[&str], user: &str| {
        let mut headers = vec![
            ("authorization", authorization.as_str()),
            ("idempotency-key", "one"),
        ];
        headers.extend(tokens.iter().map(|token| ("x-login-token", *token)));
        server.send(
            "POST",
            "/api/v1/seats",
            &headers,
            &acquire(user).to_string(),
        )
    };
    let now = license_client::now().timestamp();
    let claims = |change: Value| {
        let mut claims = json!({
            "iss": provider.issuer, "aud": "license", "sub": "ann", "iat": now, "exp": now + 300,
            "email": ANN, "email_verified": true,
        });
        claims
            .as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        claims
    };
    send(&[], "").expect_problem(401, "LOGIN_REQUIRED");
    send(&[], ANN).expect_problem(401, "LOGIN_REQUIRED");
    for (algorithm, change) in [
        ("none", json!({})),
        ("HS256", json!({})),
        ("RS256", json!({"aud": "another-program"})),
        ("RS256", json!({"iss": "https://login.evil.example"})),
        ("RS256", json!({"email_verified": false})),
        ("RS256", json!({"iat": now + 600})),
    ] {
        let token = provider.forge(algorithm, &claims(change.clone()));
        let problem = send(&[&token], "").expect_problem(401, "LOGIN_INVALID");
        assert!(
            !problem.to_string().contains(&token),
            "{algorithm} {change}"
        );
    }
    let expired = provider.forge("RS256", &claims(json!({"exp": now - 61})));
    send(&[&expired], "").expect_problem(401, "LOGIN_EXPIRED");
    let good = provider.forge("RS256", &claims(json!({})));
    send(&[&good, &good], "").expect_problem(401, "LOGIN_INVALID");
    // Bob has the token of Ann, and states his own name, so that the seat is listed as his.
    let problem = send(&[&good], "bob@acme.example").expect_problem(403, "LOGIN_MISMATCH");
    assert_eq!(problem["expected"], ANN);
    let seat = send(&[&good], "").expect(201);
    assert_eq!(send(&[&good], "").expect(201), seat, "the stored response");
    send(&[], "").expect_problem(401, "LOGIN_REQUIRED");
    // Bob logs in as himself, and repeats the request of Ann. He does not get her response.
    let bob = json!({"sub": "bob", "email": "bob@acme.example"});
    let bob = provider.forge("RS256", &claims(bob));
    send(&[&bob], "").expect_problem(409, "SESSION_MISMATCH");
    let metrics = server.start["metrics"].as_str().unwrap();
    let text = server.get(&format!("http://{metrics}/metrics")).body;
    for line in [
        "license_logins_total{result=\"LOGIN_EXPIRED\"} 1",
        "license_logins_total{result=\"LOGIN_REQUIRED\"} 3",
        "license_logins_total{result=\"verified\"} 4",
    ] {
        assert!(text.contains(line), "{line}");
    }
    let log = site.scratch.read("server.log");
    for token in [&good, &bob, &expired] {
        assert!(!log.contains(token.as_str()));
    }
}

#[test]
fn a_new_key_of_the_provider_is_found_and_an_outage_denies_no_seat() {
    let Some(LoginSite {
        site,
        provider,
        server,
        workplace,
    }) = LoginSite::new()
    else {
        return;
    };
    let run = ["run", "--", "sh", "-c", "exit 7"];
    provider.login(&workplace, "ann");
    workplace.license(&run).expect_code(7);
    let old = stored(&workplace)["id_token"].as_str().unwrap().to_owned();
    // The provider rotates its key. The first login with the new key makes the server load it.
    provider.test("rotate");
    workplace.license(&run).expect_code(7);
    provider.login(&workplace, "ann");
    workplace.license(&run).expect_code(7);
    let license = format!("License {}", site.token());
    let headers = [("authorization", license.as_str()), ("x-login-token", &old)];
    let refused = server.send("POST", "/api/v1/seats", &headers, &acquire("").to_string());
    // The server has loaded the keys a moment ago, and cannot know whether this one is new.
    refused.expect_problem(503, "LOGIN_UNAVAILABLE");

    let mut keys = ureq::get(format!("{}/jwks", provider.issuer))
        .call()
        .unwrap();
    let keys = keys.body_mut().read_to_string().unwrap();
    site.scratch.write("login.jwks", keys);
    let issuer = provider.issuer.clone();
    provider.stop();
    workplace.license(&run).expect_code(7);
    // A server that has not loaded the keys yet cannot verify a login, which is no refusal of it.
    let address = server.address().to_string();
    server.stop();
    let login = ["--login-issuer", &issuer, "--login-client-id", "license"];
    let login = [&login[..], &["--listen", &address]].concat();
    let server = Server::start(&site.scratch, &login);
    let refused = workplace.license(&run).expect_failure(4);
    assert_eq!(refused.code, "LOGIN_UNAVAILABLE");
    server.stop();
    // With the keys in a file, the provider is not needed.
    let keys = site.scratch.file("login.jwks");
    let login = [&login[..], &["--login-keys", keys.to_str().unwrap()]].concat();
    let _server = Server::start(&site.scratch, &login);
    workplace.license(&run).expect_code(7);
}

#[test]
fn a_server_can_also_lend_seats_without_a_login_but_never_with_a_wrong_one() {
    let site = Site::new(SEATS);
    let login = [
        "--login-issuer",
        "https://login.acme.example",
        "--login-client-id",
        "license",
    ];
    let options = [&login[..], &["--login-required", "off"]].concat();
    let server = Server::start(&site.scratch, &options);
    let authorization = format!("License {}", site.token());
    let headers = [("authorization", authorization.as_str())];
    let send = |headers: &[(&str, &str)], user| {
        server.send("POST", "/api/v1/seats", headers, &acquire(user).to_string())
    };
    send(&headers, "").expect_problem(400, "MALFORMED");
    let wrong = [headers[0], ("x-login-token", "wrong")];
    send(&wrong, "ann").expect_problem(401, "LOGIN_INVALID");
    send(&headers, "ann").expect(201);
}
