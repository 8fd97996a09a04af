use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::FeatureMatrix;
use license_core::chrono::TimeDelta;
use serde_json::{Value, json};

use super::super::setting::OnlineSetting;
use super::provider::LoginGrant;
use super::*;
use crate::state_dir::{StateDir, StateFile};

const ISSUER: &str = "https://login.acme.example";

/// Returns an unsigned ID token that ends after a time, with other claims.
fn token(left: TimeDelta, other: &Value) -> String {
    let mut claims = json!({
        "iss": ISSUER, "aud": "license", "sub": "u1", "email": "ann@acme.example",
        "exp": (clock::now() + left).timestamp(),
    });
    let members = other.as_object().unwrap().clone();
    claims.as_object_mut().unwrap().extend(members);
    format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn settings() -> OnlineSettings {
    let settings = OnlineSettings::new().server("https://licenses.acme.example");
    let settings = settings.set(OnlineSetting::LoginIssuer, ISSUER).unwrap();
    settings
        .set(OnlineSetting::LoginClientId, "license")
        .unwrap()
}

/// A manager with a login that ends after a time.
fn logged_in(left: TimeDelta) -> (tempfile::TempDir, LicenseManager) {
    let scratch = tempfile::tempdir().unwrap();
    let dir = StateDir::at(scratch.path().join("state"));
    let manager = LicenseManager::at(FeatureMatrix::built_in().product(), dir);
    let provider = Provider::new(&manager.resolve_online(&settings()).unwrap());
    let grant = LoginGrant {
        id_token: token(left, &json!({})),
        refresh_token: None,
    };
    let login = StoredLogin::new(&provider.unwrap().unwrap(), grant);
    let store = manager.readable_paths().user();
    file::write(&store.lock().unwrap(), &login).unwrap();
    (scratch, manager)
}

/// Returns the ID token that requests get with these settings.
fn sent(manager: &LicenseManager, settings: &OnlineSettings) -> Result<bool, OnlineError> {
    let store = manager.readable_paths().user().clone();
    let login = RequestLogin::new(&manager.resolve_online(settings)?, store)?;
    Ok(login.token()?.is_some())
}

#[test]
fn a_stored_login_is_readable_for_its_user_only_and_never_printed() {
    let (_scratch, manager) = logged_in(TimeDelta::hours(1));
    let store = manager.readable_paths().user();
    let stored = file::read(store).unwrap().unwrap();
    let text = format!("{stored:?}");
    assert!(!text.contains("e30") && text.contains(ISSUER), "{text}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let path = store.dir().file(StateFile::Login);
        let mode = fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let status = manager.login_status(&settings()).unwrap().unwrap();
    assert_eq!(status.name(), "ann@acme.example");
    assert!(!status.is_renewable);
}

#[test]
fn a_damaged_file_counts_as_no_login_and_logout_removes_it() {
    let (_scratch, manager) = logged_in(TimeDelta::hours(1));
    let path = manager.readable_paths().user().dir().file(StateFile::Login);
    for damaged in ["", "{}", "[]", r#"{"issuer": 1}"#, "\u{0}"] {
        fs::write(&path, damaged).unwrap();
        assert_eq!(
            manager.login_status(&settings()).unwrap(),
            None,
            "{damaged}"
        );
    }
    let outcome = manager.logout(&settings()).unwrap();
    assert!(matches!(outcome, LogoutOutcome::NotLoggedIn));
    assert!(!path.exists());
}

#[test]
fn only_configured_servers_get_the_login_and_only_that_of_the_configured_provider() {
    let (_scratch, manager) = logged_in(TimeDelta::hours(1));
    assert!(sent(&manager, &settings()).unwrap());
    let other = settings()
        .set(OnlineSetting::LoginClientId, "another")
        .unwrap();
    let refused = |settings: &OnlineSettings| {
        let error = sent(&manager, settings).unwrap_err();
        assert_eq!(error.code(), "LOGIN_OTHER_PROVIDER", "{error}");
        // The status agrees with the requests.
        let status = manager.login_status(settings).unwrap_err();
        assert_eq!(status.to_string(), error.to_string());
    };
    refused(&other);
    let other = settings().set(OnlineSetting::LoginIssuer, "https://other.example");
    refused(&other.unwrap());
    // The provider is in the file of the user, and only an option names the server.
    manager
        .set_online(OnlineSetting::LoginIssuer, Some(ISSUER))
        .unwrap();
    manager
        .set_online(OnlineSetting::LoginClientId, Some("license"))
        .unwrap();
    let option = OnlineSettings::new().server("https://elsewhere.example");
    assert!(!sent(&manager, &option).unwrap());
    let url = Some("https://licenses.acme.example");
    manager.set_online(OnlineSetting::ServerUrl, url).unwrap();
    assert!(sent(&manager, &OnlineSettings::new()).unwrap());
    let same = OnlineSettings::new().server("https://licenses.acme.example/");
    assert!(
        sent(&manager, &same).unwrap(),
        "the settings name this server"
    );
    let more = same.server("https://elsewhere.example");
    assert!(!sent(&manager, &more).unwrap());
}

#[test]
fn an_expired_login_that_cannot_be_renewed_is_an_error_and_not_sent() {
    for left in [TimeDelta::seconds(-1), TimeDelta::seconds(59)] {
        let (_scratch, manager) = logged_in(left);
        let error = sent(&manager, &settings()).unwrap_err();
        assert_eq!(error.code(), "LOGIN_EXPIRED");
        assert!(!error.is_unreachable());
        let status = manager.login_status(&settings()).unwrap_err();
        assert_eq!(status.code(), "LOGIN_EXPIRED");
    }
    let (_scratch, manager) = logged_in(TimeDelta::seconds(90));
    assert!(sent(&manager, &settings()).unwrap());
}

#[test]
fn an_id_token_must_be_from_the_provider_and_for_this_program() {
    let check = |other: Value| {
        let claims = id_token::IdClaims::read(&token(TimeDelta::hours(1), &other))?;
        claims.check(ISSUER, "license")
    };
    assert_eq!(check(json!({})), Ok(()));
    assert_eq!(check(json!({"aud": ["other", "license"]})), Ok(()));
    for (other, expected) in [
        (json!({"aud": "other"}), "for license"),
        (json!({"aud": []}), "for license"),
        (json!({"iss": "https://login.acme.example/"}), "of https"),
        (json!({"iss": 1}), "claims"),
        (json!({"exp": "soon"}), "claims"),
    ] {
        let error = check(other).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
    for text in [
        "",
        "e30",
        "e30.e30",
        "e30.e30.x.y",
        "e30.===.x",
        "e30.e30.x",
    ] {
        assert!(id_token::IdClaims::read(text).is_err(), "{text}");
    }
}

#[test]
fn a_clock_that_differs_from_that_of_the_provider_changes_no_lifetime() {
    let now = clock::now();
    for skew in [TimeDelta::hours(-5), TimeDelta::zero(), TimeDelta::hours(5)] {
        let issued = (now + skew).timestamp();
        let other = json!({"iat": issued, "exp": issued + 300});
        let claims = id_token::IdClaims::read(&token(TimeDelta::zero(), &other)).unwrap();
        assert_eq!(claims.expires_at(now), now.timestamp() + 300);
    }
}
