//! Trusted keys, their algorithms and the kinds of tokens.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::claims::Status;
use license_core::issue::{Signer, SigningKey};
use license_core::license::ValidationSigner;
use license_core::trust::VerifyError;
use license_core::{Code, Context, LicenseFile, TokenKind, TrustSet, Unverified};

use crate::license_key::enterprise;
use crate::support::{
    DAY, HOUR, SPARE, TRUST, VENDOR, draft, id, issued, perpetual, trust, validation_draft,
};
use crate::{code_at, evaluate, license, matrix};

#[test]
fn all_keys_of_the_trust_set_are_accepted() {
    let both = trust(&[&VENDOR, &SPARE]);
    for key in [&VENDOR, &SPARE] {
        let key: &SigningKey = key;
        let token = perpetual("PRO", id(1)).sign(key).unwrap();
        let license = Unverified::parse(&token).unwrap().verify(&both).unwrap();
        assert_eq!(license.key_id(), key.public().id());
        let validation = validation_draft(&license, Status::Active, issued())
            .sign(key)
            .unwrap();
        let validation = Unverified::parse(&validation)
            .unwrap()
            .verify_validation(&both, &license)
            .unwrap();
        assert_eq!(validation.signer(), ValidationSigner::Vendor);
        let license = enterprise("ACME", key).verify(&both, matrix()).unwrap();
        assert_eq!(license.key_id(), key.public().id());
    }
    let token = perpetual("PRO", id(1)).sign(&*SPARE).unwrap();
    let result = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(
        result,
        Err(VerifyError::UntrustedKey { trusted: 1, .. })
    ));
    let result = Unverified::parse(&token)
        .unwrap()
        .verify(&TrustSet::default());
    assert!(matches!(
        result,
        Err(VerifyError::UntrustedKey { trusted: 0, .. })
    ));
}

#[test]
fn a_token_with_another_algorithm_than_its_key_is_rejected() {
    // The spare key uses PS256.
    let both = trust(&[&VENDOR, &SPARE]);
    let token = perpetual("PRO", id(1)).sign(&*SPARE).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let kid = SPARE.public().id();
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"license+jwt"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(SPARE.sign(signed.as_bytes()).unwrap());
    let token = format!("{signed}.{signature}");
    let result = Unverified::parse(&token).unwrap().verify(&both);
    assert!(matches!(result, Err(VerifyError::Algorithm { .. })));
}

#[test]
fn a_token_of_another_kind_is_rejected() {
    let license = license(|_| {});
    let validation = validation_draft(&license, Status::Active, issued())
        .sign(&*VENDOR)
        .unwrap();
    let result = Unverified::parse(&validation).unwrap().verify(&TRUST);
    assert!(matches!(
        result,
        Err(VerifyError::Kind {
            expected: TokenKind::License,
            ..
        })
    ));
    let token = perpetual("PRO", id(1)).sign(&*VENDOR).unwrap();
    let result = Unverified::parse(&token)
        .unwrap()
        .verify_validation(&TRUST, &license);
    assert!(matches!(
        result,
        Err(VerifyError::Kind {
            expected: TokenKind::Validation,
            ..
        })
    ));
}

#[test]
fn a_file_can_contain_a_license_and_its_validation_token() {
    let token = draft("PRO", id(1)).sign(&*VENDOR).unwrap();
    let license = Unverified::parse(&token).unwrap().verify(&TRUST).unwrap();
    let last = issued() + DAY * 6;
    let validation = validation_draft(&license, Status::Active, last)
        .sign(&*VENDOR)
        .unwrap();
    let armor = |token: &str| Unverified::parse(token).unwrap().to_armor();
    let text = format!("{}\n{}", armor(&validation), armor(&token));
    let file = LicenseFile::parse(&text).unwrap();
    let license = file
        .blocks_of_kind(TokenKind::License)
        .next()
        .unwrap()
        .token
        .verify(&TRUST)
        .unwrap();
    let validation = file.blocks_of_kind(TokenKind::Validation).next().unwrap();
    let validations = [validation
        .token
        .verify_validation(&TRUST, &license)
        .unwrap()];
    let now = last + HOUR * 23;
    assert_eq!(code_at(&license, now), Code::GraceOffline);
    assert_eq!(
        evaluate(&license, &Context::at(now).validations(&validations)).code(),
        Code::Valid
    );
}
