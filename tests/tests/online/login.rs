//! `license login` at a real OpenID provider, and a real `license-server` that requires it.
#![cfg(unix)]

use std::fs;

use license_client::{FeatureMatrix, LicenseManager, OnlineSetting, OnlineSettings, StateDir};
use license_tests::Scratch;
use license_tests::server::Server;
use serde_json::{Value, json};

use super::fake::{Fake, answer, json_answer};
use super::provider::{LoginProvider, RunningLogin, assert_no_token, stored};
use super::site::{Site, pool};
use super::workplace::{Workplace, signal};

const SEATS: &str = "--tier team --seats 3 --offline --perpetual";
const ANN: &str = "ann@acme.example";

/// A site whose server requires a login, and a machine of an employee.
struct LoginSite {
    site: Site,
    provider: LoginProvider,
    server: Server,
    workplace: Workplace,
}

impl LoginSite {
    fn new() -> Option<Self> {
        let site = Site::new(SEATS);
        let provider = LoginProvider::start(&site.scratch)?;
        let server = provider.server(&site.scratch, &[]);
        let workplace = Workplace::new(&site, &server);
        provider.configure(&workplace);
        Some(Self {
            site,
            provider,
            server,
            workplace,
        })
    }
}

/// A machine without a license and a server.
fn machine(provider: &LoginProvider) -> Workplace {
    let workplace = Workplace {
        machine: Scratch::new(),
    };
    provider.configure(&workplace);
    workplace
}

#[test]
fn a_seat_has_the_user_who_logged_in_at_the_pages_of_the_provider() {
    let Some(LoginSite {
        provider,
        server,
        workplace,
        ..
    }) = LoginSite::new()
    else {
        return;
    };
    let administrator = server.administrator();
    let refused = workplace.license(&["seat", "acquire"]).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_REQUIRED");
    assert!(refused.hint.contains("`license login`"), "{}", refused.hint);
    let status = workplace.license(&["login", "--status"]).expect_failure(1);
    assert_eq!(status.code, "NO_LOGIN");

    let login = provider.login(&workplace, "ann");
    assert_eq!(login["user"], ANN);
    assert_eq!(login["is_renewable"], true);
    assert_eq!(workplace.machine.mode("state/login.json"), 0o600);
    let tokens = stored(&workplace);
    let shown = workplace.license(&["login", "--status"]).expect_code(0);
    assert!(shown.stdout.contains(ANN), "{shown:?}");
    assert_no_token(&tokens, &shown);

    let acquired = workplace.license(&["seat", "acquire"]).expect_code(0);
    assert_no_token(&tokens, &acquired);
    let id = pool(&administrator)["pool"].as_str().unwrap().to_owned();
    let leases = administrator
        .get(&format!("/api/v1/pools/{id}/leases"))
        .expect(200);
    assert_eq!(leases["items"][0]["user"], ANN);
    let other = ["seat", "acquire", "--user", "bob@acme.example"];
    let refused = workplace.license(&other).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_MISMATCH");
    // Only the configured server gets the login.
    let elsewhere = ["seat", "acquire", "--server-url", server.url()];
    let refused = workplace.license(&elsewhere).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_REQUIRED");

    let out = workplace
        .license(&["logout", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(out, json!({"was_logged_in": true, "is_revoked": true}));
    assert!(!workplace.machine.file("state/login.json").exists());
    let out = workplace
        .license(&["logout", "--json"])
        .expect_code(0)
        .json();
    assert_eq!(out, json!({"was_logged_in": false, "is_revoked": false}));
    // A held seat is released without a login.
    workplace.license(&["seat", "release"]).expect_code(0);
    assert_eq!(pool(&administrator)["held"], 0);
}

#[test]
fn each_end_of_a_login_has_its_own_code() {
    let scratch = Scratch::new();
    let Some(provider) = LoginProvider::start(&scratch) else {
        return;
    };
    let workplace = machine(&provider);
    let end = |login: RunningLogin, expected: &str| {
        let (code, result, log) = login.end();
        assert_eq!(code, Some(1), "{log}");
        assert_eq!(result["error"]["code"], expected, "{result} {log}");
        assert!(result["error"]["hint"].is_string(), "{result}");
        assert!(!workplace.machine.file("state/login.json").exists());
    };
    let login = RunningLogin::start(&workplace, &[]);
    provider.test(&format!("deny?user_code={}", login.user_code));
    end(login, "LOGIN_DENIED");
    let login = RunningLogin::start(&workplace, &["--limit", "1s"]);
    end(login, "LOGIN_TIMED_OUT");
    let login = RunningLogin::start(&workplace, &[]);
    signal(login.child.id(), "INT");
    end(login, "LOGIN_CANCELED");
    provider.test("set?code_seconds=2");
    end(RunningLogin::start(&workplace, &[]), "LOGIN_CODE_EXPIRED");
}

#[test]
fn a_provider_that_says_slow_down_is_asked_again_later() {
    let scratch = Scratch::new();
    let Some(provider) = LoginProvider::start(&scratch) else {
        return;
    };
    let workplace = machine(&provider);
    provider.test("set?slow_down=1");
    provider.login(&workplace, "ann");
    let count = provider.test("count");
    assert_eq!(count["slow_down"], 1, "{count}");
    let polls = &count["urn:ietf:params:oauth:grant-type:device_code"];
    assert_eq!(*polls, 1, "the second request got the tokens: {count}");
}

#[test]
fn a_login_is_renewed_until_the_provider_revokes_it() {
    let Some(LoginSite {
        provider,
        server,
        workplace,
        ..
    }) = LoginSite::new()
    else {
        return;
    };
    // Tokens that end within a minute are renewed before each use.
    provider.test("set?id_token_seconds=45");
    provider.login(&workplace, "ann");
    let first = stored(&workplace);
    for renewals in [1, 2] {
        workplace.license(&["seat", "acquire"]).expect_code(0);
        assert_eq!(provider.test("count")["refresh_token"], renewals);
    }
    let second = stored(&workplace);
    assert_ne!(first["refresh_token"], second["refresh_token"], "rotated");
    workplace.license(&["seat", "release"]).expect_code(0);
    provider.revoke(second["refresh_token"].as_str().unwrap());
    let refused = workplace.license(&["seat", "acquire"]).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_EXPIRED");
    assert!(
        refused.message.contains("invalid_grant"),
        "{}",
        refused.message
    );
    assert!(refused.hint.contains("`license login`"), "{}", refused.hint);
    assert_eq!(pool(&server.administrator())["held"], 0);
}

#[test]
fn a_provider_with_another_issuer_is_refused() {
    let scratch = Scratch::new();
    let Some(provider) = LoginProvider::start(&scratch) else {
        return;
    };
    let workplace = machine(&provider);
    let other = provider.issuer.replace("127.0.0.1", "localhost");
    let set = ["config", "set", "login-issuer", &other];
    workplace.license(&set).expect_code(0);
    let refused = workplace.license(&["login"]).expect_failure(4);
    assert_eq!(refused.code, "LOGIN_PROVIDER");
    let (expected, found) = (&other, &provider.issuer);
    let part = format!("expected the issuer {expected}, found {found}");
    assert!(refused.message.contains(&part), "{}", refused.message);
}

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
    refused.expect_problem(401, "LOGIN_INVALID");

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
fn a_program_sends_the_login_with_its_requests_for_seats() {
    let Some(LoginSite {
        site,
        provider,
        server,
        workplace,
    }) = LoginSite::new()
    else {
        return;
    };
    provider.login(&workplace, "ann");
    let login = workplace.machine.read("state/login.json");
    fs::write(site.machine.state_dir().join("login.json"), login).unwrap();
    let project = site.scratch.file("project");
    fs::create_dir_all(project.join(".git")).unwrap();
    let settings = OnlineSettings::new().server(server.url());
    let acquire = |settings: &OnlineSettings| {
        let client = site.machine.builder().online(settings.clone()).build();
        client.unwrap().seat(&project).unwrap().acquire()
    };
    // The program names a server, but no provider.
    assert_eq!(acquire(&settings).unwrap_err().code(), "LOGIN_REQUIRED");
    let settings = settings
        .set(OnlineSetting::LoginIssuer, &provider.issuer)
        .unwrap();
    let settings = settings
        .set(OnlineSetting::LoginClientId, "license")
        .unwrap();
    let seat = acquire(&settings).unwrap();
    let administrator = server.administrator();
    let id = pool(&administrator)["pool"].as_str().unwrap().to_owned();
    let leases = administrator
        .get(&format!("/api/v1/pools/{id}/leases"))
        .expect(200);
    assert_eq!(leases["items"][0]["user"], ANN);
    assert!(seat.release().unwrap());
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

#[test]
fn each_answer_that_is_not_of_a_provider_has_its_own_error() {
    let start = |bytes: Vec<u8>| {
        let fake = Fake::start(move |_| bytes.clone());
        let scratch = Scratch::new();
        let dir = StateDir::at(scratch.state());
        let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
        let settings = OnlineSettings::new();
        let settings = settings.set(OnlineSetting::LoginIssuer, &fake.url).unwrap();
        let settings = settings
            .set(OnlineSetting::LoginClientId, "license")
            .unwrap();
        let error = manager.start_login(&settings).map(drop).unwrap_err();
        assert!(error.hint().is_some(), "{error}");
        error.code().to_owned()
    };
    let page = "<!DOCTYPE html><title>Log in to continue</title>";
    let cut = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    for (expected, bytes) in [
        ("LOGIN_PAGE", answer("200 OK", "text/html", page)),
        (
            "SERVER_STATUS",
            answer("500 Internal Server Error", "text/plain", "oops"),
        ),
        ("TRUNCATED_ANSWER", cut.to_vec()),
        (
            "OVERSIZED_ANSWER",
            answer("200 OK", "application/json", &"x".repeat(300 * 1024)),
        ),
        ("SERVER_UNREACHABLE", Vec::new()),
        ("LOGIN_PROVIDER", json_answer("200 OK", &json!({}))),
        (
            "LOGIN_PROVIDER",
            answer(
                "200 OK",
                "application/json",
                r#"{"issuer": "a", "issuer": "b"}"#,
            ),
        ),
        (
            "LOGIN_REFUSED",
            json_answer("400 Bad Request", &json!({"error": "invalid_client"})),
        ),
    ] {
        assert_eq!(start(bytes), expected);
    }
}

#[test]
fn a_login_needs_its_settings_and_logout_needs_none() {
    let workplace = Workplace {
        machine: Scratch::new(),
    };
    let refused = workplace.license(&["login"]).expect_failure(2);
    assert_eq!(refused.code, "LOGIN_NOT_CONFIGURED");
    assert!(
        refused.hint.contains("config set login-issuer"),
        "{}",
        refused.hint
    );
    workplace.license(&["logout"]).expect_code(0);
    // The provider is no longer configured, so its token is deleted and sent to nobody.
    let claims = "eyJpc3MiOiJodHRwczovL2EiLCJhdWQiOiJsIiwiZXhwIjoxLCJzdWIiOiJ1In0";
    let login = json!({
        "issuer": "https://a", "client_id": "l", "id_token": format!("e30.{claims}.c2ln"),
        "expires_at": 1, "refresh_token": "secret",
    });
    fs::create_dir_all(workplace.machine.state()).unwrap();
    workplace
        .machine
        .write("state/login.json", login.to_string());
    let out = workplace.license(&["logout"]).expect_code(0);
    assert!(out.stderr.contains("LOGIN_NOT_CONFIGURED"), "{out:?}");
    assert!(!out.all_output().contains("secret"));
    assert!(!workplace.machine.file("state/login.json").exists());
}
