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
    /// The end of the last closed period. `None`: no period is closed.
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
}

impl BilledCustomer {
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
            };
            assert_eq!(billed.anchor().day().to_string(), expected);
        }
    }
}
