//! Scope of a license: machines, users, kinds of use, versions and product.

use license_core::evaluate::Evidence;
use license_core::policy::UsageType;
use license_core::{Code, Context, ProductCode, Version, VersionReq};

use crate::support::{DAY, SECOND, at, issued, machine};
use crate::{code, evaluate, license, matrix};

#[test]
fn a_license_with_machines_is_valid_only_on_these_machines() {
    let license =
        license(|draft| draft.machines = vec!["m1".parse().unwrap(), "m2".parse().unwrap()]);
    assert_eq!(code(&license, |context| context), Code::MachineMismatch);
    for (name, expected) in [
        ("m3", Code::MachineMismatch),
        ("M1", Code::MachineMismatch),
        ("m1", Code::Valid),
        ("m2", Code::Valid),
    ] {
        let found = code(&license, |context| context.machine(machine(name)));
        assert_eq!(found, expected, "{name:?}");
    }
}

#[test]
fn a_license_with_users_is_valid_only_for_these_users() {
    let license = license(|draft| draft.users = vec!["alice".to_owned()]);
    assert_eq!(code(&license, |context| context), Code::UserMismatch);
    for (name, expected) in [
        ("bob", Code::UserMismatch),
        ("alice ", Code::UserMismatch),
        ("alice", Code::Valid),
    ] {
        let found = code(&license, |context| context.user(name));
        assert_eq!(found, expected, "{name:?}");
    }
}

#[test]
fn a_license_without_restrictions_is_valid_everywhere() {
    let license = license(|_| {});
    assert_eq!(
        code(&license, |context| context
            .machine(machine("m9"))
            .user("zoe")),
        Code::Valid
    );
    assert_eq!(
        code(&license, |context| context.usage_type(UsageType::Runtime)),
        Code::Valid
    );
    assert_eq!(code(&license, |context| context), Code::Valid);
}

#[test]
fn a_license_for_one_kind_of_use_is_not_valid_for_the_other_kind() {
    use UsageType::{Builder, Runtime};
    for (bought, requested, expected) in [
        (Builder, Builder, Code::Valid),
        (Builder, Runtime, Code::UsageMismatch),
        (Runtime, Builder, Code::UsageMismatch),
        (Runtime, Runtime, Code::Valid),
    ] {
        let license = license(|draft| draft.usage_type = Some(bought));
        assert_eq!(
            code(&license, |context| context.usage_type(requested)),
            expected,
            "{bought} {requested}"
        );
    }
    let builder = license(|draft| draft.usage_type = Some(Builder));
    assert_eq!(
        code(&builder, |context| context),
        Code::Valid,
        "the default kind of use is builder"
    );
}

#[test]
fn a_prerelease_is_covered_if_its_release_is_covered() {
    let license = license(|draft| draft.max_version = Some(VersionReq::parse("<3.0.0").unwrap()));
    assert_eq!(
        code(&license, |context| context),
        Code::VersionNotCovered,
        "the context has no version"
    );
    for (version, expected) in [
        ("0.1.0", Code::Valid),
        ("2.9.9", Code::Valid),
        ("2.9.9-rc.1", Code::Valid),
        ("2.9.9-rc.1+build.5", Code::Valid),
        ("2.9.9+build.5", Code::Valid),
        ("3.0.0-alpha", Code::VersionNotCovered),
        ("3.0.0", Code::VersionNotCovered),
        ("3.0.1-rc.1", Code::VersionNotCovered),
    ] {
        let version = Version::parse(version).unwrap();
        let found = code(&license, |context| context.app_version(version.clone()));
        assert_eq!(found, expected, "{version}");
    }
}

#[test]
fn builds_up_to_the_end_of_maintenance_are_covered_forever() {
    let end = issued() + DAY * 30;
    let license = license(|draft| draft.maintenance_until = Some(end));
    let long_after = Context::at(at("2099-01-01"));
    let code = |context: Context<'_>| evaluate(&license, &context).code();
    assert_eq!(
        code(long_after.clone()),
        Code::VersionNotCovered,
        "the context has no build date"
    );
    assert_eq!(code(long_after.clone().build_date(end)), Code::Valid);
    assert_eq!(
        code(long_after.build_date(end + SECOND)),
        Code::VersionNotCovered
    );
}

#[test]
fn a_license_for_another_product_is_denied() {
    let other = ProductCode::parse("OTHER").unwrap();
    let license = license(|draft| draft.product = other);
    let decision = evaluate(&license, &Context::at(issued()));
    assert_eq!(decision.code(), Code::ProductMismatch);
    let expected = Evidence::Product {
        expected: matrix().product(),
        actual: other,
    };
    assert_eq!(decision.evidence(), &expected);
}
