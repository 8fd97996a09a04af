//! The status of a license, with the licenses that it replaces and that replaces it.

use license_cli_support::{Cell, Failure, Fields};
use license_core::chrono::{DateTime, Utc};
use license_issuer::ledger::{LedgerEntry, LedgerReader, LicenseStatus, RecordedLicense};
use serde_json::Value;

use super::super::lookup::license_of;
use super::report::{remaining, status_cell};
use crate::failures;
use crate::output::date::{day, last_day};

/// The status of a license in the ledger, and its place among the licenses that replace each other.
pub(super) struct Verdict {
    license: RecordedLicense,
    /// The revocation, if the license is revoked.
    revocation: Option<LedgerEntry>,
    /// The latest license that replaces this one and is not revoked.
    successor: Option<RecordedLicense>,
    /// The ids of the recorded licenses that this one replaces.
    predecessors: Vec<String>,
}

impl Verdict {
    /// Returns the verdict on a license. Returns `None` if the subject is not a license.
    pub(super) fn of(
        ledger: &dyn LedgerReader,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Self>, Failure> {
        let failed = failures::ledger_not_read(ledger);
        let Some(license) = license_of(ledger, subject, now)? else {
            return Ok(None);
        };
        let successor = ledger.successor(subject).map_err(failed)?;
        let successor = successor.map(|id| license_of(ledger, &id, now));
        Ok(Some(Self {
            revocation: ledger.revocation(subject).map_err(failed)?,
            successor: successor.transpose()?.flatten(),
            predecessors: ledger.replaced_licenses(subject).map_err(failed)?,
            license,
        }))
    }

    /// Returns the license as an item of a list, with its successor and its predecessors.
    pub(super) fn to_json(&self) -> Value {
        let mut object = self.license.to_json();
        if let Some(members) = object.as_object_mut() {
            let successor = self.successor.as_ref();
            let successor = successor.map(|successor| successor.entry.subject.clone());
            members.insert("successor".to_owned(), successor.into());
            members.insert("predecessors".to_owned(), self.predecessors.clone().into());
        }
        object
    }

    /// Returns the verdict as labeled lines.
    pub(super) fn fields(&self, now: DateTime<Utc>) -> Fields {
        let mut fields = Fields::new();
        let member = |name: &str| self.license.entry.member(name).unwrap_or_default();
        let license = format!("{} for {}", member("tier"), member("customer"));
        fields.add("license", license);
        let status = status_cell(self.license.status);
        fields.add("status", status.and(Cell::from(self.explanation(now))));
        if let Some(successor) = &self.successor {
            fields.add("successor", described_successor(successor));
        }
        for (place, predecessor) in self.predecessors.iter().enumerate() {
            let label = if place == 0 { "predecessors" } else { "" };
            fields.add(label, predecessor.clone());
        }
        fields
    }

    /// Returns what follows the status in its line.
    fn explanation(&self, now: DateTime<Utc>) -> String {
        let entry = &self.license.entry;
        let end = entry.time("expires_at");
        match (self.license.status, end) {
            (LicenseStatus::Revoked, _) => {
                let member = |name| {
                    self.revocation
                        .as_ref()
                        .and_then(|entry| entry.member(name))
                };
                let [at, reason] = ["at", "reason"].map(|name| member(name).unwrap_or_default());
                format!(" at {at}: {reason}")
            }
            (LicenseStatus::Expired, Some(end)) => {
                format!(
                    ", since the end of {}, {}",
                    last_day(end),
                    remaining(Some(end), now)
                )
            }
            (LicenseStatus::Future, _) => {
                let start = entry.time("not_before").map(day).unwrap_or_default();
                format!(", starts on {start}")
            }
            (LicenseStatus::Active, Some(end)) => {
                format!(
                    ", through {} (UTC), ends {}",
                    last_day(end),
                    remaining(Some(end), now)
                )
            }
            (LicenseStatus::Active, None) => ", perpetual".to_owned(),
            _ => String::new(),
        }
    }
}

/// Returns the id of a successor, with its start if it has not started.
fn described_successor(successor: &RecordedLicense) -> String {
    let id = &successor.entry.subject;
    let start = successor.entry.time("not_before").map(day);
    match (successor.status, start) {
        (LicenseStatus::Future, Some(start)) => format!("{id}, from {start}"),
        _ => id.clone(),
    }
}
