//! Customers whose usage is metered.

use chrono::{DateTime, NaiveDate, Utc};
use serde_json::{Value, json};

use super::{NewSending, PeriodAnchor, UsageNotice, UsageTotal};
use crate::domain::{NewAuditEntry, PoolId};

/// A customer with recorded facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredCustomer {
    /// The pool of the licenses of the customer.
    pub customer: PoolId,
    /// The day from which periods are counted. `None`: it was not determined yet.
    pub anchor: Option<PeriodAnchor>,
    /// Whether a person has set the anchor. It then does not follow the subscription.
    pub is_anchor_fixed: bool,
    /// The end of the last closed period, or the start of the first period after its end was moved.
    /// `None`: no period is closed.
    pub closed_until: Option<NaiveDate>,
    /// The day of the earliest fact.
    pub first_day: NaiveDate,
    /// The number of changes of the facts.
    pub changes: u64,
    /// The number of changes at the last settlement.
    pub settled: u64,
}

impl MeteredCustomer {
    /// Returns the state for the audit trail.
    pub fn audited(&self) -> Value {
        json!({
            "anchor": self.anchor.map(|anchor| anchor.day().to_string()),
            "closed_until": self.closed_until.map(|day| day.to_string()),
        })
    }
}

/// The customer at a billing provider who pays for the licenses of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BilledCustomer {
    /// The id at the provider.
    pub id: String,
    /// When the subscription was created.
    pub since: DateTime<Utc>,
    /// The start of the current period of the subscription.
    pub period_start: DateTime<Utc>,
    /// The end of the current period of the subscription.
    pub period_end: DateTime<Utc>,
}

impl BilledCustomer {
    /// The days of the shortest month.
    const SHORTEST_MONTH: i64 = 28;

    /// Returns whether the current period of the subscription does not start with a period of an
    /// anchor. A shorter period than a month, such as a trial or a week, moves nothing.
    pub fn is_moved(&self, anchor: PeriodAnchor) -> bool {
        let start = self.period_start.date_naive();
        let days = self.period_end.date_naive().signed_duration_since(start);
        days.num_days() >= Self::SHORTEST_MONTH && anchor.period_of(start).start != start
    }

    /// Returns the day from which the provider counts months: that of the subscription, if the
    /// current period follows from it, and the start of the current period otherwise.
    pub fn anchor(&self) -> PeriodAnchor {
        let start = self.period_start.date_naive();
        let since = PeriodAnchor::new(self.since.date_naive());
        if since.period_of(start).start == start {
            since
        } else {
            PeriodAnchor::new(start)
        }
    }
}

/// The result of settling the facts of a customer. It is stored as a whole, and only if the
/// customer has not been settled meanwhile.
#[derive(Clone, Debug)]
pub struct UsageSettlement {
    /// The customer before the settlement.
    pub before: MeteredCustomer,
    /// The day from which periods are counted.
    pub anchor: PeriodAnchor,
    /// The end of the last closed period after the settlement.
    pub closed_until: Option<NaiveDate>,
    /// The time of the next settlement if nothing changes until then.
    pub due_at: DateTime<Utc>,
    /// The amounts of newly closed periods, and corrections of earlier ones.
    pub totals: Vec<UsageTotal>,
    /// The amounts to send to the billing provider.
    pub sendings: Vec<NewSending>,
    /// The thresholds that were reached, each with its audit entry. One that was reached before
    /// causes no second entry.
    pub notices: Vec<(UsageNotice, NewAuditEntry)>,
}

#[cfg(test)]
mod tests {
    use license_core::time;

    use super::*;

    #[test]
    fn the_anchor_of_a_subscription_keeps_the_last_day_of_long_months() {
        for (since, start, expected) in [
            ("2027-01-31", "2027-02-28", "2027-01-31"),
            ("2027-01-31", "2027-03-31", "2027-01-31"),
            // The provider has moved the anchor, such as after a change of the interval.
            ("2027-01-31", "2027-03-12", "2027-03-12"),
        ] {
            let at = |text: &str| time::parse_instant(text).unwrap();
            let billed = BilledCustomer {
                id: "cus_1".to_owned(),
                since: at(since),
                period_start: at(start),
                period_end: at(start) + chrono::TimeDelta::days(28),
            };
            assert_eq!(billed.anchor().day().to_string(), expected);
            assert!(!billed.is_moved(billed.anchor()));
        }
    }

    #[test]
    fn a_period_of_a_month_or_longer_can_move_the_anchor() {
        let anchor = PeriodAnchor::new("2027-01-31".parse().unwrap());
        for (start, end, is_moved) in [
            ("2027-02-28", "2027-03-31", false),
            ("2027-03-31", "2028-03-31", false),
            ("2027-03-12", "2027-04-12", true),
            ("2027-02-01", "2027-03-01", true),
            ("2027-03-12", "2028-03-12", true),
            ("2027-03-12", "2027-03-26", false),
            ("2027-03-12", "2027-03-19", false),
        ] {
            let at = |text: &str| time::parse_instant(text).unwrap();
            let billed = BilledCustomer {
                id: "cus_1".to_owned(),
                since: at("2027-01-31"),
                period_start: at(start),
                period_end: at(end),
            };
            assert_eq!(billed.is_moved(anchor), is_moved, "{start} {end}");
        }
    }
}
