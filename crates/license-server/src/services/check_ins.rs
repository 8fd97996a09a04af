//! Check-ins: validation tokens as files.

use license_core::Unverified;

use super::validate::{ValidateRequest, ValidateService};
use crate::domain::{Refusal, RefusalKind};

/// The answer to a check-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckInReply {
    /// The validation token in armor, as `license install` accepts it.
    pub armor: String,
}

/// Answers check-ins.
#[derive(Clone)]
pub struct CheckInService {
    validate: ValidateService,
}

impl CheckInService {
    pub(super) fn new(validate: ValidateService) -> Self {
        Self { validate }
    }

    /// Validates a license, and returns the validation token as a file.
    ///
    /// # Errors
    ///
    /// Returns the refusals of a validation, and the reason code of a license that is not valid.
    pub async fn check_in(&self, request: ValidateRequest) -> Result<CheckInReply, Refusal> {
        let reply = self.validate.validate(request).await?;
        let token = reply.validation.as_deref();
        let armor = token.and_then(|token| Some(Unverified::parse(token).ok()?.to_armor()));
        armor.map(|armor| CheckInReply { armor }).ok_or_else(|| {
            let detail = "the license is not valid, so it cannot check in";
            let refusal = Refusal::with_code(RefusalKind::Conflict, reply.code, detail)
                .values(&reply.expected, &reply.actual);
            match reply.hint {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            }
        })
    }
}
