//! The installed license as a monitor sees it. Observing changes nothing on this machine.

use license_cli_support::Failure;
use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::Evidence;
use license_core::policy::{Quota, SERVER_QUOTAS};
use license_core::state::QuotaUse;
use license_core::{Decision, License};

use crate::args::ContextArgs;
use crate::context::{AppContext, Evaluation};
use crate::output::dates::announced_end;
use crate::output::notice::Notice;

/// The installed license, the decision on it, and the counts of today.
pub(super) struct Observation<'a> {
    pub(super) evaluation: Evaluation<'a>,
    pub(super) decision: Decision,
    pub(super) quotas: Vec<ObservedQuota>,
}

/// A quota in effect.
pub(super) struct ObservedQuota {
    pub(super) name: String,
    pub(super) limit: Quota,
    /// The count of today. `None` if the counts cannot be read.
    pub(super) usage: Option<QuotaUse>,
}

/// The dates of the check-ins that a license requires.
pub(super) struct CheckInDates {
    /// The last check-in, if there is one.
    pub(super) last: Option<DateTime<Utc>>,
    /// The instant at which the next check-in is due.
    pub(super) due: DateTime<Utc>,
    /// The end of the grace period.
    pub(super) grace_until: DateTime<Utc>,
}

impl<'a> Observation<'a> {
    /// Reads the installed license and decides on it.
    ///
    /// # Errors
    ///
    /// Returns a failure if the usage type is needed and cannot be detected. An installed license
    /// that cannot be used is no failure.
    pub(super) fn new(app: &'a AppContext, args: &'a ContextArgs) -> Result<Self, Failure> {
        let mut evaluation = app.observed(args)?;
        let decision = evaluation.decide();
        let denial = app.denial_of_quotas(&decision);
        evaluation
            .notices
            .extend(denial.as_ref().map(Notice::not_counted));
        let used = evaluation.used_quotas.as_ref();
        let quota = |(name, limit): (&str, Quota)| ObservedQuota {
            name: name.to_owned(),
            limit,
            usage: used.and_then(|used| used.quota_use(name, limit)),
        };
        let quotas = decision.entitlements().quotas();
        let quotas = quotas.filter(|(name, _)| !SERVER_QUOTAS.contains(name));
        let quotas = quotas.map(quota).collect();
        Ok(Self {
            evaluation,
            decision,
            quotas,
        })
    }

    /// Returns the time from the evaluation to `at`, which is negative if `at` is in the past.
    pub(super) fn until(&self, at: DateTime<Utc>) -> TimeDelta {
        at.signed_duration_since(self.decision.evaluated_at())
    }

    /// Returns the end of the term without a grace period, or `None` if the license is perpetual or
    /// missing.
    ///
    /// An installed renewal that starts in time continues the term. An announced revocation ends it
    /// early.
    pub(super) fn term_end(&self) -> Option<DateTime<Utc>> {
        let license = self.decision.license()?;
        let announced = announced_end(&self.decision, license);
        let renewed = self.renewed_end(license);
        announced.into_iter().chain(renewed).min()
    }

    fn renewed_end(&self, license: &License) -> Option<DateTime<Utc>> {
        let installed = self.evaluation.verified.as_ref();
        let last = installed.and_then(|found| found.continuations_of(license).pop());
        last.unwrap_or(license).expires_at()
    }

    /// Returns the dates of the check-ins, if the license requires any.
    pub(super) fn check_in(&self) -> Option<CheckInDates> {
        match self.decision.check_in()? {
            Evidence::CheckIn {
                last_validated_at,
                due_at,
                grace_until,
                ..
            } => Some(CheckInDates {
                last: *last_validated_at,
                due: *due_at,
                grace_until: *grace_until,
            }),
            _ => None,
        }
    }

    /// Returns the last instant of the builds that the license covers, if it does not cover all.
    pub(super) fn updates_until(&self) -> Option<DateTime<Utc>> {
        self.decision.license()?.maintenance_until()
    }
}
