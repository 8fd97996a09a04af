//! Whom and what a license is for: machines, users, kinds of use, versions, its product.

use license_core::{Code, Context, Evidence, ProductCode, UsageType, Version, VersionReq};

use crate::support::{DAY, at, issued, machine};
use crate::{code, evaluate, license, matrix};

#[test]
fn a_node_locked_license_holds_on_its_machines_only() {
    let license = license(|draft| draft.machines = vec!["m1".into(), "m2".into()]);
    assert_eq!(code(&license, |context| context), Code::MachineMismatch);
    assert_eq!(
        code(&license, |context| context.machine(machine("m3"))),
        Code::MachineMismatch
    );
    assert_eq!(
        code(&license, |context| context.machine(machine("M1"))),
        Code::MachineMismatch
    );
    assert_eq!(
        code(&license, |context| context.machine(machine(""))),
        Code::MachineMismatch
    );
    assert_eq!(
        code(&license, |context| context.machine(machine("m1"))),
        Code::Valid
    );
    assert_eq!(
        code(&license, |context| context.machine(machine("m2"))),
        Code::Valid
    );
}

#[test]
fn named_users_alone_may_use_it() {
    let license = license(|draft| draft.users = vec!["alice".to_owned()]);
    assert_eq!(code(&license, |context| context), Code::UserMismatch);
    assert_eq!(
        code(&license, |context| context.user("bob")),
        Code::UserMismatch
    );
    assert_eq!(
        code(&license, |context| context.user("alice ")),
        Code::UserMismatch
    );
    assert_eq!(code(&license, |context| context.user("alice")), Code::Valid);
}

#[test]
fn a_license_that_names_nobody_is_for_everybody() {
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
fn each_kind_of_use_needs_its_license() {
    use UsageType::{Builder, Runtime};
    for (bought, asked, expected) in [
        (Builder, Builder, Code::Valid),
        (Builder, Runtime, Code::UsageMismatch),
        (Runtime, Builder, Code::UsageMismatch),
        (Runtime, Runtime, Code::Valid),
    ] {
        let license = license(|draft| draft.usage_type = Some(bought));
        assert_eq!(
            code(&license, |context| context.usage_type(asked)),
            expected,
            "{bought} {asked}"
        );
    }
    let builder = license(|draft| draft.usage_type = Some(Builder));
    assert_eq!(
        code(&builder, |context| context),
        Code::Valid,
        "a development tool unless said otherwise"
    );
}

#[test]
fn a_version_is_covered_if_it_or_the_release_it_leads_up_to_is() {
    let license = license(|draft| draft.max_version = Some(VersionReq::parse("<3.0.0").unwrap()));
    assert_eq!(
        code(&license, |context| context),
        Code::VersionNotCovered,
        "not given"
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
fn builds_up_to_the_end_of_maintenance_are_covered_for_ever() {
    let end = issued().plus(30 * DAY);
    let license = license(|draft| draft.maintenance_until = Some(end));
    let long_after = Context::at(at("2099-01-01"));
    let code = |context: Context<'_>| evaluate(&license, &context).code();
    assert_eq!(
        code(long_after.clone()),
        Code::VersionNotCovered,
        "not given"
    );
    assert_eq!(code(long_after.clone().build_date(end)), Code::Valid);
    assert_eq!(
        code(long_after.build_date(end.plus(1))),
        Code::VersionNotCovered
    );
}

#[test]
fn a_license_for_another_product_allows_nothing_here() {
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
