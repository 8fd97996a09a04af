//! Valid licenses that replace the same license independently of each other.

use std::collections::{BTreeMap, BTreeSet};

use license_core::chrono::{DateTime, Utc};

use crate::errors::LedgerError;
use crate::ledger::{LedgerReader, LicenseStatus, RecordedLicense};
use crate::services::revoke::has_ended;

/// Licenses that replace the same license independently of each other, such as two renewals. They
/// are neither revoked nor ended, so the customer has more than one of them.
#[derive(Clone, Debug)]
pub struct RivalLicenses {
    /// The license that they replace.
    pub replaced: String,
    /// The licenses and the licenses that replace them, in the order of recording.
    pub licenses: Vec<RecordedLicense>,
}

impl RivalLicenses {
    /// Finds the rivals of these licenses at an instant. A license in `ids` counts as not revoked.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn find(
        ids: &BTreeSet<&str>,
        ledger: &dyn LedgerReader,
        at: DateTime<Utc>,
    ) -> Result<Vec<Self>, LedgerError> {
        let valid = |id: &str| -> Result<Option<RecordedLicense>, LedgerError> {
            let license = ledger.license(id, at)?;
            Ok(license.filter(|license| {
                let is_revoked = license.status == LicenseStatus::Revoked && !ids.contains(id);
                !is_revoked && !has_ended(license, at)
            }))
        };
        let mut groups: BTreeMap<String, BTreeMap<i64, RecordedLicense>> = BTreeMap::new();
        for id in ids {
            let Some(license) = valid(id)? else {
                continue;
            };
            let replaced = license.entry.strings("supersedes");
            if replaced.is_empty() {
                continue;
            }
            let mut seen: BTreeSet<String> = ledger.later_licenses(id)?.into_iter().collect();
            seen.extend(replaced.iter().cloned());
            seen.insert((*id).to_owned());
            // The latest replaced license comes first, so that it names a pair of rivals.
            for previous in replaced.iter().rev() {
                for other in ledger.later_licenses(previous)? {
                    if !seen.insert(other.clone()) {
                        continue;
                    }
                    if let Some(other) = valid(&other)? {
                        let group = groups.entry(previous.clone()).or_default();
                        let pair = [other, license.clone()];
                        group.extend(pair.map(|license| (license.entry.seq, license)));
                    }
                }
            }
        }
        let rivals = groups.into_iter().map(|(replaced, licenses)| Self {
            replaced,
            licenses: licenses.into_values().collect(),
        });
        Ok(rivals.collect())
    }
}

/// Returns the licenses of a selection that replace no other license of it.
pub fn first_of_each_branch<'l>(licenses: &[&'l RecordedLicense]) -> Vec<&'l RecordedLicense> {
    let replaces = |license: &RecordedLicense| {
        let replaced = license.entry.strings("supersedes");
        let mut others = licenses.iter();
        others.any(|other| replaced.contains(&other.entry.subject))
    };
    let first = licenses.iter().filter(|license| !replaces(license));
    first.copied().collect()
}
