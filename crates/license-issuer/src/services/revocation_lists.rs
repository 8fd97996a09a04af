//! Revocation lists: all revoked licenses and all ended activations of a product.

use std::collections::{BTreeMap, BTreeSet};

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::{
    RevocationEntry, RevocationListDraft, Signer, SigningError, VerifyingSigner,
};
use license_core::license::RevocationList;
use license_core::{Code, FeatureMatrix, LicenseId, ProductCode, TrustSet, Unverified, time};

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntryKind, LedgerReader, NewLedgerEntry};
use crate::records;
use crate::services::issue::{
    ArtifactName, Draft, DraftContext, SerialSource, SignError, own_trust_set,
};
use crate::services::warnings::{IssueWarning, postdated};

const REVOCATION_LIST: ArtifactName = ArtifactName("revocation list");
/// The largest integer that every JSON implementation represents exactly (RFC 8259 section 6).
const MAX_SEQUENCE_NUMBER: u64 = (1 << 53) - 1;

/// A revocation list to issue.
#[derive(Clone, Copy, Debug)]
pub struct RevocationListOrder<'a> {
    /// The feature matrix of the product.
    pub matrix: &'a FeatureMatrix,
    /// The time until the next list is due.
    pub valid_for: TimeDelta,
    /// The time of issue, if it is not the current time.
    pub issued_at: Option<DateTime<Utc>>,
    /// The microseconds of the clock since 1970, the least number of the list
    /// ([`Clock::unix_micros`](crate::clock::Clock::unix_micros)).
    pub clock_micros: u64,
    /// Lists that were signed before, from outside of the ledger.
    pub earlier: &'a [EarlierList],
}

/// A list that was signed before.
///
/// A ledger that was restored from a backup does not know the lists that were signed since then.
#[derive(Clone, Debug)]
pub struct EarlierList {
    /// The name of its file, for messages.
    pub name: String,
    /// The list, which is not verified.
    pub token: Unverified<'static>,
}

/// A revocation list that is not signed yet.
#[derive(Clone, Debug)]
pub struct RevocationListPlan {
    /// The draft.
    pub draft: RevocationListDraft,
    /// The number of entries of the draft that are ended activations. The others are licenses.
    pub ended_activations: usize,
    /// A reason to suspect that the list omits entries of earlier lists of the same key.
    pub omission: Option<Omission>,
    /// Warnings about the order.
    pub warnings: Vec<IssueWarning>,
}

/// A reason to suspect that a list omits licenses that an earlier list contains. Those licenses
/// would be valid again for a customer who installs the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Omission {
    /// The ledger contains no earlier list of the key.
    NoEarlierList,
    /// The ledger contains an earlier list of the key, but no list from outside of the ledger was
    /// compared. The ledger of a restored backup does not know the lists that were signed later.
    NoCopy,
    /// An earlier list is longer.
    Shorter {
        /// The number of entries in the earlier list.
        earlier: u64,
        /// The number of licenses and activations that the ledger had before that list, and that
        /// this list contains or that were reinstated later.
        found: u64,
    },
    /// Earlier lists contain these licenses or activations, which the ledger neither revokes nor
    /// reinstates.
    Licenses(Vec<LicenseId>),
    /// The signature of an earlier list does not verify.
    Damaged {
        /// The name of the earlier list.
        earlier: String,
    },
}

/// A revocation list that is signed and verified.
#[derive(Clone, Debug)]
pub struct SignedRevocationList {
    /// The list.
    pub list: RevocationList,
    /// The token.
    pub token: String,
}

impl RevocationListOrder<'_> {
    /// Collects the content of the list.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read, or [`LedgerError::Full`] if no sequence
    /// number is left.
    pub fn plan(
        &self,
        context: &DraftContext<'_, VerifyingSigner>,
    ) -> Result<RevocationListPlan, LedgerError> {
        let product = self.matrix.product();
        let issued_at = self.issued_at.unwrap_or(context.now);
        let kid = context.signer.map(|key| key.public().id().as_str());
        let (mut revoked, mut ended_activations) = (Vec::new(), 0);
        let (mut last, mut omission) = (None, None);
        if let Some(ledger) = context.ledger {
            (revoked, ended_activations) = revoked_and_ended(ledger, product)?;
            // A revocation that was recorded with a wrong clock takes effect at once.
            for entry in &mut revoked {
                entry.at = entry.at.min(issued_at);
            }
            let trust = ledger.signing_keys()?.joined(&signer_trust(context.signer));
            let copies = self.verified_copies(&trust);
            let listed = ListedLicenses::new(ledger, &revoked, product)?;
            omission = match &copies {
                Ok(copies) => listed.omission_of_copies(copies, ledger)?,
                Err(damaged) => Some(damaged.clone()),
            };
            if let Some(kid) = kid {
                let of_key = copies
                    .iter()
                    .flatten()
                    .filter(|copy| copy.key_id().as_str() == kid);
                let seqs = of_key.map(RevocationList::seq);
                last = seqs.chain(ledger.last_revocation_list(kid)?).max();
                // A comparison with copies has shown that nothing is omitted.
                let is_compared = copies.is_ok_and(|copies| !copies.is_empty());
                if omission.is_none() && !is_compared {
                    omission = listed.omission_of_ledger(ledger, kid, product)?;
                }
            }
        }
        Ok(RevocationListPlan {
            draft: RevocationListDraft {
                issuer: self.matrix.issuer().to_owned(),
                product,
                issued_at,
                seq: next_sequence_number(last, self.clock_micros)?,
                next_update: time::saturating_add(issued_at, self.valid_for),
                revoked,
            },
            ended_activations,
            omission,
            warnings: postdated(issued_at, context.now).into_iter().collect(),
        })
    }

    /// Returns the earlier lists for the product. Lists of unknown keys are omitted.
    fn verified_copies(&self, trust: &TrustSet) -> Result<Vec<RevocationList>, Omission> {
        let mut copies = Vec::new();
        for earlier in self.earlier {
            match earlier.token.verify_revocations(trust) {
                Ok(list) if list.product() == self.matrix.product() => copies.push(list),
                Err(error) if error.code() != Code::UntrustedKey => {
                    return Err(Omission::Damaged {
                        earlier: earlier.name.clone(),
                    });
                }
                _ => {}
            }
        }
        Ok(copies)
    }
}

/// Returns the public half of the signing key, if the key is open.
fn signer_trust(signer: Option<&VerifyingSigner>) -> TrustSet {
    let trust = signer.and_then(|key| own_trust_set(key).ok());
    trust.unwrap_or_default()
}

/// The licenses and activations that a new list accounts for.
struct ListedLicenses<'r> {
    revoked: BTreeSet<&'r LicenseId>,
    /// Licenses that are no longer revoked, each with the number of the entry of its last
    /// reinstatement. A list may omit them if this entry follows the record of the earlier list.
    reinstated: BTreeMap<String, i64>,
}

impl<'r> ListedLicenses<'r> {
    fn new(
        ledger: &dyn LedgerReader,
        revoked: &'r [RevocationEntry],
        product: ProductCode,
    ) -> Result<Self, LedgerError> {
        let revoked: BTreeSet<_> = revoked.iter().map(|entry| &entry.license).collect();
        let mut reinstated = BTreeMap::new();
        for (id, last) in ledger.last_reinstatements()? {
            let Some(license) = LicenseId::parse(&id) else {
                continue;
            };
            let own = ledger.product_of(&license)?;
            if own.is_none_or(|own| own == product) && !revoked.contains(&license) {
                reinstated.insert(id, last);
            }
        }
        Ok(Self {
            revoked,
            reinstated,
        })
    }

    /// Returns what a list omits in comparison with earlier lists from outside of the ledger.
    fn omission_of_copies(
        &self,
        copies: &[RevocationList],
        ledger: &dyn LedgerReader,
    ) -> Result<Option<Omission>, LedgerError> {
        let mut omitted = BTreeSet::new();
        for copy in copies {
            // A list that the ledger does not know may be newer than every reinstatement.
            let record = record_of_list(copy, ledger)?;
            let listed = copy.licenses().into_iter().map(|(id, _)| id);
            omitted.extend(listed.filter(|id| !self.accounts_for(id, record)));
        }
        Ok((!omitted.is_empty()).then(|| Omission::Licenses(omitted.into_iter().collect())))
    }

    /// Returns what a list omits in comparison with the lists that the ledger records, of which
    /// only the lengths are known.
    fn omission_of_ledger(
        &self,
        ledger: &dyn LedgerReader,
        kid: &str,
        product: ProductCode,
    ) -> Result<Option<Omission>, LedgerError> {
        let lists = ledger.revocation_lists(kid, product)?;
        if lists.is_empty() {
            return Ok(Some(Omission::NoEarlierList));
        }
        let listed = first_statements(ledger)?;
        let longer = lists.iter().filter_map(|list| {
            let earlier: u64 = list.member("revoked")?.parse().ok()?;
            let before = listed.iter().filter(|(_, first)| **first < list.seq);
            let known = before.filter(|(id, _)| self.accounts_for(id, Some(list.seq)));
            let found = u64::try_from(known.count()).unwrap_or(u64::MAX);
            (found < earlier).then_some((earlier, found))
        });
        Ok(Some(match longer.max() {
            Some((earlier, found)) => Omission::Shorter { earlier, found },
            None => Omission::NoCopy,
        }))
    }

    /// Returns whether a license is revoked, or was reinstated after the earlier list was recorded.
    fn accounts_for(&self, id: &LicenseId, record: Option<i64>) -> bool {
        let is_reinstated = |record: i64| {
            let last = self.reinstated.get(id.as_str());
            last.is_some_and(|last| record < *last)
        };
        self.revoked.contains(id) || record.is_some_and(is_reinstated)
    }
}

/// Returns the number of the entry that records a revocation list.
pub(super) fn record_of_list(
    list: &RevocationList,
    ledger: &dyn LedgerReader,
) -> Result<Option<i64>, LedgerError> {
    let recorded = ledger.recorded(&records::revocation_list(list))?;
    Ok(recorded.first().map(|entry| entry.seq))
}

/// Returns the licenses and activations of all products that a list may contain, each with the
/// number of the entry of its first revocation or release.
fn first_statements(ledger: &dyn LedgerReader) -> Result<BTreeMap<LicenseId, i64>, LedgerError> {
    let mut first = BTreeMap::new();
    let mut add = |id: Option<String>, seq: i64| {
        if let Some(id) = id.and_then(|id| LicenseId::parse(&id)) {
            first.entry(id).or_insert(seq);
        }
    };
    let (revocation, release) = (LedgerEntryKind::Revocation, LedgerEntryKind::Release);
    ledger.visit_entries_of_kind(revocation, &mut |entry| add(Some(entry.subject), entry.seq))?;
    ledger.visit_entries_of_kind(release, &mut |entry| {
        add(entry.member("activation_id"), entry.seq);
    })?;
    Ok(first)
}

/// Returns the revoked licenses and the ended activations, and the number of these activations. A
/// list contains the activations so that they remain invalid after a customer restores a backup.
fn revoked_and_ended(
    ledger: &dyn LedgerReader,
    product: ProductCode,
) -> Result<(Vec<RevocationEntry>, usize), LedgerError> {
    let mut all = ledger.revoked_licenses(product)?;
    let licenses = all.len();
    let known: BTreeSet<_> = all.iter().map(|entry| entry.license.clone()).collect();
    let ended = ledger.ended_activations(product)?.into_iter();
    all.extend(ended.filter(|entry| !known.contains(&entry.license)));
    let ended_activations = all.len().saturating_sub(licenses);
    all.sort_by(|a, b| a.license.cmp(&b.license));
    Ok((all, ended_activations))
}

/// Returns the number after `last`, or the clock's microseconds since 1970 if they are greater.
///
/// The numbers therefore increase even if a vendor loses the ledger or restores an old backup,
/// within the same second as well.
fn next_sequence_number(last: Option<u64>, clock_micros: u64) -> Result<u64, LedgerError> {
    let next = last.map_or(0, |last| last.saturating_add(1));
    let next = next.max(clock_micros);
    if next > MAX_SEQUENCE_NUMBER {
        return Err(LedgerError::Full);
    }
    Ok(next)
}

impl Draft<VerifyingSigner, SignedRevocationList> for RevocationListPlan {
    fn sign(
        &self,
        signer: Option<&VerifyingSigner>,
        _: &mut dyn SerialSource,
    ) -> Result<SignedRevocationList, SignError> {
        let key = REVOCATION_LIST.signer(signer)?;
        let token = match self.draft.sign(key) {
            Err(source @ SigningError::TooLong { .. }) => Err(SignError::TooMany {
                count: self.draft.revoked.len(),
                source,
            }),
            signed => REVOCATION_LIST.map_signing_error(signed),
        }?;
        let trust = REVOCATION_LIST.map_verify_error(own_trust_set(key))?;
        let list = REVOCATION_LIST.map_verify_error(Unverified::parse(&token))?;
        let list = REVOCATION_LIST.map_verify_error(list.verify_revocations(&trust))?;
        Ok(SignedRevocationList { list, token })
    }

    /// Returns the entry of the list. The entry omits the token, which can be long, because the
    /// ledger contains all of its content.
    fn entries(signed: &SignedRevocationList) -> Vec<NewLedgerEntry> {
        vec![records::revocation_list(&signed.list)]
    }
}
