//! `keygen usage import`: what is new of usage reports, against what was reported before.

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::{Failure, Source, Terminal};
use license_core::usage_report::{
    ChainId, ChainSummary, Finding, Hash, UsageEntry, UsageReport, examine,
};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{EntryKind, LedgerReader, NewEntry};
use license_issuer::records;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{self, MissingLedger, RecordPlan};
use serde_json::{Value, json};

use super::super::context::AppContext;
use super::verify::failure;
use super::{read, short};
use crate::inputs::now;
use crate::{failures, output};

pub(super) fn run(files: &[Source], app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    if *place == LedgerLocation::None {
        return Err(
            Failure::usage("--no-ledger leaves nothing to enter it in").hint("leave it away")
        );
    }
    let mut reports = Vec::new();
    // Everything is read and checked before the first is entered.
    for file in files {
        let read = read(file)?;
        refuse_changes(file, &read)?;
        reports.extend(read);
    }
    let Some(mut file) = output::ledger_file(place)? else {
        return tell(0, 0, &[], terminal);
    };
    let recorded = record::record(
        &mut file,
        MissingLedger::Create,
        Mode::Commit,
        now(),
        |ledger| {
            let mut known = Known::read(ledger, &reports)?;
            let (entries, mut warnings) = known.news(&reports);
            warnings.extend(unknown_licenses(ledger, &entries)?);
            warnings.extend(of_clocks(&reports, &entries));
            Ok(RecordPlan {
                content: (entries.len(), warnings),
                entries,
            })
        },
    );
    let (entered, warnings) = recorded.map_err(|error| failures::not_issued(error, place))?;
    let known = distinct(&reports).saturating_sub(entered);
    tell(entered, known, &warnings, terminal)
}

/// What was changed is not entered; what is missing may come later.
fn refuse_changes(file: &Source, reports: &[UsageReport]) -> Result<(), Failure> {
    let mut chains = examine(reports, now());
    for chain in &mut chains {
        chain.findings.retain(Finding::is_change);
    }
    match failure(&chains) {
        Some(failure) => Err(failure.about(&file.to_string())),
        None => Ok(()),
    }
}

struct Warning {
    code: &'static str,
    message: String,
}

fn tell(
    entered: usize,
    known: usize,
    warnings: &[Warning],
    terminal: &Terminal,
) -> Result<(), Failure> {
    if terminal.is_json() {
        let warnings = warnings.iter();
        let warnings = warnings
            .map(|warning| json!({ "code": warning.code, "message": warning.message }))
            .collect::<Vec<Value>>();
        return terminal.json(&json!({ "entered": entered, "known": known, "warnings": warnings }));
    }
    for warning in warnings {
        terminal.warning(warning.code, &warning.message);
    }
    terminal.data(&format!(
        "entered {entered}; the ledger knew {known} already"
    ))
}

fn distinct(reports: &[UsageReport]) -> usize {
    let all = reports.iter().flat_map(UsageReport::entries);
    all.map(|(_, _, hash)| hash).collect::<BTreeSet<_>>().len()
}

/// What was reported of each chain that is in these reports: by number the hash of each entry with the one that it follows.
struct Known {
    chains: BTreeMap<ChainId, Numbers>,
}

type Numbers = BTreeMap<u64, BTreeMap<Hash, Hash>>;

impl Known {
    fn read(ledger: Option<&dyn LedgerReader>, reports: &[UsageReport]) -> Result<Self, Failure> {
        let mut known = Self {
            chains: BTreeMap::new(),
        };
        let entries = reports.iter().flat_map(UsageReport::entries);
        let chains: BTreeSet<_> = entries.map(|(_, entry, _)| entry.chain).collect();
        let Some(ledger) = ledger else {
            return Ok(known);
        };
        for chain in chains {
            let read = ledger.visit_usage_chain(&chain.to_string(), &mut |entered| {
                if let Ok(entry) = UsageEntry::parse(&entered.artifact) {
                    known.add(&entry, Hash::of_entry(&entered.artifact));
                }
            });
            read.map_err(failures::ledger_not_read(ledger))?;
        }
        Ok(known)
    }

    fn add(&mut self, entry: &UsageEntry, hash: Hash) {
        let numbers = self.chains.entry(entry.chain).or_default();
        let alike = numbers.entry(entry.seq).or_default();
        alike.insert(hash, entry.prev);
    }

    /// The records of what is not known yet, in the order of each chain, and what does not fit what is.
    fn news(&mut self, reports: &[UsageReport]) -> (Vec<NewEntry>, Vec<Warning>) {
        let mut news: BTreeMap<(ChainId, u64, Hash), (&str, &UsageEntry)> = BTreeMap::new();
        for (line, entry, hash) in reports.iter().flat_map(UsageReport::entries) {
            let place = entry.place();
            if !self.has(entry, hash) {
                news.insert((place.chain, place.seq, hash), (line, entry));
            }
        }
        let (mut entries, mut warnings) = (Vec::new(), Vec::new());
        let mut forked = BTreeSet::new();
        for ((chain, seq, hash), (line, entry)) in news {
            let numbers = self.chains.entry(chain).or_default();
            let (gap, fork) = (gap(numbers, seq), is_fork(numbers, entry, hash));
            if let Some((first, last)) = gap {
                let gap = Finding::Gap { first, last };
                warnings.push(warning(chain, &gap, "it was never reported here"));
            }
            if fork && forked.insert(chain) {
                let fork = Finding::Fork { seq };
                warnings.push(warning(chain, &fork, "both are entered"));
            }
            entries.push(records::usage(line, entry, gap, fork));
            self.add(entry, hash);
        }
        (entries, warnings)
    }

    fn has(&self, entry: &UsageEntry, hash: Hash) -> bool {
        let numbers = self.chains.get(&entry.chain);
        let alike = numbers.and_then(|numbers| numbers.get(&entry.seq));
        alike.is_some_and(|alike| alike.contains_key(&hash))
    }
}

fn warning(chain: ChainId, finding: &Finding, more: &str) -> Warning {
    Warning {
        code: finding.code(),
        message: format!("chain {}: {finding}; {more}", short(chain)),
    }
}

/// What is missing before this number.
fn gap(numbers: &Numbers, seq: u64) -> Option<(u64, u64)> {
    let before = numbers.range(..seq).next_back();
    let first = before.map_or(1, |(number, _)| number.saturating_add(1));
    (first < seq && !numbers.contains_key(&seq)).then_some((first, seq.saturating_sub(1)))
}

/// Whether it stands beside another entry of its number, or its neighbours are of another history.
fn is_fork(numbers: &Numbers, entry: &UsageEntry, hash: Hash) -> bool {
    let place = entry.place();
    let is_second = numbers.contains_key(&place.seq);
    let before = numbers.get(&place.seq.saturating_sub(1));
    let follows_none = before.is_some_and(|alike| !alike.contains_key(&place.prev));
    let after = numbers.get(&place.seq.saturating_add(1));
    let is_followed_by_none = after.is_some_and(|alike| !alike.values().any(|prev| *prev == hash));
    is_second || follows_none || is_followed_by_none
}

/// Licenses that the ledger does not know: of another vendor's, or minted without it.
fn unknown_licenses(
    ledger: Option<&dyn LedgerReader>,
    records: &[NewEntry],
) -> Result<Vec<Warning>, Failure> {
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
        let is_known = has(EntryKind::License, id)? || has(EntryKind::EnterpriseKey, id)?;
        if !is_known {
            warnings.push(Warning {
                code: "UNKNOWN_LICENSE",
                message: format!(
                    "the ledger knows no license {id}; its usage is entered all the same"
                ),
            });
        }
    }
    Ok(warnings)
}

/// What entries that are new say of their clocks, and of counts that were lost or counted again.
fn of_clocks(reports: &[UsageReport], records: &[NewEntry]) -> Vec<Warning> {
    let news: BTreeSet<_> = records
        .iter()
        .filter_map(|record| {
            let place = UsageEntry::parse(&record.artifact).ok()?.place();
            Some((place.chain, place.seq))
        })
        .collect();
    let chains = examine(reports, now());
    let warnings = chains.iter().flat_map(|chain: &ChainSummary| {
        let is_new = |finding: &&Finding| match finding {
            Finding::ClockBehind { seq, .. }
            | Finding::ClockAhead { seq, .. }
            | Finding::Lost { seq }
            | Finding::Recounted { seq } => news.contains(&(chain.chain, *seq)),
            _ => false,
        };
        let findings = chain.findings.iter().filter(is_new);
        findings.map(|finding| Warning {
            code: finding.code(),
            message: format!("chain {}: {finding}", short(chain.chain)),
        })
    });
    warnings.collect()
}
