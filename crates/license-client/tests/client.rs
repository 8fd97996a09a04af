//! The entry point of an application: which values the builder accepts, and which mistakes in a
//! program are errors.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::fs;

use license_client::testing::{self, TestMachine};
use license_client::{
    BuildError, Client, ClientBuilder, ClientError, Code, ContextValue, FeatureMatrix, Outcome,
    Quota, StateFile, TrustSet, UsageType, Version,
};
use license_core::issue::LicenseDraft;
use license_core::{VersionReq, time};

const WIDGET: &str = include_str!("../fixtures/widget.toml");

/// A directory for sessions.
const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

fn unlicensed() -> TestMachine {
    TestMachine::new(WIDGET)
}

/// Returns a machine with a license of tier SHOP.
fn licensed(change: impl FnOnce(&mut LicenseDraft) + 'static) -> TestMachine {
    let machine = unlicensed();
    machine.install(testing::license("SHOP").without_check_in().draft(change));
    machine
}

/// Returns the missing value of an error.
fn missing<T>(result: Result<T, ClientError>) -> ContextValue {
    match result.map(drop) {
        Err(ClientError::MissingContext { value, .. }) => value,
        other => panic!("expected a missing value, found {other:?}"),
    }
}

#[test]
fn threads_can_share_a_client() {
    const fn is_send_and_sync<T: Send + Sync>() {}
    const { is_send_and_sync::<Client>() };
    const { is_send_and_sync::<ClientBuilder>() };
    const { is_send_and_sync::<ClientError>() };
    const { is_send_and_sync::<BuildError>() };
}

#[test]
fn a_client_without_a_product_or_without_keys_cannot_be_built() {
    let machine = unlicensed();
    let builder = Client::builder(testing::trust()).on_test_machine(&machine);
    let error = builder.build().unwrap_err();
    assert!(matches!(error, BuildError::NoProduct));
    assert!(error.to_string().contains("`product`"), "{error}");
    let builder = Client::builder(TrustSet::default()).product(WIDGET);
    assert!(matches!(builder.build(), Err(BuildError::NoKeys)));
}

#[test]
fn build_refuses_a_text_that_is_not_a_product_file_a_version_or_a_date() {
    let machine = unlicensed();
    let product = machine.builder().product("product = 7").build();
    assert!(matches!(product, Err(BuildError::Product(_))));
    for wrong in ["", "2.4", "v2.4.0"] {
        let version = machine.builder().app_version(wrong).build();
        let error = version.unwrap_err();
        assert!(error.to_string().contains(&format!("{wrong:?}")), "{error}");
    }
    for wrong in ["", "1 March 2027", "2027-02-29"] {
        let date = machine.builder().build_date(wrong).build();
        assert!(matches!(date, Err(BuildError::BuildDate { .. })), "{wrong}");
    }
}

#[test]
fn setters_accept_texts_and_values() {
    let machine = unlicensed();
    let date = time::parse_instant("2027-03-01T12:00:00Z").unwrap();
    let matrix = FeatureMatrix::parse(WIDGET).unwrap();
    let client = machine
        .builder()
        .product(&matrix)
        .product(matrix)
        .app_version(Version::new(2, 4, 0))
        .app_version(env!("CARGO_PKG_VERSION"))
        .build_date(date)
        .build_date(chrono::NaiveDate::from_ymd_opt(2027, 3, 1).unwrap())
        .build_date("2027-03-01T12:00:00Z")
        .usage_type(UsageType::Runtime)
        .user("ann")
        .build()
        .unwrap();
    assert_eq!(client.context().named_user(), Some("ann"));
    assert_eq!(client.matrix().product().as_str(), "WIDGET");
}

#[test]
fn every_call_uses_the_values_of_the_builder() {
    let machine = licensed(|draft| {
        draft.users = vec!["ann".to_owned()];
        draft.max_version = VersionReq::parse("<3").ok();
        draft.maintenance_until = time::parse_instant("2027-06-01").ok();
        draft.usage_type = Some(UsageType::Runtime);
    });
    let builder = machine.builder().user("ann").app_version("2.4.0");
    let builder = builder.usage_type(UsageType::Runtime);
    let client = builder.build_date("2027-03-01").build().unwrap();
    let decision = client.decide().unwrap();
    assert_eq!(decision.code(), Code::Valid);
    assert!(client.allows("edit").unwrap());
    assert_eq!(
        client.use_quota("prints_per_day", 1).unwrap().limit,
        Quota::Limit(50)
    );
    let session = client.session(PROJECT).unwrap();
    let context = client.context().user("ann");
    let same = client.session_in(&context, PROJECT).unwrap();
    assert_eq!(session.id(), same.id());
}

#[test]
fn every_call_fails_if_the_program_does_not_set_a_value_that_the_license_needs() {
    type Change = fn(&mut LicenseDraft);
    let cases: [(ContextValue, Change); 3] = [
        (ContextValue::User, |draft| {
            draft.users = vec!["ann".to_owned()];
        }),
        (ContextValue::AppVersion, |draft| {
            draft.max_version = VersionReq::parse("<3").ok();
        }),
        (ContextValue::BuildDate, |draft| {
            draft.maintenance_until = time::parse_instant("2027-06-01").ok();
        }),
    ];
    for (expected, change) in cases {
        let machine = licensed(change);
        let client = machine.client();
        assert_eq!(missing(client.decide()), expected);
        assert_eq!(missing(client.allows("view")), expected);
        assert_eq!(missing(client.use_quota("prints_per_day", 1)), expected);
        assert_eq!(missing(client.session(PROJECT)), expected);
        let error = client.decide().unwrap_err();
        let setter = format!("call `{expected}`");
        assert!(error.to_string().contains(&setter), "{error}");
        assert_eq!(error.code(), Some(expected.code()));
        assert_eq!(client.problem(), None, "the license has no problem");
    }
}

#[test]
fn a_value_that_does_not_match_the_license_is_a_denial_and_not_an_error() {
    let machine = licensed(|draft| draft.users = vec!["ann".to_owned()]);
    let client = machine.builder().user("bob").build().unwrap();
    let decision = client.decide().unwrap();
    assert_eq!(
        (decision.outcome(), decision.code()),
        (Outcome::Denied, Code::UserMismatch)
    );
    assert!(client.allows("view").unwrap(), "the base tier is in effect");
    assert!(!client.allows("edit").unwrap());
    let context = client.context().user("ann");
    assert!(client.allows_in(&context, "edit").unwrap());
}

#[test]
fn a_missing_or_damaged_license_is_not_an_error() {
    let machine = unlicensed();
    assert_eq!(machine.client().decide().unwrap().code(), Code::NoLicense);
    fs::create_dir(machine.state_dir()).unwrap();
    fs::write(
        machine.state_dir().join(StateFile::License.as_str()),
        "noise",
    )
    .unwrap();
    let client = machine.client();
    assert!(client.problem().is_some());
    assert_eq!(client.decide().unwrap().code(), Code::NoLicense);
    assert!(client.allows("view").unwrap());
}

#[test]
fn an_unknown_feature_is_an_error_and_a_feature_of_another_tier_is_a_refusal() {
    let machine = licensed(|draft| draft.add_feature("engrave").unwrap());
    let client = machine.client();
    assert!(!client.allows("export").unwrap());
    assert!(client.allows("engrave").unwrap(), "only the license has it");
    let error = client.allows("exprot").unwrap_err();
    assert!(matches!(&error, ClientError::UnknownFeature { .. }));
    assert_eq!(
        error.to_string(),
        r#"product WIDGET has no feature "exprot""#
    );
    let unlicensed = unlicensed();
    assert!(unlicensed.client().allows("engrave").is_err());
}

#[test]
fn an_unknown_quota_is_an_error_and_a_quota_of_another_tier_has_the_limit_zero() {
    let product = WIDGET.replace(
        "[\"export\"]\nquotas = { ",
        "[\"export\"]\nquotas = { films = 5, ",
    );
    let machine = unlicensed();
    let client = machine.builder().product(product.as_str()).build().unwrap();
    let films = client.use_quota("films", 1).unwrap();
    assert_eq!((films.granted, films.limit), (false, Quota::Limit(0)));
    let error = client.use_quota("flims", 1).unwrap_err();
    assert!(matches!(error, ClientError::UnknownQuota { .. }));
}

#[test]
fn a_feature_or_quota_of_any_installed_license_is_known() {
    let machine = unlicensed();
    let shop = || testing::license("SHOP").product(WIDGET).without_check_in();
    let ended = shop().add_feature("engrave").expires("2026-01-31");
    let ended = ended.quota("films", Quota::Limit(5));
    machine.install_text(&(ended.file() + &shop().file()));
    machine.set_clock("2026-07-01");
    let client = machine.client();
    assert_eq!(client.decide().unwrap().code(), Code::Valid);
    assert!(!client.allows("engrave").unwrap());
    let films = client.use_quota("films", 1).unwrap();
    assert_eq!((films.granted, films.limit), (false, Quota::Limit(0)));
}

#[test]
fn a_feature_that_only_a_denied_license_has_is_known() {
    let machine = licensed(|draft| {
        draft.add_feature("engrave").unwrap();
        draft.expires_at = Some(time::parse_instant("2026-02-01").unwrap());
    });
    machine.set_clock("2026-07-01");
    let client = machine.client();
    assert_eq!(client.decide().unwrap().code(), Code::Expired);
    assert!(!client.allows("engrave").unwrap());
}

#[test]
fn a_session_without_a_project_is_an_error() {
    let machine = unlicensed();
    let error = machine.client().session("/nowhere/at/all").unwrap_err();
    assert!(matches!(error, ClientError::Project(_)));
}
