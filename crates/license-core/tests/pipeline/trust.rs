//! Keys that are trusted, and for what: each with its one algorithm, each token for its one kind.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::issue::{Sign, SigningKey};
use license_core::{
    Artefacts, Code, Context, Signer, Status, TokenKind, TrustSet, Unverified, VerifyError,
};

use crate::license_key::enterprise;
use crate::support::{
    DAY, HOUR, SPARE, TRUST, VENDOR, draft, id, issued, statement, timeless, trust,
};
use crate::{code_at, evaluate, license, matrix};

#[test]
fn the_spare_signs_as_well_as_the_key_in_use() {
    let both = trust(&[&VENDOR, &SPARE]);
    for key in [&VENDOR, &SPARE] {
        let key: &SigningKey = key;
        let token = timeless("PRO", id(1)).sign(key).unwrap();
        let license = Unverified::parse(&token).unwrap().verify(&both).unwrap();
        assert_eq!(license.key_id(), key.public().id());
        let said = statement(&license, Status::Active, issued())
            .sign(key)
            .unwrap();
        let said = Unverified::parse(&said)
            .unwrap()
            .verify_validation(&both, &license)
            .unwrap();
        assert_eq!(said.signer(), Signer::Vendor);
        let license = enterprise("ACME", key).verify(&both, matrix()).unwrap();
        assert_eq!(license.key_id(), key.public().id());
    }
    let token = timeless("PRO", id(1)).sign(&*SPARE).unwrap();
    let refused = Unverified::parse(&token).unwrap().verify(&TRUST);
    assert!(matches!(
        refused,
        Err(VerifyError::UntrustedKey { trusted: 1, .. })
    ));
    let refused = Unverified::parse(&token)
        .unwrap()
        .verify(&TrustSet::default());
    assert!(matches!(
        refused,
        Err(VerifyError::UntrustedKey { trusted: 0, .. })
    ));
}

#[test]
fn a_key_signs_with_its_one_algorithm() {
    let both = trust(&[&VENDOR, &SPARE]);
    let token = timeless("PRO", id(1)).sign(&*SPARE).unwrap();
    let claims = token.split('.').nth(1).unwrap();
    let kid = SPARE.public().id();
    let header = format!(r#"{{"alg":"RS256","kid":"{kid}","typ":"license+jwt"}}"#);
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = URL_SAFE_NO_PAD.encode(SPARE.sign(signed.as_bytes()).unwrap());
    let token = format!("{signed}.{signature}");
    let refused = Unverified::parse(&token).unwrap().verify(&both);
    assert!(matches!(refused, Err(VerifyError::Algorithm { .. })));
}

#[test]
fn a_token_of_one_kind_is_none_of_another() {
    let license = license(|_| {});
    let said = statement(&license, Status::Active, issued())
        .sign(&*VENDOR)
        .unwrap();
    let refused = Unverified::parse(&said).unwrap().verify(&TRUST);
    assert!(matches!(
        refused,
        Err(VerifyError::Kind {
            expected: TokenKind::License,
            ..
        })
    ));
    let token = timeless("PRO", id(1)).sign(&*VENDOR).unwrap();
    let refused = Unverified::parse(&token)
        .unwrap()
        .verify_validation(&TRUST, &license);
    assert!(matches!(
        refused,
        Err(VerifyError::Kind {
            expected: TokenKind::Validation,
            ..
        })
    ));
}

#[test]
fn a_file_holds_a_license_and_what_was_said_of_it() {
    let token = draft("PRO", id(1)).sign(&*VENDOR).unwrap();
    let license = Unverified::parse(&token).unwrap().verify(&TRUST).unwrap();
    let last = issued().plus(6 * DAY);
    let said = statement(&license, Status::Active, last)
        .sign(&*VENDOR)
        .unwrap();
    let armor = |token: &str| Unverified::parse(token).unwrap().to_armor();
    let text = format!("{}\n{}", armor(&said), armor(&token));
    let file = Artefacts::parse(&text).unwrap();
    let license = file
        .of_kind(TokenKind::License)
        .next()
        .unwrap()
        .token
        .verify(&TRUST)
        .unwrap();
    let said = file.of_kind(TokenKind::Validation).next().unwrap();
    let validations = [said.token.verify_validation(&TRUST, &license).unwrap()];
    let now = last.plus(23 * HOUR);
    assert_eq!(code_at(&license, now), Code::GraceOffline);
    assert_eq!(
        evaluate(&license, &Context::at(now).validations(&validations)).code(),
        Code::Valid
    );
}
