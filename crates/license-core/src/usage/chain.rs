//! Examination of chains of entries in one or more reports.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};

use super::report::EntryLine;
use super::{ChainFinding, ChainId, UsageEntry, UsageHash, UsageReport};
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::{self, CLOCK_TOLERANCE, serde_rfc3339};

/// Summary of a chain of entries.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::{UsageReport, examine};
///
/// let report = UsageReport::parse(&example::report()?)?;
/// for chain in examine(&[report], example::noon()?) {
///     println!("{}: {} entries, complete: {}", chain.chain, chain.entries, chain.is_complete());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub struct ChainSummary {
    /// The id of the chain. Each state directory has its own chain.
    pub chain: ChainId,
    /// The product.
    pub product: ProductCode,
    /// The licenses in the entries.
    pub licenses: BTreeSet<LicenseId>,
    /// The number of different entries.
    pub entries: usize,
    /// The number of entries whose private part is present.
    pub private_parts: usize,
    /// The numbers of the first and the last entry.
    pub numbers: (u64, u64),
    /// The hash of the last entry.
    pub head: UsageHash,
    /// The earliest start and the latest end of the entries.
    pub period: (DateTime<Utc>, DateTime<Utc>),
    /// The findings, with faults first.
    pub findings: Vec<ChainFinding>,
}

impl ChainSummary {
    /// Returns whether no entry is changed, and no entry is missing between the first and the last
    /// entry.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # use fixture::usage as example;
    /// use license_core::usage::{UsageReport, examine};
    ///
    /// let report = UsageReport::parse(&example::report()?)?;
    /// assert!(examine(&[report], example::noon()?)[0].is_complete());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_complete(&self) -> bool {
        !self.findings.iter().any(ChainFinding::is_fault)
    }
}

#[derive(Serialize)]
struct SummaryMembers<'a> {
    chain: ChainId,
    whole: bool,
    product: ProductCode,
    licenses: &'a BTreeSet<LicenseId>,
    entries: usize,
    first: u64,
    last: u64,
    head: UsageHash,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    from: DateTime<Utc>,
    #[serde(serialize_with = "serde_rfc3339::serialize")]
    to: DateTime<Utc>,
    private_parts: usize,
    anonymised: bool,
    findings: &'a [ChainFinding],
}

/// Writes the object that `keygen usage verify --json` prints about a chain.
impl Serialize for ChainSummary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (first, last) = self.numbers;
        let (from, to) = self.period;
        let members = SummaryMembers {
            chain: self.chain,
            whole: self.is_complete(),
            product: self.product,
            licenses: &self.licenses,
            entries: self.entries,
            first,
            last,
            head: self.head,
            from,
            to,
            private_parts: self.private_parts,
            anonymised: self.private_parts == 0,
            findings: &self.findings,
        };
        members.serialize(serializer)
    }
}

/// Examines every chain in the reports and returns the summaries in the order of the chain ids.
///
/// `now` is the current time of the vendor. An entry that ends more than a day after `now` was
/// written with a clock that was ahead. A fault of a whole report applies to all its chains.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::{UsageReport, examine};
///
/// let report = UsageReport::parse(&example::report()?)?;
/// for finding in &examine(&[report], example::noon()?)[0].findings {
///     println!("{finding}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn examine(reports: &[UsageReport], now: DateTime<Utc>) -> Vec<ChainSummary> {
    let mut chains: BTreeMap<ChainId, Chain<'_>> = BTreeMap::new();
    for report in reports {
        let faults = faults_of_report(report);
        for (id, lines) in entries_by_chain(report) {
            let chain = chains.entry(id).or_default();
            for line in &lines {
                chain.add(line.hash, &line.entry, line.has_private);
            }
            chain.findings.extend(faults.iter().cloned());
            let end = report.heads.get(&id);
            chain.findings.extend(faults_of_chain(&lines, end));
        }
    }
    let summaries = chains.into_iter();
    summaries
        .filter_map(|(id, chain)| chain.summary(id, now))
        .collect()
}

/// Examines the lines of entries without a report, such as those in a ledger.
///
/// The findings are missing entries, forks, lost or repeated counts, and wrong clocks. Lines that
/// are not entries are ignored.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # use fixture::usage as example;
/// use license_core::usage::examine_entries;
///
/// let closed = example::closed()?;
/// let chains = examine_entries([closed.entry.as_str()], example::noon()?);
/// assert_eq!(chains[0].entries, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn examine_entries<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    now: DateTime<Utc>,
) -> Vec<ChainSummary> {
    let parsed = lines.into_iter().filter_map(|line| {
        let entry = UsageEntry::parse(line).ok()?;
        Some((UsageHash::from_entry(line), entry))
    });
    let parsed: Vec<_> = parsed.collect();
    let mut chains: BTreeMap<ChainId, Chain<'_>> = BTreeMap::new();
    for (hash, entry) in &parsed {
        let chain = chains.entry(entry.chain).or_default();
        chain.add(*hash, entry, false);
    }
    let summaries = chains.into_iter();
    summaries
        .filter_map(|(id, chain)| chain.summary(id, now))
        .collect()
}

/// Returns the faults of a whole report. At most two, so that the output stays small although each
/// chain repeats them.
fn faults_of_report(report: &UsageReport) -> Vec<ChainFinding> {
    let found = u64::try_from(report.lines.len()).unwrap_or(u64::MAX);
    let expected = report.declared;
    let incomplete = (found != expected).then_some(ChainFinding::Incomplete { expected, found });
    let unmatched = &report.unmatched;
    let edited = (!unmatched.first.is_empty()).then(|| ChainFinding::PrivateEdited {
        lines: unmatched.first.clone(),
        more: unmatched.more,
    });
    incomplete.into_iter().chain(edited).collect()
}

/// Returns the entries of each chain in the order of the report.
fn entries_by_chain(report: &UsageReport) -> BTreeMap<ChainId, Vec<&EntryLine>> {
    let mut chains: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in &report.lines {
        let lines = chains.entry(line.entry.chain).or_default();
        lines.push(line);
    }
    chains
}

/// Returns the faults of one chain in a report. The hash of each entry must be in the next entry,
/// and the hash of the last entry in the header.
fn faults_of_chain(lines: &[&EntryLine], end: Option<&UsageHash>) -> Vec<ChainFinding> {
    let mut faults = Vec::new();
    for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
        let (entry, next) = (&line.entry, &next.entry);
        if next.seq <= entry.seq {
            faults.push(ChainFinding::Reordered { seq: next.seq });
        } else if next.seq == entry.seq.saturating_add(1) && next.prev != line.hash {
            faults.push(ChainFinding::Edited { seq: entry.seq });
        }
    }
    let last = lines.last().filter(|line| Some(&line.hash) != end);
    faults.extend(last.map(|line| ChainFinding::Edited {
        seq: line.entry.seq,
    }));
    faults
}

/// Entries of one chain, indexed by number. A fork has several entries with the same number.
#[derive(Default)]
struct Chain<'a> {
    entries: BTreeMap<u64, BTreeMap<UsageHash, &'a UsageEntry>>,
    private: BTreeSet<UsageHash>,
    findings: Vec<ChainFinding>,
}

impl<'a> Chain<'a> {
    fn add(&mut self, hash: UsageHash, entry: &'a UsageEntry, has_private: bool) {
        let same_number = self.entries.entry(entry.seq).or_default();
        same_number.insert(hash, entry);
        if has_private {
            self.private.insert(hash);
        }
    }

    fn summary(self, chain: ChainId, now: DateTime<Utc>) -> Option<ChainSummary> {
        let all = || self.entries.values().flat_map(BTreeMap::values);
        let (first, _) = self.entries.first_key_value()?;
        let (last, heads) = self.entries.last_key_value()?;
        let mut findings = self.findings.clone();
        findings.extend(gaps(&self.entries));
        // A changed entry would also appear as a fork.
        if !findings.iter().any(ChainFinding::is_change) {
            findings.extend(fork(&self.entries));
        }
        findings.extend(self.entry_findings(now));
        findings.sort_by_key(|finding| !finding.is_fault());
        findings.dedup();
        Some(ChainSummary {
            chain,
            product: all().next()?.product,
            licenses: all().filter_map(|entry| entry.license.clone()).collect(),
            entries: all().count(),
            private_parts: self.private.len(),
            numbers: (*first, *last),
            head: *heads.keys().next()?,
            period: (
                all().map(|entry| entry.from).min()?,
                all().map(|entry| entry.to).max()?,
            ),
            findings,
        })
    }

    /// Returns the findings of single entries: wrong clocks, and lost or repeated counts.
    fn entry_findings(&self, now: DateTime<Utc>) -> Vec<ChainFinding> {
        let mut findings = Vec::new();
        let mut ended = None;
        for entry in self.entries.values().flat_map(BTreeMap::values) {
            let seq = entry.seq;
            findings.extend(clock_findings(entry, ended, now));
            findings.extend(entry.lost.then_some(ChainFinding::Lost { seq }));
            findings.extend(entry.recounted.then_some(ChainFinding::Recounted { seq }));
            ended = Some((entry.seq, entry.to));
        }
        findings
    }
}

fn gaps<T>(entries: &BTreeMap<u64, T>) -> impl Iterator<Item = ChainFinding> {
    let pairs = entries.keys().zip(entries.keys().skip(1));
    pairs.filter_map(|(one, next)| {
        let (first, last) = (one.saturating_add(1), next.saturating_sub(1));
        (first <= last).then_some(ChainFinding::Gap { first, last })
    })
}

/// Returns the first entry that exists twice, or that does not contain the hash of the entry before
/// it.
fn fork(entries: &BTreeMap<u64, BTreeMap<UsageHash, &UsageEntry>>) -> Option<ChainFinding> {
    let mut before: Option<(u64, BTreeSet<UsageHash>)> = None;
    for (seq, same_number) in entries {
        let follows = |entry: &&UsageEntry| match &before {
            Some((last, hashes)) if last.saturating_add(1) == *seq => hashes.contains(&entry.prev),
            _ => true,
        };
        if same_number.len() > 1 || !same_number.values().all(follows) {
            return Some(ChainFinding::Fork { seq: *seq });
        }
        before = Some((*seq, same_number.keys().copied().collect()));
    }
    None
}

fn clock_findings(
    entry: &UsageEntry,
    before: Option<(u64, DateTime<Utc>)>,
    now: DateTime<Utc>,
) -> impl Iterator<Item = ChainFinding> {
    let (seq, to, clock) = (entry.seq, entry.to, entry.clock);
    let is_behind = clock.most > CLOCK_TOLERANCE || clock.lowered > 0;
    let behind = is_behind.then_some(ChainFinding::ClockBehind {
        seq,
        by: clock.most,
        lowered: clock.lowered,
    });
    // The entries of one period, one for each license, end at the same time. Entries with the same
    // number are a fork, which is a separate finding.
    let goes_back = before.is_some_and(|(number, ended)| {
        number < seq
            && entry.to < ended
            && time::duration_since(ended, entry.from) > CLOCK_TOLERANCE
    });
    let is_ahead = to > time::saturating_add(now, CLOCK_TOLERANCE);
    let ahead = (goes_back || is_ahead).then_some(ChainFinding::ClockAhead { seq, to });
    behind.into_iter().chain(ahead)
}
