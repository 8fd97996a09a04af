//! Validation tokens of the vendor and of a customer's own license server.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::issue::{Signer, SigningKey, ValidationDraft};
use license_core::license::{Validation, ValidationSigner};
use license_core::policy::Quota;
use license_core::trust::VerifyError;
use license_core::{Code, Context, License, ProductCode, Unverified};

use crate::license_key::enterprise;
use crate::support::{
    DAY, SECOND, SERVER, SPARE, TRUST, UNTRUSTED, VENDOR, entitlements, id, issued, machine,
    perpetual, public, sign_validation, trust, validation_draft,
};
use crate::{code, evaluate, license, matrix};

/// Returns a validation token of the vendor.
pub(crate) fn validation(license: &License, status: Status, at: DateTime<Utc>) -> Validation {
    sign_validation(&validation_draft(license, status, at), &VENDOR, license).unwrap()
}

#[test]
fn the_latest_validation_decides() {
    let license = license(|_| {});
    let active = validation(&license, Status::Active, issued());
    for (status, expected) in [
        (Status::Suspended, Code::Suspended),
        (Status::Revoked, Code::Revoked),
        (Status::Canceled, Code::Canceled),
    ] {
        let later = validation(&license, status, issued() + SECOND);
        let validations = [later.clone(), active.clone()];
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            expected
        );
        let lifted = [
            later,
            validation(&license, Status::Active, issued() + SECOND * 2),
        ];
        assert_eq!(
            code(&license, |context| context.validations(&lifted)),
            Code::Valid
        );
    }
}

#[test]
fn the_stricter_of_two_validations_of_the_same_second_decides() {
    let license = license(|_| {});
    let active = validation(&license, Status::Active, issued());
    let revoked = validation(&license, Status::Revoked, issued());
    for validations in [[active.clone(), revoked.clone()], [revoked, active]] {
        assert_eq!(
            code(&license, |context| context.validations(&validations)),
            Code::Revoked
        );
    }
}

/// The license id of an enterprise key is its short form.
#[test]
fn a_validation_of_an_enterprise_key_is_used() {
    let license = enterprise("ACME", &VENDOR)
        .verify(&TRUST, matrix())
        .unwrap();
    let validations = [validation(&license, Status::Suspended, issued())];
    assert_eq!(
        code(&license, |context| context.validations(&validations)),
        Code::Suspended
    );
}

#[test]
fn a_validation_for_another_machine_is_ignored() {
    let license = license(|_| {});
    let for_other_machine = ValidationDraft {
        machine: Some("m2".to_owned()),
        ..validation_draft(&license, Status::Suspended, issued())
    };
    let validations = [sign_validation(&for_other_machine, &VENDOR, &license).unwrap()];
    let code = |name| {
        code(&license, |context| {
            context.validations(&validations).machine(machine(name))
        })
    };
    assert_eq!(code("m1"), Code::Valid);
    assert_eq!(code("m2"), Code::Suspended);
}

#[test]
fn a_validation_for_another_license_is_rejected() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let product = ProductCode::parse("OTHER").unwrap();
    let other_product = license(|draft| draft.product = product);
    for validated in [&other, &other_product] {
        let draft = validation_draft(validated, Status::Active, issued());
        assert!(sign_validation(&draft, &VENDOR, validated).is_ok());
        assert!(matches!(
            sign_validation(&draft, &VENDOR, &one),
            Err(VerifyError::OtherLicense)
        ));
    }
}

#[test]
fn a_validation_for_another_license_in_the_context_is_ignored() {
    let (one, other) = (license(|_| {}), license(|draft| draft.id = id(2)));
    let validations = [validation(&other, Status::Revoked, issued())];
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
fn the_vendor_replaces_entitlements_and_a_server_can_only_narrow_them() {
    let license = with_server(1);
    let granted = entitlements(
        "TEAM",
        &["cloud_sync", "brand_new"],
        &[("agents", 60), ("users", 0), ("brand_new", 1)],
    );
    let draft = ValidationDraft {
        entitlements: &granted,
        ..validation_draft(&license, Status::Active, issued())
    };
    let decide = |key, signer| {
        let validations = [sign_validation(&draft, key, &license).unwrap()];
        assert_eq!(validations[0].signer(), signer);
        evaluate(&license, &Context::at(issued()).validations(&validations))
    };
    assert_eq!(
        decide(&VENDOR, ValidationSigner::Vendor).entitlements(),
        &granted
    );
    let narrowed = decide(&SERVER, ValidationSigner::Server);
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
fn a_server_can_validate_only_its_own_license() {
    let (own, other) = (with_server(1), license(|draft| draft.id = id(2)));
    let validate = |license: &License, verified_for: &License| {
        let draft = validation_draft(license, Status::Active, issued());
        sign_validation(&draft, &SERVER, verified_for)
    };
    assert_eq!(
        validate(&own, &own).unwrap().signer(),
        ValidationSigner::Server
    );
    assert!(matches!(
        validate(&other, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        validate(&own, &other),
        Err(VerifyError::UntrustedKey { .. })
    ));
    assert!(matches!(
        validate(&with_server(3), &own),
        Err(VerifyError::OtherLicense)
    ));
    let untrusted = sign_validation(
        &validation_draft(&own, Status::Active, issued()),
        &UNTRUSTED,
        &own,
    );
    assert!(matches!(untrusted, Err(VerifyError::UntrustedKey { .. })));
}

#[test]
fn a_server_can_suspend_but_cannot_lift_a_suspension_by_the_vendor() {
    let license = with_server(1);
    let validate = |status, second, key| {
        let draft = validation_draft(&license, status, issued() + SECOND * second);
        sign_validation(&draft, key, &license).unwrap()
    };
    let decide = |validations: &[Validation]| {
        evaluate(
            &license,
            &Context::at(issued() + DAY).validations(validations),
        )
        .code()
    };
    let suspended = validate(Status::Suspended, 1, &VENDOR);
    assert_eq!(
        decide(&[suspended.clone(), validate(Status::Active, 2, &SERVER)]),
        Code::Suspended
    );
    assert_eq!(
        decide(&[suspended, validate(Status::Active, 2, &VENDOR)]),
        Code::Valid
    );
    let active = validate(Status::Active, 1, &VENDOR);
    assert_eq!(
        decide(&[active, validate(Status::Suspended, 2, &SERVER)]),
        Code::Suspended
    );
}

#[test]
fn a_server_cannot_issue_licenses() {
    let token = perpetual("ENT", id(4)).sign(&*SERVER).unwrap();
    let result = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(result, Err(VerifyError::UntrustedKey { .. })));
    assert!(matches!(
        enterprise("ACME", &SERVER).verify(&TRUST, matrix()),
        Err(VerifyError::Signature)
    ));
}

/// Returns a token with the same claims. Its header names the key `named`, and `signer` signs it.
fn with_key_id(named: &SigningKey, signer: &SigningKey, token: &str) -> String {
    let claims = token.split('.').nth(1).unwrap();
    let (alg, kid) = (named.public().algorithm(), named.public().id());
    let typ = Unverified::parse(token).unwrap().unverified_kind().typ();
    let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(signer.sign(signed.as_bytes()).unwrap());
    format!("{signed}.{signature}")
}

#[test]
fn only_the_key_that_the_header_names_is_used() {
    let license = with_server(1);
    let token = validation_draft(&license, Status::Active, issued())
        .sign(&*SERVER)
        .unwrap();
    let verify = |named, signer| {
        let token = with_key_id(named, signer, &token);
        Unverified::parse(&token)
            .unwrap()
            .verify_validation(&TRUST, &license)
    };
    assert_eq!(
        verify(&SERVER, &SERVER).unwrap().signer(),
        ValidationSigner::Server
    );
    assert_eq!(
        verify(&VENDOR, &VENDOR).unwrap().signer(),
        ValidationSigner::Vendor
    );
    assert!(matches!(
        verify(&VENDOR, &SERVER),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&SERVER, &VENDOR),
        Err(VerifyError::Signature)
    ));
    assert!(matches!(
        verify(&UNTRUSTED, &SERVER),
        Err(VerifyError::UntrustedKey { .. })
    ));
}

#[test]
fn a_trusted_key_counts_as_a_vendor_key_even_if_it_is_the_server_key_of_a_license() {
    let license =
        license(|draft| draft.confirmation = Some(public(&SPARE).to_jwk().try_into().unwrap()));
    // The license was verified before this key became trusted.
    let (trust, draft) = (
        trust(&[&VENDOR, &SPARE]),
        validation_draft(&license, Status::Active, issued()),
    );
    let token = draft.sign(&*SPARE).unwrap();
    let validation = Unverified::parse(&token)
        .unwrap()
        .verify_validation(&trust, &license);
    assert_eq!(validation.unwrap().signer(), ValidationSigner::Vendor);
}
