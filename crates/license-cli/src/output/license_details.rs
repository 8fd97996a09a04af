//! The terms of a license and its place on this machine, as text and as JSON.

use std::path::{Path, PathBuf};

use license_cli_support::{Fields, escape, plural, show_path};
use license_core::chrono::{DateTime, Utc};
use license_core::evaluate::{Evidence, Outcome, RuleResult};
use license_core::policy::{Quota, describe_assignment, describe_borrowing};
use license_core::time::{self, rfc3339};
use license_core::{Decision, FeatureMatrix, License, VerifiedLicenses};
use serde_json::{Value, json};

use crate::embedded::command;

/// The terms of a license, and the artifacts that belong to it.
pub(crate) struct LicenseDetails<'a> {
    license: &'a License,
    /// The number of seats and of devices, if the product has them.
    seats: Option<Quota>,
    devices: Option<Quota>,
    /// The file that contains the license, if it is installed.
    source: Option<PathBuf>,
    /// The time of the activation that is in effect on this machine.
    activated_at: Option<DateTime<Utc>>,
    /// The license that replaces this one later.
    renewal: Option<&'a License>,
}

impl<'a> LicenseDetails<'a> {
    /// Finds what belongs to a license at an instant. `results` are the results of its rules.
    pub(crate) fn new(
        license: &'a License,
        results: &[RuleResult],
        verified: &'a VerifiedLicenses,
        source: Option<&Path>,
        matrix: &FeatureMatrix,
        decision: &Decision,
    ) -> Self {
        let now = decision.evaluated_at();
        let entitlements = match decision.outcome() {
            Outcome::Denied => license.entitlements(),
            _ => decision.entitlements(),
        };
        // A license can state a number although the product has no quota for it.
        let number = |quota: Option<&str>, claim: Option<u64>| {
            let quota = quota.and_then(|name| entitlements.quota(name));
            quota.or_else(|| claim.map(Quota::Limit))
        };
        let claims = license.claims();
        let renews = |next: &&License| {
            let is_later = next.not_before().is_some_and(|start| now < start);
            is_later && next.supersedes().contains(license.id())
        };
        Self {
            license,
            seats: number(matrix.seats_quota(), claims.seats),
            devices: number(matrix.devices_quota(), claims.devices),
            source: source.map(Path::to_owned),
            activated_at: activated_at(results),
            renewal: verified.licenses().iter().find(renews),
        }
    }

    /// Adds the terms of the license.
    pub(crate) fn add_terms(&self, fields: &mut Fields) {
        let license = self.license;
        if let Some(seats) = self.seats {
            fields.add("seats", seats.to_string());
        }
        if license.requires_seat() {
            fields.add("floating", "a seat of the license server is required");
        }
        let borrowing = describe_borrowing(license.entitlements());
        if let Some(borrowing) = borrowing.filter(|_| license.confirmation_key().is_some()) {
            fields.add("borrowing", borrowing);
        }
        if let Some(devices) = self.devices {
            fields.add("devices", devices.to_string());
        }
        if let Some(users) = license.users() {
            let count = plural(users.len(), "named user", "named users");
            let names: Vec<_> = users.map(escape).collect();
            fields.add("users", format!("{count}: {}", names.join(", ")));
        }
        let assigned = describe_assignment(license.entitlements());
        if let Some(assigned) = assigned.filter(|_| license.confirmation_key().is_some()) {
            fields.add("users", assigned);
        }
        if let Some(machines) = license.machines() {
            let count = plural(machines.len(), "machine", "machines");
            fields.add("locked to", count);
        }
    }

    /// Adds the activation, the renewal and the file.
    pub(crate) fn add_installation(&self, fields: &mut Fields) {
        match self.activated_at {
            Some(at) => {
                fields.add(
                    "activation",
                    format!("on this machine, since {}", rfc3339(at)),
                );
            }
            None if self.license.must_activate() => {
                let request = concat!("required; ", command!("request"), " requests it");
                fields.add("activation", request);
            }
            None => {}
        }
        if let Some(renewal) = self.renewal {
            let place = match self.source {
                Some(_) => "installed",
                None => "in the same file",
            };
            fields.add("renewal", format!("{place}; {}", term(renewal)));
        }
        if let Some(source) = &self.source {
            fields.add("source", show_path(source));
        }
    }

    /// Returns the JSON object.
    pub(crate) fn to_json(&self) -> Value {
        let users = self.license.users().map(Iterator::collect::<Vec<_>>);
        let renewal = self.renewal.map(|renewal| {
            json!({
                "license_id": renewal.id(),
                "starts_at": renewal.not_before().map(text),
                "expires_at": renewal.expires_at().map(text),
            })
        });
        json!({
            "seats": self.seats.map(Quota::to_number),
            "devices": self.devices.map(Quota::to_number),
            "users": users,
            "activated_at": self.activated_at.map(text),
            "renewal": renewal,
            "source": self.source.as_deref().map(show_path),
        })
    }
}

/// Returns the time of the activation on which the machine rule relies. It can be the activation of
/// a license that this license replaces.
pub(crate) fn activated_at(results: &[RuleResult]) -> Option<DateTime<Utc>> {
    results.iter().find_map(|result| match result.evidence {
        Evidence::Activation { at, .. } => at,
        _ => None,
    })
}

fn text(at: DateTime<Utc>) -> String {
    rfc3339(at).to_string()
}

/// Describes the term of a license that has not started.
fn term(license: &License) -> String {
    let start = license
        .not_before()
        .map_or_else(String::new, |start| format!("starts {}", rfc3339(start)));
    match license.expires_at() {
        None => format!("{start}, and never ends (perpetual)"),
        Some(end) => format!("{start}, and ends {}", time::describe_end(end)),
    }
}
