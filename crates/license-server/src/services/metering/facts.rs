//! Facts from usage reports and activations.

use std::ops::RangeInclusive;

use chrono::{DateTime, Days, NaiveDate, Utc};
use license_core::LicenseId;
use license_core::usage::{UsageEntry, UsageHash, UsageReport};

use super::{CORRECTED_DAYS, MAX_AMOUNT};
use crate::domain::{FactKind, UsageFact};

/// Returns the facts of reports about licenses that `is_own` accepts.
///
/// Entries of other licenses are omitted: a customer must not add to the amounts of another one.
pub(in crate::services) fn of_report(
    reports: &[UsageReport],
    days: RangeInclusive<NaiveDate>,
    is_own: impl Fn(&LicenseId) -> bool,
) -> Vec<UsageFact> {
    let entries = reports.iter().flat_map(UsageReport::entries);
    let own = entries.filter(|(_, entry, _)| entry.license.as_ref().is_some_and(&is_own));
    own.flat_map(|(_, entry, hash)| of_entry(entry, hash, &days))
        .collect()
}

/// Returns the facts of an entry: the used amount of each quota.
///
/// The entry is identified by its license, its chain and its number, however often and by whichever
/// way it arrives. An entry of another day than `days` has no facts. An entry that may repeat
/// earlier counts has facts that are not counted.
pub(in crate::services) fn of_entry(
    entry: &UsageEntry,
    hash: UsageHash,
    days: &RangeInclusive<NaiveDate>,
) -> Vec<UsageFact> {
    let day = entry.to.date_naive();
    let Some(license) = &entry.license else {
        return Vec::new();
    };
    if !days.contains(&day) {
        return Vec::new();
    }
    let used = entry.quotas.iter().filter(|(_, count)| count.used > 0);
    let facts = used.map(|(name, count)| {
        let amount = i64::try_from(count.used).unwrap_or(i64::MAX);
        UsageFact {
            license: license.clone(),
            kind: FactKind::Quota,
            source: format!("{}/{}", entry.chain, entry.seq),
            name: name.clone(),
            day,
            quantity: amount.min(MAX_AMOUNT),
            digest: hash.to_string(),
            is_counted: !entry.recounted && amount <= MAX_AMOUNT,
        }
    });
    facts.collect()
}

/// Returns the fact of an activation, which its nonce identifies.
pub(in crate::services) fn of_activation(
    license: LicenseId,
    nonce: &str,
    at: DateTime<Utc>,
) -> UsageFact {
    UsageFact {
        license,
        kind: FactKind::Activation,
        source: nonce.to_owned(),
        name: String::new(),
        day: at.date_naive(),
        quantity: 1,
        digest: String::new(),
        is_counted: true,
    }
}

/// Returns the days whose usage is recorded: from the start of metering on, at most 400 days ago. A
/// machine whose clock is ahead may already have the next day.
pub(in crate::services) fn recorded_days(
    start: NaiveDate,
    now: DateTime<Utc>,
) -> RangeInclusive<NaiveDate> {
    let today = now.date_naive();
    let oldest = today.checked_sub_days(Days::new(CORRECTED_DAYS));
    let newest = today.checked_add_days(Days::new(1));
    let oldest = oldest.map_or(start, |oldest| oldest.max(start));
    oldest..=newest.unwrap_or(today)
}

#[cfg(test)]
mod tests {
    use license_core::usage::{OpenPeriod, UsageCounts, write};
    use license_core::{FeatureMatrix, time};

    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        time::parse_instant(text).unwrap()
    }

    fn days(now: &str) -> RangeInclusive<NaiveDate> {
        recorded_days(NaiveDate::MIN, at(now))
    }

    fn license(number: u8) -> LicenseId {
        LicenseId::from_random(at("2027-01-01"), &[number; 10])
    }

    /// Returns a report of a machine with one entry for each license.
    fn report(licenses: &[LicenseId], used: u64, day: &str) -> UsageReport {
        let product = FeatureMatrix::built_in().product();
        let mut period = OpenPeriod::new(None, [7; 16], 0);
        for license in licenses {
            let counts = UsageCounts::quota_used("commands_per_day", used);
            period.add(Some(license), &counts, at(day));
        }
        let closed = period.close(product, Some("mach_00"), 0, || Some([9; 16]));
        UsageReport::parse(&write(product, &closed.unwrap(), true)).unwrap()
    }

    #[test]
    fn only_entries_of_own_licenses_have_facts() {
        let report = report(&[license(1), license(2)], 3, "2027-03-01T12:00:00Z");
        let days = days("2027-03-02");
        let reports = std::slice::from_ref(&report);
        let facts = of_report(reports, days.clone(), |id| *id == license(2));
        let found: Vec<_> = facts
            .iter()
            .map(|fact| (&fact.license, fact.quantity, fact.day.to_string()))
            .collect();
        assert_eq!(found, [(&license(2), 3, "2027-03-01".to_owned())]);
        assert_eq!(of_report(&[report], days, |_| true).len(), 2);
    }

    #[test]
    fn old_and_future_days_have_no_facts() {
        let count = |now: &str| {
            let report = report(&[license(1)], 3, "2027-03-01T12:00:00Z");
            of_report(&[report], days(now), |_| true).len()
        };
        assert_eq!(count("2027-02-28"), 1);
        assert_eq!(count("2027-02-27"), 0);
        assert_eq!(count("2028-04-04"), 1);
        assert_eq!(count("2028-04-05"), 0);
    }

    #[test]
    fn usage_before_the_start_of_metering_has_no_facts() {
        let count = |start: &str| {
            let report = report(&[license(1)], 3, "2027-03-01T12:00:00Z");
            let days = recorded_days(start.parse().unwrap(), at("2027-03-05"));
            of_report(&[report], days, |_| true).len()
        };
        assert_eq!(count("2027-03-01"), 1);
        assert_eq!(count("2027-03-02"), 0);
    }

    #[test]
    fn an_amount_that_no_machine_reaches_is_not_counted() {
        let fact = |used| {
            let report = report(&[license(1)], used, "2027-03-01T12:00:00Z");
            let facts = of_report(&[report], days("2027-03-01"), |_| true);
            let fact = facts.into_iter().next().unwrap();
            (fact.quantity, fact.is_counted)
        };
        assert_eq!(fact(1_000_000_000_000), (MAX_AMOUNT, true));
        assert_eq!(fact(1_000_000_000_001), (MAX_AMOUNT, false));
    }
}
