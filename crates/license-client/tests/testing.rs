//! Tests of applications, written with the module `testing` as an application developer writes
//! them. They also show that the module uses the real code.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::thread;

use license_client::license_core::claims::Status;
use license_client::license_core::{Unverified, VerifiedLicenses, time};
use license_client::testing::{self, TestMachine, TimeDelta};
use license_client::{
    Client, ClientError, Code, FeatureMatrix, LicenseManager, Outcome, Quota, StateFile, Tier,
    UsageType,
};

/// A product of another vendor, with two tiers and a quota.
const PRINTER: &str = r#"
product = "PRINTER"
issuer = "Printer Works"
base_tier = "HOME"

[[tiers]]
name = "HOME"
features = ["print"]
quotas = { pages_per_day = 5 }

[[tiers]]
name = "SHOP"
extends = "HOME"
features = ["print_color"]
quotas = { pages_per_day = 100 }
renewal = { notify_days = 7, grace_hours = 48 }
"#;

fn code(client: &Client) -> Code {
    client.decide().unwrap().code()
}

#[test]
fn without_a_license_the_base_tier_is_in_effect() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    assert_eq!(code(&client), Code::NoLicense);
    assert!(client.allows("print").unwrap());
    assert!(!client.allows("print_color").unwrap());
    assert!(client.problems().is_empty());
}

#[test]
fn a_license_of_another_product_grants_the_features_and_quotas_of_its_tier() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    let license = machine.install(testing::license("SHOP"));
    assert_eq!(license.product().as_str(), "PRINTER");
    let decision = client.decide().unwrap();
    assert_eq!(decision.outcome(), Outcome::Licensed);
    assert_eq!(decision.entitlements().tier(), Tier::parse("SHOP").unwrap());
    assert!(client.allows("print_color").unwrap());
    let used = client.use_quota("pages_per_day", 40).unwrap();
    assert_eq!(used.remaining(), Quota::Limit(60));
    assert!(matches!(
        client.allows("print_colour"),
        Err(ClientError::UnknownFeature { .. })
    ));
}

#[test]
fn a_license_warns_before_its_end_and_ends_after_the_grace_period() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    machine.install(testing::license("SHOP").expires("2026-03-01"));
    assert!(client.decide().unwrap().warnings().is_empty());
    machine.set_clock("2026-02-25");
    assert_eq!(client.decide().unwrap().warnings().len(), 1);
    // The last day counts.
    machine.set_clock("2026-03-01T23:59:59Z");
    assert_eq!(code(&client), Code::Valid);
    machine.advance(TimeDelta::seconds(1));
    assert_eq!(client.decide().unwrap().outcome(), Outcome::Grace);
    assert!(client.allows("print_color").unwrap());
    machine.advance(TimeDelta::hours(48));
    assert_eq!(code(&client), Code::Expired);
    assert!(!client.allows("print_color").unwrap());
    assert!(client.allows("print").unwrap());
}

#[test]
fn a_license_that_has_not_started_is_not_valid_yet() {
    let machine = TestMachine::new(PRINTER);
    machine.install(testing::license("SHOP").starts("2026-02-01"));
    let client = machine.client();
    assert_eq!(client.decide().unwrap().outcome(), Outcome::Denied);
    machine.set_clock("2026-02-01");
    assert_eq!(code(&client), Code::Valid);
}

#[test]
fn setting_the_clock_back_does_not_extend_a_license() {
    let machine = TestMachine::new(PRINTER);
    machine.install(testing::license("SHOP").expires("2026-03-01"));
    let client = machine.client();
    machine.set_clock("2026-04-01");
    assert_eq!(code(&client), Code::Expired);
    machine.set_clock("2026-02-01");
    assert_eq!(code(&client), Code::Expired);
}

#[test]
fn a_node_locked_license_works_only_on_its_machine() {
    let (machine, other) = (TestMachine::new(PRINTER), TestMachine::new(PRINTER));
    let locked = || testing::license("SHOP").machine(machine.id());
    machine.install(locked());
    other.install(locked());
    assert_eq!(code(&machine.client()), Code::Valid);
    assert_eq!(code(&other.client()), Code::MachineMismatch);
}

#[test]
fn a_copied_state_directory_does_not_work_on_another_machine() {
    let (machine, other) = (TestMachine::new(PRINTER), TestMachine::new(PRINTER));
    assert!(
        machine
            .client()
            .use_quota("pages_per_day", 5)
            .unwrap()
            .granted
    );
    fs::create_dir(other.state_dir()).unwrap();
    let quota = StateFile::Quota.as_str();
    fs::copy(
        machine.state_dir().join(quota),
        other.state_dir().join(quota),
    )
    .unwrap();
    let client = other.client();
    assert!(
        client
            .problem()
            .unwrap()
            .contains("belongs to another machine")
    );
}

#[test]
fn a_quota_refills_at_midnight() {
    let machine = TestMachine::new(PRINTER);
    machine.set_clock("2026-01-01T23:59:59Z");
    let client = machine.client();
    assert!(client.use_quota("pages_per_day", 5).unwrap().granted);
    let refused = client.use_quota("pages_per_day", 1).unwrap();
    assert!(!refused.granted);
    assert_eq!(
        refused.refills_at,
        time::parse_instant("2026-01-02").unwrap()
    );
    machine.advance(TimeDelta::seconds(1));
    assert!(client.use_quota("pages_per_day", 5).unwrap().granted);
}

#[test]
fn threads_never_use_more_than_a_quota() {
    let machine = TestMachine::new(PRINTER);
    let granted = thread::scope(|scope| {
        let use_once = || machine.client().use_quota("pages_per_day", 1).unwrap();
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(use_once)).collect();
        let uses = threads.into_iter().map(|thread| thread.join().unwrap());
        uses.filter(|used| used.granted).count()
    });
    assert_eq!(granted, 5);
}

#[test]
fn a_revoked_license_is_denied_from_the_time_of_the_revocation() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    let license = machine.install(testing::license("SHOP"));
    machine.install(testing::revocation_list().revoke_from(license.id(), "2026-02-01"));
    assert_eq!(code(&client), Code::Valid);
    machine.set_clock("2026-02-01");
    assert_eq!(code(&client), Code::Revoked);
    // The newer list has no entry, so the revocation is withdrawn.
    machine.install(testing::revocation_list());
    assert_eq!(code(&client), Code::Valid);
}

#[test]
fn a_license_that_must_check_in_ends_without_validation_tokens() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    let every_day = testing::license("SHOP").check_in(TimeDelta::days(1), TimeDelta::days(3));
    let license = machine.install(every_day);
    assert_eq!(code(&client), Code::Valid);
    machine.advance(TimeDelta::days(2));
    assert_eq!(client.decide().unwrap().outcome(), Outcome::Grace);
    machine.install(testing::validation(&license));
    assert_eq!(code(&client), Code::Valid);
    machine.install(testing::validation(&license).machine(machine.id()));
    machine.advance(TimeDelta::days(4));
    assert_eq!(client.decide().unwrap().outcome(), Outcome::Denied);
    machine.install(testing::validation(&license).status(Status::Suspended));
    assert_eq!(code(&client), Code::Suspended);
}

#[test]
fn a_license_can_require_an_activation() {
    let (machine, other) = (TestMachine::new(PRINTER), TestMachine::new(PRINTER));
    let license = machine.install(testing::license("SHOP").must_activate());
    assert_eq!(code(&machine.client()), Code::NotActivated);
    let activation = machine.activate(&license);
    assert_eq!(activation.machine().digest(), machine.id().digest());
    assert_eq!(code(&machine.client()), Code::Valid);
    other.install(testing::license("SHOP").must_activate());
    assert_eq!(code(&other.client()), Code::NotActivated);
}

#[test]
fn a_license_can_restrict_what_the_application_states() {
    let machine = TestMachine::new(PRINTER);
    machine.install(
        testing::license("SHOP")
            .user("ann")
            .max_version("<3")
            .maintenance_until("2026-06-30")
            .usage_type(UsageType::Runtime),
    );
    let runtime = || machine.builder().usage_type(UsageType::Runtime);
    let release = |version: &str, date: &str, user: &str| {
        let client = runtime().app_version(version).build_date(date).user(user);
        code(&client.build().unwrap())
    };
    assert_eq!(release("2.4.0", "2026-06-30", "ann"), Code::Valid);
    assert_eq!(release("2.4.0", "2026-06-30", "bob"), Code::UserMismatch);
    assert_eq!(
        release("3.0.0", "2026-06-30", "ann"),
        Code::VersionNotCovered
    );
    assert_ne!(release("2.4.0", "2026-07-01", "ann"), Code::Valid);
    let missing = machine.client().decide();
    assert!(matches!(missing, Err(ClientError::MissingContext { .. })));
}

#[test]
fn a_license_can_differ_from_its_tier() {
    let machine = TestMachine::new(PRINTER);
    machine.install(
        testing::license("HOME")
            .add_feature("scan")
            .remove_feature("print")
            .quota("pages_per_day", Quota::Unlimited)
            .draft(|draft| draft.customer = "ACME Ltd".to_owned()),
    );
    let client = machine.client();
    assert!(client.allows("scan").unwrap());
    assert!(!client.allows("print").unwrap());
    assert!(client.use_quota("pages_per_day", 1000).unwrap().granted);
    let decision = client.decide().unwrap();
    assert_eq!(decision.license().unwrap().customer(), "ACME Ltd");
}

#[test]
fn a_later_license_replaces_an_earlier_one_and_can_be_removed() {
    let machine = TestMachine::new(PRINTER);
    let client = machine.client();
    machine.install(testing::license("SHOP"));
    machine.install(testing::license("HOME"));
    assert!(!client.allows("print_color").unwrap());
    machine.remove_license();
    assert_eq!(code(&client), Code::NoLicense);
}

#[test]
fn a_damaged_license_is_reported() {
    let machine = TestMachine::new(PRINTER);
    machine.install(testing::license("SHOP"));
    let client = machine.client();
    let file = machine.state_dir().join(StateFile::License.as_str());
    fs::write(file, "noise").unwrap();
    client.reload();
    assert_eq!(code(&client), Code::NoLicense);
    assert!(client.problem().unwrap().contains("quarantined"));
}

#[test]
fn a_service_verifies_tokens_without_a_machine() {
    let license = || testing::license("SHOP").product(PRINTER).user("ann");
    let token = license().issued("2026-05-01").token();
    let parsed = Unverified::parse(&token).unwrap();
    let verified = parsed.verify(&testing::trust()).unwrap();
    assert_eq!(
        verified.issued_at(),
        Some(time::parse_instant("2026-05-01").unwrap())
    );
    let matrix = FeatureMatrix::parse(PRINTER).unwrap();
    let file = license().file();
    assert!(VerifiedLicenses::verify(&file, &testing::trust(), &matrix).is_ok());
    assert_ne!(license().issue().id(), license().issue().id());
}

#[test]
fn a_program_that_does_not_trust_the_test_vendor_refuses_its_licenses() {
    const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");
    let keys = license_client::TrustSet::parse(TRUST).unwrap();
    let machine = TestMachine::new(PRINTER);
    machine.install(testing::license("SHOP"));
    let client = Client::builder(keys)
        .product(PRINTER)
        .state_dir(machine.state_dir());
    let client = client.build().unwrap();
    assert_eq!(code(&client), Code::NoLicense);
    assert!(client.problem().unwrap().contains("trusted"));
}

#[test]
fn a_machine_leaves_nothing_behind_and_does_not_touch_the_home_directory() {
    let machine = TestMachine::new(PRINTER);
    let home = LicenseManager::for_current_user(machine.product().product());
    let home = home.state_dir().map(|dir| dir.path().to_owned());
    machine.install(testing::license("SHOP").machine(machine.id()));
    let client = machine.client();
    assert_eq!(code(&client), Code::Valid);
    assert!(client.session(env!("CARGO_MANIFEST_DIR")).is_ok());
    let directory = machine.state_dir();
    assert!(directory.is_dir());
    assert_eq!(client.manager().state_dir().unwrap().path(), directory);
    drop(client);
    drop(machine);
    assert!(!directory.exists() && !directory.parent().unwrap().exists());
    assert!(!home.is_some_and(|home| home.exists()));
}

#[test]
#[should_panic(expected = "product PRINTER has no tier \"PRO\"; its tiers are HOME, SHOP")]
fn an_unknown_tier_panics_with_the_tiers_of_the_product() {
    TestMachine::new(PRINTER).install(testing::license("PRO"));
}

#[test]
#[should_panic(expected = "license(\"PRO\") has no product; call `product`")]
fn a_token_without_a_product_panics_with_the_remedy() {
    let _ = testing::license("PRO").token();
}

#[test]
#[should_panic(expected = "cannot use the time")]
fn a_malformed_date_panics() {
    let _ = testing::license("PRO").expires("1 March 2027");
}
