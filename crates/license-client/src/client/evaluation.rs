//! Steps that several methods of a client share.

use license_core::usage::UsageCounts;
use license_core::{Context, Decision};

use super::{Client, ClientError};
use crate::manager::UsageAccount;

impl Client {
    /// Evaluates the installed license. Emits an event if the decision for the client's own user
    /// has changed.
    pub(super) fn evaluate(&self, context: &Context<'_>) -> Result<Decision, ClientError> {
        let snapshot = self.snapshot();
        let decision = match snapshot.installed() {
            None => Decision::without_license(&self.matrix, context),
            Some(installation) => {
                let verified = installation.verified();
                if let Some(missing) = verified.missing_context(&self.matrix, context) {
                    return Err(missing.into());
                }
                match self.held_seat(verified, context) {
                    Some(seat) => verified.evaluate(&self.matrix, &seat.add_to(context.clone())),
                    None => verified.evaluate(&self.matrix, context),
                }
            }
        };
        if context.named_user() == self.application.user.as_deref() {
            self.decisions.record(&decision);
        }
        Ok(decision)
    }

    /// Counts usage for usage reports.
    pub(super) fn count(&self, decision: &Decision, context: &Context<'_>, counts: UsageCounts) {
        let account = UsageAccount::new(decision, context.named_user());
        self.manager.count(account, counts);
    }
}
