//! The copy of the ledger in the database.
//!
//! The copy follows the ledger: after each change of this server, once a second for changes of
//! other programs, and when a client names an unknown license. The position of the copy is stored
//! together with its content, so an interrupted copy continues where it stopped.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::usage::{UsageEntry, UsageHash};
use license_core::{License, LicenseId, Unverified, with_causes};
use license_issuer::ledger::sqlite::SqliteLedger;
use license_issuer::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader};
use license_issuer::records::{ISSUED_BY, ISSUED_FROM};
use serde_json::{Value, json};

use super::kinds;
use super::ledger::{LedgerVersion, VendorLedger};
use super::lists;
use super::refusals::ledger_refused;
use super::trials;
use crate::domain::{
    Actor, LedgerCopy, LedgerPosition, LicenseRecord, NewAuditEntry, Refusal, Trial, UsageFact,
};
use crate::services::licenses;
use crate::services::metering;
use crate::services::site::Site;

/// The number of entries that are copied in one transaction.
const CHUNK: u32 = 500;

/// The state of the copy.
#[derive(Debug, Default)]
pub(in crate::services) struct CopyState {
    /// The version of the ledger that was copied last.
    version: Option<LedgerVersion>,
}

/// A part of the ledger.
struct Chunk {
    entries: Vec<LedgerEntry>,
    /// The last entry that was copied before. Its number is larger than those of the entries if the
    /// ledger was replaced.
    copied: i64,
    has_keys: bool,
    /// The tokens of licenses that the licenses of the entries replace, by their ids, if the audit
    /// trail gets entries.
    previous: HashMap<String, String>,
}

/// Copies what is new in the ledger, and signs a revocation list if one is due. Returns whether the
/// content of the server has changed.
pub(in crate::services) async fn refresh(site: &Site) -> Result<bool, Refusal> {
    let has_changed = copy_changes(site).await?;
    match &site.vendor {
        Some(vendor) => Ok(lists::refresh(site, vendor).await? || has_changed),
        None => Ok(false),
    }
}

/// Copies what is new in the ledger. Returns whether the content of the server has changed.
pub(in crate::services) async fn copy_changes(site: &Site) -> Result<bool, Refusal> {
    let Some(vendor) = &site.vendor else {
        return Ok(false);
    };
    let mut state = vendor.copying.lock().await;
    // The version is read first, so a change in between is copied by the next call.
    let version = vendor.version().await?;
    if state.version == Some(version) {
        return Ok(false);
    }
    if state.version.is_none() {
        read_restricted(vendor).await?;
    }
    let has_changed = copy(site, vendor, &state).await?;
    state.version = Some(version);
    Ok(has_changed)
}

/// Finds the licenses that a revocation or a validation token denies.
async fn read_restricted(vendor: &Arc<VendorLedger>) -> Result<(), Refusal> {
    let shared = Arc::clone(vendor);
    vendor
        .read(move |ledger| {
            let mut found = Vec::new();
            for kind in [LedgerEntryKind::Revocation, LedgerEntryKind::CheckIn] {
                let visited = ledger.visit_entries_of_kind(kind, &mut |entry| {
                    found.extend(restricted_by(&entry).map(str::to_owned));
                });
                visited.map_err(ledger_refused)?;
            }
            let restricted = &shared.restricted;
            let mut restricted = restricted.write().unwrap_or_else(PoisonError::into_inner);
            restricted.extend(found);
            Ok(())
        })
        .await
}

/// Returns the license that an entry may deny.
fn restricted_by(entry: &LedgerEntry) -> Option<&str> {
    let denies = match LedgerEntryKind::parse(&entry.kind)? {
        LedgerEntryKind::Revocation => true,
        LedgerEntryKind::CheckIn => {
            entry.member("status").as_deref() != Some(Status::Active.as_str())
        }
        _ => false,
    };
    denies.then_some(entry.subject.as_str())
}

/// Copies all entries after the position of the copy.
async fn copy(site: &Site, vendor: &Arc<VendorLedger>, state: &CopyState) -> Result<bool, Refusal> {
    let mut has_changed = false;
    let mut position = site.store.ledger_position(&site.tenant).await?;
    // A server that starts with an existing ledger did not see the changes before.
    let is_audited = position.is_some() || state.version.is_some();
    loop {
        let (from, now) = (position.clone(), site.wall());
        let chunk = vendor
            .read(move |ledger| {
                let mut chunk = read_chunk(ledger, from.as_ref())?;
                if is_audited {
                    chunk.previous = previous(ledger, &chunk.entries, now)?;
                }
                Ok(chunk)
            })
            .await?;
        let Some(last) = chunk.entries.last() else {
            return Ok(has_changed);
        };
        let next = LedgerPosition {
            seq: last.seq,
            hash: last.hash.clone(),
        };
        if chunk.has_keys {
            vendor.refresh_keys().await?;
            site.reload().await?;
        }
        let copier = Copier {
            site,
            vendor,
            is_audited,
        };
        has_changed |= copier.store(chunk, next.clone()).await?;
        position = Some(next);
    }
}

/// Reads the entries after a position, or all entries if the ledger was replaced.
fn read_chunk(ledger: &SqliteLedger, from: Option<&LedgerPosition>) -> Result<Chunk, Refusal> {
    let copied = from.map_or(0, |position| position.seq);
    let start = match from {
        None => 0,
        Some(position) => {
            let found = ledger.entry(position.seq).map_err(ledger_refused)?;
            if found.is_some_and(|entry| entry.hash == position.hash) {
                position.seq
            } else {
                tracing::warn!("the ledger was replaced, so it is copied from its start");
                0
            }
        }
    };
    let mut entries = Vec::new();
    let visited = ledger.visit_entries_after(start, CHUNK, &mut |entry| entries.push(entry));
    visited.map_err(ledger_refused)?;
    let is_key = |entry: &LedgerEntry| entry.kind == LedgerEntryKind::SigningKey.as_str();
    Ok(Chunk {
        has_keys: entries.iter().any(is_key),
        entries,
        copied,
        previous: HashMap::new(),
    })
}

/// Reads the licenses that the licenses of entries replace.
fn previous(
    ledger: &SqliteLedger,
    entries: &[LedgerEntry],
    now: DateTime<Utc>,
) -> Result<HashMap<String, String>, Refusal> {
    let mut found = HashMap::new();
    for id in entries.iter().filter_map(replaced_by) {
        if let Some(row) = ledger.license(&id, now).map_err(ledger_refused)? {
            found.insert(id, row.entry.artifact);
        }
    }
    Ok(found)
}

/// Returns the license that the license of an entry replaces.
fn replaced_by(entry: &LedgerEntry) -> Option<String> {
    let is_license = LedgerEntryKind::parse(&entry.kind) == Some(LedgerEntryKind::License);
    let mut replaced = is_license.then(|| entry.strings("supersedes"))?;
    replaced.pop()
}

/// Adds the reason of a license, if the ledger has one.
fn with_reason(mut details: Value, entry: &LedgerEntry) -> Value {
    if let (Some(reason), Some(members)) = (entry.member("reason"), details.as_object_mut()) {
        members.insert("reason".to_owned(), reason.into());
    }
    details
}

/// The content of a recorded license.
struct CopiedLicense {
    record: LicenseRecord,
    audit: Option<NewAuditEntry>,
    /// The trial, if `keygen` started one with the license.
    trial: Option<Trial>,
}

/// Stores the content of entries.
struct Copier<'a> {
    site: &'a Site,
    vendor: &'a VendorLedger,
    /// Whether the audit trail gets an entry for each change.
    is_audited: bool,
}

impl Copier<'_> {
    async fn store(&self, chunk: Chunk, position: LedgerPosition) -> Result<bool, Refusal> {
        let mut copy = LedgerCopy {
            licenses: Vec::new(),
            trials: Vec::new(),
            audits: Vec::new(),
            facts: self.facts(&chunk.entries).await?,
            position,
        };
        let mut statements = 0;
        for entry in &chunk.entries {
            if let Some(license) = restricted_by(entry) {
                let restricted = &self.vendor.restricted;
                let mut restricted = restricted.write().unwrap_or_else(PoisonError::into_inner);
                restricted.insert(license.to_owned());
            }
            let (action, is_revoked) = match LedgerEntryKind::parse(&entry.kind) {
                Some(LedgerEntryKind::License) => {
                    if let Some(found) = self.license(entry, &chunk.previous).await? {
                        copy.licenses.push((found.record, found.audit));
                        copy.trials.extend(found.trial);
                    }
                    continue;
                }
                Some(LedgerEntryKind::TrustStatement) => {
                    statements += self.import_statement(entry).await?;
                    continue;
                }
                Some(LedgerEntryKind::RevocationList | LedgerEntryKind::Release) => {
                    self.vendor.lists.check_now();
                    continue;
                }
                // The ledger refuses to revoke a revoked license, and to reinstate another one.
                Some(LedgerEntryKind::Revocation) => ("license.revoke", true),
                Some(LedgerEntryKind::Reinstatement) => ("license.reinstate", false),
                _ => continue,
            };
            self.vendor.lists.check_now();
            // A ledger that was replaced has entries whose copies are audited already.
            if entry.seq > chunk.copied {
                let former = json!({ "is_revoked": !is_revoked });
                let details = json!({ "is_revoked": is_revoked, "reason": entry.member("reason") });
                let audit = self.audit(action, entry, details);
                copy.audits
                    .extend(audit.map(|audit| audit.with_before(Some(former))));
            }
        }
        let site = self.site;
        let count = site.store.copy_ledger(&site.tenant, copy).await?;
        let has_changed = count > 0 || statements > 0;
        if has_changed {
            site.reload().await?;
        }
        Ok(has_changed)
    }

    /// Returns what entries record about usage. `keygen` records imported reports and activations.
    async fn facts(&self, entries: &[LedgerEntry]) -> Result<Vec<UsageFact>, Refusal> {
        if self.site.metering.meters.is_empty() {
            return Ok(Vec::new());
        }
        let start = self.site.metering_start().await?;
        let days = metering::recorded_days(start, self.site.wall());
        let facts = entries
            .iter()
            .flat_map(|entry| match LedgerEntryKind::parse(&entry.kind) {
                Some(LedgerEntryKind::Usage) => {
                    let hash = UsageHash::from_entry(&entry.artifact);
                    let usage = UsageEntry::parse(&entry.artifact);
                    usage.map_or_else(
                        |_| Vec::new(),
                        |usage| metering::of_entry(&usage, hash, &days),
                    )
                }
                Some(LedgerEntryKind::Activation) => activation(entry).into_iter().collect(),
                _ => Vec::new(),
            });
        Ok(facts.filter(|fact| days.contains(&fact.day)).collect())
    }

    /// Returns the record of a recorded license, unless it is for another product or does not
    /// verify.
    async fn license(
        &self,
        entry: &LedgerEntry,
        previous: &HashMap<String, String>,
    ) -> Result<Option<CopiedLicense>, Refusal> {
        let license = match self.verified(&entry.artifact) {
            Ok(license) if license.product() == self.site.matrix.product() => license,
            Ok(_) => return Ok(None),
            Err(error) => {
                tracing::warn!(
                    entry = entry.seq,
                    error,
                    "a license of the ledger is ignored"
                );
                return Ok(None);
            }
        };
        let record = licenses::record(self.site, &license, &entry.artifact).await?;
        let end = license.expires_at();
        let details = json!({
            "customer": record.customer,
            "tier": license.tier().as_str(),
            "seats": license.seats(),
            "expires_at": end.map(|end| license_core::time::rfc3339(end).to_string()),
            "supersedes": license.supersedes().last().map(|id| id.as_str()),
        });
        let details = with_reason(details, entry);
        let previous = replaced_by(entry).and_then(|id| previous.get(&id));
        let previous = previous.and_then(|artifact| self.verified(artifact).ok());
        let action = kinds::action(&license, previous.as_ref());
        let audit = self.audit(action, entry, details);
        let trial = trials::recorded(&license, entry, self.site.wall());
        Ok(Some(CopiedLicense {
            record,
            audit,
            trial,
        }))
    }

    /// Verifies a license of the ledger, or returns why it does not verify.
    fn verified(&self, artifact: &str) -> Result<License, String> {
        let content = self.site.content();
        Unverified::parse(artifact)
            .map_err(|error| with_causes(&error).to_string())
            .and_then(|token| {
                let verified = token.verify(content.keys());
                verified.map_err(|error| with_causes(&error).to_string())
            })
    }

    /// Stores a trust statement, so that clients get it. The ledger has the keys already.
    async fn import_statement(&self, entry: &LedgerEntry) -> Result<usize, Refusal> {
        let Ok(token) = Unverified::parse(&entry.artifact) else {
            return Ok(0);
        };
        let site = self.site;
        let armors = vec![token.to_armor()];
        let audit = site.audit(&Actor::Ledger, "trust.import", "trust", json!({}));
        let stored = site.store.import_statements(&site.tenant, armors, audit);
        Ok(stored.await?)
    }

    fn audit(
        &self,
        action: &'static str,
        entry: &LedgerEntry,
        details: Value,
    ) -> Option<NewAuditEntry> {
        let (issued_by, issued_from) = (entry.member(ISSUED_BY), entry.member(ISSUED_FROM));
        let actor = Actor::of_ledger_entry(issued_by.as_deref(), issued_from.as_deref());
        let subject = entry.subject.as_str();
        let audit = || self.site.audit(&actor, action, subject, details);
        self.is_audited.then(audit)
    }
}

/// Returns the fact of a recorded activation.
fn activation(entry: &LedgerEntry) -> Option<UsageFact> {
    let license = LicenseId::parse(&entry.subject)?;
    let (nonce, at) = (entry.member("nonce")?, entry.time("issued_at")?);
    Some(metering::of_activation(license, &nonce, at))
}
