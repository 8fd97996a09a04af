//! Seats of a server in the test: leases that prove nothing, and the events of a seat.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use license_client::license_core::chrono::{DateTime, Utc};
use license_client::license_core::issue::LeaseDraft;
use license_client::license_core::machine::Machine;
use license_client::{Client, OnlineSettings, SeatEvent};
use serde_json::{Value, json};

use super::fake::{Fake, Key, Licensed, Received, event, json_answer, problem, wait_for};

const PROJECT: &str = env!("CARGO_MANIFEST_DIR");

fn seat(lease: Option<&str>, lifetime: Duration) -> Value {
    let mut seat = json!({
        "pool": "pool", "license": "x", "session": "x", "seq": 7, "mode": "floating",
        "valid_for_seconds": lifetime.as_secs(), "renew_after_seconds": 1,
        "expires_at": "2027-01-01T00:00:00Z", "is_overage": false,
    });
    if let Some(lease) = lease {
        seat["lease"] = json!(lease);
    }
    seat
}

/// A server that lends one seat.
#[derive(Clone)]
struct Lender {
    key: Arc<Key>,
    now: DateTime<Utc>,
    lifetime: Duration,
    /// The request that acquired the seat.
    acquired: Arc<Mutex<Option<Received>>>,
    /// How heartbeats are answered; see the constants.
    mode: Arc<AtomicU8>,
}

const RENEW: u8 = 0;
const CLOSE: u8 = 1;
const LOST: u8 = 2;
const NO_TOKEN: u8 = 3;
const OTHER_SEQ: u8 = 4;
const UNSIGNED: u8 = 5;
const SHORTER: u8 = 6;

impl Lender {
    fn new(licensed: &Licensed, lifetime: Duration) -> Self {
        Self {
            key: Arc::clone(&licensed.key),
            now: licensed.machine.now(),
            lifetime,
            acquired: Arc::default(),
            mode: Arc::default(),
        }
    }

    fn start(&self) -> Fake {
        let lender = self.clone();
        Fake::start(move |request| lender.answer(request))
    }

    fn set(&self, mode: u8) {
        self.mode.store(mode, Ordering::SeqCst);
    }

    fn answer(&self, request: &Received) -> Vec<u8> {
        if request.path == "/api/v1/seats" {
            *self.acquired.lock().unwrap() = Some(request.clone());
            let lease = self.key.lease(request, self.now, self.lifetime, |_| {});
            return json_answer("201 Created", &seat(Some(&lease), self.lifetime));
        }
        if request.path.ends_with("/release") {
            return json_answer("200 OK", &json!({"freed": true}));
        }
        let token = |seq: u64| {
            let mut full = self.acquired.lock().unwrap().clone().unwrap();
            full.body["nonce"] = request.body["nonce"].clone();
            self.key
                .lease(&full, self.now, self.lifetime, |draft| draft.seq = seq)
        };
        match self.mode.load(Ordering::SeqCst) {
            RENEW => json_answer("200 OK", &seat(Some(&token(7)), self.lifetime)),
            CLOSE => Vec::new(),
            LOST => problem("409 Conflict", "LEASE_LOST"),
            NO_TOKEN => json_answer("200 OK", &seat(None, self.lifetime)),
            SHORTER => json_answer("200 OK", &seat(None, Duration::from_secs(1))),
            OTHER_SEQ => json_answer("200 OK", &seat(Some(&token(8)), self.lifetime)),
            _ => json_answer("200 OK", &seat(Some("a.b.c"), self.lifetime)),
        }
    }
}

fn heartbeats(fake: &Fake) -> Vec<Received> {
    let all = fake.received().into_iter();
    all.filter(|one| one.path.ends_with("/heartbeat")).collect()
}

fn client(licensed: &Licensed, fake: &Fake) -> Client {
    licensed.client(fake.settings().timeout(Duration::from_secs(2)))
}

#[test]
fn a_lease_that_does_not_answer_the_request_is_not_believed() {
    type Change = fn(&mut LeaseDraft<'_>);
    let licensed = Licensed::offline();
    let now = licensed.machine.now();
    let cases: [(&str, Change); 6] = [
        ("nonce", |draft| {
            draft.nonce = "0".repeat(32).parse().unwrap()
        }),
        ("another process", |draft| {
            draft.commitment = "0".repeat(64).parse().unwrap()
        }),
        ("another session", |draft| {
            draft.session = format!("sess_{}", "0".repeat(32)).parse().unwrap()
        }),
        ("another machine", |draft| {
            draft.machine = Machine::parse("another").unwrap()
        }),
        ("fencing number", |draft| draft.seq = 8),
        ("", |_| {}),
    ];
    for (reason, change) in cases {
        let key = Arc::clone(&licensed.key);
        let lifetime = Duration::from_secs(60);
        let fake = Fake::start(move |request| {
            if request.path != "/api/v1/seats" {
                return json_answer("200 OK", &json!({"freed": true}));
            }
            let lease = key.lease(request, now, lifetime, change);
            json_answer("201 Created", &seat(Some(&lease), lifetime))
        });
        let client = client(&licensed, &fake);
        let result = client.seat(PROJECT).unwrap().acquire();
        if reason.is_empty() {
            assert!(result.unwrap().is_valid());
            continue;
        }
        let error = result.unwrap_err();
        assert_eq!(error.code(), "UNVERIFIED_ANSWER", "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
    }
    for answer in [
        seat(None, Duration::from_secs(60)),
        seat(Some("a.b.c"), Duration::from_secs(60)),
    ] {
        let fake = Fake::start(move |_| json_answer("201 Created", &answer));
        let error = client(&licensed, &fake)
            .seat(PROJECT)
            .unwrap()
            .acquire()
            .unwrap_err();
        assert_eq!(error.code(), "UNVERIFIED_ANSWER", "{error}");
    }
}

#[test]
fn a_lost_answer_to_a_loan_does_not_lose_the_seat() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(60));
    let fake = lender.start();
    let client = client(&licensed, &fake);
    lender.set(CLOSE);
    for _ in 0..2 {
        let request = client.seat(PROJECT).unwrap();
        let error = request.borrow(Duration::from_secs(3600)).unwrap_err();
        assert!(error.is_unreachable(), "{error}");
    }
    let received = fake.received();
    assert!(!received.iter().any(|one| one.path.ends_with("/release")));
    let acquires = received.iter().filter(|one| one.path == "/api/v1/seats");
    let instances: Vec<&str> = acquires.map(|one| one.text("instance")).collect();
    assert!(instances.len() >= 2, "{instances:?}");
    assert!(
        instances.iter().all(|one| *one == instances[0]),
        "the repetition is the same process: {instances:?}"
    );
}

#[test]
fn a_seat_is_renewed_becomes_late_recovers_and_is_lost() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(8));
    let fake = lender.start();
    let client = client(&licensed, &fake);
    let (sender, events) = mpsc::channel();
    let request = client.seat(PROJECT).unwrap();
    let seat = request.on_event(move |event| sender.send(event.clone()).unwrap());
    let seat = seat.acquire().unwrap();
    assert!(seat.is_valid() && seat.expires_in() <= lender.lifetime);
    assert_eq!(seat.lease().unwrap().seq(), 7);
    assert_eq!(seat.server(), fake.url);
    wait_for("two renewals", || {
        (heartbeats(&fake).len() >= 2).then_some(())
    });
    assert!(seat.is_valid(), "the lease was renewed");
    licensed
        .machine
        .advance(license_client::testing::TimeDelta::days(3000));
    assert!(seat.is_valid(), "the wall clock does not matter");
    lender.set(CLOSE);
    event(&events, |event| {
        matches!(event, SeatEvent::Late { error: Some(_) })
    });
    assert!(!seat.is_valid() && seat.expires_in().is_zero());
    lender.set(RENEW);
    event(&events, |event| matches!(event, SeatEvent::Recovered));
    assert!(seat.is_valid());
    lender.set(LOST);
    let lost = event(&events, |event| matches!(event, SeatEvent::Lost { .. }));
    let SeatEvent::Lost { code, detail } = lost else {
        panic!("{lost:?}");
    };
    assert_eq!(
        (code.as_str(), detail.as_str()),
        ("LEASE_LOST", "the detail of the server")
    );
    assert!(!seat.is_valid());
    let renewals = heartbeats(&fake).len();
    assert!(!seat.release().unwrap(), "a lost seat needs no release");
    assert_eq!(
        heartbeats(&fake).len(),
        renewals,
        "a lost seat is not renewed"
    );
}

#[test]
fn only_a_signed_lease_of_the_same_grant_extends_a_seat() {
    let licensed = Licensed::offline();
    for mode in [NO_TOKEN, OTHER_SEQ, UNSIGNED] {
        let lender = Lender::new(&licensed, Duration::from_secs(3));
        lender.set(mode);
        let fake = lender.start();
        let client = client(&licensed, &fake);
        let (sender, events) = mpsc::channel();
        let request = client.seat(PROJECT).unwrap();
        let seat = request.on_event(move |event| sender.send(event.clone()).unwrap());
        let seat = seat.acquire().unwrap();
        let event = events.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(matches!(event, SeatEvent::Late { .. }), "{mode}: {event:?}");
        assert!(!seat.is_valid());
        assert!(!heartbeats(&fake).is_empty());
    }
}

#[test]
fn an_answer_without_a_token_can_shorten_a_lease() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(3600));
    lender.set(SHORTER);
    let fake = lender.start();
    let client = client(&licensed, &fake);
    let seat = client.seat(PROJECT).unwrap().acquire().unwrap();
    wait_for("the end of the lease", || (!seat.is_valid()).then_some(()));
}

#[test]
fn a_renewal_states_the_newest_token_that_has_arrived() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(60));
    lender.set(CLOSE);
    let fake = lender.start();
    let client = client(&licensed, &fake);
    let seat = client.seat(PROJECT).unwrap().acquire().unwrap();
    let first_token = seat.lease().unwrap().id().to_string();
    let nth = |number: usize| wait_for("a heartbeat", || heartbeats(&fake).into_iter().nth(number));
    let first = nth(0);
    lender.set(RENEW);
    let second = nth(1);
    // The answer to the first renewal was lost, so the second states the same token.
    assert_eq!(
        [first.text("token"), second.text("token")],
        [&first_token, &first_token]
    );
    assert_ne!(first.text("nonce"), second.text("nonce"));
    assert_eq!(first.header("idempotency-key"), "");
    let newer = wait_for("the new token", || {
        let id = seat.lease()?.id().to_string();
        (id != first_token).then_some(id)
    });
    let third = nth(2);
    assert_eq!(third.text("token"), newer);
    assert!(seat.is_valid());
}

#[test]
fn a_session_stays_with_the_server_that_granted_its_seat() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(60));
    let (first, second) = (Fake::start(|_| Vec::new()), lender.start());
    let settings = OnlineSettings::new().server(&first.url).server(&second.url);
    let client = licensed.client(settings);
    let seat = client.seat(PROJECT).unwrap().acquire().unwrap();
    assert_eq!(seat.server(), second.url);
    wait_for("two renewals", || {
        (heartbeats(&second).len() >= 2).then_some(())
    });
    assert!(seat.release().unwrap());
    let paths = first.received().into_iter().map(|request| request.path);
    assert_eq!(paths.collect::<Vec<_>>(), ["/api/v1/seats"]);
}

#[test]
fn a_panic_of_a_callback_stops_no_renewal() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(2));
    let fake = lender.start();
    let client = client(&licensed, &fake);
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let seat = client.seat(PROJECT).unwrap().on_event(move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        panic!("the application has a defect");
    });
    let seat = seat.acquire().unwrap();
    lender.set(CLOSE);
    wait_for("the first event", || {
        (calls.load(Ordering::SeqCst) > 0).then_some(())
    });
    lender.set(RENEW);
    wait_for("a renewal after the panic", || {
        seat.is_valid().then_some(())
    });
    wait_for("the second event", || {
        (calls.load(Ordering::SeqCst) > 1).then_some(())
    });
}

#[test]
fn a_dropped_seat_is_released_with_its_secret_and_all_seats_share_one_thread() {
    let licensed = Licensed::offline();
    let lender = Lender::new(&licensed, Duration::from_secs(60));
    let fake = lender.start();
    let client = client(&licensed, &fake);
    let seats: Vec<_> = (0..5)
        .map(|_| client.seat(PROJECT).unwrap().acquire().unwrap())
        .collect();
    #[cfg(target_os = "linux")]
    {
        let names = std::fs::read_dir("/proc/self/task").unwrap();
        let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm"));
        let names = names.filter_map(|task| name(task.unwrap()).ok());
        assert_eq!(
            names.filter(|name| name.trim() == "license-seats").count(),
            1
        );
    }
    let instances: std::collections::BTreeSet<String> = {
        let acquired = fake
            .received()
            .into_iter()
            .filter(|one| one.path == "/api/v1/seats");
        acquired
            .map(|one| one.text("instance").to_owned())
            .collect()
    };
    assert_eq!(instances.len(), 5, "each seat has an instance of its own");
    drop(seats);
    let released = fake
        .received()
        .into_iter()
        .filter(|one| one.path.ends_with("/release"));
    let released: Vec<Received> = released.collect();
    assert_eq!(released.len(), 5);
    for request in released {
        assert!(instances.contains(request.text("instance")), "{request:?}");
        assert_eq!(request.body["seq"], 7);
        assert_eq!(request.text("secret").len(), 64);
        let key = licensed.license.standard_key().unwrap();
        assert_eq!(request.header("authorization"), format!("License {key}"));
    }
}
