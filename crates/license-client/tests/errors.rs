//! The public errors of the crate. The workspace test `errors` checks that the list is complete.

use std::error::Error;
use std::path::PathBuf;

use license_client::{
    AnswerFault, BuildError, ClientError, InstallationError, ListFault, ListProblem, QuotaError,
    ReportError, SealError, ServerTokenFault, StaleList, StateDirError, StateProblem,
    StatementProblem, StoreError, SystemDirError, UnsafeDirectory, UsageTypeError, with_causes,
};
use license_core::Code;
use license_core::trust::VerifyError;

fn assert_error<E: Error + Send + Sync + 'static>() {}

#[test]
fn every_error_can_be_sent_to_another_thread_and_be_the_source_of_another_error() {
    assert_error::<AnswerFault>();
    assert_error::<BuildError>();
    assert_error::<ClientError>();
    assert_error::<InstallationError>();
    assert_error::<ListFault>();
    assert_error::<ListProblem>();
    assert_error::<QuotaError>();
    assert_error::<ReportError>();
    assert_error::<SealError>();
    assert_error::<ServerTokenFault>();
    assert_error::<StaleList>();
    assert_error::<SystemDirError>();
    assert_error::<StateDirError>();
    assert_error::<StateProblem>();
    assert_error::<StatementProblem>();
    assert_error::<StoreError>();
    assert_error::<UnsafeDirectory>();
    assert_error::<UsageTypeError>();
}

#[cfg(feature = "online")]
#[test]
fn an_error_of_a_license_server_has_a_code_that_is_a_text() {
    use license_client::{LoginError, OnlineError};

    assert_error::<OnlineError>();
    assert_error::<LoginError>();
    let _: fn(&OnlineError) -> &str = OnlineError::code;
    let _: fn(&LoginError) -> &'static str = LoginError::code;
}

#[test]
fn each_error_has_the_method_code() {
    let _: fn(&AnswerFault) -> Code = AnswerFault::code;
    let _: fn(&ListFault) -> Code = ListFault::code;
    let _: fn(&ServerTokenFault) -> Code = ServerTokenFault::code;
    let _: fn(&StaleList) -> Code = StaleList::code;
    let _: fn(&ClientError) -> Option<Code> = ClientError::code;
    let _: fn(&InstallationError) -> Option<Code> = InstallationError::code;
    let _: fn(&ListProblem) -> Option<Code> = ListProblem::code;
    let _: fn(&StateProblem) -> Option<Code> = StateProblem::code;
    let _: fn(&StatementProblem) -> Option<Code> = StatementProblem::code;
    let _: fn(&UsageTypeError) -> Option<Code> = UsageTypeError::code;
}

#[test]
fn the_text_of_an_error_omits_its_cause_and_with_causes_adds_it() {
    let answer = InstallationError::Answer {
        what: "activation",
        source: AnswerFault::Replayed,
    };
    assert_eq!(answer.to_string(), "cannot accept the activation");
    assert_eq!(
        with_causes(&answer),
        "cannot accept the activation: expected an unused answer, found one that was already used"
    );
    assert_eq!(answer.code(), Some(Code::Replayed));
    let sealed = StateProblem::Sealed {
        path: PathBuf::from("usage"),
        source: SealError::Tampered,
        quarantined: None,
    };
    assert_eq!(
        with_causes(&StateProblem::Journal(Box::new(sealed))),
        "cannot use the journal of usage reports: cannot use usage: the file was changed outside \
         this program"
    );
    let list = ListProblem::Damaged {
        path: PathBuf::from("revocations.lic"),
        source: Box::new(ListFault::Verify(VerifyError::Signature)),
        quarantined: None,
    };
    assert_eq!(
        with_causes(&list),
        "revocations.lic: the revocation list is damaged: the signature does not verify"
    );
    assert_eq!(list.code(), Some(Code::BadSignature));
}
