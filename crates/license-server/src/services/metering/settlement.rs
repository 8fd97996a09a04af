//! Settlement of the facts of a customer: closed amounts, corrections, sendings and notices.
//!
//! A settlement is computed from the facts alone, so it can be computed again at any time, by any
//! server, with the same result. The store accepts one of several that start from the same state.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use license_core::time;
use serde_json::{Value, json};

use super::customers::CustomerLicenses;
use super::{MeteringSettings, sums};
use crate::domain::{
    BilledCustomer, Meter, MeteredCustomer, NewAuditEntry, NewSending, OveragePolicy, PeriodAnchor,
    PoolId, UsageDay, UsageNotice, UsagePeriod, UsageSending, UsageSettlement, UsageTotal,
};

/// The thresholds of notices, in percent of the included amount.
const THRESHOLDS: [u64; 2] = [80, 100];

/// How often the overage of an open period is sent.
const SENT_EVERY: TimeDelta = TimeDelta::hours(24);

/// A customer with everything that decides a settlement.
pub(super) struct Situation<'a> {
    pub(super) settings: &'a MeteringSettings,
    pub(super) licenses: &'a CustomerLicenses,
    /// The customer at the billing provider, who gets the overage.
    pub(super) billed: Option<&'a BilledCustomer>,
    /// The customer before the settlement.
    pub(super) before: MeteredCustomer,
    /// The first day of `days` and `totals`. Earlier periods are not corrected any more.
    pub(super) oldest: NaiveDate,
    pub(super) days: &'a [UsageDay],
    pub(super) totals: &'a [UsageTotal],
    /// The start of the first closed period, also of one that began before `oldest`.
    pub(super) first_closed: Option<NaiveDate>,
    pub(super) sendings: &'a [UsageSending],
    pub(super) now: DateTime<Utc>,
}

/// Creates the audit entry of a notice.
type NewNotice<'a> = &'a dyn Fn(&PoolId, Value) -> NewAuditEntry;

impl Situation<'_> {
    /// Returns the settlement.
    pub(super) fn settle(&self, notice: NewNotice<'_>) -> UsageSettlement {
        let wanted = self.wanted_anchor();
        let mut anchor = self.before.anchor.unwrap_or(wanted);
        let mut closings = Vec::new();
        let mut closed_until = self.before.closed_until;
        let mut open = anchor.period_from(self.first_open(anchor));
        if wanted != anchor && self.can_end(open.start, wanted.period_from(open.start).end) {
            // The start of the period stays, because amounts of it were sent.
            (anchor, closed_until) = (wanted, Some(open.start));
            open = wanted.period_from(open.start);
        }
        while self.is_over(open) {
            closings.extend(self.closings(open));
            closed_until = Some(open.end);
            anchor = wanted;
            open = anchor.period_from(open.end);
        }
        // A period that has ended is still open for late reports, so a correction belongs to the
        // period of today.
        let booked = if open.contains(self.now.date_naive()) {
            open
        } else {
            anchor.period_from(open.end)
        };
        let mut totals = self.corrections(booked);
        totals.extend(self.earlier_closings(anchor, booked));
        totals.extend(closings);
        let (sendings, send_at) = self.sendings(open, booked, &totals);
        UsageSettlement {
            anchor,
            closed_until,
            due_at: self.due_at(open).min(send_at.unwrap_or(time::MAX)),
            notices: self.notices(&BTreeSet::from([open, booked]), notice),
            before: self.before.clone(),
            totals,
            sendings,
        }
    }

    /// Returns the day from which periods are counted: that of a person, that of the subscription,
    /// or that of the first license. A provider moves the periods of a subscription at the end of a
    /// trial and at a change of the interval.
    fn wanted_anchor(&self) -> PeriodAnchor {
        match (self.before.anchor, self.billed) {
            (None, None) => self.licenses.anchor(),
            (None, Some(billed)) => billed.anchor(),
            (Some(anchor), Some(billed))
                if !self.before.is_anchor_fixed && billed.is_moved(anchor) =>
            {
                billed.anchor()
            }
            (Some(anchor), _) => anchor,
        }
    }

    /// Returns whether the open period can have another end. It cannot if an amount was queued that
    /// can be about a later day, because the next period would have the same amount again.
    fn can_end(&self, start: NaiveDate, end: NaiveDate) -> bool {
        let queued = self.sendings.iter();
        let mut queued = queued.filter(|sending| sending.period >= start);
        queued.all(|sending| sending.period == start && sending.queued_at < time_of(end))
    }

    /// Returns whether late reports no longer belong to a period.
    fn is_over(&self, period: UsagePeriod) -> bool {
        time::saturating_add(time_of(period.end), self.settings.grace) <= self.now
    }

    /// Returns the start of the first period that is not closed.
    fn first_open(&self, anchor: PeriodAnchor) -> NaiveDate {
        let first = || {
            anchor
                .period_of(self.before.first_day.max(self.oldest))
                .start
        };
        self.before.closed_until.unwrap_or_else(first)
    }

    /// Returns the amount of a meter in a period.
    fn amount(&self, meter: &Meter, period: UsagePeriod) -> i64 {
        meter.amount(&days_of(self.days, period))
    }

    /// Returns the amounts of periods before the first closed one, about which reports have arrived
    /// since it was closed. As with a correction, the period of today carries them.
    fn earlier_closings(&self, anchor: PeriodAnchor, booked: UsagePeriod) -> Vec<UsageTotal> {
        let Some(first) = self.first_closed else {
            return Vec::new();
        };
        let first_day = self.before.first_day.max(self.oldest);
        if first_day >= first {
            return Vec::new();
        }
        let mut period = anchor.period_of(first_day);
        if period.start < self.oldest {
            period = anchor.period_from(period.end);
        }
        let mut closings = Vec::new();
        while period.start < first {
            period.end = period.end.min(first);
            let closed = self.closings(period);
            closings.extend(closed.map(|total| UsageTotal { booked, ..total }));
            period = anchor.period_from(period.end);
        }
        closings
    }

    /// Returns the amounts of a period at its closing.
    fn closings(&self, period: UsagePeriod) -> impl Iterator<Item = UsageTotal> {
        let tier = self.licenses.tier(period);
        self.settings.meters.iter().map(move |meter| {
            let (quantity, included) = (self.amount(meter, period), meter.included(tier));
            UsageTotal {
                seq: 0,
                customer: self.before.customer.clone(),
                period,
                meter: meter.name.clone(),
                number: 0,
                quantity,
                included,
                overage: Meter::overage(quantity, included),
                booked: period,
                recorded_at: self.now,
            }
        })
    }

    /// Returns the corrections of closed periods. They make the sum of the rows of a meter and
    /// period equal to the amount of its facts.
    fn corrections(&self, booked: UsagePeriod) -> Vec<UsageTotal> {
        let mut recorded: BTreeMap<(UsagePeriod, &str), Vec<&UsageTotal>> = BTreeMap::new();
        for total in self.totals {
            let key = (total.period, total.meter.as_str());
            recorded.entry(key).or_default().push(total);
        }
        let corrections = recorded.into_iter().filter_map(|((period, meter), rows)| {
            // A meter that was removed from the file is not corrected any more.
            let meter = self.settings.meters.get(meter)?;
            let (quantity, overage) = sums(rows.iter().copied());
            let amount = self.amount(meter, period);
            let included = rows.first()?.included;
            let last = rows.iter().map(|row| row.number).max()?;
            (period.start >= self.oldest && amount != quantity).then(|| UsageTotal {
                seq: 0,
                customer: self.before.customer.clone(),
                period,
                meter: meter.name.clone(),
                number: last.saturating_add(1),
                quantity: amount.saturating_sub(quantity),
                included,
                overage: Meter::overage(amount, included).saturating_sub(overage),
                booked,
                recorded_at: self.now,
            })
        });
        corrections.collect()
    }

    /// Returns the overage that the billing provider does not have, and the time from which more
    /// can be sent. `new` are the rows of this settlement.
    fn sendings(
        &self,
        open: UsagePeriod,
        today: UsagePeriod,
        new: &[UsageTotal],
    ) -> (Vec<NewSending>, Option<DateTime<Utc>>) {
        let mut sendings = Vec::new();
        let mut send_at: Option<DateTime<Utc>> = None;
        let Some(billed) = self.billed else {
            return (sendings, send_at);
        };
        let since = billed.since.date_naive();
        let meters = self.settings.meters.iter();
        for meter in meters.filter(|meter| meter.overage == OveragePolicy::Bill) {
            for (period, overage) in self.overages(meter, [open, today], new) {
                let of_period = |sending: &&UsageSending| {
                    sending.meter == meter.name && sending.period == period.start
                };
                let sent: Vec<_> = self.sendings.iter().filter(of_period).collect();
                // Usage before the subscription is not billed.
                if period.end <= since && sent.is_empty() {
                    continue;
                }
                let quantity = sent.iter().map(|sending| sending.quantity).sum::<u64>();
                let missing = u64::try_from(overage).unwrap_or(0).saturating_sub(quantity);
                if missing == 0 {
                    continue;
                }
                // The provider gets the overage of an open period once a day.
                let last = sent.iter().map(|sending| sending.queued_at).max();
                let waits_until = last.map(|last| time::saturating_add(last, SENT_EVERY));
                if let Some(until) = waits_until.filter(|until| *until > self.now)
                    && period.contains(self.now.date_naive())
                {
                    send_at = Some(send_at.map_or(until, |earliest| earliest.min(until)));
                    continue;
                }
                sendings.extend(meter.event.as_ref().map(|event| NewSending {
                    meter: meter.name.clone(),
                    event: event.clone(),
                    period,
                    number: u64::try_from(sent.len()).unwrap_or(u64::MAX),
                    quantity: missing,
                    at: self.time_of_sending(period, open),
                }));
            }
        }
        (sendings, send_at)
    }

    /// Returns the overage of a meter in each period: that of the recorded rows for a closed
    /// period, and that of the facts for an open one.
    fn overages(
        &self,
        meter: &Meter,
        open: [UsagePeriod; 2],
        new: &[UsageTotal],
    ) -> BTreeMap<UsagePeriod, i64> {
        let mut overages: BTreeMap<UsagePeriod, i64> = BTreeMap::new();
        let rows = self.totals.iter().chain(new);
        for row in rows.filter(|row| row.meter == meter.name) {
            let overage = overages.entry(row.period).or_default();
            *overage = overage.saturating_add(row.overage);
        }
        for period in open {
            let included = meter.included(self.licenses.tier(period));
            let overage = Meter::overage(self.amount(meter, period), included);
            overages.insert(period, overage);
        }
        overages
    }

    /// Returns the time that decides on the invoice of the provider. What is used in a period that
    /// has just ended still belongs to it. What is later than that goes to the current invoice.
    fn time_of_sending(&self, period: UsagePeriod, open: UsagePeriod) -> DateTime<Utc> {
        if period == open && time_of(period.end) <= self.now {
            return time::saturating_sub(time_of(period.end), TimeDelta::seconds(1));
        }
        self.now
    }

    /// Returns the thresholds that are reached in open periods.
    fn notices(
        &self,
        open: &BTreeSet<UsagePeriod>,
        notice: NewNotice<'_>,
    ) -> Vec<(UsageNotice, NewAuditEntry)> {
        let mut notices = Vec::new();
        let meters = self.settings.meters.iter();
        for meter in meters.filter(|meter| meter.overage != OveragePolicy::Allow) {
            for period in open {
                let included = meter.included(self.licenses.tier(*period));
                let amount = u128::try_from(self.amount(meter, *period)).unwrap_or(0);
                let Some(included) = included.filter(|included| *included > 0) else {
                    continue;
                };
                let is_reached = |percent: &u64| {
                    let threshold = u128::from(included).saturating_mul(u128::from(*percent));
                    amount.saturating_mul(100) >= threshold
                };
                for percent in THRESHOLDS.into_iter().filter(is_reached) {
                    let details = json!({
                        "meter": meter.name,
                        "period_start": period.start.to_string(),
                        "period_end": period.end.to_string(),
                        "percent": percent,
                        "included": included,
                    });
                    let reached = UsageNotice {
                        period: *period,
                        meter: meter.name.clone(),
                        percent,
                    };
                    notices.push((reached, notice(&self.before.customer, details)));
                }
            }
        }
        notices
    }

    /// Returns when the open period ends, or when it is closed. A customer without usage for 400
    /// days needs no settlement until something is used again.
    fn due_at(&self, open: UsagePeriod) -> DateTime<Utc> {
        let end = time_of(open.end);
        if self.days.is_empty() {
            return time::MAX;
        }
        if end > self.now {
            end
        } else {
            time::saturating_add(end, self.settings.grace)
        }
    }
}

/// Returns the days of a period.
pub(super) fn days_of(days: &[UsageDay], period: UsagePeriod) -> Vec<&UsageDay> {
    days.iter().filter(|day| period.contains(day.day)).collect()
}

/// Returns the first instant of a UTC day.
pub(super) fn time_of(day: NaiveDate) -> DateTime<Utc> {
    day.and_time(NaiveTime::MIN).and_utc()
}

#[cfg(test)]
mod tests;
