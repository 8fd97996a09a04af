//! Numbers of forms, by which a form that is sent twice, such as by a double click, has one effect.

use license_core::encoding::hex;
use sha2::{Digest, Sha256};

use super::context::PageContext;
use crate::api::problem::Problem;
use crate::domain::{Refusal, RefusalKind, ServerCode};
use crate::services::RequestId;

/// The hidden field with the number.
pub(super) const FIELD: &str = "request";

/// Returns the number of a form, which is new for each page. A form that was sent twice has the
/// same number and the same values.
///
/// # Errors
///
/// Returns `SIGNING_FAILED` if the operating system provides no random bytes.
pub(super) fn new() -> Result<String, Problem> {
    let bytes = license_issuer::random::bytes::<16>().map_err(|_| {
        let detail = "the operating system provides no random bytes";
        Refusal::new(RefusalKind::Internal, ServerCode::SigningFailed, detail)
    })?;
    Ok(hex::encode(&bytes))
}

/// Returns the request of a form: its person, its page, its number and its values. Without a
/// number, the form does not come from a page.
///
/// # Errors
///
/// Returns `MALFORMED` for a form without a number.
pub(super) fn request(
    context: &PageContext,
    path: &str,
    number: &str,
    values: &[&str],
) -> Result<RequestId, Problem> {
    if number.is_empty() {
        return Err(Problem::malformed("the form has no number")
            .hint("open the page again, and send its form"));
    }
    let person = context.person().signed_in().account.id.to_string();
    let mut hash = Sha256::new();
    hash.update(b"license-server-form-v1");
    for part in [person.as_str(), path, number].iter().chain(values) {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    Ok(RequestId(hash.finalize().into()))
}
