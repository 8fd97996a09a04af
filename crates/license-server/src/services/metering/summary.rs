//! The usage of a customer in a period, as the vendor and the customer see it.

use chrono::{DateTime, NaiveDate, Utc};
use license_core::{LicenseId, Tier, time};

use super::customers::CustomerLicenses;
use super::settlement::{days_of, time_of};
use super::{MeteringSettings, sums};
use crate::domain::{
    Meter, MeteredCustomer, PoolId, SendingState, UsageDay, UsagePeriod, UsageSending, UsageTotal,
};

/// Whether the amounts of a period can still change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PeriodState {
    /// The period has not ended.
    Open,
    /// The period has ended, and late reports still belong to it.
    Closing,
    /// The amounts are final. Later reports are corrections.
    Closed,
}

impl PeriodState {
    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        }
    }
}

/// The usage of a customer in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageSummary {
    /// The pool of the licenses of the customer.
    pub customer: PoolId,
    /// The name of the customer.
    pub name: String,
    /// The newest license.
    pub license: LicenseId,
    /// The tier that decides the included amounts.
    pub tier: Tier,
    /// The period.
    pub period: UsagePeriod,
    /// Whether the amounts can still change.
    pub state: PeriodState,
    /// The amounts, in the order of the meters.
    pub meters: Vec<MeterSummary>,
}

/// The amount of a meter in a period.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeterSummary {
    /// The meter.
    pub meter: Meter,
    /// The amount at the closing, or the amount until now.
    pub quantity: i64,
    /// The corrections since the closing.
    pub corrections: i64,
    /// The included amount. `None`: no limit.
    pub included: Option<u64>,
    /// The amount above the included one, with corrections.
    pub overage: i64,
    /// The part of the overage that the billing provider has.
    pub sent: u64,
    /// The amount that machines reported and that may be counted already.
    pub set_aside: i64,
}

/// The rows from which summaries follow.
pub(super) struct View<'a> {
    pub(super) settings: &'a MeteringSettings,
    pub(super) licenses: &'a CustomerLicenses,
    pub(super) customer: Option<&'a MeteredCustomer>,
    pub(super) days: &'a [UsageDay],
    pub(super) totals: &'a [UsageTotal],
    pub(super) sendings: &'a [UsageSending],
    pub(super) now: DateTime<Utc>,
}

impl View<'_> {
    /// Returns the amounts of the period of a day.
    pub(super) fn of(&self, day: NaiveDate) -> UsageSummary {
        let period = self.period(day);
        let state = self.state(period);
        let tier = self.licenses.tier(period);
        let meters = self.settings.meters.iter();
        UsageSummary {
            customer: self.licenses.pool().clone(),
            name: self.licenses.name().to_owned(),
            license: self.licenses.newest_id().clone(),
            tier,
            period,
            state,
            meters: meters
                .map(|meter| self.meter(meter, period, tier))
                .collect(),
        }
    }

    /// Returns the period of a day. A closed period is the one that was closed, whatever the anchor
    /// is now.
    fn period(&self, day: NaiveDate) -> UsagePeriod {
        let mut closed = self.totals.iter().map(|total| total.period);
        if let Some(period) = closed.find(|period| period.contains(day)) {
            return period;
        }
        let anchor = self.customer.and_then(|customer| customer.anchor);
        let anchor = anchor.unwrap_or(self.licenses.anchor());
        let closed_until = self.customer.and_then(|customer| customer.closed_until);
        match closed_until.filter(|end| *end <= day) {
            Some(end) if anchor.period_from(end).contains(day) => anchor.period_from(end),
            _ => anchor.period_of(day),
        }
    }

    fn state(&self, period: UsagePeriod) -> PeriodState {
        let end = time_of(period.end);
        let is_closed = self.totals.iter().any(|total| total.period == period)
            || time::saturating_add(end, self.settings.grace) <= self.now;
        if is_closed {
            PeriodState::Closed
        } else if end <= self.now {
            PeriodState::Closing
        } else {
            PeriodState::Open
        }
    }

    fn meter(&self, meter: &Meter, period: UsagePeriod, tier: Tier) -> MeterSummary {
        let of_meter = |total: &&UsageTotal| total.period == period && total.meter == meter.name;
        let rows: Vec<_> = self.totals.iter().filter(of_meter).collect();
        let days = days_of(self.days, period);
        let (quantity, included, corrections, overage) = match rows.first() {
            Some(closing) => {
                let (sum, overage) = sums(rows.iter().copied());
                let corrections = sum.saturating_sub(closing.quantity);
                (closing.quantity, closing.included, corrections, overage)
            }
            None => {
                let (amount, included) = (meter.amount(&days), meter.included(tier));
                (amount, included, 0, Meter::overage(amount, included))
            }
        };
        let sent = self.sendings.iter().filter(|sending| {
            sending.meter == meter.name
                && sending.period == period.start
                && sending.state == SendingState::Sent
        });
        MeterSummary {
            meter: meter.clone(),
            quantity,
            corrections,
            included,
            overage,
            sent: sent.map(|sending| sending.quantity).sum(),
            set_aside: meter.set_aside(&days),
        }
    }
}
