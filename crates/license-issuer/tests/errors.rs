//! The public errors of the crate. The workspace test `errors` checks that the list is complete.

use std::error::Error;
use std::io;

use license_core::issue::SigningError;
use license_core::license::VerifiedLicensesError;
use license_core::{Code, with_causes};
use license_issuer::errors::{DeliveryError, LedgerError};
use license_issuer::files::LockError;
use license_issuer::names::NameSetError;
use license_issuer::random::SystemRandomError;
use license_issuer::services::TransactionError;
use license_issuer::services::answer::AnswerError;
use license_issuer::services::batch::BatchError;
use license_issuer::services::deactivation::DeactivationError;
use license_issuer::services::devices::DeviceLimitError;
use license_issuer::services::import::ImportError;
use license_issuer::services::issue::{IssueError, SignError};
use license_issuer::services::server_keys::ServerKeyError;
use license_issuer::services::statements::StatementError;
use license_issuer::services::trials::TrialError;
use license_issuer::services::trust_statements::TrustStatementError;
use license_issuer::services::validations::ValidationError;
use license_issuer::signer::private_key::PrivateKeyError;
use license_issuer::signer::{PassphraseError, SignerError};

fn assert_error<E: Error + Send + Sync + 'static>() {}

#[test]
fn every_error_can_be_sent_to_another_thread_and_be_the_source_of_another_error() {
    assert_error::<AnswerError>();
    assert_error::<BatchError<io::Error>>();
    assert_error::<DeactivationError>();
    assert_error::<DeliveryError>();
    assert_error::<DeviceLimitError>();
    assert_error::<ImportError>();
    assert_error::<IssueError<io::Error>>();
    assert_error::<LedgerError>();
    assert_error::<LockError>();
    assert_error::<NameSetError>();
    assert_error::<PassphraseError>();
    assert_error::<PrivateKeyError>();
    assert_error::<ServerKeyError>();
    assert_error::<SignError>();
    assert_error::<SignerError>();
    assert_error::<StatementError>();
    assert_error::<SystemRandomError>();
    assert_error::<TransactionError>();
    assert_error::<TrialError>();
    assert_error::<TrustStatementError>();
    assert_error::<ValidationError>();
}

#[cfg(feature = "pkcs11")]
#[test]
fn every_error_of_a_pkcs11_token_can_be_sent_to_another_thread() {
    use license_issuer::signer::pkcs11::{Pkcs11Error, Pkcs11ModuleError, Pkcs11UriError};

    assert_error::<Pkcs11Error>();
    assert_error::<Pkcs11ModuleError>();
    assert_error::<Pkcs11UriError>();
}

#[cfg(feature = "aws-kms")]
#[test]
fn every_error_of_aws_kms_can_be_sent_to_another_thread() {
    use license_issuer::signer::aws_kms::{AwsKmsError, KmsNetworkError, KmsRefusal};

    assert_error::<AwsKmsError>();
    assert_error::<KmsNetworkError>();
    assert_error::<KmsRefusal>();
}

#[cfg(feature = "gcp-kms")]
#[test]
fn every_error_of_cloud_kms_can_be_sent_to_another_thread() {
    use license_issuer::signer::gcp_kms::{GcpKmsError, GcpKmsRefusal};

    assert_error::<GcpKmsError>();
    assert_error::<GcpKmsRefusal>();
}

#[test]
fn each_error_has_the_method_code() {
    let _: fn(&AnswerError) -> Option<Code> = AnswerError::code;
    let _: fn(&DeactivationError) -> Option<Code> = DeactivationError::code;
    let _: fn(&ServerKeyError) -> Code = ServerKeyError::code;
    let _: fn(&ValidationError) -> Option<Code> = ValidationError::code;
}

#[test]
fn the_text_of_an_error_omits_its_cause_and_with_causes_adds_it() {
    let sign = SignError::Sign {
        artifact: "license",
        source: SigningError::Empty { claim: "sub" },
    };
    assert_eq!(sign.to_string(), "cannot sign the license");
    assert_eq!(
        with_causes(&sign),
        "cannot sign the license: expected a value for claim `sub`, found nothing"
    );
    let verify = SignError::Verify {
        artifact: "license",
        source: VerifiedLicensesError::NoLicense.into(),
    };
    assert_eq!(
        with_causes(&IssueError::<io::Error>::from(verify)),
        "the license just signed does not verify: expected a block `LICENSE` in the file, found \
         none"
    );
    let license = ValidationError::License {
        source: VerifiedLicensesError::NoLicense,
        is_key_unopened: false,
    };
    assert_eq!(
        with_causes(&license),
        "the license does not verify: expected a block `LICENSE` in the file, found none"
    );
    assert_eq!(license.code(), Some(Code::NeedsLicenseFile));
}
