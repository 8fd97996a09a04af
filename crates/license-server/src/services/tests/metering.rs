//! Metering: reports that arrive twice, late or by two ways.

mod sendings;
mod totals;

use std::collections::BTreeMap;

use chrono::{NaiveDate, TimeDelta};
use license_core::LicenseId;
use license_core::usage::{ClosedEntry, OpenPeriod, UsageCounts, write};
use serde_json::json;
use tempfile::TempDir;

use super::{Arc, ManualClock, SqliteStore, at, config, id, matrix, services, token, validation};
use crate::billing::stripe::tests::double::Double;
use crate::clock::ServerClock;
use crate::domain::{
    Actor, AnomalyKind, AuditFilter, BillingCustomer, BillingReason, BillingState,
    BillingSubscription, MeterSet, PageRequest, SendingState, SubscriptionStatus,
};
use crate::services::{
    BillingSetup, MeteringSettings, PeriodState, Services, UsageAdjustment, UsageSummary,
    ValidateRequest,
};
use crate::store::{AdministrationStore, BillingStore, ServerStore};

/// The path to which Stripe's client sends amounts.
const METER_EVENTS: &str = "/v1/billing/meter_events";

/// Returns meters with ten included commands for a license of the tier ENT.
pub(crate) fn meters() -> MeterSet {
    let included = |limit: &str| {
        let tiers = matrix().tiers().iter();
        let tiers = tiers.map(|tier| format!("{} = {limit}\n", tier.name()));
        tiers.collect::<String>()
    };
    let text = format!(
        "[[meters]]\nname = \"commands\"\nsource = \"quota:commands_per_day\"\n\
         overage = \"bill\"\nevent = \"coditect_commands\"\n[meters.included]\n{}\
         [[meters]]\nname = \"activations\"\nsource = \"activations\"\n\
         [[meters]]\nname = \"seats\"\nsource = \"seat_hours\"\n",
        included("10")
    );
    MeterSet::parse(&text, matrix()).unwrap()
}

/// A site server with meters, and Stripe if the test needs it.
struct Metered {
    services: Arc<Services>,
    store: Arc<SqliteStore>,
    clock: Arc<ManualClock>,
    double: Double,
    directory: TempDir,
    credential: String,
}

impl Metered {
    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::new(at("2027-01-10T09:00:00Z")));
        let double = Double::start();
        double.answer(METER_EVENTS, json!({ "object": "billing.meter_event" }));
        let (services, store) = Self::open(&directory, &clock, &double).await;
        let credential = token(1, |_| {});
        let installed = services.licenses.install(&Actor::Console, &credential);
        installed.await.unwrap();
        // Metering starts five days before the tests.
        services.metering.tick().await.unwrap();
        clock.advance_to(at("2027-01-15T09:00:00Z"));
        Self {
            services,
            store,
            clock,
            double,
            directory,
            credential,
        }
    }

    async fn open(
        directory: &TempDir,
        clock: &Arc<ManualClock>,
        double: &Double,
    ) -> (Arc<Services>, Arc<SqliteStore>) {
        let shared: Arc<ManualClock> = Arc::clone(clock);
        let store = Arc::new(SqliteStore::open(directory.path(), shared).unwrap());
        let mut config = config(Arc::<SqliteStore>::clone(&store), clock);
        config.metering = Arc::new(MeteringSettings {
            meters: meters(),
            anomaly_machines: Some(3),
            anomaly_networks: Some(3),
            ..MeteringSettings::default()
        });
        config.billing = Some(BillingSetup {
            provider: Arc::new(double.stripe()),
            grace: TimeDelta::days(30),
        });
        (Services::open(config).await.unwrap(), store)
    }

    /// Ends the process, and starts another one with the same database.
    async fn restart(self) -> Self {
        self.store.close().await.unwrap();
        let (services, store) = Self::open(&self.directory, &self.clock, &self.double).await;
        Self {
            services,
            store,
            ..self
        }
    }

    /// Submits a report with the license of the server.
    async fn submit(&self, text: &str) {
        let usage = &self.services.usage;
        usage.submit(id(1), text).await.unwrap();
    }

    /// Lets time pass, and settles.
    async fn settle(&self, now: &str) {
        self.clock.advance_to(at(now));
        self.services.metering.tick().await.unwrap();
    }

    /// Returns the amount, the corrections, the overage and the sent part of a meter.
    async fn amounts(&self, meter: &str, day: &str) -> (i64, i64, i64, u64) {
        let summary = self.summary(day).await;
        let found = summary
            .meters
            .iter()
            .find(|found| found.meter.name == meter);
        let found = found.unwrap();
        (found.quantity, found.corrections, found.overage, found.sent)
    }

    /// Returns the summary, which the vendor and the customer see alike.
    async fn summary(&self, day: &str) -> UsageSummary {
        let day: NaiveDate = day.parse().unwrap();
        let metering = &self.services.metering;
        let id = id(1);
        let summary = metering.summary(id.as_str(), Some(day)).await.unwrap();
        let own = metering.own_summary(&self.credential, Some(day)).await;
        assert_eq!(own.unwrap(), summary);
        summary
    }

    /// Gives the license a subscription, so that its overage is billed.
    async fn subscribe(&self) {
        let at = self.clock.wall();
        let customer = BillingCustomer {
            id: "cus_1".to_owned(),
            name: None,
            email: None,
            is_deleted: false,
            created_at: at,
        };
        let subscription = BillingSubscription {
            provider: "stripe".to_owned(),
            id: "sub_1".to_owned(),
            customer: "cus_1".to_owned(),
            status: SubscriptionStatus::Active,
            state: BillingState::Active,
            reason: BillingReason::Paid,
            until: None,
            tier: None,
            seats: None,
            license: Some(id(1)),
            is_held: false,
            period_start: at,
            period_end: at + TimeDelta::days(31),
            cancel_at: None,
            created_at: at,
            changed_at: at,
            checked_at: at,
            fault: None,
            version: 0,
        };
        let tenant = self.services.tenant();
        let stored = self
            .store
            .put_billing_subscription(tenant, customer, subscription, None);
        assert!(stored.await.unwrap());
    }

    /// Returns what the provider has counted: the amounts by identifier. It counts an identifier
    /// once, as Stripe does, whatever the number of requests.
    fn counted(&self) -> BTreeMap<String, u64> {
        let requests = self.double.requests().into_iter();
        let requests = requests.filter(|request| request.path == METER_EVENTS);
        let counted = requests.map(|request| {
            let field = |name: &str| {
                let mut pairs = request
                    .body
                    .split('&')
                    .filter_map(|pair| pair.split_once('='));
                let found = pairs.find(|(found, _)| *found == name);
                found.map(|(_, value)| value.to_owned()).unwrap()
            };
            assert_eq!(field("payload%5Bstripe_customer_id%5D"), "cus_1");
            let amount = field("payload%5Bvalue%5D").parse().unwrap();
            (field("identifier"), amount)
        });
        counted.collect()
    }

    async fn states(&self) -> Vec<SendingState> {
        let page = PageRequest::first();
        let list = self.services.outbox.list(None, &page).await;
        let items = list.unwrap().items;
        items.into_iter().map(|sending| sending.state).collect()
    }
}

/// Returns the entries of a machine: a list of days, each with the used commands of a license.
pub(crate) fn entries(chain: u8, uses: &[(&str, u8, u64)]) -> Vec<ClosedEntry> {
    let mut closed = Vec::new();
    let mut next = None;
    for (number, (day, license, used)) in uses.iter().enumerate() {
        let mut period = OpenPeriod::new(next, [chain; 16], 0);
        let counts = UsageCounts::quota_used("commands_per_day", *used);
        let license: LicenseId = id(*license);
        period.add(Some(&license), &counts, at(&format!("{day}T12:00:00Z")));
        let salt = [u8::try_from(number).unwrap(); 16];
        let product = matrix().product();
        let entries = period.close(product, Some("mach_00"), 0, || Some(salt));
        closed.extend(entries.unwrap());
        next = Some(period.position());
    }
    closed
}

pub(crate) fn report(entries: &[ClosedEntry], is_anonymized: bool) -> String {
    write(matrix().product(), entries, is_anonymized)
}

#[tokio::test]
async fn what_machines_report_counts_once_however_it_arrives() {
    let server = Metered::start().await;
    let machine = entries(
        1,
        &[
            ("2027-01-13", 1, 3),
            ("2027-01-14", 1, 4),
            ("2027-01-15", 2, 50),
        ],
    );
    server.submit(&report(&machine[..1], false)).await;
    // The same file, the same entries without names, and a longer report that overlaps.
    server.submit(&report(&machine[..1], false)).await;
    server.submit(&report(&machine[..1], true)).await;
    server.submit(&report(&machine, false)).await;
    let other = entries(2, &[("2027-01-15", 1, 5)]);
    server.submit(&report(&other, true)).await;
    server.settle("2027-01-15T10:00:00Z").await;
    // Usage before the start of metering does not count.
    let early = entries(3, &[("2027-01-09", 1, 1000)]);
    server.submit(&report(&early, true)).await;
    // The license 2 does not belong to the customer who sent the report.
    assert_eq!(
        server.amounts("commands", "2027-01-15").await,
        (12, 0, 2, 0)
    );
    let summary = server.summary("2027-01-15").await;
    assert_eq!(
        (summary.state, summary.name.as_str()),
        (PeriodState::Open, "ACME Ltd")
    );
    // The periods follow the first day of the license, 2027-01-01.
    assert_eq!(summary.period.start.to_string(), "2027-01-01");
    // A machine that was restored contradicts what it has reported. The first report stays, and a
    // person sees it.
    let forked = entries(1, &[("2027-01-13", 1, 9)]);
    server.submit(&report(&forked, true)).await;
    assert_eq!(server.amounts("commands", "2027-01-15").await.0, 12);
    let page = PageRequest::first();
    let found = server.services.anomalies.list(None, &page).await;
    let found = found.unwrap().items;
    assert_eq!(found.len(), 1);
    assert_eq!(
        (found[0].kind, &found[0].license),
        (AnomalyKind::UsageConflict, &id(1))
    );
}

#[tokio::test]
async fn a_late_report_and_an_adjustment_correct_a_closed_period() {
    let server = Metered::start().await;
    let machine = entries(1, &[("2027-01-20", 1, 12), ("2027-01-21", 1, 5)]);
    server.settle("2027-01-20T18:00:00Z").await;
    server.submit(&report(&machine[..1], true)).await;
    server.settle("2027-02-01T00:30:00Z").await;
    assert_eq!(
        server.summary("2027-01-20").await.state,
        PeriodState::Closing
    );
    server.settle("2027-02-01T01:00:00Z").await;
    assert_eq!(
        server.summary("2027-01-20").await.state,
        PeriodState::Closed
    );
    assert_eq!(
        server.amounts("commands", "2027-01-20").await,
        (12, 0, 2, 0)
    );
    server.clock.advance_to(at("2027-02-10"));
    server.submit(&report(&machine, true)).await;
    server.settle("2027-02-10T00:01:00Z").await;
    assert_eq!(
        server.amounts("commands", "2027-01-20").await,
        (12, 5, 7, 0)
    );
    assert_eq!(server.amounts("commands", "2027-02-10").await, (0, 0, 0, 0));
    let adjust = async |day: &str, quantity| {
        let order = UsageAdjustment {
            customer: id(1).to_string(),
            meter: "commands".to_owned(),
            day: day.parse().unwrap(),
            quantity,
            reason: "an outage".to_owned(),
        };
        server
            .services
            .metering
            .adjust(&Actor::Console, &order, None)
            .await
    };
    adjust("2027-01-21", -6).await.unwrap();
    server.settle("2027-02-10T00:02:00Z").await;
    assert_eq!(
        server.amounts("commands", "2027-01-20").await,
        (12, -1, 1, 0)
    );
    for (day, quantity) in [("2027-02-11", 1), ("2027-01-09", 1), ("2027-02-01", 0)] {
        let refused = adjust(day, quantity).await.unwrap_err();
        assert_eq!(refused.code, "BAD_REQUEST", "{day}");
    }
    // The export has the rows as they were recorded.
    let metering = &server.services.metering;
    let (text, last) = metering.export(&PageRequest::first()).await.unwrap();
    let rows: Vec<_> = text
        .lines()
        .filter(|line| line.contains(",commands,"))
        .map(|line| {
            line.split(',')
                .skip(6)
                .take(6)
                .collect::<Vec<_>>()
                .join(",")
        })
        .collect();
    let expected = [
        "0,12,10,2,2027-01-01,2027-02-01",
        "1,5,10,5,2027-02-01,2027-03-01",
        "2,-6,10,-6,2027-02-01,2027-03-01",
    ];
    assert_eq!(rows, expected);
    assert_eq!(last, 5);
    let page = PageRequest::first();
    let trail = server
        .store
        .audit(server.services.tenant(), &AuditFilter::default(), &page)
        .await;
    let trail = trail.unwrap().items;
    let entry = trail.iter().find(|entry| entry.action == "usage.adjust");
    assert!(entry.unwrap().details.contains("an outage"));
}

#[tokio::test]
async fn one_license_on_many_machines_or_networks_is_an_anomaly_and_stays_valid() {
    let server = Metered::start().await;
    let use_on = async |number: u32| {
        let machine = format!("machine-{number}");
        let request = ValidateRequest {
            machine,
            ..validation::request(&server.credential)
        };
        let reply = server.services.validate.validate(request).await.unwrap();
        assert!(reply.valid, "an anomaly locks nothing");
        let address = std::net::Ipv4Addr::from((192 << 24) + (number << 8));
        server
            .services
            .anomalies
            .observe(&reply.license, address.into());
    };
    let found = async || {
        server.services.tick().await.unwrap();
        server.services.anomalies.check().await.unwrap();
        let page = PageRequest::first();
        let list = server.services.anomalies.list(None, &page).await;
        let items = list.unwrap().items.into_iter();
        let mut found: Vec<_> = items.map(|found| (found.kind, found.seen)).collect();
        found.sort();
        found
    };
    for number in 0..2 {
        use_on(number).await;
    }
    assert_eq!(found().await, []);
    use_on(2).await;
    // The license permits five machines at once, so three new ones are nothing special.
    assert_eq!(found().await, [(AnomalyKind::Networks, 3)]);
    for number in 3..8 {
        use_on(number).await;
    }
    let expected = [(AnomalyKind::Machines, 8), (AnomalyKind::Networks, 3)];
    assert_eq!(found().await, expected);
    let events = server.services.events.list(&PageRequest::first()).await;
    let events = events.unwrap().items.into_iter();
    let opened: Vec<_> = events
        .filter(|event| event.kind == "anomaly.open")
        .collect();
    assert_eq!(opened.len(), 2);
    assert_eq!(opened[1].details["threshold"], 8);
    use_on(9).await;
}

#[tokio::test]
async fn nothing_is_metered_without_meters() {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(at("2027-01-15T09:00:00Z")));
    let shared: Arc<ManualClock> = Arc::clone(&clock);
    let store = Arc::new(SqliteStore::open(directory.path(), shared).unwrap());
    let services = services(Arc::<SqliteStore>::clone(&store), &clock).await;
    let license = token(1, |_| {});
    let installed = services.licenses.install(&Actor::Console, &license);
    installed.await.unwrap();
    let text = report(&entries(1, &[("2027-01-15", 1, 17)]), true);
    services.usage.submit(id(1), &text).await.unwrap();
    services.metering.tick().await.unwrap();
    let found = services.metering.customers(&PageRequest::first()).await;
    assert!(found.unwrap().items.is_empty());
}
