//! `keygen usage summary`: what was reported, by license.

mod table;

use std::collections::{BTreeMap, BTreeSet};

use license_cli_support::Failure;
use license_core::usage_report::{
    ChainId, ChainSummary, Finding, Hash, QuotaCount, UsageEntry, examine_entries,
};
use license_core::{Date, Timestamp};
use license_issuer::ledger::{Entry, EntryKind, LedgerReader};
use license_issuer::records::usage_subject;

use super::super::context::AppContext;
use super::super::lookup::{open, resolve};
use crate::args::UsageSummary;
use crate::failures;
use crate::inputs::now;

pub(super) fn run(arguments: &UsageSummary, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    if arguments
        .from
        .zip(arguments.to)
        .is_some_and(|(from, to)| from > to)
    {
        return Err(
            Failure::usage("expected --from to be no later than --to").hint("swap the two dates")
        );
    }
    let ledger = open(place)?;
    let wanted = wanted(&ledger, arguments)?;
    let mut licenses: BTreeMap<String, License> = BTreeMap::new();
    // Nothing is kept of a line but its sums and its hash: the same line may have been entered twice.
    let mut seen = BTreeSet::new();
    let mut each = |entered: Entry| {
        let Ok(entry) = UsageEntry::parse(&entered.artifact) else {
            return;
        };
        let is_new = seen.insert(Hash::of_entry(&entered.artifact));
        if is_new && is_within(&entry, arguments) {
            licenses
                .entry(usage_subject(&entry))
                .or_default()
                .add(&entry);
        }
    };
    let read = match &wanted {
        Some(id) => ledger.visit_entries_about(id, EntryKind::Usage, &mut each),
        None => ledger.visit_entries_of_kind(EntryKind::Usage, &mut each),
    };
    read.map_err(failures::ledger_not_read(&ledger))?;
    let ids = licenses.values().flat_map(|license| &license.chains);
    let chains = chains(&ledger, &ids.copied().collect())?;
    for (id, license) in &mut licenses {
        license.customer = customer(&ledger, id)?;
        license.judge(&chains);
    }
    if let Some(part) = &arguments.customer {
        let part = part.to_lowercase();
        let holds = |name: &String| name.to_lowercase().contains(&part);
        licenses.retain(|_, license| license.customer.as_ref().is_some_and(holds));
    }
    table::print(&licenses, arguments.form, terminal)
}

/// The license that was asked for, by whatever names it; a name that the ledger does not know is taken for an id.
fn wanted(ledger: &dyn LedgerReader, arguments: &UsageSummary) -> Result<Option<String>, Failure> {
    match &arguments.license {
        None => Ok(None),
        Some(id) => Ok(Some(resolve(ledger, id)?.unwrap_or_else(|| id.clone()))),
    }
}

fn customer(ledger: &dyn LedgerReader, id: &str) -> Result<Option<String>, Failure> {
    let row = ledger
        .license(id, now())
        .map_err(failures::ledger_not_read(ledger))?;
    Ok(row.and_then(|row| row.entry.fact("customer")))
}

fn is_within(entry: &UsageEntry, arguments: &UsageSummary) -> bool {
    let from = arguments.from.map_or(Timestamp::MIN, Date::start);
    let end = arguments.to.map_or(Timestamp::MAX, Date::end);
    from <= entry.from && entry.from < end
}

/// What is found in each chain as a whole, for its numbers go through all of its licenses: one chain after the other.
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

/// What was reported of a license.
#[derive(Default)]
struct License {
    customer: Option<String>,
    chains: BTreeSet<ChainId>,
    days: BTreeSet<Date>,
    quotas: BTreeMap<String, Quota>,
    denials: BTreeMap<String, u64>,
    refused_features: BTreeMap<String, u64>,
    sessions: u64,
    gaps: usize,
    forks: usize,
    clock_jumps: usize,
    losses: usize,
    recounts: usize,
}

#[derive(Default)]
struct Quota {
    count: QuotaCount,
    /// What was used on each day, by all machines.
    days: BTreeMap<Date, u64>,
}

impl License {
    fn add(&mut self, entry: &UsageEntry) {
        self.chains.insert(entry.chain);
        self.days.extend(entry.day());
        self.sessions = self.sessions.saturating_add(entry.sessions);
        for (name, count) in &entry.quotas {
            let quota = self.quotas.entry(name.clone()).or_default();
            quota.add(*count, entry.day());
        }
        add(&mut self.denials, &entry.denials);
        add(&mut self.refused_features, &entry.refused_features);
    }

    fn judge(&mut self, chains: &BTreeMap<ChainId, ChainSummary>) {
        for chain in self.chains.iter().filter_map(|id| chains.get(id)) {
            // What was forgotten or never sent before the first entry is missing too.
            self.gaps += usize::from(chain.numbers.0 > 1);
            for finding in &chain.findings {
                match finding {
                    Finding::Gap { .. } => self.gaps += 1,
                    Finding::Fork { .. } => self.forks += 1,
                    Finding::ClockBehind { .. } | Finding::ClockAhead { .. } => {
                        self.clock_jumps += 1;
                    }
                    Finding::Lost { .. } => self.losses += 1,
                    Finding::Recounted { .. } => self.recounts += 1,
                    _ => {}
                }
            }
        }
    }
}

impl Quota {
    fn add(&mut self, count: QuotaCount, day: Option<Date>) {
        self.count.used = self.count.used.saturating_add(count.used);
        self.count.refused = self.count.refused.saturating_add(count.refused);
        if let Some(day) = day {
            let used = self.days.entry(day).or_default();
            *used = used.saturating_add(count.used);
        }
    }

    /// The day on which most was used, of several the first.
    fn peak(&self) -> Option<(Date, u64)> {
        let days = self.days.iter().map(|(day, used)| (*day, *used));
        days.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

fn add(own: &mut BTreeMap<String, u64>, more: &BTreeMap<String, u64>) {
    for (name, count) in more {
        let total = own.entry(name.clone()).or_default();
        *total = total.saturating_add(*count);
    }
}
