//! The flow of a validation: fresh, cached, in the grace period, and after it.

use std::sync::Arc;

use license_client::license_core::chrono::TimeDelta;
use license_client::license_core::claims::Status;
use license_client::{Client, Code, OnlineSettings, OnlineStatus, Outcome};
use serde_json::{Value, json};

use super::fake::{Fake, Licensed, json_answer, judgment};

fn outcome(client: &Client) -> (Outcome, Code) {
    let decision = client.decide().unwrap();
    (decision.outcome(), decision.code())
}

/// Returns a server that cannot be reached.
fn no_server() -> OnlineSettings {
    Fake::start(|_| Vec::new()).settings()
}

#[test]
fn a_validation_younger_than_a_day_is_used_without_a_request() {
    let licensed = Licensed::new();
    let fake = licensed.valid_server();
    let client = licensed.client(fake.settings());
    assert!(matches!(
        *client.online_status(),
        OnlineStatus::Validated(_)
    ));
    assert_eq!(fake.received().len(), 1);
    licensed.machine.advance(TimeDelta::hours(23));
    let client = licensed.client(fake.settings());
    assert!(matches!(
        *client.online_status(),
        OnlineStatus::Cached { .. }
    ));
    assert_eq!(fake.received().len(), 1, "the validation is recent");
    licensed.machine.advance(TimeDelta::hours(2));
    let later = licensed.valid_server();
    let client = licensed.client(later.settings());
    assert!(matches!(
        *client.online_status(),
        OnlineStatus::Validated(_)
    ));
    assert_eq!(
        later.received().len(),
        1,
        "the validation is older than a day"
    );
    assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
}

#[test]
fn an_unreachable_server_leaves_the_cached_license_valid_through_its_grace_period() {
    let licensed = Licensed::new();
    let client = licensed.client(licensed.valid_server().settings());
    assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
    licensed.machine.advance(TimeDelta::days(9));
    let client = licensed.client(no_server());
    assert_eq!(
        client.online_status().warning().unwrap(),
        "Cloud validation unavailable. Using the cached license, valid for 5 more days."
    );
    assert_eq!(outcome(&client), (Outcome::Grace, Code::GraceOffline));
    assert!(client.allows("edit").unwrap());
    licensed.machine.advance(TimeDelta::days(6));
    let client = licensed.client(no_server());
    assert_eq!(
        client.online_status().warning().unwrap(),
        "Cloud validation unavailable. The cached license is no longer valid."
    );
    assert_eq!(outcome(&client), (Outcome::Denied, Code::CheckInOverdue));
    assert!(!client.allows("edit").unwrap() && client.allows("view").unwrap());
    // A server that is reached again ends this.
    let client = licensed.client(licensed.valid_server().settings());
    assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
}

#[test]
fn an_unsigned_judgment_changes_nothing_and_is_no_check_in() {
    let licensed = Licensed::new();
    drop(licensed.client(licensed.valid_server().settings()));
    licensed.machine.advance(TimeDelta::days(9));
    let fake = Fake::start(|_| json_answer("200 OK", &judgment(false, None)));
    let client = licensed.client(fake.settings());
    let status = client.online_status();
    let OnlineStatus::Refused { verdict, .. } = &*status else {
        panic!("{status:?}");
    };
    assert!(!verdict.is_valid && !verdict.is_signed);
    assert_eq!(
        status.warning().unwrap(),
        "The license server calls the license invalid (EXPIRED: expected a license in effect, \
         found one that has ended). Using the cached license, valid for 5 more days."
    );
    assert_eq!(outcome(&client), (Outcome::Grace, Code::GraceOffline));
    let verdict = client.validate().unwrap();
    assert_eq!(
        (verdict.is_valid, verdict.code.as_str()),
        (false, "EXPIRED")
    );
    licensed.machine.advance(TimeDelta::days(6));
    let client = licensed.client(fake.settings());
    assert_eq!(outcome(&client), (Outcome::Denied, Code::CheckInOverdue));
}

#[test]
fn a_signed_revocation_ends_the_license_at_once_and_a_later_validation_lifts_it() {
    let licensed = Licensed::new();
    drop(licensed.client(licensed.valid_server().settings()));
    licensed.machine.advance(TimeDelta::days(1));
    let (key, now) = (Arc::clone(&licensed.key), licensed.machine.now());
    let fake = Fake::start(move |request| key.judge(request, now, Status::Revoked));
    let client = licensed.client(fake.settings());
    let status = client.online_status();
    let OnlineStatus::Validated(verdict) = &*status else {
        panic!("{status:?}");
    };
    assert!(!verdict.is_valid && verdict.is_signed);
    assert_eq!(outcome(&client), (Outcome::Denied, Code::Revoked));
    // The denial is stored, and counts without a server too.
    let client = licensed.client(no_server());
    assert_eq!(outcome(&client), (Outcome::Denied, Code::Revoked));
    licensed.machine.advance(TimeDelta::hours(1));
    let client = licensed.client(licensed.valid_server().settings());
    assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
}

#[test]
fn a_license_without_check_in_never_asks_a_server_by_itself() {
    let licensed = Licensed::offline();
    let fake = licensed.valid_server();
    let client = licensed.client(fake.settings());
    assert!(matches!(
        *client.refresh_online(),
        OnlineStatus::NotRequired
    ));
    assert!(fake.received().is_empty());
    assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
    // The user can ask for a judgment.
    assert!(client.validate().unwrap().is_valid);
    assert_eq!(fake.received().len(), 1);
}

#[test]
fn a_program_without_a_server_or_with_wrong_settings_starts() {
    let licensed = Licensed::new();
    let client = licensed.client(OnlineSettings::new());
    assert!(matches!(*client.online_status(), OnlineStatus::NotRequired));
    assert_eq!(client.validate().unwrap_err().code(), "NO_SERVER");
    for settings in [
        OnlineSettings::new().server("ftp://x"),
        OnlineSettings::new()
            .server("https://a.example")
            .ca_file("/no/such/file.pem"),
    ] {
        let client = licensed.client(settings);
        let status = client.online_status();
        assert_eq!(
            status.error().unwrap().code(),
            "ONLINE_SETTING",
            "{status:?}"
        );
        assert_eq!(outcome(&client), (Outcome::Licensed, Code::Valid));
    }
}

#[test]
fn a_request_contains_only_what_the_documentation_names() {
    let licensed = Licensed::new();
    let fake = licensed.valid_server();
    drop(licensed.client(fake.settings()));
    let request = &fake.received()[0];
    assert_eq!(
        (request.method.as_str(), request.path.as_str()),
        ("POST", "/api/v1/licenses/validate")
    );
    let members: Vec<&String> = request.body.as_object().unwrap().keys().collect();
    assert_eq!(members, ["license_key", "machine_id", "nonce"]);
    let key = licensed.license.standard_key().unwrap().to_string();
    assert_eq!(request.text("license_key"), key);
    let digest = licensed.machine.manager().digest().unwrap().to_string();
    assert_eq!(request.text("machine_id"), digest);
    let mut names: Vec<&str> = request
        .headers
        .iter()
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "accept",
            "content-length",
            "content-type",
            "host",
            "idempotency-key",
            "user-agent"
        ]
    );
    let version = concat!("license-client/", env!("CARGO_PKG_VERSION"));
    assert_eq!(request.header("user-agent"), version);
}

#[test]
fn a_renewal_on_the_server_is_installed() {
    let licensed = Licensed::new();
    let renewal = {
        let old = licensed.license.id().clone();
        let confirmation = licensed.license.claims().confirmation.clone();
        let renewal = license_client::testing::license("SHOP").product(licensed.machine.product());
        renewal.draft(move |draft| {
            draft.supersedes = vec![old];
            draft.confirmation = confirmation;
        })
    };
    let token = renewal.token();
    let (key, now) = (Arc::clone(&licensed.key), licensed.machine.now());
    let fake = Fake::start(move |request| {
        let (machine, nonce) = (request.text("machine_id"), request.text("nonce"));
        let validation = key.validation(machine, nonce, now, Status::Active);
        let mut body = judgment(true, Some(&validation));
        body["renewal"] = json!(token);
        json_answer("200 OK", &body)
    });
    let client = licensed.client(fake.settings());
    let status = client.online_status();
    let OnlineStatus::Validated(verdict) = &*status else {
        panic!("{status:?}");
    };
    let renewal = verdict.renewal.clone().unwrap();
    let decision = client.decide().unwrap();
    assert_eq!(decision.license().unwrap().id(), &renewal);
    assert_eq!(decision.code(), Code::Valid);
    let shown: Value = serde_json::to_value(verdict).unwrap();
    assert_eq!(shown["renewal"], renewal.to_string());
}
