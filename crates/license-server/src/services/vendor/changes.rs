//! The results of orders, and the changes that they bring.

use license_core::diff::{Difference, Effect};
use license_core::issue::LicenseDraft;
use license_core::time::rfc3339;
use license_core::{Code, FeatureMatrix, License, with_causes};
use license_issuer::services::warnings::IssueWarning;

use crate::domain::{Refusal, RefusalKind};

/// A warning about an order that is probably a mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderWarning {
    /// The reason code.
    pub code: &'static str,
    /// The warning.
    pub message: String,
}

/// The result of a revocation.
#[derive(Clone, Debug)]
pub struct RevocationResult {
    /// The licenses that are revoked now.
    pub revoked: Vec<String>,
    /// The licenses that were revoked before.
    pub already_revoked: Vec<String>,
    /// Other licenses that are still valid and replace one of these licenses.
    pub successors: Vec<String>,
    /// Other licenses that are still valid and were replaced by one of these licenses.
    pub predecessors: Vec<String>,
    /// The number of the newest revocation list.
    pub list: Option<u64>,
}

/// The result of a reinstatement.
#[derive(Clone, Debug)]
pub struct ReinstatementResult {
    /// The licenses that are valid again.
    pub reinstated: Vec<String>,
    /// The licenses that were not revoked.
    pub not_revoked: Vec<String>,
    /// The licenses that another order revoked, and that stay revoked.
    pub revoked_separately: Vec<String>,
    /// The number of the newest revocation list.
    pub list: Option<u64>,
}

/// The changes for the customer.
pub(super) struct Changes {
    pub(super) losses: Vec<String>,
    /// Gains and neutral changes.
    pub(super) others: Vec<String>,
}

impl Changes {
    /// Compares a license with the draft that replaces it.
    pub(super) fn new(
        license: &License,
        draft: &LicenseDraft,
        matrix: &FeatureMatrix,
    ) -> Result<Self, Refusal> {
        let claims = draft.read_back().map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
        })?;
        let difference = Difference::from_claims(license.claims(), &claims, matrix);
        // A later start is not a loss if the draft starts before or when the license ends.
        let is_continuous = draft.not_before.is_none_or(|start| {
            let end = license.expires_at();
            end.is_some_and(|end| start <= end)
        });
        let (mut losses, mut others) = (Vec::new(), Vec::new());
        for change in &difference {
            if is_continuous && change.what() == "not_before" {
                continue;
            }
            if change.effect() == Effect::Loss {
                losses.push(change.to_string());
            } else {
                others.push(change.to_string());
            }
        }
        Ok(Self { losses, others })
    }

    /// Refuses losses that the order does not accept.
    pub(super) fn check(&self, is_loss_accepted: bool) -> Result<(), Refusal> {
        if self.losses.is_empty() || is_loss_accepted {
            return Ok(());
        }
        let detail = "the customer would lose something";
        Err(
            Refusal::of_license(RefusalKind::Conflict, Code::Loss, detail)
                .values("a license without losses", self.losses.join("; "))
                .hint("correct the order, or add `accept_loss`"),
        )
    }
}

/// Returns the warnings that concern an administrator.
pub(super) fn warnings(found: &[IssueWarning]) -> Vec<OrderWarning> {
    let warnings = found.iter().filter_map(|warning| {
        let (code, message) = match warning {
            IssueWarning::ActiveLicense {
                license, tier, end, ..
            } => {
                let end = end.map_or_else(
                    || "perpetual".to_owned(),
                    |end| format!("until {}", rfc3339(end)),
                );
                (
                    "ACTIVE_LICENSE",
                    format!(
                        "the customer already has an active license: {license} ({tier}, {end})"
                    ),
                )
            }
            IssueWarning::ServerKeyNotProven { key } => (
                "SERVER_KEY_NOT_PROVEN",
                format!(
                    "a public key does not prove that the customer has the private key of {key}"
                ),
            ),
            IssueWarning::ServerKeyShared { key, .. } => (
                "SERVER_KEY_SHARED",
                format!("licenses of other customers also name server key {key}"),
            ),
            _ => return None,
        };
        Some(OrderWarning { code, message })
    });
    warnings.collect()
}
