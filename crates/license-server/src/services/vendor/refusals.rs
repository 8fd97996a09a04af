//! Errors of the ledger and of the issue services, as answers.

use std::time::Duration;

use license_core::issue::SigningError;
use license_core::{Code, with_causes};
use license_issuer::errors::LedgerError;
use license_issuer::files::LockError;
use license_issuer::ledger::LedgerEntry;
use license_issuer::services::answer::AnswerError;
use license_issuer::services::issue::{IssueError, SignError};
use license_issuer::services::server_keys::ServerKeyError;
use license_issuer::services::vendor_clock::ClockFault;

use crate::domain::{Refusal, RefusalKind, ServerCode};

/// When a client may repeat a request that found the ledger locked.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// The reason why an order has no new artifact.
#[derive(Debug, thiserror::Error)]
pub(in crate::services) enum OrderError {
    /// The order is refused.
    #[error(transparent)]
    Refused(Box<Refusal>),
    /// The ledger has the license of this order already.
    #[error("the order is a repetition")]
    Repeated(Box<LedgerEntry>),
}

impl From<Refusal> for OrderError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl From<OrderError> for Refusal {
    fn from(error: OrderError) -> Self {
        match error {
            OrderError::Refused(refusal) => *refusal,
            OrderError::Repeated(_) => failed_task(),
        }
    }
}

/// Converts the error of an issue service, whose caller refuses with `E`.
pub(super) fn not_issued<E>(error: IssueError<E>) -> Refusal
where
    E: std::error::Error + Into<Refusal> + 'static,
{
    match error {
        IssueError::Request(error) => error.into(),
        IssueError::Sign(error) => not_signed(&error),
        IssueError::OpenLedger(error) | IssueError::Ledger(error) => ledger_refused(error),
        error => {
            tracing::error!(error = %with_causes(&error), "cannot deliver an artifact");
            failed_task()
        }
    }
}

/// Converts the error of signing.
fn not_signed(error: &SignError) -> Refusal {
    match error {
        SignError::Sign { source, .. } => draft_refused(source),
        SignError::Serial(source) => storage_failed(&with_causes(source).to_string()),
        error => {
            tracing::error!(error = %with_causes(error), "the vendor's key cannot sign");
            signing_failed()
        }
    }
}

/// Converts the reason why a draft cannot be signed.
pub(super) fn draft_refused(error: &SigningError) -> Refusal {
    match error {
        SigningError::Sign
        | SigningError::Json
        | SigningError::Device { .. }
        | SigningError::DoesNotVerify => {
            tracing::error!(error = %with_causes(error), "the vendor's key cannot sign");
            signing_failed()
        }
        SigningError::TrustedServerKey { .. } => Refusal::of_license(
            RefusalKind::Conflict,
            Code::ServerKeyTrusted,
            with_causes(error).to_string(),
        ),
        error => bad_request(with_causes(error).to_string()),
    }
}

/// Converts the reason why the key of a customer's server cannot be certified.
pub(super) fn server_key_refused(error: &ServerKeyError) -> Refusal {
    let detail = format!("`server_request`: {}", with_causes(error));
    Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
        .hint("send the request that `license-server init` wrote on the customer's server")
}

/// Converts the error of the ledger.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the function is an argument of `map_err`"
)]
pub(super) fn ledger_refused(error: LedgerError) -> Refusal {
    match &error {
        LedgerError::Busy | LedgerError::Lock(LockError::Busy { .. }) => busy(),
        error => storage_failed(&with_causes(error).to_string()),
    }
}

fn storage_failed(reason: &str) -> Refusal {
    tracing::error!(reason, "the ledger cannot be used");
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::StorageFailed,
        "the ledger cannot be read or written",
    )
    .hint("the log of the server has the cause; `keygen ledger verify` checks the ledger")
    .retry_after(RETRY_AFTER)
}

/// Returns the refusal of a request that found the ledger locked.
pub(super) fn busy() -> Refusal {
    let detail = "another program keeps the ledger locked";
    Refusal::new(RefusalKind::Unavailable, ServerCode::Busy, detail)
        .hint("repeat the request after the time in Retry-After, with the same Idempotency-Key")
        .retry_after(RETRY_AFTER)
}

/// Returns the refusal of a clock that contradicts the ledger.
pub(super) fn wrong_clock(fault: &ClockFault) -> Refusal {
    Refusal::with_code(RefusalKind::Conflict, "WRONG_CLOCK", fault.to_string())
        .hint("correct the clock of the server")
}

/// Converts the reason why a machine request is not answered.
pub(super) fn not_answered(error: AnswerError) -> Refusal {
    let detail = with_causes(&error).to_string();
    let conflict = |code: Code| Refusal::of_license(RefusalKind::Conflict, code, detail.clone());
    match error {
        AnswerError::Ledger(error) => ledger_refused(error),
        AnswerError::Random(_) => signing_failed(),
        AnswerError::UnknownLicense(id) => Refusal::new(
            RefusalKind::NotFound,
            ServerCode::UnknownLicense,
            "the ledger does not have the license of the request",
        )
        .values("a license of this vendor", id.as_str())
        .hint("install the license that the vendor sent, and make a new request"),
        AnswerError::DeviceLimit(error) => {
            Refusal::with_code(RefusalKind::Conflict, "DEVICE_LIMIT", detail)
                .hint("deactivate the license on another machine with `license deactivate`")
                .facts(serde_json::json!({ "limit": error.limit, "used": error.used }))
        }
        AnswerError::Replayed { .. } | AnswerError::Ended { .. } => {
            conflict(Code::Replayed).hint("make a new request with `license request`")
        }
        error => match error.code() {
            Some(code) => conflict(code),
            None => bad_request(detail),
        },
    }
}

/// Returns the refusal of a value that is not acceptable.
pub(super) fn bad_request(detail: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
}

pub(super) fn signing_failed() -> Refusal {
    Refusal::new(
        RefusalKind::Unavailable,
        ServerCode::SigningFailed,
        "the vendor's key cannot sign",
    )
    .hint("the log of the server has the cause")
}

/// Returns the refusal of work that ended with a panic, which the log contains.
pub(super) fn failed_task() -> Refusal {
    let detail = "the server has failed";
    Refusal::new(RefusalKind::Internal, ServerCode::StorageFailed, detail)
        .hint("the log of the server has the cause")
}
