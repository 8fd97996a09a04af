//! `keygen usage summary`: sums up the recorded usage of each license.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::Failure;
use license_core::chrono::NaiveDate;
use license_core::time;
use license_core::usage::{
    ChainFinding, ChainId, ChainSummary, QuotaCount, UsageEntry, UsageHash, examine_entries,
};
use license_issuer::folding::folded;
use license_issuer::ledger::{LedgerEntry, LedgerEntryKind, LedgerReader};
use license_issuer::records::usage_subject;

use super::super::context::AppContext;
use super::super::lookup::{open, resolve};
use crate::args::UsageSummary;
use crate::failures;
use crate::inputs::now;

pub(super) fn run(arguments: &UsageSummary, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    if arguments
        .from
        .zip(arguments.to)
        .is_some_and(|(from, to)| from > to)
    {
        return Err(Failure::usage("--from must not be later than --to").hint("swap the two dates"));
    }
    let ledger = open(location)?;
    let license_id = license_id(&ledger, arguments)?;
    let mut licenses: BTreeMap<String, LicenseUsage> = BTreeMap::new();
    // The hashes detect lines that were recorded twice.
    let mut seen = BTreeSet::new();
    let mut add = |recorded: LedgerEntry| {
        let Ok(entry) = UsageEntry::parse(&recorded.artifact) else {
            return;
        };
        let is_new = seen.insert(UsageHash::from_entry(&recorded.artifact));
        if is_new && is_within(&entry, arguments) {
            licenses
                .entry(usage_subject(&entry))
                .or_default()
                .add(&entry);
        }
    };
    let read = match &license_id {
        Some(id) => ledger.visit_entries_about(id, LedgerEntryKind::Usage, &mut add),
        None => ledger.visit_entries_of_kind(LedgerEntryKind::Usage, &mut add),
    };
    read.map_err(failures::ledger_not_read(&ledger))?;
    let ids = licenses.values().flat_map(|license| &license.chains);
    let chains = chains(&ledger, &ids.copied().collect())?;
    for (id, license) in &mut licenses {
        license.customer = customer(&ledger, id)?;
        license.add_findings(&chains);
    }
    if let Some(part) = &arguments.customer {
        let part = folded(part);
        let matches = |name: &String| folded(name).contains(&part);
        licenses.retain(|_, license| license.customer.as_ref().is_some_and(matches));
    }
    table::print(&licenses, arguments.format, terminal)
}

/// Returns the id of the requested license. A text that the ledger does not contain is used as the
/// id.
fn license_id(
    ledger: &dyn LedgerReader,
    arguments: &UsageSummary,
) -> Result<Option<String>, Failure> {
    match &arguments.license {
        None => Ok(None),
        Some(id) => Ok(Some(resolve(ledger, id)?.unwrap_or_else(|| id.clone()))),
    }
}

fn customer(ledger: &dyn LedgerReader, id: &str) -> Result<Option<String>, Failure> {
    let row = ledger
        .license(id, now())
        .map_err(failures::ledger_not_read(ledger))?;
    Ok(row.and_then(|row| row.entry.member("customer")))
}

fn is_within(entry: &UsageEntry, arguments: &UsageSummary) -> bool {
    let from = arguments.from.map_or(time::MIN, time::start_of_day);
    let end = arguments.to.map_or(time::MAX, time::end_of_day);
    from <= entry.from && entry.from < end
}

/// Examines complete chains, because the entry numbers of a chain span all of its licenses.
///
/// Reads one chain at a time to limit the memory use.
fn chains(
    ledger: &dyn LedgerReader,
    ids: &BTreeSet<ChainId>,
) -> Result<BTreeMap<ChainId, ChainSummary>, Failure> {
    let mut chains = BTreeMap::new();
    for id in ids {
        let mut lines = BTreeSet::new();
        let read = ledger.visit_usage_chain(&id.to_string(), &mut |entry| {
            lines.insert(entry.artifact);
        });
        read.map_err(failures::ledger_not_read(ledger))?;
        let found = examine_entries(lines.iter().map(String::as_str), now());
        chains.extend(found.into_iter().map(|chain| (chain.chain, chain)));
    }
    Ok(chains)
}

/// Recorded usage of a license.
#[derive(Default)]
struct LicenseUsage {
    customer: Option<String>,
    chains: BTreeSet<ChainId>,
    days: BTreeSet<NaiveDate>,
    quotas: BTreeMap<String, QuotaUsage>,
    denials: BTreeMap<String, u64>,
    refused_features: BTreeMap<String, u64>,
    sessions: u64,
    gaps: usize,
    forks: usize,
    clock_jumps: usize,
    losses: usize,
    recounts: usize,
}

/// Recorded usage of a quota.
#[derive(Default)]
struct QuotaUsage {
    count: QuotaCount,
    /// Usage of all machines on each day.
    days: BTreeMap<NaiveDate, u64>,
}

impl LicenseUsage {
    fn add(&mut self, entry: &UsageEntry) {
        self.chains.insert(entry.chain);
        self.days.insert(entry.day());
        self.sessions = self.sessions.saturating_add(entry.sessions);
        for (name, count) in &entry.quotas {
            let quota = self.quotas.entry(name.clone()).or_default();
            quota.add(*count, entry.day());
        }
        add_counts(&mut self.denials, &entry.denials);
        add_counts(&mut self.refused_features, &entry.refused_features);
    }

    fn add_findings(&mut self, chains: &BTreeMap<ChainId, ChainSummary>) {
        for chain in self.chains.iter().filter_map(|id| chains.get(id)) {
            // A chain that does not start at entry 1 has a gap before its first entry.
            self.gaps += usize::from(chain.numbers.0 > 1);
            for finding in &chain.findings {
                match finding {
                    ChainFinding::Gap { .. } => self.gaps += 1,
                    ChainFinding::Fork { .. } => self.forks += 1,
                    ChainFinding::ClockBehind { .. } | ChainFinding::ClockAhead { .. } => {
                        self.clock_jumps += 1;
                    }
                    ChainFinding::Lost { .. } => self.losses += 1,
                    ChainFinding::Recounted { .. } => self.recounts += 1,
                    _ => {}
                }
            }
        }
    }
}

impl QuotaUsage {
    fn add(&mut self, count: QuotaCount, day: NaiveDate) {
        self.count.used = self.count.used.saturating_add(count.used);
        self.count.refused = self.count.refused.saturating_add(count.refused);
        let used = self.days.entry(day).or_default();
        *used = used.saturating_add(count.used);
    }

    /// Returns the first day with the highest usage, and that usage.
    fn peak(&self) -> Option<(NaiveDate, u64)> {
        let days = self.days.iter().map(|(day, used)| (*day, *used));
        days.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

fn add_counts(totals: &mut BTreeMap<String, u64>, counts: &BTreeMap<String, u64>) {
    for (name, count) in counts {
        let total = totals.entry(name.clone()).or_default();
        *total = total.saturating_add(*count);
    }
}
