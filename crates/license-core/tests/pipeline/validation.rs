//! Validation tokens: what the vendor or a customer's own server says of a license, and whom to believe.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::issue::{Sign, SigningKey, ValidationDraft};
use license_core::{
    Code, Context, License, ProductCode, Quota, Signer, Status, Timestamp, Unverified, Validation,
    VerifyError,
};

use crate::license_key::enterprise;
use crate::support::{
    DAY, SERVER, STRANGER, TRUST, VENDOR, entitlements, id, issued, machine, public, statement,
    timeless, validated,
};
use crate::{code, evaluate, license, matrix};

/// What the vendor says of the license.
pub(crate) fn said(license: &License, status: Status, at: Timestamp) -> Validation {
    validated(&statement(license, status, at), &VENDOR, license).unwrap()
}

#[test]
fn the_newest_statement_decides() {
    let license = license(|_| {});
    let active = said(&license, Status::Active, issued());
    for (status, expected) in [
        (Status::Suspended, Code::Suspended),
        (Status::Revoked, Code::Revoked),
        (Status::Canceled, Code::Canceled),
    ] {
        let later = said(&license, status, issued().plus(1));
        let validations = [later.clone(), active.clone()];
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            expected
        );
        let lifted = [later, said(&license, Status::Active, issued().plus(2))];
        assert_eq!(
            code(&license, |context| context.validations(&lifted)),
            Code::Valid
        );
    }
}

#[test]
fn of_two_statements_of_one_second_the_stricter_counts_in_any_order() {
    let license = license(|_| {});
    let active = said(&license, Status::Active, issued());
    let revoked = said(&license, Status::Revoked, issued());
    for validations in [[active.clone(), revoked.clone()], [revoked, active]] {
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            Code::Revoked
        );
    }
}

/// An enterprise key has no id but its short form; what the vendor says of it must still be heard.
#[test]
fn what_was_said_of_an_enterprise_key_is_read() {
    let license = enterprise("ACME", &VENDOR)
        .verify(&TRUST, matrix())
        .unwrap();
    let validations = [said(&license, Status::Suspended, issued())];
    assert_eq!(
        code(&license, |context| context.validations(&validations)),
        Code::Suspended
    );
}

#[test]
fn a_statement_for_another_machine_is_passed_over() {
    let license = license(|_| {});
    let elsewhere = ValidationDraft {
        machine: Some("m2".to_owned()),
        ..statement(&license, Status::Suspended, issued())
    };
    let validations = [validated(&elsewhere, &VENDOR, &license).unwrap()];
    let code = |name| {
        code(&license, |context| {
            context.validations(&validations).machine(machine(name))
        })
    };
    assert_eq!(code("m1"), Code::Valid);
    assert_eq!(code("m2"), Code::Suspended);
}

#[test]
fn a_statement_about_another_license_is_refused() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let product = ProductCode::parse("OTHER").unwrap();
    let elsewhere = license(|draft| draft.product = product);
    for spoken_of in [&other, &elsewhere] {
        let said = statement(spoken_of, Status::Active, issued());
        assert!(validated(&said, &VENDOR, spoken_of).is_ok());
        assert!(matches!(
            validated(&said, &VENDOR, &one),
            Err(VerifyError::OtherLicense)
        ));
    }
}

/// Where a caller hands over what it verified for another license, it counts for nothing.
#[test]
fn a_statement_about_another_license_is_passed_over() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let validations = [said(&other, Status::Revoked, issued())];
    assert_eq!(
        code(&one, |context| context.validations(&validations)),
        Code::Valid
    );
    assert_eq!(
        code(&other, |context| context.validations(&validations)),
        Code::Revoked
    );
}

#[test]
fn what_the_vendor_grants_replaces_what_was_bought_and_a_server_may_only_narrow_it() {
    let license = with_server(1);
    let granted = entitlements(
        "TEAM",
        &["cloud_sync", "brand_new"],
        &[("agents", 60), ("users", 0), ("brand_new", 1)],
    );
    let said = ValidationDraft {
        entitlements: &granted,
        ..statement(&license, Status::Active, issued())
    };
    let decide = |key, signer| {
        let validations = [validated(&said, key, &license).unwrap()];
        assert_eq!(validations[0].signer(), signer);
        evaluate(&license, &Context::at(issued()).validations(&validations))
    };
    assert_eq!(decide(&VENDOR, Signer::Vendor).entitlements(), &granted);
    let narrowed = decide(&SERVER, Signer::Server);
    assert_eq!(
        narrowed.entitlements().features().collect::<Vec<_>>(),
        ["cloud_sync"]
    );
    assert_eq!(narrowed.entitlements().tier(), license.tier());
    assert_eq!(narrowed.quota("agents"), Some(Quota::Limit(52)));
    assert_eq!(narrowed.quota("users"), Some(Quota::Limit(0)));
    assert_eq!(narrowed.quota("brand_new"), None);
    assert_eq!(
        narrowed.quota("devices"),
        license.entitlements().quota("devices")
    );
}

fn with_server(number: u64) -> License {
    license(|draft| {
        draft.id = id(number);
        draft.confirmation = Some(public(&SERVER).to_jwk().try_into().unwrap());
    })
}

#[test]
fn a_server_speaks_for_its_own_license_only() {
    let (its_own, other) = (with_server(1), license(|draft| draft.id = id(2)));
    let speak = |spoken_of: &License, asked: &License| {
        validated(
            &statement(spoken_of, Status::Active, issued()),
            &SERVER,
            asked,
        )
    };
    assert_eq!(speak(&its_own, &its_own).unwrap().signer(), Signer::Server);
    assert!(matches!(
        speak(&other, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        speak(&its_own, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        speak(&with_server(3), &its_own),
        Err(VerifyError::OtherLicense)
    ));
    let stranger = validated(
        &statement(&its_own, Status::Active, issued()),
        &STRANGER,
        &its_own,
    );
    assert!(matches!(stranger, Err(VerifyError::UntrustedKey { .. })));
}

#[test]
fn a_server_can_suspend_but_not_lift_what_the_vendor_suspended() {
    let license = with_server(1);
    let say = |status, second, key| {
        let said = statement(&license, status, issued().plus(second));
        validated(&said, key, &license).unwrap()
    };
    let decide = |validations: &[Validation]| {
        evaluate(
            &license,
            &Context::at(issued().plus(DAY)).validations(validations),
        )
        .code()
    };
    let suspended = say(Status::Suspended, 1, &VENDOR);
    assert_eq!(
        decide(&[suspended.clone(), say(Status::Active, 2, &SERVER)]),
        Code::Suspended
    );
    assert_eq!(
        decide(&[suspended, say(Status::Active, 2, &VENDOR)]),
        Code::Valid
    );
    let active = say(Status::Active, 1, &VENDOR);
    assert_eq!(
        decide(&[active, say(Status::Suspended, 2, &SERVER)]),
        Code::Suspended
    );
}

#[test]
fn a_server_mints_no_licenses() {
    let token = timeless("ENT", id(4)).sign(&*SERVER).unwrap();
    let refused = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(refused, Err(VerifyError::UntrustedKey { .. })));
    assert!(matches!(
        enterprise("ACME", &SERVER).verify(&TRUST, matrix()),
        Err(VerifyError::Signature)
    ));
}

/// The same claims, signed by one key under the id of another.
fn under_the_id_of(named: &SigningKey, signer: &SigningKey, token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let (alg, kid) = (named.public().algorithm(), named.public().id());
    let typ = Unverified::parse(token).unwrap().unverified_kind().typ();
    let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[test]
fn the_key_that_the_header_names_is_the_only_one_that_is_tried() {
    let license = with_server(1);
    let token = statement(&license, Status::Active, issued())
        .sign(&*SERVER)
        .unwrap();
    let verify = |named, signer| {
        let token = under_the_id_of(named, signer, &token);
        Unverified::parse(&token)
            .unwrap()
            .verify_validation(&TRUST, &license)
    };
    assert_eq!(verify(&SERVER, &SERVER).unwrap().signer(), Signer::Server);
    assert_eq!(verify(&VENDOR, &VENDOR).unwrap().signer(), Signer::Vendor);
    assert!(matches!(
        verify(&VENDOR, &SERVER),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&SERVER, &VENDOR),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&STRANGER, &SERVER),
        Err(VerifyError::UntrustedKey { .. })
    ));
}

/// A license that names the vendor's own key as its server's gains nothing and loses nothing.
#[test]
fn a_key_of_the_trust_set_is_the_vendors_whatever_a_license_says() {
    let license =
        license(|draft| draft.confirmation = Some(public(&VENDOR).to_jwk().try_into().unwrap()));
    assert_eq!(
        said(&license, Status::Active, issued()).signer(),
        Signer::Vendor
    );
}
