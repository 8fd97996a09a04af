//! Chains of entries, out of one report or many.

use std::collections::{BTreeMap, BTreeSet};

use super::report::EntryLine;
use super::{ChainId, Finding, Hash, UsageEntry, UsageReport};
use crate::ids::ProductCode;
use crate::key::LicenseId;
use crate::time::CLOCK_TOLERANCE;
use crate::time::Timestamp;

/// What is known of a chain.
#[derive(Clone, Debug)]
#[must_use]
#[non_exhaustive]
pub struct ChainSummary {
    /// Its id; a machine has one for each state directory.
    pub chain: ChainId,
    /// The product.
    pub product: ProductCode,
    /// The licenses that are in it.
    pub licenses: BTreeSet<LicenseId>,
    /// How many different entries there are.
    pub entries: usize,
    /// How many of them have their private part.
    pub private_parts: usize,
    /// The numbers of the first and the last.
    pub numbers: (u64, u64),
    /// The hash of the last.
    pub head: Hash,
    /// When the first of it was counted, and the last.
    pub period: (Timestamp, Timestamp),
    /// What its reader should know, faults first.
    pub findings: Vec<Finding>,
}

impl ChainSummary {
    /// Whether nothing is missing between its first entry and its last, and nothing was changed.
    pub fn is_whole(&self) -> bool {
        !self.findings.iter().any(Finding::is_fault)
    }
}

/// Recomputes every chain in these reports, in the order of their ids. `now` is the reader's: what ends over a day later is of a clock that
/// was ahead.
///
/// A report in which a chain is changed counts for all its chains: its header holds for the whole of it.
pub fn examine(reports: &[UsageReport], now: Timestamp) -> Vec<ChainSummary> {
    let mut chains: BTreeMap<ChainId, Chain<'_>> = BTreeMap::new();
    for report in reports {
        let faults = faults_of_report(report);
        for (id, lines) in by_chain(report) {
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

/// The same for entries alone, such as those of a ledger, by their lines: what is missing, told twice or of a wrong clock. A line that is none is
/// passed over.
pub fn examine_entries<'a>(
    lines: impl IntoIterator<Item = &'a str>,
    now: Timestamp,
) -> Vec<ChainSummary> {
    let parsed = lines.into_iter().filter_map(|line| {
        let entry = UsageEntry::parse(line).ok()?;
        Some((Hash::of_entry(line), entry))
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

/// What was changed in a report, whichever chain it is of: two findings at most, for each of its chains is to have them.
fn faults_of_report(report: &UsageReport) -> Vec<Finding> {
    let found = u64::try_from(report.lines.len()).unwrap_or(u64::MAX);
    let expected = report.declared;
    let incomplete = (found != expected).then_some(Finding::Incomplete { expected, found });
    let strays = &report.strays;
    let edited = (!strays.first.is_empty()).then(|| Finding::PrivateEdited {
        lines: strays.first.clone(),
        more: strays.more,
    });
    incomplete.into_iter().chain(edited).collect()
}

/// The entries of each chain, in the order in which they stand.
fn by_chain(report: &UsageReport) -> BTreeMap<ChainId, Vec<&EntryLine>> {
    let mut chains: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in &report.lines {
        let lines = chains.entry(line.entry.chain).or_default();
        lines.push(line);
    }
    chains
}

/// What was changed in one chain of a report: each entry against the one after it, the last against what the header says it ends with.
fn faults_of_chain(lines: &[&EntryLine], end: Option<&Hash>) -> Vec<Finding> {
    let mut faults = Vec::new();
    for (line, next) in lines.iter().zip(lines.iter().skip(1)) {
        let (place, next) = (&line.entry, &next.entry);
        if next.seq <= place.seq {
            faults.push(Finding::Reordered { seq: next.seq });
        } else if next.seq == place.seq.saturating_add(1) && next.prev != line.hash {
            faults.push(Finding::Edited { seq: place.seq });
        }
    }
    let last = lines.last().filter(|line| Some(&line.hash) != end);
    faults.extend(last.map(|line| Finding::Edited {
        seq: line.entry.seq,
    }));
    faults
}

/// The entries of one chain, by number; of a fork several of one number.
#[derive(Default)]
struct Chain<'a> {
    entries: BTreeMap<u64, BTreeMap<Hash, &'a UsageEntry>>,
    private: BTreeSet<Hash>,
    findings: Vec<Finding>,
}

impl<'a> Chain<'a> {
    fn add(&mut self, hash: Hash, entry: &'a UsageEntry, has_private: bool) {
        let alike = self.entries.entry(entry.seq).or_default();
        alike.insert(hash, entry);
        if has_private {
            self.private.insert(hash);
        }
    }

    fn summary(self, chain: ChainId, now: Timestamp) -> Option<ChainSummary> {
        let all = || self.entries.values().flat_map(BTreeMap::values);
        let (first, _) = self.entries.first_key_value()?;
        let (last, heads) = self.entries.last_key_value()?;
        let mut findings = self.findings.clone();
        findings.extend(gaps(&self.entries));
        // What was changed is no history of its own.
        if !findings.iter().any(Finding::is_change) {
            findings.extend(fork(&self.entries));
        }
        findings.extend(self.entries_alone(now));
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

    /// What each entry says of its clock, and of counts that were lost or counted again.
    fn entries_alone(&self, now: Timestamp) -> Vec<Finding> {
        let mut findings = Vec::new();
        let mut ended = None;
        for entry in self.entries.values().flat_map(BTreeMap::values) {
            let seq = entry.seq;
            findings.extend(of_clock(entry, ended, now));
            findings.extend(entry.lost.then_some(Finding::Lost { seq }));
            findings.extend(entry.recounted.then_some(Finding::Recounted { seq }));
            ended = Some((entry.seq, entry.to));
        }
        findings
    }
}

fn gaps<T>(entries: &BTreeMap<u64, T>) -> impl Iterator<Item = Finding> {
    let pairs = entries.keys().zip(entries.keys().skip(1));
    pairs.filter_map(|(one, next)| {
        let (first, last) = (one.saturating_add(1), next.saturating_sub(1));
        (first <= last).then_some(Finding::Gap { first, last })
    })
}

/// The first entry that there are two of, or that follows another than the one there is.
fn fork(entries: &BTreeMap<u64, BTreeMap<Hash, &UsageEntry>>) -> Option<Finding> {
    let mut before: Option<(u64, BTreeSet<Hash>)> = None;
    for (seq, alike) in entries {
        let follows = |entry: &&UsageEntry| match &before {
            Some((last, hashes)) if last.saturating_add(1) == *seq => hashes.contains(&entry.prev),
            _ => true,
        };
        if alike.len() > 1 || !alike.values().all(follows) {
            return Some(Finding::Fork { seq: *seq });
        }
        before = Some((*seq, alike.keys().copied().collect()));
    }
    None
}

fn of_clock(
    entry: &UsageEntry,
    before: Option<(u64, Timestamp)>,
    now: Timestamp,
) -> impl Iterator<Item = Finding> {
    let (seq, to, clock) = (entry.seq, entry.to, entry.clock);
    let is_behind = clock.most_seconds > CLOCK_TOLERANCE || clock.lowered > 0;
    let behind = is_behind.then_some(Finding::ClockBehind {
        seq,
        seconds: clock.most_seconds,
        lowered: clock.lowered,
    });
    // Entries of one period, of a license each, end together; so do those of a fork, which is told as such.
    let goes_back = before.is_some_and(|(number, ended)| {
        number < seq && entry.to < ended && ended.seconds_since(entry.from) > CLOCK_TOLERANCE
    });
    let is_ahead = to > now.plus(CLOCK_TOLERANCE);
    let ahead = (goes_back || is_ahead).then_some(Finding::ClockAhead { seq, to });
    behind.into_iter().chain(ahead)
}
