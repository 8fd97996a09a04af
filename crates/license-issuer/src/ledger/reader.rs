//! Read access to a ledger.

use std::collections::{BTreeMap, BTreeSet};

use license_core::chrono::{DateTime, Utc};
use license_core::issue::RevocationEntry;
use license_core::{LicenseId, LicenseKey, ProductCode, TrustSet, Unverified, time};
use serde_json::Value;

use crate::errors::LedgerError;
use crate::ledger::activations::RecordedAnswer;
use crate::ledger::entry::{LedgerEntry, LedgerEntryKind, NewLedgerEntry};
use crate::ledger::query::{LedgerStats, LicenseFilter, LicenseStatus, RecordedLicense};

/// Read access to a ledger.
///
/// Entries come in the order of recording. Methods named `visit_…` call a closure for each item
/// and need constant memory.
///
/// # Errors
///
/// Every method returns an error if the ledger cannot be read.
pub trait LedgerReader {
    /// Returns the location of the ledger, for messages.
    fn location(&self) -> String;

    /// Returns a number that changes when another process writes to the ledger.
    fn change_counter(&self) -> Result<i64, LedgerError>;

    /// Calls `read`. The ledger does not change for this reader during the call.
    fn with_snapshot(&self, read: &mut dyn FnMut()) -> Result<(), LedgerError>;

    /// Returns a license or enterprise key and its status.
    fn license(
        &self,
        subject: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<RecordedLicense>, LedgerError>;

    /// Visits the licenses and enterprise keys of a selection.
    fn visit_licenses(
        &self,
        filter: &LicenseFilter,
        now: DateTime<Utc>,
        each: &mut dyn FnMut(RecordedLicense),
    ) -> Result<(), LedgerError>;

    /// Visits the ids and keys of all licenses. The first argument of `each` is the license id, and
    /// the second is the id or a key of this license.
    fn visit_names(&self, each: &mut dyn FnMut(&str, &str)) -> Result<(), LedgerError>;

    /// Returns the license that was issued for a row of a batch, by its order id.
    fn license_of_order(&self, order: &str) -> Result<Option<LedgerEntry>, LedgerError>;

    /// Returns the trials of a customer and product. `trial_key` is the value of the member
    /// `trial_of` in the entries of these trials.
    fn trials(&self, trial_key: &str) -> Result<Vec<LedgerEntry>, LedgerError>;

    /// Visits the licenses that name the key of a license server. The first argument of `each` is
    /// the id of the key, and the second is the customer.
    fn visit_server_keys(&self, each: &mut dyn FnMut(&str, &str)) -> Result<(), LedgerError>;

    /// Returns the id of the latest license that replaces this one and is not revoked.
    fn successor(&self, license: &str) -> Result<Option<String>, LedgerError>;

    /// Returns the ids of all licenses that replace this one, directly or indirectly.
    fn later_licenses(&self, license: &str) -> Result<Vec<String>, LedgerError>;

    /// Returns the ids of the recorded licenses that this one replaces.
    fn replaced_licenses(&self, license: &str) -> Result<Vec<String>, LedgerError>;

    /// Counts the licenses and enterprise keys that a key signed and that are neither expired, nor
    /// revoked, nor replaced.
    fn count_licenses_signed_by(&self, key: &str, now: DateTime<Utc>) -> Result<u64, LedgerError>;

    /// Returns whether any entry is about a subject.
    fn contains(&self, subject: &str) -> Result<bool, LedgerError>;

    /// Returns the entries about a subject.
    fn entries_about(&self, subject: &str) -> Result<Vec<LedgerEntry>, LedgerError>;

    /// Visits the entries of a kind about a subject.
    fn visit_entries_about(
        &self,
        subject: &str,
        kind: LedgerEntryKind,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError>;

    /// Visits the entries of a kind.
    fn visit_entries_of_kind(
        &self,
        kind: LedgerEntryKind,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError>;

    /// Visits the usage entries of a chain.
    fn visit_usage_chain(
        &self,
        chain: &str,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError>;

    /// Visits at most `limit` entries that follow the entry with the number `seq`.
    fn visit_entries_after(
        &self,
        seq: i64,
        limit: u32,
        each: &mut dyn FnMut(LedgerEntry),
    ) -> Result<(), LedgerError>;

    /// Returns the entry with this number.
    fn entry(&self, seq: i64) -> Result<Option<LedgerEntry>, LedgerError>;

    /// Visits all entries.
    fn visit_entries(&self, each: &mut dyn FnMut(LedgerEntry)) -> Result<(), LedgerError>;

    /// Returns the entries of a kind about a subject that contain this artifact.
    fn entries_with_artifact(
        &self,
        subject: &str,
        kind: LedgerEntryKind,
        artifact: &str,
    ) -> Result<Vec<LedgerEntry>, LedgerError>;

    /// Returns the latest answer of a kind to the request with this nonce.
    fn answer(
        &self,
        kind: LedgerEntryKind,
        nonce: &str,
    ) -> Result<Option<LedgerEntry>, LedgerError>;

    /// Returns the first activation or release with this activation id.
    fn entry_of_activation(
        &self,
        id: &str,
        kind: LedgerEntryKind,
    ) -> Result<Option<LedgerEntry>, LedgerError>;

    /// Returns the activations, releases, check-ins and clock repairs of a machine.
    fn entries_of_machine(&self, digest: &str) -> Result<Vec<LedgerEntry>, LedgerError>;

    /// Returns the digests of the machines that use these licenses.
    ///
    /// A machine uses a license if it has an activation that is not released, or if no release
    /// follows its last check-in.
    fn machines_in_use(&self, licenses: &[&str]) -> Result<BTreeSet<String>, LedgerError>;

    /// Returns the product codes of the licenses, enterprise keys and revocation lists.
    fn products(&self) -> Result<BTreeSet<String>, LedgerError>;

    /// Returns whether a license, enterprise key or revocation list of a product is recorded.
    fn holds_product(&self, product: ProductCode) -> Result<bool, LedgerError>;

    /// Returns the time at which the last entry was recorded.
    fn last_recorded_at(&self) -> Result<Option<DateTime<Utc>>, LedgerError>;

    /// Returns the latest time at which an entry was recorded.
    fn newest_recorded_at(&self) -> Result<Option<DateTime<Utc>>, LedgerError>;

    /// Returns the numbers of entries, licenses, customers and seats.
    fn stats(&self, now: DateTime<Utc>) -> Result<LedgerStats, LedgerError>;

    /// Returns the entries of a kind about a subject.
    fn entries_of_kind_about(
        &self,
        subject: &str,
        kind: LedgerEntryKind,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        let mut entries = Vec::new();
        self.visit_entries_about(subject, kind, &mut |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// Returns whether an entry of a kind is about a subject.
    fn has(&self, kind: LedgerEntryKind, subject: &str) -> Result<bool, LedgerError> {
        Ok(!self.entries_of_kind_about(subject, kind)?.is_empty())
    }

    /// Returns the revocation of a license, unless a later reinstatement ends it.
    fn revocation(&self, license: &str) -> Result<Option<LedgerEntry>, LedgerError> {
        let last = |kind| -> Result<_, LedgerError> {
            Ok(self.entries_of_kind_about(license, kind)?.pop())
        };
        let ended = last(LedgerEntryKind::Reinstatement)?.map(|entry| entry.seq);
        let revocation = last(LedgerEntryKind::Revocation)?;
        Ok(revocation.filter(|entry| ended.is_none_or(|ended| ended < entry.seq)))
    }

    /// Returns the recorded entries that are equal to this one.
    fn recorded(&self, entry: &NewLedgerEntry) -> Result<Vec<LedgerEntry>, LedgerError> {
        let (subject, kind, artifact) = (&entry.subject, entry.kind, &entry.artifact);
        let mut recorded = self.entries_with_artifact(subject, kind, artifact)?;
        recorded.retain(|found| entry.is_recorded_as(found));
        Ok(recorded)
    }

    /// Returns the public halves of the signing keys.
    ///
    /// A key that cannot be read is omitted, so that its signatures are not trusted. If a key was
    /// recorded with two algorithms, the first one counts.
    fn signing_keys(&self) -> Result<TrustSet, LedgerError> {
        let mut keys = TrustSet::default();
        self.visit_entries_of_kind(LedgerEntryKind::SigningKey, &mut |entry| {
            let body = serde_json::from_str::<Value>(&entry.body).ok();
            let jwk = body.and_then(|body| Some(body.get("jwk")?.to_string()));
            let key = jwk.and_then(|jwk| TrustSet::parse(&jwk).ok());
            // The subject is the thumbprint of the key.
            if let Some(key) = key.filter(|key| key.get(&entry.subject).is_some()) {
                keys = keys.joined(&key);
            }
        })?;
        Ok(keys)
    }

    /// Returns the start of the period in which a license and its predecessors name a user without
    /// interruption. `None` means that the license does not name the user.
    fn named_since(&self, license: &str, user: &str) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let mut since = None;
        let mut next = self.first_license_entry(license)?;
        while let Some(entry) = next {
            if !entry.strings("users").iter().any(|named| named == user) {
                break;
            }
            since = entry.time("issued_at").or(since);
            // Only earlier entries are followed, so the loop ends.
            let mut latest: Option<LedgerEntry> = None;
            for id in entry.strings("supersedes") {
                let earlier = self.first_license_entry(&id)?;
                let earlier = earlier.filter(|found| found.seq < entry.seq);
                latest = latest
                    .into_iter()
                    .chain(earlier)
                    .max_by_key(|found| found.seq);
            }
            next = latest;
        }
        Ok(since)
    }

    /// Returns the first entry of a license.
    fn first_license_entry(&self, id: &str) -> Result<Option<LedgerEntry>, LedgerError> {
        let entries = self.entries_of_kind_about(id, LedgerEntryKind::License)?;
        Ok(entries.into_iter().next())
    }

    /// Returns the ids of the keys that a key introduced, in the order of recording.
    fn keys_introduced_by(&self, key: &str) -> Result<Vec<String>, LedgerError> {
        let mut ids: Vec<String> = Vec::new();
        for entry in self.entries_of_kind_about(key, LedgerEntryKind::TrustStatement)? {
            for id in entry.strings("introduces") {
                if !ids.contains(&id) {
                    ids.push(id);
                }
            }
        }
        Ok(ids)
    }

    /// Counts the activations that a key signed and that are not released.
    ///
    /// An activation that was signed again counts for the key of its latest token. Activations of
    /// revoked and expired licenses do not count. Activations of replaced licenses count, because
    /// they are valid for the successor.
    fn count_activations_signed_by(
        &self,
        key: &str,
        now: DateTime<Utc>,
    ) -> Result<u64, LedgerError> {
        let mut last: BTreeMap<Option<String>, LedgerEntry> = BTreeMap::new();
        self.visit_entries_of_kind(LedgerEntryKind::Activation, &mut |entry| {
            last.insert(entry.member("nonce"), entry);
        })?;
        let is_signed = |entry: &LedgerEntry| {
            let token = Unverified::parse(&entry.artifact);
            token.is_ok_and(|token| token.unverified_key_id() == key)
        };
        let mut count = 0;
        for entry in last.into_values().filter(is_signed) {
            let status = self.license(&entry.subject, now)?.map(|row| row.status);
            let has_ended = matches!(
                status,
                Some(LicenseStatus::Revoked | LicenseStatus::Expired)
            );
            if !has_ended && self.with_release(entry)?.release.is_none() {
                count += 1;
            }
        }
        Ok(count)
    }

    /// Returns the revoked licenses of a product, ordered by id, each with its first revocation
    /// since its last reinstatement.
    ///
    /// A license whose product is unknown is returned for every product. This is safe, because
    /// license ids are unique.
    fn revoked_licenses(&self, product: ProductCode) -> Result<Vec<RevocationEntry>, LedgerError> {
        let (mut revoked, reinstated) = (BTreeMap::new(), self.last_reinstatements()?);
        self.visit_entries_of_kind(LedgerEntryKind::Revocation, &mut |entry| {
            let ended = reinstated.get(&entry.subject);
            if ended.is_some_and(|ended| *ended > entry.seq) {
                return;
            }
            let id = LicenseId::parse(&entry.subject);
            let Some(found) = id.and_then(|id| revocation(id, &entry)) else {
                return;
            };
            let first: &mut RevocationEntry = revoked
                .entry(found.license.clone())
                .or_insert_with(|| found.clone());
            if found.at < first.at {
                *first = found;
            }
        })?;
        let mut of_product = Vec::with_capacity(revoked.len());
        for found in revoked.into_values() {
            let own = self.product_of(&found.license)?;
            if own.is_none_or(|own| own == product) {
                of_product.push(found);
            }
        }
        Ok(of_product)
    }

    /// Returns the licenses that were reinstated, each with the number of the entry of its last
    /// reinstatement.
    fn last_reinstatements(&self) -> Result<BTreeMap<String, i64>, LedgerError> {
        let mut reinstated = BTreeMap::new();
        self.visit_entries_of_kind(LedgerEntryKind::Reinstatement, &mut |entry| {
            reinstated.insert(entry.subject, entry.seq);
        })?;
        Ok(reinstated)
    }

    /// Returns the released activations of a product, ordered by id, each with its first release.
    fn ended_activations(&self, product: ProductCode) -> Result<Vec<RevocationEntry>, LedgerError> {
        let mut ended: BTreeMap<LicenseId, RevocationEntry> = BTreeMap::new();
        self.visit_entries_of_kind(LedgerEntryKind::Release, &mut |entry| {
            if entry.member("product").as_deref() != Some(product.as_str()) {
                return;
            }
            let id = entry.member("activation_id");
            let id = id.and_then(|id| LicenseId::parse(&id));
            if let Some(found) = id.and_then(|id| revocation(id, &entry)) {
                ended.entry(found.license.clone()).or_insert(found);
            }
        })?;
        Ok(ended.into_values().collect())
    }

    /// Returns the product of a license, if it is recorded.
    fn product_of(&self, license: &LicenseId) -> Result<Option<ProductCode>, LedgerError> {
        if let Ok(LicenseKey::EnterpriseShort(key)) = LicenseKey::parse(license.as_str()) {
            return Ok(Some(key.unverified_terms().product));
        }
        let entry = self.first_license_entry(license.as_str())?;
        let code = entry.and_then(|entry| entry.member("product"));
        Ok(code.and_then(|code| ProductCode::parse(&code).ok()))
    }

    /// Returns the records of the revocation lists of a key for a product.
    fn revocation_lists(
        &self,
        key: &str,
        product: ProductCode,
    ) -> Result<Vec<LedgerEntry>, LedgerError> {
        let mut lists = self.entries_of_kind_about(key, LedgerEntryKind::RevocationList)?;
        lists.retain(|list| list.member("product").as_deref() == Some(product.as_str()));
        Ok(lists)
    }

    /// Returns the highest sequence number of the revocation lists of a key.
    fn last_revocation_list(&self, key: &str) -> Result<Option<u64>, LedgerError> {
        let lists = self.entries_of_kind_about(key, LedgerEntryKind::RevocationList)?;
        Ok(lists
            .iter()
            .filter_map(|list| list.member("seq")?.parse().ok())
            .max())
    }

    /// Returns the ids of a license, of the licenses that it replaces, and of the licenses that
    /// replace it. An activation of one of these licenses may count for another of them.
    fn license_family(&self, license: &str) -> Result<BTreeSet<String>, LedgerError> {
        let mut family = BTreeSet::from([license.to_owned()]);
        if let Some(entry) = self.first_license_entry(license)? {
            family.extend(entry.strings("supersedes"));
        }
        family.extend(self.later_licenses(license)?);
        Ok(family)
    }

    /// Returns an activation by its id.
    fn activation(&self, id: &str) -> Result<Option<RecordedAnswer>, LedgerError> {
        let entry = self.entry_of_activation(id, LedgerEntryKind::Activation)?;
        entry.map(|entry| self.with_release(entry)).transpose()
    }

    /// Returns the activations of a license without duplicates.
    fn activations(&self, license: &str) -> Result<Vec<RecordedAnswer>, LedgerError> {
        self.distinct_activations(self.entries_of_kind_about(license, LedgerEntryKind::Activation)?)
    }

    /// Returns the activations of these licenses that are not released.
    fn open_activations(&self, licenses: &[&str]) -> Result<Vec<RecordedAnswer>, LedgerError> {
        let mut open = Vec::new();
        for license in licenses {
            let activations = self.activations(license)?.into_iter();
            open.extend(activations.filter(|activation| activation.release.is_none()));
        }
        open.sort_by_key(|activation| activation.entry.seq);
        Ok(open)
    }

    /// Returns the activations among these entries without duplicates.
    fn distinct_activations(
        &self,
        entries: Vec<LedgerEntry>,
    ) -> Result<Vec<RecordedAnswer>, LedgerError> {
        let mut seen = BTreeSet::new();
        let mut activations = Vec::new();
        let is_activation =
            |entry: &LedgerEntry| entry.kind == LedgerEntryKind::Activation.as_str();
        for entry in entries.into_iter().filter(is_activation) {
            let activation = self.with_release(entry)?;
            if seen.insert(activation.id()) {
                activations.push(activation);
            }
        }
        Ok(activations)
    }

    /// Returns an answer to a machine request. An activation gets its release, if there is one.
    fn with_release(&self, entry: LedgerEntry) -> Result<RecordedAnswer, LedgerError> {
        let release = match entry.member("activation_id") {
            Some(id) => self.entry_of_activation(&id, LedgerEntryKind::Release)?,
            None => None,
        };
        Ok(RecordedAnswer { entry, release })
    }
}

/// Returns the revocation that an entry records. An entry without a reason is not a revocation.
fn revocation(id: LicenseId, entry: &LedgerEntry) -> Option<RevocationEntry> {
    let recorded = || time::from_unix_seconds(u64::try_from(entry.at).ok()?);
    Some(RevocationEntry {
        license: id,
        at: entry.time("at").or_else(recorded)?,
        reason: entry.member("reason").filter(|reason| !reason.is_empty())?,
    })
}
