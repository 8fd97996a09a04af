//! The documents of metering.

use std::collections::BTreeMap;

use license_core::chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Meter, MeteredCustomer, SendingState, UsageSending};
use crate::services::{MeterSummary, MeterTotal, UsageSummary, UsageTotals};

/// A meter.
#[derive(Serialize, ToSchema)]
#[schema(as = Meter)]
pub(in crate::api) struct MeterBody {
    name: String,
    /// `quota:NAME`, `activations`, `seat_hours` or `peak_seats`.
    source: String,
    unit: String,
    /// `allow`, `notify` or `bill`.
    overage: &'static str,
    /// The name of the meter at the billing provider.
    event: Option<String>,
    /// The included amount of each tier, or null without a limit. A meter without tiers includes
    /// nothing.
    included: BTreeMap<String, Option<u64>>,
}

impl From<&Meter> for MeterBody {
    fn from(meter: &Meter) -> Self {
        let tiers = meter.tiers();
        Self {
            name: meter.name.clone(),
            source: meter.source.to_string(),
            unit: meter.unit.clone(),
            overage: meter.overage.as_str(),
            event: meter.event.clone(),
            included: tiers
                .map(|(tier, amount)| (tier.to_string(), amount))
                .collect(),
        }
    }
}

/// A customer with usage.
#[derive(Serialize, ToSchema)]
#[schema(as = MeteredCustomer)]
pub(in crate::api) struct MeteredCustomerBody {
    /// The pool of the licenses of the customer.
    pool: String,
    /// The day from which periods are counted, or null before the first settlement.
    anchor: Option<NaiveDate>,
    /// The first day after the last closed period, or null if no period is closed.
    closed_until: Option<NaiveDate>,
    /// The day of the earliest usage.
    first_day: NaiveDate,
}

impl From<MeteredCustomer> for MeteredCustomerBody {
    fn from(customer: MeteredCustomer) -> Self {
        Self {
            pool: customer.customer.to_string(),
            anchor: customer.anchor.map(|anchor| anchor.day()),
            closed_until: customer.closed_until,
            first_day: customer.first_day,
        }
    }
}

/// The usage of a customer in a period.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageSummary)]
pub(in crate::api) struct SummaryBody {
    /// The pool of the licenses of the customer.
    pool: String,
    customer: String,
    /// The newest license.
    license: String,
    /// The tier that decides the included amounts.
    tier: String,
    /// The first day of the period.
    period_start: NaiveDate,
    /// The day after the last day of the period.
    period_end: NaiveDate,
    /// `open`, `closing` (late reports still belong to the period) or `closed`.
    state: &'static str,
    meters: Vec<MeterSummaryBody>,
}

/// The amount of a meter in a period.
#[derive(Serialize, ToSchema)]
#[schema(as = MeterSummary)]
struct MeterSummaryBody {
    meter: String,
    unit: String,
    /// The amount until now, or at the closing of the period.
    quantity: i64,
    /// The sum of the corrections since the closing.
    corrections: i64,
    /// The included amount, or null without a limit.
    included: Option<u64>,
    /// The amount above the included one, with corrections.
    overage: i64,
    /// `allow`, `notify` or `bill`.
    policy: &'static str,
    /// The part of the overage that the billing provider has.
    sent: u64,
    /// The amount that is not counted, because it may have been counted before.
    set_aside: i64,
}

impl From<MeterSummary> for MeterSummaryBody {
    fn from(summary: MeterSummary) -> Self {
        Self {
            meter: summary.meter.name,
            unit: summary.meter.unit,
            quantity: summary.quantity,
            corrections: summary.corrections,
            included: summary.included,
            overage: summary.overage,
            policy: summary.meter.overage.as_str(),
            sent: summary.sent,
            set_aside: summary.set_aside,
        }
    }
}

impl From<UsageSummary> for SummaryBody {
    fn from(summary: UsageSummary) -> Self {
        let meters = summary.meters.into_iter();
        Self {
            pool: summary.customer.to_string(),
            customer: summary.name,
            license: summary.license.to_string(),
            tier: summary.tier.to_string(),
            period_start: summary.period.start,
            period_end: summary.period.end,
            state: summary.state.as_str(),
            meters: meters.map(MeterSummaryBody::from).collect(),
        }
    }
}

/// The usage of all licenses of a customer.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageTotals)]
pub(in crate::api) struct TotalsBody {
    /// The name of the customer in its newest license.
    customer: String,
    /// The usage of each pool in its own period. Empty: no license has the name.
    pools: Vec<SummaryBody>,
    /// The sums of all pools.
    meters: Vec<MeterTotalBody>,
}

/// The amount of a meter, summed over the licenses of a customer.
#[derive(Serialize, ToSchema)]
#[schema(as = MeterTotal)]
struct MeterTotalBody {
    meter: String,
    unit: String,
    /// The amount, with corrections.
    quantity: i64,
    /// The part above the included amounts, with corrections.
    overage: i64,
    /// The part of the overage that the billing provider has.
    sent: u64,
}

impl From<MeterTotal> for MeterTotalBody {
    fn from(total: MeterTotal) -> Self {
        Self {
            meter: total.meter.name,
            unit: total.meter.unit,
            quantity: total.quantity,
            overage: total.overage,
            sent: total.sent,
        }
    }
}

impl From<UsageTotals> for TotalsBody {
    fn from(totals: UsageTotals) -> Self {
        Self {
            customer: totals.name,
            pools: totals.pools.into_iter().map(SummaryBody::from).collect(),
            meters: totals
                .meters
                .into_iter()
                .map(MeterTotalBody::from)
                .collect(),
        }
    }
}

/// An adjustment.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UsageAdjustment)]
pub(in crate::api) struct AdjustmentBody {
    /// The name of the meter.
    #[schema(max_length = 64)]
    pub(super) meter: String,
    /// The UTC day to which the adjustment belongs, at most 400 days ago.
    #[schema(value_type = String, format = Date)]
    pub(super) day: NaiveDate,
    /// The amount, which can be negative.
    #[schema(minimum = -1000000000000_i64, maximum = 1000000000000_i64)]
    pub(super) quantity: i64,
    /// Why the amount is adjusted, in 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) reason: String,
}

/// The day from which periods are counted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = UsageAnchor)]
pub(in crate::api) struct AnchorBody {
    /// A day up to today. Periods start on its day of the month.
    #[schema(value_type = String, format = Date)]
    pub(super) day: NaiveDate,
}

/// An amount for the billing provider.
#[derive(Serialize, ToSchema)]
#[schema(as = UsageSending)]
pub(in crate::api) struct SendingBody {
    /// The identifier by which the provider recognizes a repetition.
    id: String,
    pool: String,
    meter: String,
    /// The name of the meter at the provider.
    event: String,
    /// The first day of the period in which it was used.
    period: NaiveDate,
    quantity: u64,
    /// The time that the provider gets.
    at: DateTime<Utc>,
    /// `waiting`, `sent`, `uncertain` or `dropped`.
    state: &'static str,
    attempts: u64,
    /// Why the last attempt failed.
    error: Option<String>,
}

impl From<UsageSending> for SendingBody {
    fn from(sending: UsageSending) -> Self {
        Self {
            id: sending.id,
            pool: sending.customer.to_string(),
            meter: sending.meter,
            event: sending.event,
            period: sending.period,
            quantity: sending.quantity,
            at: sending.at,
            state: sending.state.as_str(),
            attempts: sending.attempts,
            error: sending.error,
        }
    }
}

/// The finding of a person about an amount.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    /// The provider has the amount.
    Sent,
    /// The provider does not have the amount. It is sent again.
    Waiting,
    /// The provider does not have the amount, and does not get it.
    Dropped,
}

/// A decision about an amount whose attempt had no answer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SendingDecision)]
pub(in crate::api) struct DecisionBody {
    state: Decision,
    /// The reason, in 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    pub(super) reason: String,
}

impl DecisionBody {
    pub(super) fn state(&self) -> SendingState {
        match self.state {
            Decision::Sent => SendingState::Sent,
            Decision::Waiting => SendingState::Waiting,
            Decision::Dropped => SendingState::Dropped,
        }
    }
}
