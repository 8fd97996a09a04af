//! The stored validation tokens: which tokens are accepted, and which are kept.
//!
//! A customer's own license server can sign any number of tokens. They must not displace what the
//! vendor has stated, and they must not move the time of the machine.

mod fault;

use std::cmp::Reverse;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::claims::Status;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::{Validation, ValidationSigner};
use license_core::machine::Machine;
use license_core::{LicenseFile, TokenKind, TrustSet, time};

use serde_json::Value;

pub use fault::ServerTokenFault;

/// Maximum size of a token of a customer's own server in bytes. An ordinary token needs about a
/// tenth of this size.
const MAX_SERVER_TOKEN: usize = 16 * 1024;

/// Maximum number of stored tokens of customers' own servers.
const MAX_SERVER_TOKENS: usize = 32;

/// Maximum size of the stored tokens in bytes.
const MAX_BYTES: usize = MAX_FILE_BYTES;

/// The duration by which the date of a server's token may be ahead of the time of this machine.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(24);

/// The vendor's statements do not fit into the state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooManyStatements;

/// Checks that the tokens of a customer's own server are not too large and not dated later than a
/// day after `now`.
pub(crate) fn check_server_tokens(
    validations: &[Validation],
    now: DateTime<Utc>,
) -> Result<(), ServerTokenFault> {
    for token in validations.iter().filter(|token| is_by_server(token)) {
        let found = token.to_armor().len();
        if found > MAX_SERVER_TOKEN {
            let limit = MAX_SERVER_TOKEN;
            return Err(ServerTokenFault::TooLong { limit, found });
        }
        if is_ahead(token, now) {
            let found = token.issued_at();
            return Err(ServerTokenFault::Future { now, found });
        }
    }
    Ok(())
}

fn is_by_server(token: &Validation) -> bool {
    token.signer() == ValidationSigner::Server
}

fn is_ahead(token: &Validation, now: DateTime<Utc>) -> bool {
    token.issued_at() > time::saturating_add(now, MAX_AHEAD)
}

/// The tokens among which [`Selection::armored`] selects those to store.
pub(crate) struct Selection<'s> {
    /// Tokens for the installed licenses and for the licenses to install.
    pub(crate) verified: &'s [Validation],
    /// Stored tokens in armor for other licenses. Such a license may be installed again.
    pub(crate) others: &'s [String],
    pub(crate) trust: &'s TrustSet,
    /// This machine.
    pub(crate) machine: Option<&'s Machine>,
    pub(crate) now: DateTime<Utc>,
}

/// The order in which tokens are stored while there is room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Priority {
    VendorDenial,
    Vendor,
    ServerDenial,
    Server,
    OtherServer,
}

impl Priority {
    fn is_vendor(self) -> bool {
        matches!(self, Self::VendorDenial | Self::Vendor)
    }
}

/// A token that may be stored.
struct RankedToken {
    priority: Priority,
    issued_at: DateTime<Utc>,
    armor: String,
}

impl Selection<'_> {
    /// Returns the tokens to store in armor.
    ///
    /// Of the tokens with the same license, signer and machine, only the newest counts. All
    /// statements of the vendor are stored. The remaining space is for the tokens of servers, with
    /// denials first.
    pub(crate) fn armored(&self) -> Result<Vec<String>, TooManyStatements> {
        let mut tokens: Vec<RankedToken> = self.newest().into_iter().map(ranked).collect();
        tokens.extend(self.others.iter().map(|armor| self.ranked_other(armor)));
        tokens.sort_by_key(|token| (token.priority, Reverse(token.issued_at)));
        let (mut selected, mut bytes, mut servers) = (Vec::new(), 0_usize, 0_usize);
        for token in tokens {
            if selected.contains(&token.armor) {
                continue;
            }
            let is_vendor = token.priority.is_vendor();
            let fits = bytes.saturating_add(token.armor.len()) <= MAX_BYTES;
            if is_vendor && !fits {
                return Err(TooManyStatements);
            }
            if fits && (is_vendor || servers < MAX_SERVER_TOKENS) {
                bytes = bytes.saturating_add(token.armor.len());
                servers = servers.saturating_add(usize::from(!is_vendor));
                selected.push(token.armor);
            }
        }
        Ok(selected)
    }

    /// Returns the newest token of each license, signer and machine. Tokens of servers that are
    /// dated too late are dropped, because they would displace all later ones.
    fn newest(&self) -> Vec<&Validation> {
        let is_usable = |token: &&Validation| !(is_by_server(token) && is_ahead(token, self.now));
        let mut all: Vec<&Validation> = self.verified.iter().filter(is_usable).collect();
        all.sort_by_key(|token| Reverse((token.issued_at(), token.status().is_denial())));
        let mut newest: Vec<&Validation> = Vec::new();
        for token in all {
            if !newest
                .iter()
                .any(|other| self.has_same_subject(other, token))
            {
                newest.push(token);
            }
        }
        newest
    }

    fn has_same_subject(&self, one: &Validation, other: &Validation) -> bool {
        one.license_id() == other.license_id()
            && one.signer() == other.signer()
            && self.is_same_machine(one.machine(), other.machine())
    }

    /// Returns whether both name the same machine. A machine has many spellings, such as its digest
    /// and fingerprints with more or fewer components.
    fn is_same_machine(&self, one: Option<&Machine>, other: Option<&Machine>) -> bool {
        let (Some(one), Some(other)) = (one, other) else {
            return one == other;
        };
        let is_here = |named: &Machine| self.machine.is_some_and(|here| named.matches(here));
        one == other || is_here(one) && is_here(other)
    }

    /// Ranks a token that belongs to no installed license. The token was verified when it was
    /// stored, so its claims need no further check.
    fn ranked_other(&self, armor: &str) -> RankedToken {
        let unknown = RankedToken {
            priority: Priority::OtherServer,
            issued_at: time::MIN,
            armor: armor.to_owned(),
        };
        let Ok(file) = LicenseFile::parse(armor) else {
            return unknown;
        };
        let Some(block) = file.blocks_of_kind(TokenKind::Validation).next() else {
            return unknown;
        };
        let claims = block.token.unverified_claims().unwrap_or_default();
        let is_vendor = self.trust.get(block.token.unverified_key_id()).is_some();
        let status = claims.get("status").and_then(Value::as_str);
        let is_denial = status != Some(Status::Active.as_str());
        let issued_at = claims.get("iat").and_then(Value::as_u64);
        let issued_at = issued_at.and_then(time::from_unix_seconds);
        RankedToken {
            priority: match (is_vendor, is_denial) {
                (true, true) => Priority::VendorDenial,
                (true, false) => Priority::Vendor,
                (false, true) => Priority::ServerDenial,
                (false, false) => Priority::OtherServer,
            },
            issued_at: issued_at.unwrap_or(time::MIN),
            ..unknown
        }
    }
}

fn ranked(token: &Validation) -> RankedToken {
    RankedToken {
        priority: match (token.signer(), token.status().is_denial()) {
            (ValidationSigner::Vendor, true) => Priority::VendorDenial,
            (ValidationSigner::Vendor, false) => Priority::Vendor,
            (ValidationSigner::Server, true) => Priority::ServerDenial,
            (ValidationSigner::Server, false) => Priority::Server,
        },
        issued_at: token.issued_at(),
        armor: token.to_armor(),
    }
}
