//! The report of `keygen check-in`.

use license_cli_support::escape;
use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::issue::ValidationDraft;
use license_core::machine::Machine;
use license_core::time::rfc3339;
use license_core::{License, Tier, time};
use license_issuer::services::validations::{SignedValidation, ValidationPlan};
use serde_json::{Value, json};

use super::super::issuance::{Issuance, IssuanceReport};

/// A validation token in a report.
struct ReportedValidation<'a> {
    license: &'a License,
    tier: Tier,
    status: Status,
    machine: Option<String>,
    nonce: Option<String>,
    issued_at: DateTime<Utc>,
    expires_at: Option<DateTime<Utc>>,
    signed: Option<&'a SignedValidation>,
}

/// Returns the report of signed validations.
pub(super) fn from_signed(signed: &[SignedValidation], issuance: &Issuance<'_>) -> IssuanceReport {
    let validations: Vec<_> = signed.iter().map(ReportedValidation::from_signed).collect();
    let kid = signed.first().map(|validation| validation.key_id.as_str());
    report(&validations, kid, issuance)
}

/// Returns the report of a dry run.
pub(super) fn from_plan(plan: &ValidationPlan<'_>, issuance: &Issuance<'_>) -> IssuanceReport {
    let drafts: Vec<_> = plan.drafts().collect();
    let validations: Vec<_> = drafts.iter().map(ReportedValidation::from_draft).collect();
    report(&validations, None, issuance)
}

fn report(
    validations: &[ReportedValidation<'_>],
    kid: Option<&str>,
    issuance: &Issuance<'_>,
) -> IssuanceReport {
    let to_json = |validation: &ReportedValidation<'_>| validation.to_json(issuance.shows_token());
    IssuanceReport {
        json: json!({
            "validations": validations.iter().map(to_json).collect::<Vec<_>>(),
            "kid": kid,
            "path": issuance.path(),
            "dry_run": issuance.dry_run,
        }),
        lines: validations
            .iter()
            .flat_map(ReportedValidation::lines)
            .collect(),
    }
}

impl<'a> ReportedValidation<'a> {
    fn from_signed(signed: &'a SignedValidation) -> Self {
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

    fn from_draft(draft: &'a ValidationDraft<'_>) -> Self {
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
            "product": self.license.product().as_str(),
            "customer": self.license.customer(),
            "tier": self.tier.as_str(),
            "status": self.status.as_str(),
            "machine": self.machine,
            "nonce": self.nonce,
            "issued_at": rfc3339(self.issued_at).to_string(),
            "expires_at": self.expires_at.map(|at| rfc3339(at).to_string()),
            "holds_until": self.check_in_times().map(|(_, valid_until)| rfc3339(valid_until).to_string()),
            "token": token.filter(|_| shows_token),
        })
    }

    fn lines(&self) -> Vec<String> {
        let license = self.license;
        let end = license
            .expires_at()
            .map_or("perpetual".to_owned(), time::describe_end);
        let mut lines = vec![
            format!(
                "license    {} for {}, {end}",
                license.tier(),
                escape(license.customer())
            ),
            format!("product    {}", license.product()),
            format!("license id {}", license.id()),
            format!("status     {}", self.status),
            format!("machine    {}", self.machine.as_deref().unwrap_or("any")),
        ];
        let nonce = self.nonce.as_ref();
        lines.extend(nonce.map(|nonce| format!("nonce      {nonce}")));
        lines.push(format!("check-in   {}", self.check_in_text()));
        lines
    }

    /// Returns when the next check-in is due, and when the grace period of check-ins ends. The
    /// license may end earlier.
    ///
    /// `None` means that the license does not require check-ins or is not active.
    fn check_in_times(&self) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let policy = self.license.check_in()?;
        let times = [policy.every(), policy.grace()]
            .map(|duration| time::saturating_add(self.issued_at, duration));
        (self.status == Status::Active).then_some(times.into())
    }

    /// Describes how long the license is valid with this validation token.
    fn check_in_text(&self) -> String {
        let Some((due_at, valid_until)) = self.check_in_times() else {
            return match self.status {
                Status::Active => "not required".to_owned(),
                denied => format!(
                    "the license is {denied} where this token is installed, until a later token with status active is installed there"
                ),
            };
        };
        match self.license.ends_at() {
            Some(end) if end <= due_at => {
                format!("not required before the license ends at {}", rfc3339(end))
            }
            Some(end) if end <= valid_until => {
                format!(
                    "due by {due_at}; without it, valid until the license ends at {end}",
                    due_at = rfc3339(due_at),
                    end = rfc3339(end)
                )
            }
            _ => format!(
                "due by {due_at}; without it, valid until {valid_until}",
                due_at = rfc3339(due_at),
                valid_until = rfc3339(valid_until)
            ),
        }
    }
}
