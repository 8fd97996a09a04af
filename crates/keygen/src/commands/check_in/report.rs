//! The report of `keygen check-in`.

use license_cli_support::escape;
use license_core::issue::ValidationDraft;
use license_core::{License, Machine, Status, Tier, Timestamp};
use license_issuer::services::validations::{SignedValidation, ValidationPlan};
use license_issuer::services::warnings::end_of;
use serde_json::{Value, json};

use super::super::issuing::{Issuing, IssuingReport};

const SECONDS_PER_HOUR: u64 = 3600;

/// A validation in a report.
struct ReportedValidation<'a> {
    license: &'a License,
    tier: Tier,
    status: Status,
    machine: Option<String>,
    nonce: Option<String>,
    issued_at: Timestamp,
    expires_at: Option<Timestamp>,
    signed: Option<&'a SignedValidation>,
}

/// Returns the report of signed validations.
pub(super) fn of_signed(signed: &[SignedValidation], issuing: &Issuing<'_>) -> IssuingReport {
    let validations: Vec<_> = signed.iter().map(ReportedValidation::of_signed).collect();
    let kid = signed.first().map(|one| one.key_id.as_str());
    report(&validations, kid, issuing)
}

/// Returns the report of a dry run.
pub(super) fn of_plan(plan: &ValidationPlan<'_>, issuing: &Issuing<'_>) -> IssuingReport {
    let drafts: Vec<_> = plan.drafts().collect();
    let validations: Vec<_> = drafts.iter().map(ReportedValidation::of_draft).collect();
    report(&validations, None, issuing)
}

fn report(
    validations: &[ReportedValidation<'_>],
    kid: Option<&str>,
    issuing: &Issuing<'_>,
) -> IssuingReport {
    let to_json = |one: &ReportedValidation<'_>| one.to_json(issuing.shows_token());
    IssuingReport {
        json: json!({
            "validations": validations.iter().map(to_json).collect::<Vec<_>>(),
            "kid": kid,
            "path": issuing.path(),
            "dry_run": issuing.dry_run,
        }),
        lines: validations
            .iter()
            .flat_map(ReportedValidation::lines)
            .collect(),
    }
}

impl<'a> ReportedValidation<'a> {
    fn of_signed(signed: &'a SignedValidation) -> Self {
        let validation = &signed.validation;
        Self {
            license: &signed.license,
            tier: validation.entitlements().tier(),
            status: validation.status(),
            machine: validation.machine().map(Machine::to_string),
            nonce: validation.nonce().map(str::to_owned),
            issued_at: validation.issued_at(),
            expires_at: validation.expires_at(),
            signed: Some(signed),
        }
    }

    fn of_draft(draft: &'a ValidationDraft<'_>) -> Self {
        Self {
            license: draft.license,
            tier: draft.entitlements.tier(),
            status: draft.status,
            machine: draft.machine.clone(),
            nonce: draft.nonce.clone(),
            issued_at: draft.issued_at,
            expires_at: draft.expires_at,
            signed: None,
        }
    }

    fn to_json(&self, shows_token: bool) -> Value {
        let token = self.signed.map(|signed| signed.token.as_str());
        json!({
            "id": self.signed.map(|signed| signed.validation.id()),
            "license_id": self.license.id().as_str(),
            "customer": self.license.customer(),
            "tier": self.tier.as_str(),
            "status": self.status.as_str(),
            "machine": self.machine,
            "nonce": self.nonce,
            "issued_at": self.issued_at.to_string(),
            "expires_at": self.expires_at.map(|at| at.to_string()),
            "holds_until": self.span().map(|(_, holds_until)| holds_until.to_string()),
            "token": token.filter(|_| shows_token),
        })
    }

    fn lines(&self) -> Vec<String> {
        let license = self.license;
        let end = license
            .expires_at()
            .map_or("perpetual".to_owned(), |end| format!("until {end}"));
        let mut lines = vec![
            format!(
                "license    {} for {}, {end}",
                license.tier(),
                escape(license.customer())
            ),
            format!("license id {}", license.id()),
            format!("status     {}", self.status),
            format!("machine    {}", self.machine.as_deref().unwrap_or("any")),
        ];
        let nonce = self.nonce.as_ref();
        lines.extend(nonce.map(|nonce| format!("nonce      {nonce}")));
        lines.push(format!("check-in   {}", self.outlook()));
        lines
    }

    /// Returns when the next check-in is due, and until when the license is valid without it. `None`
    /// if the license needs no check-ins or is not active.
    fn span(&self) -> Option<(Timestamp, Timestamp)> {
        let terms = self.license.check_in()?;
        let span = [terms.every_hours(), terms.grace_hours()]
            .map(|hours| self.issued_at.plus(hours.saturating_mul(SECONDS_PER_HOUR)));
        (self.status == Status::Active).then_some(span.into())
    }

    /// Returns how long the license is valid with the validation.
    fn outlook(&self) -> String {
        let Some((due_at, holds_until)) = self.span() else {
            return match self.status {
                Status::Active => "the license never needs one".to_owned(),
                denied => format!(
                    "the license is {denied} wherever this is installed, until a later one says active"
                ),
            };
        };
        match end_of(self.license) {
            Some(end) if end <= due_at => {
                format!("the license ends at {end}, before its next check-in is due")
            }
            Some(end) if end <= holds_until => format!(
                "the license needs its next check-in by {due_at}, and holds until its end at {end} without"
            ),
            _ => format!(
                "the license needs its next check-in by {due_at}, and holds until {holds_until} without"
            ),
        }
    }
}
