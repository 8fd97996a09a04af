//! Periods of a month, which start on the anchor day of a customer.

use chrono::{Days, Months, NaiveDate};

/// A period: the UTC days from `start` up to, and without, `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UsagePeriod {
    /// The first day.
    pub start: NaiveDate,
    /// The day after the last day, with which the next period starts.
    pub end: NaiveDate,
}

impl UsagePeriod {
    /// Returns whether a day belongs to the period.
    pub fn contains(self, day: NaiveDate) -> bool {
        (self.start..self.end).contains(&day)
    }

    /// Returns the last day.
    pub fn last_day(self) -> NaiveDate {
        self.end.checked_sub_days(Days::new(1)).unwrap_or(self.end)
    }
}

/// The day from which the periods of a customer are counted.
///
/// Each period starts on the same day of the month. A month without this day has the start on its
/// last day, and the next month has it on the day of the anchor again. Stripe has the same rule for
/// `billing_cycle_anchor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PeriodAnchor(NaiveDate);

impl PeriodAnchor {
    /// Creates an anchor.
    pub fn new(day: NaiveDate) -> Self {
        Self(day)
    }

    /// Returns the day.
    pub fn day(self) -> NaiveDate {
        self.0
    }

    /// Returns the period of a day.
    pub fn period_of(self, day: NaiveDate) -> UsagePeriod {
        let months = months_between(self.0, day);
        // A start on the last day of a shorter month can be later than the day.
        let months = match self.start(months) {
            start if start > day => months.saturating_sub(1),
            _ => months,
        };
        UsagePeriod {
            start: self.start(months),
            end: self.start(months.saturating_add(1)),
        }
    }

    /// Returns the period that starts on a day, whether it is a start of the anchor or not. Such a
    /// period follows a closed one after the anchor has changed.
    pub fn period_from(self, start: NaiveDate) -> UsagePeriod {
        UsagePeriod {
            start,
            end: self.period_of(start).end,
        }
    }

    /// Returns the start of the period that is this number of months after the anchor.
    fn start(self, months: i32) -> NaiveDate {
        let count = Months::new(months.unsigned_abs());
        let start = if months < 0 {
            self.0.checked_sub_months(count)
        } else {
            self.0.checked_add_months(count)
        };
        start.unwrap_or(self.0)
    }
}

/// Returns the number of months from the month of one day to the month of another.
fn months_between(from: NaiveDate, to: NaiveDate) -> i32 {
    use chrono::Datelike;
    let months = |day: NaiveDate| {
        let month = i32::try_from(day.month0()).unwrap_or(0);
        day.year().saturating_mul(12).saturating_add(month)
    };
    months(to).saturating_sub(months(from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn a_period_starts_on_the_day_of_the_anchor_or_on_the_last_day_of_the_month() {
        for (anchor, at, start, end) in [
            ("2027-01-15", "2027-01-15", "2027-01-15", "2027-02-15"),
            ("2027-01-15", "2027-02-14", "2027-01-15", "2027-02-15"),
            ("2027-01-15", "2027-02-15", "2027-02-15", "2027-03-15"),
            ("2027-01-31", "2027-02-27", "2027-01-31", "2027-02-28"),
            ("2027-01-31", "2027-02-28", "2027-02-28", "2027-03-31"),
            ("2027-01-31", "2027-03-30", "2027-02-28", "2027-03-31"),
            ("2027-01-31", "2027-03-31", "2027-03-31", "2027-04-30"),
            ("2027-01-31", "2028-02-29", "2028-02-29", "2028-03-31"),
            ("2028-02-29", "2029-02-28", "2029-02-28", "2029-03-29"),
            // Usage before the anchor, and at a change of the year.
            ("2027-01-31", "2026-12-30", "2026-11-30", "2026-12-31"),
            ("2027-01-31", "2026-12-31", "2026-12-31", "2027-01-31"),
            ("2027-01-01", "2026-12-31", "2026-12-01", "2027-01-01"),
        ] {
            let period = PeriodAnchor::new(day(anchor)).period_of(day(at));
            let expected = UsagePeriod {
                start: day(start),
                end: day(end),
            };
            assert_eq!(period, expected, "{anchor}, {at}");
            assert!(period.contains(day(at)));
        }
    }

    #[test]
    fn each_day_of_ten_years_belongs_to_one_period() {
        for anchor in ["2027-01-31", "2028-02-29", "2027-06-30", "2027-01-01"] {
            let anchor = PeriodAnchor::new(day(anchor));
            let mut period = anchor.period_of(day("2024-01-01"));
            for at in day("2024-01-01").iter_days().take(3653) {
                if at == period.end {
                    period = anchor.period_from(at);
                }
                assert_eq!(anchor.period_of(at), period, "{at}");
            }
        }
    }

    #[test]
    fn a_new_anchor_shortens_the_period_after_the_closed_one() {
        let anchor = PeriodAnchor::new(day("2027-03-20"));
        let period = anchor.period_from(day("2027-03-05"));
        assert_eq!(period.end, day("2027-03-20"));
        assert_eq!(period.last_day(), day("2027-03-19"));
    }
}
