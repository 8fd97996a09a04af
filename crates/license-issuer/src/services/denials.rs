//! Recorded validation tokens that deny a license.

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;

use crate::errors::LedgerError;
use crate::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader};

/// A validation token that denies a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenDenial {
    /// The license.
    pub license: String,
    /// The license that the token names: this license, or a license that it replaces.
    pub named: String,
    /// The machine, or `None` if the token is for all machines.
    pub machine: Option<String>,
    /// The status in the token.
    pub status: String,
    /// The issue date of the token.
    pub issued_at: Option<DateTime<Utc>>,
}

/// A recorded validation token that applies to a license.
struct ApplicableToken {
    /// The position of the named license among the replaced licenses. The license itself is last.
    position: usize,
    named: String,
    machine: Option<String>,
    status: String,
    issued_at: Option<DateTime<Utc>>,
    seq: i64,
}

impl ApplicableToken {
    fn new(position: usize, entry: &LedgerEntry) -> Option<Self> {
        Some(Self {
            position,
            named: entry.subject.clone(),
            machine: entry.member("machine"),
            status: entry.member("status")?,
            issued_at: entry.time("issued_at"),
            seq: entry.seq,
        })
    }

    fn denies(&self) -> bool {
        self.status != Status::Active.as_str()
    }

    /// Returns whether this token lifts a denial, as a verifier decides it.
    fn lifts(&self, denial: &Self) -> bool {
        !self.denies() && self.position >= denial.position && self.issued_at > denial.issued_at
    }
}

/// Returns the recorded validation tokens that deny a license.
///
/// On a machine, the tokens for this machine and for all machines count. A license inherits the
/// denials of the licenses that it replaces, unless they are older than the license.
///
/// # Errors
///
/// Returns an error if the ledger cannot be read.
pub fn denials(license: &str, ledger: &dyn LedgerReader) -> Result<Vec<TokenDenial>, LedgerError> {
    let tokens = applicable_tokens(license, ledger)?;
    let machines: BTreeSet<_> = tokens.iter().map(|token| &token.machine).collect();
    let for_all = denial_on(&tokens, None).map(|token| token.seq);
    let denials = machines.into_iter().filter_map(|machine| {
        let token = denial_on(&tokens, machine.as_deref())?;
        let is_named_before = machine.is_some() && Some(token.seq) == for_all;
        (!is_named_before).then(|| TokenDenial {
            license: license.to_owned(),
            named: token.named.clone(),
            machine: machine.clone(),
            status: token.status.clone(),
            issued_at: token.issued_at,
        })
    });
    Ok(denials.collect())
}

/// Returns the newest denial on a machine that no later token lifts. `None` means a machine for
/// which no token was issued.
fn denial_on<'t>(
    tokens: &'t [ApplicableToken],
    machine: Option<&str>,
) -> Option<&'t ApplicableToken> {
    let applies = |token: &&ApplicableToken| {
        let named = token.machine.as_deref();
        named.is_none() || named == machine
    };
    let tokens = || tokens.iter().filter(applies);
    let in_force = |denial: &&ApplicableToken| !tokens().any(|token| token.lifts(denial));
    let denials = tokens().filter(|token| token.denies()).filter(in_force);
    denials.max_by_key(|denial| (denial.issued_at, denial.position, denial.seq))
}

/// Returns the recorded tokens of a license and of the licenses that it replaces.
fn applicable_tokens(
    license: &str,
    ledger: &dyn LedgerReader,
) -> Result<Vec<ApplicableToken>, LedgerError> {
    let entry = ledger.first_license_entry(license)?;
    let replaced = entry.iter().flat_map(|entry| entry.strings("supersedes"));
    let chain: Vec<String> = replaced.chain([license.to_owned()]).collect();
    let issued_at = entry.and_then(|entry| entry.time("issued_at"));
    let mut tokens = Vec::new();
    for (position, id) in chain.iter().enumerate() {
        let entries = ledger.entries_of_kind_about(id, LedgerEntryKind::CheckIn)?;
        let of_license = entries.iter();
        let of_license = of_license.filter_map(|entry| ApplicableToken::new(position, entry));
        // The vendor issued the license after the denial, so the denial no longer counts.
        let is_settled = |token: &ApplicableToken| {
            id != license && token.denies() && token.issued_at < issued_at
        };
        tokens.extend(of_license.filter(|token| !is_settled(token)));
    }
    Ok(tokens)
}
