mod subscription;

use license_core::{FeatureMatrix, Tier};

use super::*;
use crate::domain::{Actor, FactKind, MeterSet, SendingState};

const METERS: &str = "
[[meters]]
name = \"commands\"
source = \"quota:commands_per_day\"
overage = \"bill\"
event = \"coditect_commands\"
[meters.included]
FREE = 0
TEAM = 10
PRO = 100
ENT = \"unlimited\"

[[meters]]
name = \"seats\"
source = \"peak_seats\"
overage = \"notify\"
[meters.included]
FREE = 1
TEAM = 5
PRO = 10
ENT = \"unlimited\"
";

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> DateTime<Utc> {
    license_core::time::parse_instant(text).unwrap()
}

fn pool() -> PoolId {
    PoolId::parse("a").unwrap()
}

fn settings() -> MeteringSettings {
    MeteringSettings {
        meters: MeterSet::parse(METERS, FeatureMatrix::built_in()).unwrap(),
        ..MeteringSettings::default()
    }
}

fn fact(kind: FactKind, on: &str, amount: i64) -> UsageDay {
    let name = match kind {
        FactKind::Quota => "commands_per_day",
        FactKind::Adjustment => "commands",
        FactKind::Activation | FactKind::Seats => "",
    };
    UsageDay {
        day: day(on),
        kind,
        name: name.to_owned(),
        sum: amount,
        max: amount,
        set_aside: 0,
    }
}

/// A TEAM customer since 2027-01-31, whose state follows each settlement as in the store.
struct Customer {
    settings: MeteringSettings,
    licenses: CustomerLicenses,
    billed: Option<BilledCustomer>,
    state: MeteredCustomer,
    facts: Vec<UsageDay>,
    totals: Vec<UsageTotal>,
    sendings: Vec<UsageSending>,
}

impl Customer {
    fn new() -> Self {
        let team = Tier::parse("TEAM").unwrap();
        Self {
            settings: settings(),
            licenses: CustomerLicenses::for_test(pool(), &[(team, day("2027-01-31"))]),
            billed: Some(BilledCustomer {
                id: "cus_1".to_owned(),
                since: at("2027-01-31"),
                period_start: at("2027-01-31"),
                period_end: at("2027-02-28"),
            }),
            state: MeteredCustomer {
                customer: pool(),
                anchor: None,
                is_anchor_fixed: false,
                closed_until: None,
                first_day: day("2027-02-01"),
                changes: 1,
                settled: 0,
            },
            facts: Vec::new(),
            totals: Vec::new(),
            sendings: Vec::new(),
        }
    }

    fn commands(&mut self, on: &str, amount: i64) {
        self.facts.push(fact(FactKind::Quota, on, amount));
    }

    /// Lets the provider begin a period of the subscription.
    fn begin(&mut self, since: &str, start: &str, end: &str) {
        self.billed = Some(BilledCustomer {
            id: "cus_1".to_owned(),
            since: at(since),
            period_start: at(start),
            period_end: at(end),
        });
    }

    /// Settles at a time. Returns the new rows and sendings, and the percentages of the notices.
    fn settle(&mut self, now: &str) -> UsageSettlement {
        let situation = Situation {
            settings: &self.settings,
            licenses: &self.licenses,
            billed: self.billed.as_ref(),
            before: self.state.clone(),
            oldest: at(now).date_naive() - chrono::Days::new(400),
            days: &self.facts,
            totals: &self.totals,
            first_closed: self.totals.iter().map(|total| total.period.start).min(),
            sendings: &self.sendings,
            now: at(now),
        };
        let notice = |subject: &PoolId, details| {
            let subject = subject.as_str();
            NewAuditEntry::new(Actor::Server, "usage.threshold", subject, details, at(now))
        };
        let settlement = situation.settle(&notice);
        self.state.anchor = Some(settlement.anchor);
        self.state.closed_until = settlement.closed_until;
        self.totals.extend(settlement.totals.iter().cloned());
        let sendings = settlement.sendings.iter().map(|sending| UsageSending {
            id: format!("{}", sending.number),
            customer: pool(),
            meter: sending.meter.clone(),
            event: sending.event.clone(),
            period: sending.period.start,
            number: sending.number,
            quantity: sending.quantity,
            at: sending.at,
            queued_at: at(now),
            state: SendingState::Sent,
            attempts: 1,
            first_at: None,
            error: None,
        });
        self.sendings.extend(sendings);
        settlement
    }
}

/// Returns the rows of the meter `commands`: the period, the number, the amount, the overage and
/// the period that carries it.
fn rows(settlement: &UsageSettlement) -> Vec<(String, u64, i64, i64, String)> {
    let rows = settlement.totals.iter();
    let rows = rows.filter(|row| row.meter == "commands").map(|row| {
        let start = |period: UsagePeriod| period.start.to_string();
        (
            start(row.period),
            row.number,
            row.quantity,
            row.overage,
            start(row.booked),
        )
    });
    rows.collect()
}

fn row(
    period: &str,
    number: u64,
    quantity: i64,
    overage: i64,
    booked: &str,
) -> (String, u64, i64, i64, String) {
    (
        period.to_owned(),
        number,
        quantity,
        overage,
        booked.to_owned(),
    )
}

fn sent(settlement: &UsageSettlement) -> Vec<(u64, u64, String)> {
    let sendings = settlement.sendings.iter();
    sendings
        .map(|sending| (sending.number, sending.quantity, sending.at.to_rfc3339()))
        .collect()
}

#[test]
fn a_period_closes_after_its_grace_with_the_amounts_of_its_days() {
    let mut customer = Customer::new();
    customer.commands("2027-02-27", 4);
    customer.commands("2027-02-28", 100);
    // The periods start on the 31st, or on the last day of the month.
    let early = customer.settle("2027-02-28T00:59:59Z");
    assert_eq!((rows(&early), early.closed_until), (vec![], None));
    assert_eq!(early.due_at, at("2027-02-28T01:00:00Z"));
    let closed = customer.settle("2027-02-28T01:00:00Z");
    assert_eq!(rows(&closed), [row("2027-01-31", 0, 4, 0, "2027-01-31")]);
    assert_eq!(closed.closed_until, Some(day("2027-02-28")));
    assert_eq!(closed.due_at, at("2027-03-31"));
    // A settlement that was computed twice closes nothing twice.
    assert_eq!(rows(&customer.settle("2027-02-28T02:00:00Z")), []);
}

#[test]
fn a_late_report_is_a_correction_that_the_open_period_carries() {
    let mut customer = Customer::new();
    customer.commands("2027-02-10", 8);
    customer.settle("2027-03-01");
    customer.commands("2027-02-11", 5);
    let late = customer.settle("2027-03-05");
    assert_eq!(rows(&late), [row("2027-01-31", 1, 5, 3, "2027-02-28")]);
    // The corrected amount stays, and an adjustment corrects it again.
    assert_eq!(rows(&customer.settle("2027-03-06")), []);
    customer
        .facts
        .push(fact(FactKind::Adjustment, "2027-02-11", -6));
    let adjusted = customer.settle("2027-03-07");
    assert_eq!(
        rows(&adjusted),
        [row("2027-01-31", 2, -6, -3, "2027-02-28")]
    );
    let amounts = customer.totals.iter().filter(|row| row.meter == "commands");
    assert_eq!(amounts.map(|row| row.quantity).sum::<i64>(), 7);
}

#[test]
fn a_late_report_about_a_time_before_the_first_period_is_closed_and_sent_once() {
    let mut customer = Customer::new();
    customer.begin("2026-11-30", "2027-01-31", "2027-02-28");
    customer.commands("2027-02-01", 4);
    let closed = customer.settle("2027-02-28T01:00:00Z");
    assert_eq!(closed.totals.len(), 2, "{:?}", closed.totals);
    // A machine that was offline reports usage of two months that were unknown.
    customer.commands("2026-12-10", 11);
    customer.commands("2027-01-30", 25);
    customer.state.first_day = day("2026-12-10");
    let late = customer.settle("2027-03-02T00:00:00Z");
    let commands = late.totals.iter().filter(|row| row.meter == "commands");
    let commands: Vec<_> = commands
        .map(|row| {
            let days = (row.period.start.to_string(), row.period.end.to_string());
            (days.0, days.1, row.number, row.quantity, row.overage)
        })
        .collect();
    let of = |start: &str, end: &str, quantity, overage| {
        (start.to_owned(), end.to_owned(), 0, quantity, overage)
    };
    let expected = [
        of("2026-11-30", "2026-12-31", 11, 1),
        of("2026-12-31", "2027-01-31", 25, 15),
    ];
    assert_eq!(commands, expected);
    let booked = late
        .totals
        .iter()
        .all(|row| row.booked.start == day("2027-02-28"));
    assert!(booked, "{:?}", late.totals);
    let amounts: Vec<_> = sent(&late)
        .into_iter()
        .map(|(_, amount, _)| amount)
        .collect();
    assert_eq!(amounts, [1, 15]);
    let again = customer.settle("2027-03-02T01:00:00Z");
    assert!(
        again.totals.is_empty() && again.sendings.is_empty(),
        "{again:?}"
    );
    // A later report about these months is a correction.
    customer.commands("2027-01-30", 5);
    let corrected = customer.settle("2027-03-02T02:00:00Z");
    let [row] = &corrected.totals[..] else {
        panic!("expected one row: {:?}", corrected.totals);
    };
    assert_eq!((row.number, row.quantity, row.overage), (1, 5, 5));
}

#[test]
fn usage_between_the_end_and_the_closing_belongs_to_the_ended_period() {
    let mut customer = Customer::new();
    customer.commands("2027-02-27", 12);
    let ended = customer.settle("2027-02-28T00:30:00Z");
    // The provider counts the last second of the period in the ended period.
    assert_eq!(sent(&ended), [(0, 2, "2027-02-27T23:59:59+00:00".into())]);
    customer.commands("2027-02-27", 3);
    let again = customer.settle("2027-02-28T00:40:00Z");
    assert_eq!(sent(&again), [(1, 3, "2027-02-27T23:59:59+00:00".into())]);
    let closed = customer.settle("2027-02-28T01:00:00Z");
    assert_eq!(rows(&closed), [row("2027-01-31", 0, 15, 5, "2027-01-31")]);
    assert_eq!(sent(&closed), []);
}

#[test]
fn the_overage_is_sent_once_and_an_open_period_once_a_day() {
    let mut customer = Customer::new();
    customer.commands("2027-02-01", 10);
    assert_eq!(sent(&customer.settle("2027-02-01T10:00:00Z")), []);
    customer.commands("2027-02-01", 4);
    let first = customer.settle("2027-02-01T11:00:00Z");
    assert_eq!(sent(&first), [(0, 4, "2027-02-01T11:00:00+00:00".into())]);
    customer.commands("2027-02-01", 1);
    let soon = customer.settle("2027-02-02T10:59:59Z");
    assert_eq!(
        (sent(&soon), soon.due_at),
        (vec![], at("2027-02-02T11:00:00Z"))
    );
    let next = customer.settle("2027-02-02T11:00:00Z");
    assert_eq!(sent(&next), [(1, 1, "2027-02-02T11:00:00+00:00".into())]);
    customer.settle("2027-03-01");
    // A late report is sent with the current invoice.
    customer.commands("2027-02-03", 7);
    let late = customer.settle("2027-03-02");
    assert_eq!(sent(&late), [(2, 7, "2027-03-02T00:00:00+00:00".into())]);
    // A reduction is not sent. It is used up by later usage of the period.
    customer
        .facts
        .push(fact(FactKind::Adjustment, "2027-02-03", -7));
    assert_eq!(sent(&customer.settle("2027-03-03")), []);
    customer.commands("2027-02-04", 9);
    let more = customer.settle("2027-03-04");
    assert_eq!(sent(&more), [(3, 2, "2027-03-04T00:00:00+00:00".into())]);
}

#[test]
fn nothing_is_sent_for_a_customer_without_a_subscription() {
    let mut customer = Customer::new();
    customer.billed = None;
    customer.commands("2027-02-01", 14);
    assert_eq!(sent(&customer.settle("2027-02-01T11:00:00Z")), []);
    assert_eq!(rows(&customer.settle("2027-03-01"))[0].3, 4);
}

#[test]
fn thresholds_are_reached_exactly_at_their_percentage() {
    let mut customer = Customer::new();
    let mut percents = |amount: i64| {
        customer.facts = vec![fact(FactKind::Quota, "2027-02-01", amount)];
        let settlement = customer.settle("2027-02-01T10:00:00Z");
        let notices = settlement.notices.iter();
        notices
            .map(|(reached, entry)| {
                assert_eq!(entry.details["included"], 10);
                reached.percent
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(percents(7), [0; 0]);
    assert_eq!(percents(8), [80]);
    assert_eq!(percents(9), [80]);
    assert_eq!(percents(10), [80, 100]);
}

#[test]
fn the_tier_of_a_period_decides_the_included_amount() {
    let mut customer = Customer::new();
    let tier = |name| Tier::parse(name).unwrap();
    let licenses = [
        (tier("TEAM"), day("2027-01-31")),
        (tier("ENT"), day("2027-03-01")),
    ];
    customer.licenses = CustomerLicenses::for_test(pool(), &licenses);
    customer.commands("2027-02-10", 50);
    customer.commands("2027-03-10", 50);
    let closed = customer.settle("2027-04-10");
    let expected = [
        row("2027-01-31", 0, 50, 40, "2027-01-31"),
        row("2027-02-28", 0, 50, 0, "2027-02-28"),
    ];
    assert_eq!(rows(&closed), expected);
    let included: Vec<_> = closed.totals.iter().map(|row| row.included).collect();
    assert_eq!(included, [Some(10), Some(5), None, None]);
}

#[test]
fn a_customer_without_usage_needs_no_settlement() {
    let mut customer = Customer::new();
    customer.commands("2027-02-10", 8);
    customer.settle("2027-03-01");
    customer.facts.clear();
    let idle = customer.settle("2028-06-01");
    assert_eq!(idle.due_at, license_core::time::MAX);
}
