//! Creates events from the counts of usage reports.

use std::collections::BTreeMap;

use license_core::telemetry::{
    MAX_EVENT_COUNT, MAX_EVENT_NAMES, QuotaTelemetry, TelemetryDay, TelemetryEvent,
};
use license_core::usage::UsageEntry;
use license_core::{Code, Decision, FeatureMatrix, Version};

use super::super::caller::Installed;
use super::super::error::OnlineError;
use super::super::random;
use super::super::telemetry_file::TelemetryFile;
use super::Telemetry;
use crate::manager::UsageReportMode;

/// The version of this crate.
const CLIENT: &str = env!("CARGO_PKG_VERSION");

impl Telemetry<'_> {
    /// Queues an event for each complete day that has none, if something was counted or a program
    /// ran on that day. The counts are those of usage reports, which stay as they are.
    pub(super) fn collect(&self) -> Result<(), OnlineError> {
        let file = TelemetryFile::read(self.store())?;
        if !file.is_on {
            return Ok(());
        }
        // Counts in memory belong to the day on which they are written.
        let _ = self.manager.flush_counts();
        let decision = self.decision();
        let today = today(&decision);
        let is_new = |file: &TelemetryFile| {
            let since = file.since.filter(|since| *since <= today);
            since.filter(|_| file.is_on && file.ran != Some(today))
        };
        if is_new(&file).is_none() {
            return Ok(());
        }
        // If the counts cannot be read, another attempt follows.
        let Ok(export) = self.manager.usage_report(UsageReportMode::DryRun) else {
            return Ok(());
        };
        let entries = export.entries.iter();
        let entries: Vec<_> = entries.filter_map(|closed| closed.parse_entry()).collect();
        self.change(|file| {
            // Another process may have collected meanwhile.
            let Some(since) = is_new(file) else {
                return Ok(());
            };
            let is_over = |day: &TelemetryDay| (since..today).contains(day);
            let mut days: BTreeMap<TelemetryDay, DayCounts> = BTreeMap::new();
            for entry in &entries {
                let day = TelemetryDay::new(entry.day());
                if is_over(&day) {
                    days.entry(day).or_default().add(entry, self.matrix);
                }
            }
            if let Some(ran) = file.ran.filter(is_over) {
                days.entry(ran).or_default();
            }
            for (day, counts) in days {
                let version = file.version.clone();
                let event = self.event(&decision, day, &counts)?;
                file.push(TelemetryEvent {
                    version: version.or(event.version),
                    ..event
                });
            }
            file.since = Some(today);
            file.ran = Some(today);
            file.version = self.version.clone().or(file.version.take());
            Ok(())
        })
    }

    pub(super) fn event(
        &self,
        decision: &Decision,
        day: TelemetryDay,
        counts: &DayCounts,
    ) -> Result<TelemetryEvent, OnlineError> {
        // A license can have a tier that the product file does not have.
        let entitlements = match decision.license() {
            // A session without a seat changes nothing about the license.
            Some(license) if decision.code() == Code::SeatRequired => license.entitlements(),
            _ => decision.entitlements(),
        };
        let tier = self.matrix.tier(entitlements.tier());
        let tier = tier.unwrap_or_else(|| self.matrix.base_tier());
        Ok(TelemetryEvent {
            id: random::telemetry_id()?,
            day,
            client: Version::parse(CLIENT).unwrap_or(Version::new(0, 0, 0)),
            product: self.manager.product(),
            version: self.version.clone(),
            tier: tier.name(),
            os: std::env::consts::OS.to_owned(),
            arch: std::env::consts::ARCH.to_owned(),
            dropped: 0,
            quotas: counts.quotas.clone(),
            refused_features: counts.refused_features.clone(),
            denials: counts.denials.clone(),
        })
    }

    pub(super) fn decision(&self) -> Decision {
        match Installed::read(self.manager, self.matrix, &self.context) {
            Some(installed) => installed.decision,
            None => Decision::without_license(self.matrix, &self.context),
        }
    }
}

/// Returns the UTC day of a decision, which never goes back.
pub(super) fn today(decision: &Decision) -> TelemetryDay {
    TelemetryDay::new(decision.evaluated_at().date_naive())
}

/// The counts of all licenses in one day. Only names of the product file are kept, because a
/// license or a caller can have names that identify a customer.
#[derive(Default)]
pub(super) struct DayCounts {
    quotas: BTreeMap<String, QuotaTelemetry>,
    refused_features: BTreeMap<String, u64>,
    denials: BTreeMap<String, u64>,
}

impl DayCounts {
    fn add(&mut self, entry: &UsageEntry, matrix: &FeatureMatrix) {
        for name in matrix.quotas() {
            if let Some(count) = entry.quotas.get(name)
                && let Some(own) = slot(&mut self.quotas, name)
            {
                add(&mut own.used, count.used);
                add(&mut own.refused, count.refused);
            }
        }
        for (name, _) in matrix.features() {
            if let Some(count) = entry.refused_features.get(name)
                && let Some(own) = slot(&mut self.refused_features, name)
            {
                add(own, *count);
            }
        }
        for (code, count) in &entry.denials {
            if Code::parse(code).is_some()
                && let Some(own) = slot(&mut self.denials, code)
            {
                add(own, *count);
            }
        }
    }
}

/// Returns the count of a name, or `None` if the event has the largest number of names.
fn slot<'m, T: Default>(counts: &'m mut BTreeMap<String, T>, name: &str) -> Option<&'m mut T> {
    let has_place = counts.len() < MAX_EVENT_NAMES || counts.contains_key(name);
    has_place.then(|| counts.entry(name.to_owned()).or_default())
}

fn add(own: &mut u64, count: u64) {
    *own = own.saturating_add(count).min(MAX_EVENT_COUNT);
}
