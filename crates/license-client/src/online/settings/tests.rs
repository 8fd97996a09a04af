use super::*;
use crate::state_dir::{StateDir, StateFile};
use crate::store::Store;

/// Two directories with settings files.
struct Files {
    _scratch: tempfile::TempDir,
    paths: Paths,
}

fn files(user: &str, administrator: &str) -> Files {
    let scratch = tempfile::tempdir().unwrap();
    let directory = |name: &str, text: &str| {
        let dir = StateDir::at(scratch.path().join(name));
        let store = Store::new(dir.clone());
        if !text.is_empty() {
            let lock = store.lock().unwrap();
            lock.write(StateFile::Online, text.as_bytes()).unwrap();
        }
        dir
    };
    let administrator = directory("administrator", administrator);
    let paths = Paths::at(directory("user", user)).system_dir(administrator);
    Files {
        _scratch: scratch,
        paths,
    }
}

fn resolve(
    options: &OnlineSettings,
    files: &Files,
    environment: &[(&str, &str)],
) -> Result<Resolved, OnlineError> {
    options.resolve("SHOP", &files.paths, |name| {
        let found = environment.iter().find(|(other, _)| *other == name);
        found.map(|(_, value)| value.into())
    })
}

fn first_server(resolved: Result<Resolved, OnlineError>) -> (String, OnlineSource) {
    let value = resolved.unwrap().shown(OnlineSetting::ServerUrl);
    (value.value.unwrap_or_default(), value.source)
}

#[test]
fn the_program_comes_before_the_environment_and_the_user_before_the_administrator() {
    let both = files(
        "server-url = \"https://user.example\"",
        "server-url = \"https://admin.example\"\ntimeout = 7",
    );
    let one = files("", "server-url = [\"https://admin.example\"]");
    let none = files("", "");
    let option = OnlineSettings::new().server("https://option.example");
    let variable = [("SHOP_LICENSE_SERVER", "https://variable.example")];
    let empty = [("SHOP_LICENSE_SERVER", "")];
    let unset = OnlineSettings::new();
    for (resolved, expected) in [
        (resolve(&option, &both, &variable), "https://option.example"),
        (
            resolve(&unset, &both, &variable),
            "https://variable.example",
        ),
        (resolve(&unset, &both, &empty), "https://user.example"),
        (resolve(&unset, &one, &[]), "https://admin.example"),
        (resolve(&unset, &none, &[]), ""),
    ] {
        assert_eq!(first_server(resolved).0, expected);
    }
    // Each setting has its own place.
    assert_eq!(
        resolve(&option, &both, &[]).unwrap().timeout(),
        Duration::from_secs(7)
    );
    assert_eq!(resolve(&unset, &none, &[]).unwrap().timeout(), TIMEOUT);
    let (_, source) = first_server(resolve(&unset, &one, &[]));
    let path = one.paths.system().unwrap().dir().file(StateFile::Online);
    assert_eq!(source, OnlineSource::Administrator(path));
    let missing = resolve(&unset, &none, &[]).unwrap().servers();
    assert!(matches!(missing, Err(OnlineError::NoServer)));
}

#[test]
fn an_invalid_value_is_refused_with_its_place_and_never_ignored() {
    let none = files("", "");
    for (name, value) in [
        ("SHOP_LICENSE_SERVER", "ftp://a.example"),
        (
            "SHOP_LICENSE_SERVER",
            "https://a.example, https://ann:secret@b.example",
        ),
        ("SHOP_LICENSE_SERVER", " "),
        ("SHOP_LICENSE_SERVER_TIMEOUT", "0"),
        ("SHOP_LICENSE_SERVER_TIMEOUT", "301"),
        ("SHOP_LICENSE_SERVER_TIMEOUT", "NaN"),
        ("SHOP_LICENSE_SERVER_CONNECT_TIMEOUT", "fast"),
        ("SHOP_LICENSE_SERVER_CA_FILE", "relative.pem"),
        ("SHOP_LICENSE_SERVER_ALLOW_HTTP", "yes"),
        ("SHOP_LICENSE_SERVER_ENROLLMENT_TOKEN", "secret with spaces"),
    ] {
        let error = resolve(&OnlineSettings::new(), &none, &[(name, value)]);
        let error = error
            .err()
            .unwrap_or_else(|| panic!("{name}={value} is accepted"));
        let text = error.to_string();
        assert!(text.contains(name) && text.contains("expected"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert_eq!(error.code(), "ONLINE_SETTING");
    }
}

#[test]
fn http_to_another_machine_needs_a_setting() {
    let none = files("", "");
    let servers = |settings: OnlineSettings| {
        let resolved = resolve(&settings, &none, &[]).unwrap();
        resolved.servers().map(|servers| servers.len())
    };
    let http = || OnlineSettings::new().server("http://a.example");
    assert!(matches!(servers(http()), Err(OnlineError::Setting { .. })));
    assert_eq!(servers(http().allow_http(true)).unwrap(), 1);
    let local = OnlineSettings::new().server("http://127.0.0.1:8443");
    assert_eq!(servers(local).unwrap(), 1);
}

#[test]
fn a_secret_is_neither_shown_nor_printed() {
    let none = files("", "");
    let settings = OnlineSettings::new().enrollment_token("very-secret");
    assert!(!format!("{settings:?}").contains("very-secret"));
    let resolved = resolve(&settings, &none, &[]).unwrap();
    let shown = resolved.shown(OnlineSetting::EnrollmentToken);
    assert_eq!(shown.value.as_deref(), Some("***"));
    assert_eq!(
        resolved.get(OnlineSetting::EnrollmentToken).unwrap().0,
        "very-secret"
    );
}

#[test]
fn a_stored_setting_is_read_again_and_can_be_removed() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = StateDir::at(scratch.path().join("state"));
    let matrix = license_core::FeatureMatrix::built_in();
    let manager = LicenseManager::at(matrix.product(), dir);
    let url = Some("https://a.example, https://b.example");
    let path = manager.set_online(OnlineSetting::ServerUrl, url).unwrap();
    manager
        .set_online(OnlineSetting::Timeout, Some("2"))
        .unwrap();
    assert!(
        manager
            .set_online(OnlineSetting::Timeout, Some("soon"))
            .is_err()
    );
    let values = manager.online_values(&OnlineSettings::new()).unwrap();
    let shown = |setting| {
        values
            .iter()
            .find(|value| value.setting == setting)
            .unwrap()
    };
    let servers = shown(OnlineSetting::ServerUrl);
    assert_eq!(
        servers.value.as_deref(),
        Some("https://a.example https://b.example")
    );
    assert_eq!(servers.source, OnlineSource::User(path.clone()));
    assert_eq!(shown(OnlineSetting::Timeout).value.as_deref(), Some("2"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    manager.set_online(OnlineSetting::ServerUrl, None).unwrap();
    manager.set_online(OnlineSetting::Timeout, None).unwrap();
    assert!(!path.exists());
}

#[test]
fn each_place_can_forbid_telemetry_and_none_can_permit_it_again() {
    let forbidden = "forbid-telemetry = true";
    let permitted = "forbid-telemetry = false";
    let option = OnlineSettings::new().forbid_telemetry(false);
    let variable = |value| [("SHOP_LICENSE_SERVER_FORBID_TELEMETRY", value)];
    let by_administrator = files(permitted, forbidden);
    let resolved = resolve(&option, &by_administrator, &variable("false")).unwrap();
    let system = by_administrator.paths.system().unwrap();
    let path = system.dir().file(StateFile::Online);
    assert_eq!(
        resolved.telemetry_forbidden_by(),
        Some(&OnlineSource::Administrator(path))
    );
    let by_user = files(forbidden, permitted);
    let resolved = resolve(&option, &by_user, &[]).unwrap();
    let forbidden_by = resolved.telemetry_forbidden_by();
    assert!(matches!(forbidden_by, Some(OnlineSource::User(_))));
    let permitted = files(permitted, permitted);
    let resolved = resolve(&option, &permitted, &variable("true")).unwrap();
    let forbidden_by = resolved.telemetry_forbidden_by();
    assert!(matches!(forbidden_by, Some(OnlineSource::Variable(_))));
    let program = OnlineSettings::new().forbid_telemetry(true);
    let resolved = resolve(&program, &permitted, &variable("false")).unwrap();
    let forbidden_by = resolved.telemetry_forbidden_by();
    assert_eq!(forbidden_by, Some(&OnlineSource::Option));
    let resolved = resolve(&option, &permitted, &[]).unwrap();
    assert_eq!(resolved.telemetry_forbidden_by(), None);
}

#[test]
fn the_provider_of_logins_needs_https_outside_loopback_whatever_allow_http_says() {
    let set = |setting, value| OnlineSettings::new().allow_http(true).set(setting, value);
    for (setting, value, is_accepted) in [
        (
            OnlineSetting::LoginIssuer,
            "https://login.acme.example/realms/a",
            true,
        ),
        (OnlineSetting::LoginIssuer, "http://127.0.0.1:3000", true),
        (
            OnlineSetting::LoginIssuer,
            "http://login.acme.example",
            false,
        ),
        (OnlineSetting::LoginIssuer, "login.acme.example", false),
        (
            OnlineSetting::LoginIssuer,
            "https://a.example https://b.example",
            false,
        ),
        (OnlineSetting::LoginClientId, "license-cli", true),
        (OnlineSetting::LoginClientId, "license cli", false),
        (OnlineSetting::LoginScopes, "openid profile", true),
        (OnlineSetting::LoginScopes, "profile", false),
        (OnlineSetting::LoginScopes, "openid  profile", false),
    ] {
        assert_eq!(
            set(setting, value).is_ok(),
            is_accepted,
            "{setting} {value}"
        );
    }
}

#[test]
fn a_program_can_check_its_settings_where_it_makes_them() {
    let of = |url: &str| OnlineSettings::new().server(url);
    let (here, elsewhere) = ("http://127.0.0.1:8443", "http://a.example");
    for (settings, refused) in [
        (OnlineSettings::new(), None),
        (of("https://a.example").server("https://b.example"), None),
        (of("foo"), Some("text without https://")),
        (
            of("https://a.example").server("foo"),
            Some("text without https://"),
        ),
        (of(""), Some("\"\"")),
        // The user or the administrator may permit it.
        (of(elsewhere), None),
        (of(elsewhere).allow_http(true), None),
        (
            of(elsewhere).allow_http(false),
            Some("http to another machine"),
        ),
        (of(here).allow_http(false), None),
        (
            OnlineSettings::new().timeout(Duration::from_secs(300)),
            None,
        ),
        (
            OnlineSettings::new().timeout(Duration::from_secs(301)),
            Some("\"301\""),
        ),
        (
            OnlineSettings::new().ca_file("acme.pem"),
            Some("\"acme.pem\""),
        ),
        (
            OnlineSettings::new().enrollment_token("two words"),
            Some("9 bytes"),
        ),
    ] {
        let found = settings.check().err().map(|error| match error {
            OnlineError::Setting { found, .. } => found,
            other => panic!("{other}"),
        });
        assert_eq!(found.as_deref(), refused);
    }
}
