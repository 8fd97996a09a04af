//! The status of a license, with the licenses that it replaces and that replaces it.

use license_cli_support::{Failure, Fields, Meaning, StyledText};
use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use license_issuer::ledger::{LedgerEntry, LedgerReader, LicenseStatus, RecordedLicense};
use license_issuer::services::denials::{TokenDenial, denials};
use serde_json::{Value, json};

use super::super::lookup::license_of;
use super::report::{remaining, status_cell};
use crate::failures;
use crate::output::date::{day, last_day};

/// The status of a license in the ledger, and its place among the licenses that replace each other.
pub(super) struct Verdict {
    license: RecordedLicense,
    /// The revocation, if the license is revoked.
    revocation: Option<LedgerEntry>,
    /// The validation tokens that deny the license, if its status is active or future.
    denials: Vec<TokenDenial>,
    /// The licenses that replace this one and are not revoked, in the order of recording.
    successors: Vec<RecordedLicense>,
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
        let mut successors = Vec::new();
        for id in ledger.later_licenses(subject).map_err(failed)? {
            let found = license_of(ledger, &id, now)?;
            successors.extend(found.filter(|found| found.status != LicenseStatus::Revoked));
        }
        successors.sort_by_key(|successor| successor.entry.seq);
        let denials = match license.status {
            LicenseStatus::Active | LicenseStatus::Future => denials(subject, ledger),
            _ => Ok(Vec::new()),
        };
        Ok(Some(Self {
            denials: denials.map_err(failed)?,
            revocation: ledger.revocation(subject).map_err(failed)?,
            successors,
            predecessors: ledger.replaced_licenses(subject).map_err(failed)?,
            license,
        }))
    }

    /// Returns the license as an item of a list, with its successor and its predecessors.
    pub(super) fn to_json(&self) -> Value {
        let mut object = self.license.to_json();
        if let Some(members) = object.as_object_mut() {
            let successor = self.successors.last();
            let successor = successor.map(|successor| successor.entry.subject.clone());
            members.insert("successor".to_owned(), successor.into());
            members.insert("predecessors".to_owned(), self.predecessors.clone().into());
            let denials = self.denials.iter().map(denial_json).collect::<Vec<_>>();
            members.insert("denials".to_owned(), denials.into());
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
        fields.add(
            "status",
            status.and(StyledText::from(self.explanation(now))),
        );
        for denial in &self.denials {
            fields.add("", StyledText::new(Meaning::Bad, &described_denial(denial)));
        }
        let successors = self.successors.iter().map(described_successor);
        add_list(&mut fields, "successors", successors);
        add_list(
            &mut fields,
            "predecessors",
            self.predecessors.iter().cloned(),
        );
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

/// Returns the status, the machine and the date of a validation token that denies the license.
fn described_denial(denial: &TokenDenial) -> String {
    let at = denial.issued_at.map(|at| rfc3339(at).to_string());
    let machine = denial.machine.as_deref();
    format!(
        "{} by a token of {}{}",
        denial.status,
        at.unwrap_or_default(),
        machine.map_or_else(String::new, |machine| format!(", on {machine}"))
    )
}

fn denial_json(denial: &TokenDenial) -> Value {
    json!({
        "token_license_id": denial.named,
        "machine": denial.machine,
        "status": denial.status,
        "issued_at": denial.issued_at.map(|at| rfc3339(at).to_string()),
    })
}

/// Adds a field with one line for each text.
fn add_list(fields: &mut Fields, label: &str, texts: impl Iterator<Item = String>) {
    for (place, text) in texts.enumerate() {
        fields.add(if place == 0 { label } else { "" }, text);
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
