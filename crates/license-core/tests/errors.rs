//! The public errors of the crate. The workspace test `errors` checks that the lists are complete.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::error::Error;

use license_core::encoding::{JsonError, QrTextError, StrictJsonError, TextError, ValueError};
use license_core::ids::NameError;
use license_core::inspect::InspectError;
use license_core::issue::{RandomError, SigningError, SigningKeyError};
use license_core::jose::ParseError;
use license_core::key::KeyError;
use license_core::license::{RotationError, VerifiedLicensesError};
use license_core::matrix::ProductFileError;
use license_core::requests::MachineRequestError;
use license_core::requests::readback::ReadbackError;
use license_core::session::{ProjectError, UnreadablePath};
use license_core::time::TimeError;
use license_core::trust::{ClaimError, TrustError, VerifyError};
use license_core::usage::{LineError, UsageReportError};
use license_core::{Code, TokenKind, with_causes};

fn assert_error<E: Error + Send + Sync + 'static>() {}

#[test]
fn every_error_can_be_sent_to_another_thread_and_be_the_source_of_another_error() {
    assert_error::<ClaimError>();
    assert_error::<InspectError>();
    assert_error::<JsonError>();
    assert_error::<KeyError>();
    assert_error::<LineError>();
    assert_error::<MachineRequestError>();
    assert_error::<NameError>();
    assert_error::<ParseError>();
    assert_error::<ProductFileError>();
    assert_error::<ProjectError>();
    assert_error::<RandomError>();
    assert_error::<QrTextError>();
    assert_error::<ReadbackError>();
    assert_error::<RotationError>();
    assert_error::<SigningError>();
    assert_error::<SigningKeyError>();
    assert_error::<StrictJsonError>();
    assert_error::<TextError>();
    assert_error::<TimeError>();
    assert_error::<TrustError>();
    assert_error::<UnreadablePath>();
    assert_error::<UsageReportError>();
    assert_error::<ValueError>();
    assert_error::<VerifiedLicensesError>();
    assert_error::<VerifyError>();
}

#[test]
fn each_error_has_the_method_code() {
    let _: fn(&ClaimError) -> Code = ClaimError::code;
    let _: fn(&InspectError) -> Code = InspectError::code;
    let _: fn(&JsonError) -> Code = JsonError::code;
    let _: fn(&KeyError) -> Code = KeyError::code;
    let _: fn(&LineError) -> Code = LineError::code;
    let _: fn(&MachineRequestError) -> Code = MachineRequestError::code;
    let _: fn(&ParseError) -> Code = ParseError::code;
    let _: fn(&ProductFileError) -> Code = ProductFileError::code;
    let _: fn(&ReadbackError) -> Code = ReadbackError::code;
    let _: fn(&RotationError) -> Code = RotationError::code;
    let _: fn(&TrustError) -> Code = TrustError::code;
    let _: fn(&UsageReportError) -> Code = UsageReportError::code;
    let _: fn(&VerifiedLicensesError) -> Code = VerifiedLicensesError::code;
    let _: fn(&VerifyError) -> Code = VerifyError::code;
}

#[test]
fn the_text_of_an_error_omits_its_cause_and_with_causes_adds_it() {
    let kind = VerifyError::Kind {
        expected: TokenKind::License,
        found: TokenKind::Activation,
    };
    let block = VerifiedLicensesError::Block {
        line: 12,
        source: kind,
    };
    assert_eq!(block.to_string(), "cannot use the block at line 12");
    assert_eq!(
        with_causes(&block),
        "cannot use the block at line 12: expected a token of type license+jwt, found \
         license-activation+jwt"
    );
    let statement = VerifiedLicensesError::Statement {
        line: Some(3),
        source: Box::new(RotationError::Verify(VerifyError::Signature)),
    };
    assert_eq!(
        with_causes(&statement),
        "cannot apply the trust statement at line 3: the signature does not verify"
    );
    assert_eq!(statement.code(), Code::BadSignature);
    let device = SigningError::Device {
        code: "PKCS11".to_owned(),
        hint: "connect the token".to_owned(),
        source: "C_Sign returned DeviceRemoved".into(),
    };
    assert_eq!(
        with_causes(&device),
        "the device or service of the signing key failed to sign: C_Sign returned DeviceRemoved"
    );
}

#[test]
fn a_source_can_be_downcast() {
    let error = VerifyError::Key {
        claim: "introduces",
        source: Box::new(TrustError::EvenModulus),
    };
    let source = error.source().unwrap().downcast_ref::<Box<TrustError>>();
    assert!(matches!(
        source.map(|source| &**source),
        Some(TrustError::EvenModulus)
    ));
}
