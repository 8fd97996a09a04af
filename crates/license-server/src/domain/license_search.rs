//! Searches in licenses: words, terms and orders.
//!
//! A search compares the beginnings of words. Each database finds them in an index, so a search
//! takes the same time in a large list as in a small one.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use license_core::claims::LicenseClaims;
use license_core::{LicenseId, Unverified, time};
use license_issuer::folding::folded;
use license_issuer::ledger::LicenseStatus;

use super::license::LicenseRecord;
use super::pool::floating_seats;

/// The largest number of words of a license that are indexed.
const MAX_INDEXED: usize = 64;

/// The largest number of words of a search.
const MAX_SEARCHED: usize = 8;

/// The longest word, in characters.
const MAX_WORD: usize = 48;

/// The longest name by which licenses are sorted, in characters.
const MAX_SORTED: usize = 40;

/// The time in milliseconds that means "never".
const NEVER: i64 = i64::MAX;

/// The terms of a license by which it is found and sorted. Times are milliseconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseTerms {
    /// The beginning of the name of the customer, without the difference of upper and lower case.
    pub name: String,
    /// The tier.
    pub tier: String,
    /// The time of issue.
    pub issued_at: i64,
    /// The first instant of the license.
    pub starts_at: i64,
    /// The end of the license. A perpetual license has the largest number.
    pub ends_at: i64,
    /// The number of floating seats, if the license has them. `u32::MAX`: unlimited.
    pub seats: Option<i64>,
    /// The end of the seats, which is that of the license with its days of grace.
    pub seats_until: i64,
    /// The words that find the license. The flag states whether the word is one of the name of the
    /// customer or company.
    pub words: Vec<(String, bool)>,
}

impl LicenseTerms {
    /// Returns the terms of a stored license. Its token was verified when it was stored. If this
    /// version cannot read the token, the terms are those of a perpetual license without a tier.
    pub fn new(record: &LicenseRecord) -> Self {
        let token = Unverified::parse(&record.token).ok();
        let claims = token.and_then(|token| token.unverified_license_claims().ok());
        let millis = |at: DateTime<Utc>| at.timestamp_millis();
        let claims = claims.as_ref();
        let issued_at = claims.and_then(|claims| claims.issued_at);
        let issued_at = millis(issued_at.unwrap_or(record.installed_at));
        let starts_at = claims.and_then(|claims| claims.not_before);
        let ends_at = claims.and_then(|claims| claims.expires_at);
        let renewal = claims.and_then(|claims| claims.renewal);
        let grace = renewal.unwrap_or_default().grace();
        let seats_until = ends_at.map(|end| time::saturating_add(end, grace));
        Self {
            name: folded(&record.customer).chars().take(MAX_SORTED).collect(),
            tier: claims.map_or_else(String::new, |claims| claims.tier.to_string()),
            issued_at,
            starts_at: starts_at.map_or(issued_at, millis),
            ends_at: ends_at.map_or(NEVER, millis),
            seats: claims.and_then(floating_seats).map(i64::from),
            seats_until: seats_until.map_or(NEVER, millis),
            words: words_of(record, claims),
        }
    }
}

/// Returns the words that find a license.
fn words_of(record: &LicenseRecord, claims: Option<&LicenseClaims>) -> Vec<(String, bool)> {
    let company = claims.and_then(|claims| claims.company.as_ref());
    let company = company.map(ToString::to_string);
    let mut names = BTreeSet::new();
    for name in [Some(record.customer.as_str()), company.as_deref()] {
        names.extend(words(name.unwrap_or_default()));
    }
    let keys = [Some(record.id.as_str()), record.key.as_deref()];
    let keys = keys.into_iter().chain([record.short_key.as_deref()]);
    let mut others: BTreeSet<String> = keys.flatten().map(joined).collect();
    let users = claims.map_or(&[][..], |claims| &claims.users);
    others.extend(users.iter().flat_map(|user| words(user)));
    others.retain(|word| !names.contains(word));
    let names = names.into_iter().map(|word| (word, true));
    let others = others.into_iter().map(|word| (word, false));
    names.chain(others).take(MAX_INDEXED).collect()
}

/// Returns the words of a text: its letters and digits between other characters.
fn words(text: &str) -> impl Iterator<Item = String> {
    let text = folded(text);
    let words = text.split(|character: char| !character.is_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    let words = words.map(|word| word.chars().take(MAX_WORD).collect());
    words.collect::<Vec<String>>().into_iter()
}

/// Returns a license id or a key as one word.
fn joined(text: &str) -> String {
    let text = folded(text);
    let letters = text.chars().filter(|character| character.is_alphanumeric());
    letters.take(MAX_WORD).collect()
}

/// The order of a list of licenses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LicenseOrdering {
    /// The order of installation.
    #[default]
    Installed,
    /// The name of the customer.
    Customer,
    /// The end of the license. Perpetual licenses are last.
    Expires,
    /// The time of issue.
    Issued,
}

impl LicenseOrdering {
    /// All orders.
    pub const ALL: [Self; 4] = [Self::Installed, Self::Customer, Self::Expires, Self::Issued];

    /// Returns the name of the order.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Installed => "installed",
            Self::Customer => "customer",
            Self::Expires => "expires",
            Self::Issued => "issued",
        }
    }

    /// Parses the name of an order.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.as_str() == text)
    }
}

/// A selection of licenses. A member that is not set selects all licenses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseSelection {
    /// The beginnings of words. A license must have all of them.
    pub words: Vec<String>,
    /// A license id or a key as one word. If a license has a word that begins with it, it replaces
    /// `words`.
    pub identifier: Option<String>,
    /// The beginnings of words in the name of the customer or company.
    pub names: Vec<String>,
    /// The tier.
    pub tier: Option<String>,
    /// The status at the time `now`.
    pub status: Option<LicenseStatus>,
    /// The latest end of the license.
    pub ends_by: Option<DateTime<Utc>>,
    /// The time of the search.
    pub now: DateTime<Utc>,
    /// The order.
    pub order: LicenseOrdering,
    /// Whether the order is reversed.
    pub is_descending: bool,
}

impl LicenseSelection {
    /// Selects all licenses, in the order of installation.
    pub fn all(now: DateTime<Utc>) -> Self {
        Self {
            words: Vec::new(),
            identifier: None,
            names: Vec::new(),
            tier: None,
            status: None,
            ends_by: None,
            now,
            order: LicenseOrdering::default(),
            is_descending: false,
        }
    }

    /// Selects licenses by the beginnings of their words: of the customer, the company and the
    /// users, the license id and the keys.
    #[must_use]
    pub fn text(mut self, text: &str) -> Self {
        self.words = words(text).take(MAX_SEARCHED).collect();
        let text = text.trim();
        let is_one = !text.contains(char::is_whitespace) && self.words.len() > 1;
        self.identifier = is_one.then(|| joined(text));
        self
    }

    /// Selects licenses by the beginnings of the words in the name of the customer or company.
    #[must_use]
    pub fn customer(mut self, text: &str) -> Self {
        self.names = words(text).take(MAX_SEARCHED).collect();
        self
    }

    /// Returns the ranges of the columns that the status and the end select.
    pub(crate) fn ranges(&self) -> TermRanges {
        let now = self.now.timestamp_millis();
        let (until, after) = ((i64::MIN, now), (now.saturating_add(1), NEVER));
        let mut ranges = TermRanges::default();
        match self.status {
            None => {}
            Some(LicenseStatus::Revoked) => ranges.is_revoked = (1, 1),
            Some(status) => {
                ranges.is_revoked = (0, 0);
                ranges.replaced_at = after;
                match status {
                    LicenseStatus::Superseded => ranges.replaced_at = until,
                    LicenseStatus::Expired => ranges.ends_at = until,
                    LicenseStatus::Future => {
                        ranges.ends_at = after;
                        ranges.starts_at = after;
                    }
                    _ => {
                        ranges.ends_at = after;
                        ranges.starts_at = until;
                    }
                }
            }
        }
        if let Some(end) = self.ends_by {
            ranges.ends_at.1 = ranges.ends_at.1.min(end.timestamp_millis());
        }
        ranges
    }
}

/// Inclusive ranges of the columns by which licenses are selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TermRanges {
    pub(crate) is_revoked: (i64, i64),
    pub(crate) replaced_at: (i64, i64),
    pub(crate) ends_at: (i64, i64),
    pub(crate) starts_at: (i64, i64),
}

impl Default for TermRanges {
    fn default() -> Self {
        let any = (i64::MIN, i64::MAX);
        Self {
            is_revoked: any,
            replaced_at: any,
            ends_at: any,
            starts_at: any,
        }
    }
}

/// The licenses that a revocation list names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevokedLicenseIds {
    /// The product of the list.
    pub product: String,
    /// The issuer of the list.
    pub issuer: String,
    /// The ids of the list.
    pub ids: Vec<LicenseId>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        time::parse_instant("2027-01-15T09:00:00Z").unwrap()
    }

    #[test]
    fn a_text_becomes_words_and_one_word_for_ids_and_keys() {
        let selection = LicenseSelection::all(now()).text(" Größe & Söhne ");
        assert_eq!(selection.words, ["grösse", "söhne"]);
        assert_eq!(selection.identifier, None);
        let selection = LicenseSelection::all(now()).text("CODITECT-PRO-A7F3");
        assert_eq!(selection.words, ["coditect", "pro", "a7f3"]);
        assert_eq!(selection.identifier.as_deref(), Some("coditectproa7f3"));
        let selection = LicenseSelection::all(now()).text("ann@acme.example");
        assert_eq!(selection.words, ["ann", "acme", "example"]);
        let long = "x".repeat(1000) + &" y".repeat(50);
        let selection = LicenseSelection::all(now()).text(&long);
        assert_eq!((selection.words.len(), selection.words[0].len()), (8, 48));
    }

    #[test]
    fn each_license_has_one_status() {
        let instant = now().timestamp_millis();
        let inside = |(from, to): (i64, i64), value: i64| (from..=to).contains(&value);
        let times = [instant - 1, instant, instant + 1, NEVER];
        for revoked in [0, 1] {
            for replaced in times {
                for end in times {
                    for start in times {
                        let has = |status: &LicenseStatus| {
                            let mut selection = LicenseSelection::all(now());
                            selection.status = Some(*status);
                            let ranges = selection.ranges();
                            inside(ranges.is_revoked, revoked)
                                && inside(ranges.replaced_at, replaced)
                                && inside(ranges.ends_at, end)
                                && inside(ranges.starts_at, start)
                        };
                        let found: Vec<_> = LicenseStatus::ALL.iter().filter(|s| has(s)).collect();
                        assert_eq!(found.len(), 1, "{revoked} {replaced} {end} {start}");
                    }
                }
            }
        }
    }
}
