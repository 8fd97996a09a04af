//! `license login` at a real OpenID provider, and a real `license-server` that requires it.
#![cfg(unix)]

use std::fs;

use license_client::{FeatureMatrix, LicenseManager, OnlineSetting, OnlineSettings, StateDir};
use license_tests::Scratch;
use serde_json::json;

use super::fake::{Fake, answer, json_answer};
use super::provider::{ANN, LoginProvider, LoginSite, RunningLogin, assert_no_token, stored};
use super::site::pool;
use super::workplace::{Workplace, signal};

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
    // Only the configured server gets the login.
    let other_name = server.url().replace("127.0.0.1", "localhost");
    let elsewhere = ["seat", "acquire", "--server-url", other_name.as_str()];
    let refused = workplace.license(&elsewhere).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_REQUIRED");
    assert!(refused.hint.contains("--server-url"), "{}", refused.hint);

    let same = ["seat", "acquire", "--server-url", server.url()];
    let acquired = workplace.license(&same).expect_code(0);
    assert_no_token(&tokens, &acquired);
    // The status agrees with what a request would send.
    let client_id = |id: &str| {
        let set = ["config", "set", "login-client-id", id];
        workplace.license(&set).expect_code(0);
    };
    client_id("another");
    let status = workplace.license(&["login", "--status"]).expect_failure(1);
    assert_eq!(status.code, "LOGIN_OTHER_PROVIDER");
    client_id("license");
    let id = pool(&administrator)["pool"].as_str().unwrap().to_owned();
    let leases = administrator
        .get(&format!("/api/v1/pools/{id}/leases"))
        .expect(200);
    assert_eq!(leases["items"][0]["user"], ANN);
    let other = ["seat", "acquire", "--user", "bob@acme.example"];
    let refused = workplace.license(&other).expect_failure(1);
    assert_eq!(refused.code, "LOGIN_MISMATCH");
    // The renewal of a held seat needs no login.
    let _ = workplace.license(&elsewhere).expect_code(0);

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
    let part = format!("it calls itself {found}, but `login-issuer` is {expected}");
    assert!(refused.message.contains(&part), "{}", refused.message);
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
    // The provider is no longer configured, so its token is deleted and not sent.
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
