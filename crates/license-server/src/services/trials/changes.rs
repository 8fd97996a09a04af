//! Extensions and conversions of trials.

use license_core::LicenseId;
use license_issuer::services::issue::Mode;
use serde_json::{Value, json};

use super::{TrialService, checked_reason, end_of, mails};
use crate::domain::{
    Actor, Refusal, RefusalKind, ServerCode, Trial, TrialChange, TrialId, TrialState,
};
use crate::services::people::bad_request;
use crate::services::vendor::{self, IssueOrder, IssuedLicense, RequestId};

/// The largest number of days of an extension.
const MAX_EXTENSION: u32 = 365;

/// A trial that was extended or converted, with its new license.
#[derive(Clone, Debug)]
pub struct ChangedTrial {
    /// The trial after the change, or as it is with a dry run.
    pub trial: Trial,
    /// The license.
    pub license: IssuedLicense,
}

impl TrialService {
    /// Extends a trial by a number of days, which count from its end.
    ///
    /// # Errors
    ///
    /// Returns `BAD_REQUEST` for days or a reason that are not accepted, `NOT_FOUND` for an unknown
    /// trial, `CONVERTED` for a converted one, and the errors of the ledger.
    pub async fn extend(
        &self,
        actor: &Actor,
        id: &TrialId,
        days: u32,
        reason: &str,
        request: Option<RequestId>,
    ) -> Result<ChangedTrial, Refusal> {
        let reason = checked_reason(reason)?;
        check_days(days)?;
        let (site, trial) = (&self.site, self.get(id).await?);
        let license = issued_license(&trial)?;
        let commit = (Mode::Commit, request);
        let extended = vendor::extend_trial(site, actor, license, days, commit).await?;
        let change = TrialChange::Extend {
            license: extended.id.clone(),
            ends_at: end_of(&extended),
        };
        let details = json!({ "reason": reason, "days": days });
        let trial = self
            .follow(actor, "trial.extend", id, change, details)
            .await?;
        mails::extended(site, &trial, extended.file.as_deref().unwrap_or_default());
        Ok(ChangedTrial {
            trial,
            license: extended,
        })
    }

    /// Describes the license that [`extend`](Self::extend) would issue.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`extend`](Self::extend).
    pub async fn preview_extension(
        &self,
        actor: &Actor,
        id: &TrialId,
        days: u32,
        reason: &str,
    ) -> Result<ChangedTrial, Refusal> {
        checked_reason(reason)?;
        check_days(days)?;
        let trial = self.get(id).await?;
        let license = issued_license(&trial)?;
        let dry_run = (Mode::DryRun, None);
        let license = vendor::extend_trial(&self.site, actor, license, days, dry_run).await?;
        Ok(ChangedTrial { trial, license })
    }

    /// Converts a trial to a paid license, whose days count from the end of the trial.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`extend`](Self::extend), and `BAD_REQUEST` for an order that is not
    /// accepted.
    pub async fn convert(
        &self,
        actor: &Actor,
        id: &TrialId,
        order: IssueOrder,
        request: Option<RequestId>,
    ) -> Result<ChangedTrial, Refusal> {
        let (site, trial) = (&self.site, self.get(id).await?);
        let is_dry_run = order.dry_run;
        // A repetition of a request gets the license of the first one from the ledger.
        let license = trial.license.as_ref().ok_or_else(still_issuing)?;
        let license = vendor::convert_trial(site, actor, license, order, request).await?;
        if is_dry_run {
            return Ok(ChangedTrial { trial, license });
        }
        let change = TrialChange::Convert(license.id.clone());
        let details = json!({});
        let trial = self
            .follow(actor, "trial.convert", id, change, details)
            .await?;
        mails::converted(site, &trial, license.file.as_deref().unwrap_or_default());
        Ok(ChangedTrial { trial, license })
    }

    /// Changes a trial after its license in the ledger, and returns it. The periodic work may have
    /// followed the ledger meanwhile.
    async fn follow(
        &self,
        actor: &Actor,
        action: &'static str,
        id: &TrialId,
        change: TrialChange,
        details: Value,
    ) -> Result<Trial, Refusal> {
        match self.change(actor, action, id, change, details).await? {
            Some(trial) => Ok(trial),
            None => self.get(id).await,
        }
    }
}

fn check_days(days: u32) -> Result<(), Refusal> {
    if (1..=MAX_EXTENSION).contains(&days) {
        return Ok(());
    }
    let expected = format!("a number from 1 to {MAX_EXTENSION}");
    Err(bad_request("`days` is out of range").values(expected, days))
}

/// Returns the license of a trial, unless it is still being issued or another license replaces it.
pub(in crate::services) fn issued_license(trial: &Trial) -> Result<&LicenseId, Refusal> {
    if trial.state == TrialState::Converted {
        let detail = "a paid license already replaces the trial";
        return Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::Converted, detail)
                .hint("change the license that replaces the trial"),
        );
    }
    trial.license.as_ref().ok_or_else(still_issuing)
}

fn still_issuing() -> Refusal {
    Refusal::new(
        RefusalKind::Conflict,
        ServerCode::InProgress,
        "the license of the trial is being issued",
    )
    .hint("repeat the request in a minute")
}
