//! `keygen usage import`: records the new entries of usage reports.

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::{Failure, Source, Terminal, plural};
use license_core::usage::{
    ChainFinding, ChainId, ChainSummary, UsageEntry, UsageHash, UsageReport, examine,
};
use license_issuer::ledger::{LedgerEntryKind, LedgerReader, NewLedgerEntry};
use license_issuer::records;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{self, MissingLedger, RecordPlan};
use serde_json::{Value, json};

use super::super::context::AppContext;
use super::super::lookup::require_ledger;
use super::super::precautions::Precautions;
use super::verify::failure;
use super::{abbreviate, read};
use crate::args::UsageImport;
use crate::failures;
use crate::inputs::now;

pub(super) fn run(arguments: &UsageImport, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let mut ledger = require_ledger(location, "the import of usage reports")?;
    let mut reports = Vec::new();
    // All reports are checked before the first entry is recorded.
    for file in &arguments.reports.files {
        let read = read(file)?;
        refuse_changes(file, &read)?;
        reports.extend(read);
    }
    let (at, precautions) = (now(), Precautions::clock(arguments.force));
    let recorded = record::record(
        &mut ledger,
        MissingLedger::Create,
        Mode::Commit,
        at,
        |ledger| {
            precautions.check(ledger, at)?;
            let mut usage = RecordedUsage::read(ledger, &reports)?;
            let (entries, mut warnings) = usage.add_new(&reports);
            warnings.extend(unknown_licenses(ledger, &entries)?);
            warnings.extend(count_warnings(&reports, &entries));
            Ok(RecordPlan {
                content: (entries.len(), warnings),
                entries,
            })
        },
    );
    let (new, warnings) = recorded.map_err(|error| failures::not_issued(error, location))?;
    precautions.warn(terminal);
    let known = distinct(&reports).saturating_sub(new);
    print(new, known, &warnings, terminal)
}

/// Refuses reports with changed entries. Accepts missing entries, because a later report may
/// contain them.
fn refuse_changes(file: &Source, reports: &[UsageReport]) -> Result<(), Failure> {
    let mut chains = examine(reports, now());
    for chain in &mut chains {
        chain.findings.retain(ChainFinding::is_change);
    }
    match failure(&chains) {
        Some(failure) => Err(failure.with_subject(&file.to_string())),
        None => Ok(()),
    }
}

struct UsageWarning {
    code: &'static str,
    message: String,
}

fn print(
    new: usize,
    known: usize,
    warnings: &[UsageWarning],
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let warnings = warnings.iter();
        let warnings = warnings
            .map(|warning| json!({ "code": warning.code, "message": warning.message }))
            .collect::<Vec<Value>>();
        return terminal.json(&json!({ "entered": new, "known": known, "warnings": warnings }));
    }
    for warning in warnings {
        terminal.warning(warning.code, &warning.message);
    }
    terminal.data(&format!(
        "recorded {}; already in the ledger: {known}",
        plural(new, "entry", "entries")
    ))
}

fn distinct(reports: &[UsageReport]) -> usize {
    let all = reports.iter().flat_map(UsageReport::entries);
    all.map(|(_, _, hash)| hash).collect::<BTreeSet<_>>().len()
}

/// Recorded entries of the chains that the reports contain.
struct RecordedUsage {
    chains: BTreeMap<ChainId, HashesByNumber>,
}

/// Hashes of the entries of a chain by entry number, each with the hash of the preceding entry.
type HashesByNumber = BTreeMap<u64, BTreeMap<UsageHash, UsageHash>>;

impl RecordedUsage {
    fn read(ledger: Option<&dyn LedgerReader>, reports: &[UsageReport]) -> Result<Self, Failure> {
        let mut usage = Self {
            chains: BTreeMap::new(),
        };
        let entries = reports.iter().flat_map(UsageReport::entries);
        let chains: BTreeSet<_> = entries.map(|(_, entry, _)| entry.chain).collect();
        let Some(ledger) = ledger else {
            return Ok(usage);
        };
        for chain in chains {
            let read = ledger.visit_usage_chain(&chain.to_string(), &mut |recorded| {
                if let Ok(entry) = UsageEntry::parse(&recorded.artifact) {
                    usage.add(&entry, UsageHash::from_entry(&recorded.artifact));
                }
            });
            read.map_err(failures::ledger_not_read(ledger))?;
        }
        Ok(usage)
    }

    fn add(&mut self, entry: &UsageEntry, hash: UsageHash) {
        let numbers = self.chains.entry(entry.chain).or_default();
        let hashes = numbers.entry(entry.seq).or_default();
        hashes.insert(hash, entry.prev);
    }

    /// Adds the entries that are not recorded yet.
    ///
    /// Returns the new entries in the order of each chain, and warnings about gaps and forks.
    fn add_new(&mut self, reports: &[UsageReport]) -> (Vec<NewLedgerEntry>, Vec<UsageWarning>) {
        let mut new: BTreeMap<(ChainId, u64, UsageHash), (&str, &UsageEntry)> = BTreeMap::new();
        for (line, entry, hash) in reports.iter().flat_map(UsageReport::entries) {
            let position = entry.position();
            if !self.has(entry, hash) {
                new.insert((position.chain, position.seq, hash), (line, entry));
            }
        }
        let (mut entries, mut warnings) = (Vec::new(), Vec::new());
        let mut forked = BTreeSet::new();
        for ((chain, seq, hash), (line, entry)) in new {
            let numbers = self.chains.entry(chain).or_default();
            let (gap, fork) = (gap(numbers, seq), is_fork(numbers, entry, hash));
            if let Some((first, last)) = gap {
                let gap = ChainFinding::Gap { first, last };
                warnings.push(warning(chain, &gap, "these entries were never reported"));
            }
            if fork && forked.insert(chain) {
                let fork = ChainFinding::Fork { seq };
                warnings.push(warning(chain, &fork, "both entries are recorded"));
            }
            entries.push(records::usage(line, entry, gap, fork));
            self.add(entry, hash);
        }
        (entries, warnings)
    }

    fn has(&self, entry: &UsageEntry, hash: UsageHash) -> bool {
        let numbers = self.chains.get(&entry.chain);
        let hashes = numbers.and_then(|numbers| numbers.get(&entry.seq));
        hashes.is_some_and(|hashes| hashes.contains_key(&hash))
    }
}

fn warning(chain: ChainId, finding: &ChainFinding, detail: &str) -> UsageWarning {
    UsageWarning {
        code: finding.code(),
        message: format!("chain {}: {finding}; {detail}", abbreviate(chain)),
    }
}

/// Returns the first and the last number that are missing directly before `seq`.
fn gap(numbers: &HashesByNumber, seq: u64) -> Option<(u64, u64)> {
    let before = numbers.range(..seq).next_back();
    let first = before.map_or(1, |(number, _)| number.saturating_add(1));
    (first < seq && !numbers.contains_key(&seq)).then_some((first, seq.saturating_sub(1)))
}

/// Returns whether a different entry has the same number, or a neighboring entry is not linked to
/// this entry by its hash.
fn is_fork(numbers: &HashesByNumber, entry: &UsageEntry, hash: UsageHash) -> bool {
    let position = entry.position();
    let has_same_number = numbers.contains_key(&position.seq);
    let before = numbers.get(&position.seq.saturating_sub(1));
    let has_other_predecessor = before.is_some_and(|hashes| !hashes.contains_key(&position.prev));
    let after = numbers.get(&position.seq.saturating_add(1));
    let has_other_successor =
        after.is_some_and(|hashes| !hashes.values().any(|prev| *prev == hash));
    has_same_number || has_other_predecessor || has_other_successor
}

/// Warns about licenses that are not in the ledger, such as licenses of other vendors and licenses
/// that were issued without a ledger.
fn unknown_licenses(
    ledger: Option<&dyn LedgerReader>,
    records: &[NewLedgerEntry],
) -> Result<Vec<UsageWarning>, Failure> {
    let has = |kind, id: &str| match ledger {
        None => Ok(false),
        Some(ledger) => ledger
            .has(kind, id)
            .map_err(failures::ledger_not_read(ledger)),
    };
    let ids: BTreeSet<_> = records
        .iter()
        .map(|record| record.subject.as_str())
        .collect();
    let mut warnings = Vec::new();
    for id in ids.into_iter().filter(|id| *id != records::UNLICENSED) {
        let is_known =
            has(LedgerEntryKind::License, id)? || has(LedgerEntryKind::EnterpriseKey, id)?;
        if !is_known {
            warnings.push(UsageWarning {
                code: "UNKNOWN_LICENSE",
                message: format!("license {id} is not in the ledger; its usage is recorded anyway"),
            });
        }
    }
    Ok(warnings)
}

/// Warns about clock jumps, lost counts and repeated counts in new entries.
fn count_warnings(reports: &[UsageReport], records: &[NewLedgerEntry]) -> Vec<UsageWarning> {
    let new: BTreeSet<_> = records
        .iter()
        .filter_map(|record| {
            let position = UsageEntry::parse(&record.artifact).ok()?.position();
            Some((position.chain, position.seq))
        })
        .collect();
    let chains = examine(reports, now());
    let warnings = chains.iter().flat_map(|chain: &ChainSummary| {
        let is_new = |finding: &&ChainFinding| match finding {
            ChainFinding::ClockBehind { seq, .. }
            | ChainFinding::ClockAhead { seq, .. }
            | ChainFinding::Lost { seq }
            | ChainFinding::Recounted { seq } => new.contains(&(chain.chain, *seq)),
            _ => false,
        };
        let findings = chain.findings.iter().filter(is_new);
        findings.map(|finding| UsageWarning {
            code: finding.code(),
            message: format!("chain {}: {finding}", abbreviate(chain.chain)),
        })
    });
    warnings.collect()
}
