//! Drafts of licenses from orders.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::ids::Company;
use license_core::issue::LicenseDraft;
use license_core::machine::Machine;
use license_core::matrix::TierPolicy;
use license_core::policy::{CheckIn, Quota, UsageType};
use license_core::time;
use license_core::{FeatureMatrix, Tier, VersionReq};
use license_issuer::clock::SystemClock;
use license_issuer::random;
use license_issuer::services::entitlements::LimitSubject;

use super::orders::{ContentChanges, IssueOrder};
use super::refusals::{bad_request, draft_refused, signing_failed};
use crate::domain::{Refusal, is_unsafe};

/// The largest text of an order that a message repeats, in characters.
const SHOWN: usize = 60;

/// Returns the draft of a new license.
pub(super) fn draft(
    order: &IssueOrder,
    matrix: &FeatureMatrix,
    now: DateTime<Utc>,
) -> Result<LicenseDraft, Refusal> {
    draft_counted_from(order, matrix, now, None)
}

/// Returns the draft of an order whose days count from another day than the start.
pub(super) fn draft_counted_from(
    order: &IssueOrder,
    matrix: &FeatureMatrix,
    now: DateTime<Utc>,
    counted_from: Option<DateTime<Utc>>,
) -> Result<LicenseDraft, Refusal> {
    let tier = find_tier(&order.tier, matrix)?;
    let customer = order.customer.trim().to_owned();
    if customer.is_empty() {
        return Err(
            bad_request("`customer` is empty").values("the name of the customer", "an empty text")
        );
    }
    check_shown("customer", &customer)?;
    order
        .users
        .iter()
        .try_for_each(|user| check_shown("users", user))?;
    let mut draft = LicenseDraft::for_tier(matrix, tier, new_id()?, customer, now);
    let not_before = date("not_before", order.not_before.as_deref())?;
    draft.not_before = not_before.map(time::start_of_day);
    let start = draft.not_before.unwrap_or(now);
    let term = Term {
        name: "expires",
        until: order.expires.as_deref(),
        days: order.days,
        perpetual: order.perpetual,
    };
    draft.expires_at = term
        .end(counted_from.unwrap_or(start), start)?
        .ok_or_else(|| {
            bad_request("the order does not state the end of the license")
                .about("expires")
                .values("one of `expires`, `days` and `perpetual`", "none")
        })?;
    draft.check_in = check_in(order, tier)?;
    draft.usage_type = parsed(
        "usage_type",
        order.usage_type.as_deref(),
        "builder or runtime",
        |text| {
            [UsageType::Builder, UsageType::Runtime]
                .into_iter()
                .find(|usage| usage.as_str() == text)
        },
    )?;
    draft.users = distinct(order.users.iter().map(|user| user.trim().to_owned()));
    draft.machines = machines(&order.machines, matrix)?;
    draft.must_activate = order.activation;
    draft.maintenance_until = maintenance(order.maintenance_until.as_deref())?;
    draft.max_version = parsed(
        "max_version",
        order.max_version.as_deref(),
        "a version requirement such as <3.0.0",
        |text| VersionReq::parse(text).ok(),
    )?;
    draft.company = parsed(
        "company",
        order.company.as_deref(),
        "2 to 16 characters of A-Z and 0-9",
        |text| Company::parse(text).ok(),
    )?;
    let content = OrderContent {
        seats: order.seats,
        devices: order.devices,
        quotas: &order.quotas,
        add: &order.add_features,
        remove: &order.remove_features,
    };
    content.apply(&mut draft, matrix)?;
    check_seats(&draft, matrix)?;
    Ok(draft)
}

/// Changes the content of the successor of a license.
pub(super) fn change(
    draft: &mut LicenseDraft,
    changes: &ContentChanges,
    matrix: &FeatureMatrix,
) -> Result<(), Refusal> {
    let content = OrderContent {
        seats: changes.seats,
        devices: changes.devices,
        quotas: &changes.quotas,
        add: &changes.add_features,
        remove: &changes.remove_features,
    };
    content.apply(draft, matrix)
}

/// Returns a tier of the product.
pub(super) fn find_tier<'m>(
    name: &str,
    matrix: &'m FeatureMatrix,
) -> Result<&'m TierPolicy, Refusal> {
    let tier = Tier::parse(&name.trim().to_ascii_uppercase()).ok();
    let tier = tier.and_then(|tier| matrix.tier(tier));
    tier.ok_or_else(|| {
        let names = matrix.tiers().iter().map(|tier| tier.name().to_string());
        let names = names.collect::<Vec<_>>().join(", ").to_lowercase();
        bad_request("`tier` is not a tier of the product").values(names, shown(name))
    })
}

/// The end that an order states.
pub(super) struct Term<'a> {
    /// The member with the last day.
    pub(super) name: &'static str,
    pub(super) until: Option<&'a str>,
    pub(super) days: Option<u32>,
    pub(super) perpetual: bool,
}

impl Term<'_> {
    /// Returns the end, which is `Some(None)` for a license without an end and `None` if the order
    /// states no end. The end must be later than `after`. Days count from the day of `from`.
    pub(super) fn end(
        &self,
        from: DateTime<Utc>,
        after: DateTime<Utc>,
    ) -> Result<Option<Option<DateTime<Utc>>>, Refusal> {
        let until = date(self.name, self.until)?.map(time::end_of_day);
        let end = match (until, self.days, self.perpetual) {
            (None, None, false) => return Ok(None),
            (None, None, true) => return Ok(Some(None)),
            (Some(end), None, false) => end,
            (None, Some(0), false) => {
                return Err(bad_request("`days` is out of range").values("1 or more", 0));
            }
            (None, Some(days), false) => {
                let last = from
                    .date_naive()
                    .checked_add_signed(TimeDelta::days(days.into()));
                last.map_or(time::MAX, time::end_of_day)
            }
            _ => {
                let names = format!("one of `{}`, `days` and `perpetual`", self.name);
                return Err(bad_request("the order states more than one end")
                    .about(self.name)
                    .values(names, "more than one"));
            }
        };
        if end > after && end < time::MAX {
            return Ok(Some(Some(end)));
        }
        let first = after.date_naive();
        Err(match self.days {
            None => bad_request(format!("`{}` is out of range", self.name)).values(
                format!("a day from {first} to {LAST_DAY}"),
                self.until.map(shown).unwrap_or_default(),
            ),
            Some(days) => bad_request("`days` is out of range").values(
                format!("a number of days whose last one is from {first} to {LAST_DAY}"),
                days,
            ),
        })
    }
}

/// The last day on which a license can end.
const LAST_DAY: &str = "9999-12-30";

/// Returns the last covered second of a maintenance period.
pub(super) fn maintenance(text: Option<&str>) -> Result<Option<DateTime<Utc>>, Refusal> {
    let day = date("maintenance_until", text)?;
    let last = |day| time::saturating_sub(time::end_of_day(day), TimeDelta::seconds(1));
    Ok(day.map(last))
}

/// Returns a new license id.
pub(super) fn new_id() -> Result<license_core::LicenseId, Refusal> {
    random::license_id(&SystemClock).map_err(|_| signing_failed())
}

fn date(name: &str, text: Option<&str>) -> Result<Option<NaiveDate>, Refusal> {
    let expected = "a date such as 2027-12-31";
    parsed(name, text, expected, |text| time::parse_date(text).ok())
}

fn parsed<T>(
    name: &str,
    text: Option<&str>,
    expected: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Refusal> {
    let Some(text) = text else { return Ok(None) };
    let refused = || bad_request(format!("`{name}` is not accepted")).values(expected, shown(text));
    parse(text.trim()).map(Some).ok_or_else(refused)
}

/// Refuses a name that would not look like itself: pages, mails and other servers show it, and
/// PostgreSQL stores no NUL.
pub(super) fn check_shown(member: &str, name: &str) -> Result<(), Refusal> {
    if !name.chars().any(is_unsafe) {
        return Ok(());
    }
    Err(bad_request(format!("`{member}` is not accepted")).values(
        "a name without control characters and invisible characters",
        shown(name),
    ))
}

/// Returns the beginning of a text for a message.
pub(super) fn shown(text: &str) -> String {
    let plain = text.chars().filter(|c| !is_unsafe(*c));
    plain.take(SHOWN).collect()
}

fn distinct<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut found = Vec::new();
    for item in items {
        if !found.contains(&item) {
            found.push(item);
        }
    }
    found
}

fn machines(names: &[String], matrix: &FeatureMatrix) -> Result<Vec<Machine>, Refusal> {
    let parsed: Result<Vec<_>, _> = names.iter().map(|name| machine(name, matrix)).collect();
    Ok(distinct(parsed?.into_iter()))
}

/// Parses a machine of the product.
pub(in crate::services) fn machine(name: &str, matrix: &FeatureMatrix) -> Result<Machine, Refusal> {
    let (product, text) = Machine::split_product(name);
    let product = product.filter(|product| *product != matrix.product());
    let machine = Machine::parse(text)
        .filter(|machine| !matches!(machine, Machine::Other(_)) && machine.matches(machine));
    machine.filter(|_| product.is_none()).ok_or_else(|| {
        bad_request("the text is not a machine of this product")
            .about("machines")
            .values(
                "a fingerprint or digest, as `license machine` prints it",
                shown(name),
            )
    })
}

fn check_in(order: &IssueOrder, tier: &TierPolicy) -> Result<Option<CheckIn>, Refusal> {
    let hours = |hours: u32| TimeDelta::hours(hours.into());
    if order.offline {
        return match (order.check_in_hours, order.grace_hours) {
            (None, None) => Ok(None),
            _ => Err(bad_request("an offline license has no check-ins").values(
                "`offline` without `check_in_hours` and `grace_hours`",
                "both",
            )),
        };
    }
    let every = order.check_in_hours.map(hours);
    let every = every.or(tier.check_in().map(CheckIn::every));
    let Some(every) = every else {
        return match order.grace_hours {
            None => Ok(None),
            Some(_) => Err(bad_request("`grace_hours` needs check-ins")
                .values("`check_in_hours` with `grace_hours`", "`grace_hours` only")),
        };
    };
    let grace = order.grace_hours.map_or(tier.offline_grace(), hours);
    let found = grace.num_hours();
    let check_in = CheckIn::new(every, grace).filter(|_| every > TimeDelta::zero());
    check_in.map(Some).ok_or_else(|| {
        bad_request("`check_in_hours` or `grace_hours` is out of range").values(
            format!(
                "a grace period of at least {} hours",
                every.num_hours().max(1)
            ),
            found,
        )
    })
}

/// Features and limits of an order.
struct OrderContent<'a> {
    seats: Option<u32>,
    devices: Option<u32>,
    quotas: &'a BTreeMap<String, i64>,
    add: &'a [String],
    remove: &'a [String],
}

impl OrderContent<'_> {
    fn apply(&self, draft: &mut LicenseDraft, matrix: &FeatureMatrix) -> Result<(), Refusal> {
        if let Some(feature) = self.add.iter().find(|name| self.remove.contains(name)) {
            return Err(bad_request("a feature is added and removed")
                .about("remove_features")
                .values("different features", shown(feature)));
        }
        for feature in self.add {
            let added = draft.add_feature(feature);
            added.map_err(|error| draft_refused(&error))?;
        }
        for feature in self.remove {
            let removed = draft.remove_feature(feature);
            removed.map_err(|error| draft_refused(&error))?;
        }
        let mut limits = Vec::new();
        for (name, subject, count) in [
            ("seats", LimitSubject::Seats, self.seats),
            ("devices", LimitSubject::Devices, self.devices),
        ] {
            if let Some(count) = count {
                limits.push((name, subject, Quota::Limit(count.into())));
            }
        }
        for (name, limit) in self.quotas {
            let limit = match limit {
                -1 => Quota::Unlimited,
                limit => Quota::Limit(u64::try_from(*limit).map_err(|_| {
                    bad_request("`quotas` has a number that is out of range")
                        .values("-1, 0 or more", limit)
                })?),
            };
            limits.push((name, LimitSubject::from_quota(name, matrix), limit));
        }
        for (index, (name, subject, limit)) in limits.iter().enumerate() {
            let is_count = !matches!(subject, LimitSubject::Quota(_));
            if is_count && *limit == Quota::Limit(0) {
                return Err(bad_request(format!("`{name}` is out of range")).values("1 or more", 0));
            }
            let mut before = limits.iter().take(index);
            if before.any(|(_, other, value)| other == subject && value != limit) {
                return Err(
                    bad_request(format!("`{name}` is set twice")).values("one value", "two values")
                );
            }
            let set = subject.set(*limit, draft, matrix);
            set.map_err(|error| draft_refused(&error))?;
        }
        Ok(())
    }
}

/// Refuses a new license with fewer seats than its tier includes.
fn check_seats(draft: &LicenseDraft, matrix: &FeatureMatrix) -> Result<(), Refusal> {
    match (matrix.included_seats(draft.tier), draft.seats) {
        (Some(included), Some(found)) if found < included => {
            Err(bad_request("`seats` is less than the tier includes")
                .values(format!("{included} or more"), found))
        }
        _ => Ok(()),
    }
}
