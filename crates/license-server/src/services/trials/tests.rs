//! Trials with a real ledger and a real listener of SMTP.

use license_core::issue::Signer as _;
use license_core::machine::Machine;
use license_core::{License, LicenseFile, TokenKind, TrustSet, Unverified};
use license_issuer::ledger::Ledger;
use license_issuer::ledger::sqlite::LedgerFile;
use tempfile::TempDir;

use super::*;
use crate::clock::{ManualClock, ServerClock as _, SystemServerClock};
use crate::domain::EventRecord;
use crate::mail::Mailer;
use crate::mail::tests::Sink;
use crate::services::tests::floating::acquire_request;
use crate::services::tests::{config, people, vendor as vendor_key};
use crate::services::{
    AcquireReply, AcquireRequest, IssueOrder, MailQueue, ServerRole, Services, VendorConfig,
};
use crate::store::ServerStore;
use crate::store::sqlite::SqliteStore;

/// A vendor's server.
pub(crate) struct Vendor {
    pub(crate) services: Arc<Services>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) sink: Sink,
    store: Arc<dyn ServerStore>,
    directory: TempDir,
}

impl Vendor {
    /// Starts a server. Its mail server answers the first recipients with these statuses.
    pub(crate) async fn start(statuses: &'static [u16]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The ledger has the clock of the system.
        let clock = Arc::new(ManualClock::new(SystemServerClock.wall()));
        let ledger = directory.path().join("ledger.db");
        LedgerFile::new(&ledger).prepare().unwrap();
        let opened = SqliteStore::open(directory.path(), Arc::<ManualClock>::clone(&clock));
        let store: Arc<dyn ServerStore> = Arc::new(opened.unwrap());
        let sink = Sink::start(statuses).await;
        let services = open(&directory, &store, &clock, &sink).await;
        Self {
            services,
            clock,
            sink,
            store,
            directory,
        }
    }

    /// Starts the server again, over the same database and ledger.
    async fn restart(&mut self) {
        self.services = open(&self.directory, &self.store, &self.clock, &self.sink).await;
    }

    /// Starts a trial, and reads its mail.
    pub(crate) async fn trial(&mut self, customer: &str) -> IssuedTrial {
        let trials = &self.services.trials;
        let started = trials.start(&Actor::Console, new(customer), false).await;
        let mail = self.sink.next().await;
        assert!(mail.text.contains("BEGIN"), "{}", mail.text);
        started.unwrap()
    }

    /// Moves the clock to a time before the end of a trial, and does the work of a minute.
    async fn work_before_end(&self, trial: &Trial, hours: i64) {
        let end = trial.ends_at.unwrap();
        self.clock.advance_to(end - TimeDelta::hours(hours));
        self.services.trials.work().await.unwrap();
    }

    async fn state(&self, trial: &Trial) -> TrialState {
        self.services.trials.get(&trial.id).await.unwrap().state
    }

    pub(crate) async fn events(&self, kind: &str) -> Vec<EventRecord> {
        let page = self.services.events.list(&PageRequest::first()).await;
        let events = page.unwrap().items.into_iter();
        events.filter(|event| event.kind == kind).collect()
    }
}

async fn open(
    directory: &TempDir,
    store: &Arc<dyn ServerStore>,
    clock: &Arc<ManualClock>,
    sink: &Sink,
) -> Arc<Services> {
    let mail: Arc<dyn MailQueue> = Arc::new(Mailer::start(&sink.config(), Arc::new(())).unwrap());
    let mut config = config(Arc::clone(store), clock);
    config.people = people(Some(mail));
    config.role = ServerRole::Vendor(Box::new(VendorConfig {
        ledger: directory.path().join("ledger.db"),
        key: vendor_key(),
    }));
    Services::open(config).await.unwrap()
}

/// Returns a person with a machine, whose numbers come from the name.
fn new(customer: &str) -> NewTrial {
    let number = customer.bytes().map(u64::from).sum::<u64>();
    NewTrial {
        email: EmailAddress::parse(&format!("user{number}@example.com")).unwrap(),
        customer: customer.to_owned(),
        machine: Some(format!("fp1:id={number:024x}")),
    }
}

/// Verifies a license file with the vendor's key.
fn license(file: &str) -> License {
    let keys = TrustSet::parse(&vendor_key().public().to_jwk().to_string()).unwrap();
    let file = LicenseFile::parse(file).unwrap();
    let mut blocks = file.blocks_of_kind(TokenKind::License);
    let token = blocks.next().unwrap().token.as_str();
    Unverified::parse(token).unwrap().verify(&keys).unwrap()
}

#[tokio::test]
async fn a_person_starts_one_trial_with_a_link() {
    let mut vendor = Vendor::start(&[]).await;
    let trials = vendor.services.trials.clone();
    trials.request(new("ACME Ltd")).await.unwrap();
    let mail = vendor.sink.next().await;
    let secret = mail.secret();
    assert!(mail.text.contains("license trial confirm"), "{}", mail.text);
    let none = trials.list(None, &PageRequest::first()).await.unwrap();
    assert_eq!(none.items, [], "the address is not confirmed");
    let wrong = trials.confirm("wrong", None).await.unwrap_err();
    assert_eq!(wrong.code, "LINK_ENDED");

    let started = trials
        .confirm(&secret, "192.0.2.7".parse().ok())
        .await
        .unwrap();
    let license = license(&started.file);
    assert!(license.is_trial());
    assert_eq!(license.customer(), "ACME Ltd");
    let machine = Machine::parse(&new("ACME Ltd").machine.unwrap()).unwrap();
    assert_eq!(license.machines(), Some(&[machine][..]));
    assert_eq!(license.expires_at(), started.trial.ends_at);
    let days = license.expires_at().unwrap() - license.issued_at().unwrap();
    assert_eq!(days.num_days(), 14);
    let mail = vendor.sink.next().await;
    assert!(mail.text.contains("BEGIN"), "the license comes by mail too");
    let [event] = &vendor.events("trial.start").await[..] else {
        panic!("expected one event");
    };
    assert_eq!(event.details["customer"], "ACME Ltd");

    // The same link returns the same license, and sends no further mail.
    let again = trials.confirm(&secret, None).await.unwrap();
    assert_eq!(again.file, started.file);
    assert!(!vendor.sink.has_mail());
    let audit = vendor
        .services
        .audit
        .list(&PageRequest::first())
        .await
        .unwrap();
    let entry = audit
        .items
        .iter()
        .find(|entry| entry.action == "trial.start");
    let entry = entry.unwrap();
    assert_eq!(entry.actor, format!("trial:{}", started.trial.id));
    assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
    let text = format!("{audit:?}");
    assert!(!text.contains('@') && !text.contains(&secret), "{text}");
}

#[tokio::test]
async fn a_second_trial_is_refused_and_an_exception_is_not() {
    let mut vendor = Vendor::start(&[]).await;
    vendor.trial("ACME Ltd").await;
    let trials = vendor.services.trials.clone();
    // Another spelling of the customer, with another address and machine.
    let like = NewTrial {
        customer: " acme  LTD".to_owned(),
        ..new("Other")
    };
    trials.request(like.clone()).await.unwrap();
    let secret = vendor.sink.next().await.secret();
    let refused = trials.confirm(&secret, None).await.unwrap_err();
    assert_eq!(refused.code, "TRIAL_USED");
    assert!(!format!("{refused:?}").contains("ACME"), "{refused:?}");
    let excepted = trials.start(&Actor::Console, like, true).await.unwrap();
    assert!(excepted.trial.is_exception);

    // A trial that `keygen trial` issued counts too. The refusal frees the address and the machine.
    let request = RequestId([7; 32]);
    let user = TrialUser {
        email: None,
        customer: "Keygen Ltd".to_owned(),
        machine: None,
    };
    let site = &vendor.services.trials.site;
    let issued = vendor::issue_trial(site, &Actor::Console, &user, false, Some(request));
    issued.await.unwrap();
    let refused = trials
        .start(&Actor::Console, new("KEYGEN LTD"), false)
        .await;
    assert_eq!(refused.unwrap_err().code, "TRIAL_USED");
    let freed = NewTrial {
        customer: "Another".to_owned(),
        ..new("KEYGEN LTD")
    };
    trials.start(&Actor::Console, freed, false).await.unwrap();
}

#[tokio::test]
async fn a_request_is_checked_and_needs_an_open_server() {
    let vendor = Vendor::start(&[]).await;
    let trials = &vendor.services.trials;
    let with_machine = |machine: &str| NewTrial {
        machine: Some(machine.to_owned()),
        ..new("ACME")
    };
    let with_name = |customer: &str| NewTrial {
        customer: customer.to_owned(),
        ..new("ACME")
    };
    for refused in [
        with_machine("dongle 4711"),
        with_machine("WIDGET:fp1:id=0123456789abcdef01234567"),
        with_name(" "),
        with_name("see https://evil.example"),
    ] {
        let refusal = trials.request(refused).await.unwrap_err();
        assert_eq!(refusal.code, "BAD_REQUEST");
    }
    let closed = TrialService::new(Arc::clone(&trials.site), TrialSettings::default());
    let refusal = closed.request(new("ACME")).await.unwrap_err();
    assert_eq!(refusal.code, "TRIALS_OFF");
    assert_eq!(
        closed.confirm("x", None).await.unwrap_err().code,
        "TRIALS_OFF"
    );
}

#[tokio::test]
async fn each_reminder_is_sent_once_across_restarts() {
    let mut vendor = Vendor::start(&[]).await;
    let trial = vendor.trial("ACME Ltd").await.trial;
    vendor.work_before_end(&trial, 7 * 24 + 1).await;
    assert_eq!(vendor.state(&trial).await, TrialState::Started);
    vendor.work_before_end(&trial, 7 * 24).await;
    let mail = vendor.sink.next().await;
    assert!(mail.text.contains("trial-reminders#"), "{}", mail.text);
    assert_eq!(vendor.state(&trial).await, TrialState::Reminded);
    vendor.restart().await;
    vendor.work_before_end(&trial, 7 * 24 - 1).await;
    // The server was down on the third day before the end.
    vendor.work_before_end(&trial, 20).await;
    vendor.sink.next().await;
    vendor.restart().await;
    vendor.work_before_end(&trial, 1).await;
    assert!(!vendor.sink.has_mail());
    vendor.work_before_end(&trial, 0).await;
    assert_eq!(vendor.state(&trial).await, TrialState::Ended);
    assert!(!vendor.sink.has_mail());
    let reminders = vendor.events("trial.remind").await;
    let days: Vec<_> = reminders
        .iter()
        .map(|event| &event.details["days"])
        .collect();
    assert_eq!(days, [7, 1]);
    assert_eq!(vendor.events("trial.end").await.len(), 1);
}

#[tokio::test]
async fn a_reminder_that_is_not_accepted_is_sent_later() {
    let mut vendor = Vendor::start(&[250, 550]).await;
    let trial = vendor.trial("ACME Ltd").await.trial;
    vendor.work_before_end(&trial, 7 * 24).await;
    assert_eq!(vendor.state(&trial).await, TrialState::Started);
    vendor.services.trials.work().await.unwrap();
    assert!(!vendor.sink.has_mail(), "the next attempt waits");
    vendor.clock.advance_ms(10 * 60 * 1000);
    vendor.services.trials.work().await.unwrap();
    vendor.sink.next().await;
    assert_eq!(vendor.state(&trial).await, TrialState::Reminded);
}

#[tokio::test]
async fn a_user_stops_the_reminders_with_the_link_of_a_mail() {
    let mut vendor = Vendor::start(&[]).await;
    let trial = vendor.trial("ACME Ltd").await.trial;
    vendor.work_before_end(&trial, 7 * 24).await;
    let code = vendor.sink.next().await.secret();
    let trials = vendor.services.trials.clone();
    for _ in 0..2 {
        trials.stop_reminders(&code, None).await.unwrap();
    }
    let forged = code.replace("trl_0", "trl_1");
    let refused = trials.stop_reminders(&forged, None).await.unwrap_err();
    assert_eq!(refused.code, "LINK_ENDED");
    vendor.work_before_end(&trial, 20).await;
    assert!(!vendor.sink.has_mail());
    vendor.work_before_end(&trial, 0).await;
    assert_eq!(vendor.state(&trial).await, TrialState::Ended);
}

#[tokio::test]
async fn a_conversion_keeps_the_seat_the_remaining_days_and_the_id() {
    let mut vendor = Vendor::start(&[]).await;
    let started = vendor.trial("ACME Ltd").await;
    let trial = started.trial;
    let seats = &vendor.services.seats;
    let held = seats.acquire(on_machine(&started.file));
    let held = held.await.unwrap();
    let trials = vendor.services.trials.clone();
    let order = IssueOrder {
        tier: "team".to_owned(),
        days: Some(365),
        offline: true,
        ..IssueOrder::default()
    };
    let dry = IssueOrder {
        dry_run: true,
        ..order.clone()
    };
    let console = Actor::Console;
    let tried = trials
        .convert(&console, &trial.id, dry, None)
        .await
        .unwrap();
    assert_eq!(
        (tried.trial.state, tried.license.file),
        (TrialState::Started, None)
    );
    let early = IssueOrder {
        days: None,
        expires: Some(SystemServerClock.wall().date_naive().to_string()),
        ..order.clone()
    };
    let refused = trials.convert(&console, &trial.id, early, None).await;
    assert_eq!(refused.unwrap_err().code, "BAD_REQUEST");

    let converted = trials
        .convert(&console, &trial.id, order.clone(), None)
        .await
        .unwrap();
    assert_eq!(converted.trial.id, trial.id);
    assert_eq!(converted.trial.state, TrialState::Converted);
    let paid = license(converted.license.file.as_deref().unwrap());
    assert!(!paid.is_trial());
    assert_eq!(paid.customer(), "ACME Ltd");
    assert_eq!(paid.supersedes(), [trial.license.clone().unwrap()]);
    let added = paid.expires_at().unwrap() - trial.ends_at.unwrap();
    assert_eq!(added.num_days(), 365);
    let mail = vendor.sink.next().await;
    assert!(mail.text.contains("replaces your trial"), "{}", mail.text);
    // The session holds the same seat in the same pool with the paid license.
    let file = converted.license.file.unwrap();
    let kept = seats.acquire(on_machine(&file)).await.unwrap();
    assert_eq!(seat(&kept), seat(&held));

    for refused in [
        trials.convert(&console, &trial.id, order, None).await,
        trials
            .extend(&console, &trial.id, 7, "a reason", None)
            .await,
    ] {
        assert_eq!(refused.unwrap_err().code, "CONVERTED");
    }
    assert_eq!(vendor.events("trial.convert").await.len(), 1);
}

/// Returns a request for a seat on the machine of the trial.
fn on_machine(file: &str) -> AcquireRequest {
    AcquireRequest {
        machine: new("ACME Ltd").machine.unwrap(),
        ..acquire_request(file, 1, false)
    }
}

/// Returns the pool and the number of the seat of an answer.
fn seat(reply: &AcquireReply) -> String {
    match reply {
        AcquireReply::Granted(seat) | AcquireReply::Held(seat) => {
            format!("{:?}", (&seat.pool, seat.seq))
        }
        AcquireReply::Queued(_) => panic!("expected a seat"),
    }
}

#[tokio::test]
async fn an_extension_needs_a_reason_and_starts_the_reminders_again() {
    let mut vendor = Vendor::start(&[]).await;
    let trial = vendor.trial("ACME Ltd").await.trial;
    let trials = vendor.services.trials.clone();
    let console = Actor::Console;
    for (days, reason) in [(0, "a reason"), (366, "a reason"), (7, " "), (7, "a\nb")] {
        let refused = trials.extend(&console, &trial.id, days, reason, None).await;
        assert_eq!(
            refused.unwrap_err().code,
            "BAD_REQUEST",
            "{days} {reason:?}"
        );
    }
    vendor.work_before_end(&trial, 7 * 24).await;
    vendor.sink.next().await;
    let extended = trials
        .extend(&console, &trial.id, 7, "still testing", None)
        .await;
    let extended = extended.unwrap();
    let later = extended.trial.ends_at.unwrap() - trial.ends_at.unwrap();
    assert_eq!(later.num_days(), 7);
    assert!(license(extended.license.file.as_deref().unwrap()).is_trial());
    let mail = vendor.sink.next().await;
    assert!(mail.text.contains("now ends"), "{}", mail.text);
    vendor.work_before_end(&extended.trial, 7 * 24).await;
    vendor.sink.next().await;
    let [event] = &vendor.events("trial.extend").await[..] else {
        panic!("expected one event");
    };
    assert_eq!(event.details["reason"], "still testing");
    // The paid license replaces both licenses of the trial.
    let order = IssueOrder {
        tier: "pro".to_owned(),
        days: Some(365),
        ..IssueOrder::default()
    };
    let converted = trials
        .convert(&console, &trial.id, order, None)
        .await
        .unwrap();
    let paid = license(converted.license.file.as_deref().unwrap());
    let replaced = [trial.license.unwrap(), extended.license.id];
    assert_eq!(paid.supersedes(), replaced);
}

#[tokio::test]
async fn an_interrupted_start_is_completed_with_the_same_license() {
    let mut vendor = Vendor::start(&[]).await;
    let trials = vendor.services.trials.clone();
    let site = &trials.site;
    // The server was killed before the ledger had the license, and after.
    for (customer, is_recorded) in [("ACME Ltd", false), ("Bolt GmbH", true)] {
        let reserved = trials.new_trial(&new(customer), TrialState::Issuing, "x".to_owned());
        let trial = Trial {
            next_at: Some(site.wall()),
            ..reserved.unwrap()
        };
        let claim = vendor
            .store
            .reserve_trial(&site.tenant, trial.clone())
            .await;
        assert!(matches!(claim.unwrap(), TrialClaim::Granted(_)));
        let recorded = if is_recorded {
            let request = RequestId(Sha256::digest(format!("trial {}", trial.id)).into());
            let (actor, user) = (Actor::Server, &trial.user);
            let issued = vendor::issue_trial(site, &actor, user, false, Some(request));
            Some(issued.await.unwrap().id)
        } else {
            None
        };
        vendor.restart().await;
        vendor.services.trials.work().await.unwrap();
        vendor.sink.next().await;
        let found = vendor.services.trials.get(&trial.id).await.unwrap();
        assert_eq!(found.state, TrialState::Started);
        if is_recorded {
            assert_eq!(found.license, recorded);
        }
    }
}

#[tokio::test]
async fn a_conversion_by_another_program_is_followed() {
    let mut vendor = Vendor::start(&[]).await;
    let trial = vendor.trial("ACME Ltd").await.trial;
    let (trials, console) = (vendor.services.trials.clone(), Actor::Console);
    let order = IssueOrder {
        tier: "pro".to_owned(),
        days: Some(365),
        ..IssueOrder::default()
    };
    let license = trial.license.as_ref().unwrap();
    let paid = vendor::convert_trial(&trials.site, &console, license, order, None);
    let paid = paid.await.unwrap().id;
    trials.work().await.unwrap();
    let found = trials.get(&trial.id).await.unwrap();
    assert_eq!(
        (found.state, found.paid),
        (TrialState::Converted, Some(paid))
    );
    trials.work().await.unwrap();
    assert_eq!(vendor.events("trial.convert").await.len(), 1);
}
