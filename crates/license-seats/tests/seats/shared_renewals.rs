//! A model of renewals outside of the database for the model checker `stateright`: see ADR-107.
//!
//! Two nodes share PostgreSQL with the lease clock and the one seat of a pool, and a Redis. Two
//! clients acquire the seat and renew it. The checker explores every order of these steps:
//!
//! - A node reads the lease clock and the epoch, and then answers heartbeats through Redis for a
//!   second.
//! - A node locks the pool, reserves it in Redis, commits, and confirms. Each of these steps can be
//!   late or lost, and PostgreSQL can release the lock of a node that is paused.
//! - Redis loses its content, or a replica without the latest writes takes over, while a node still
//!   uses the former master. A node turns Redis off, and Redis is turned on again.
//! - A second passes. The lease clock follows a second later, or never.
//!
//! The decisions are those of a real [`Pool`](license_seats::Pool). The clocks of nodes and clients
//! have the same rate, and the margin is a second, because the other second of the margin is for
//! the rates: the model `lease_clock` covers them. For the same reason the extension of leases
//! after a loss is one second longer than the lifetime.
//!
//! `LICENSE_TESTS_SEATS_RENEWAL_SECONDS`, `LICENSE_TESTS_SEATS_RENEWAL_BATCHES` and
//! `LICENSE_TESTS_SEATS_RENEWAL_FAULTS` set the numbers of seconds, transactions and faults.

mod database;
mod redis;
mod steps;

use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::number;
use database::{Database, Decisions};
use redis::Redis;
use steps::{Phase, Step};

const OVERLAP: &str = "at most one client uses the seat";

/// The lifetime of a lease in seconds.
const LIFETIME: u8 = 1;

/// The safety rules that a variant of the model breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// All rules hold.
    All,
    /// Heartbeats are answered while PostgreSQL decides.
    NoReservation,
    /// Leases are not extended after a loss of renewals.
    NoExtension,
    /// A reservation repairs a pool that Redis has lost, before the transaction is confirmed.
    LossForgotten,
    /// The extension starts at a reading of the lease clock from before the loss was noticed.
    OldReading,
    /// The extension does not cover the second in which a node may still use Redis.
    ShortExtension,
    /// A node uses Redis for any time after it has read the lease clock and the epoch.
    NoPermission,
    /// A late confirmation counts, although another node has reserved the pool since.
    NoToken,
    /// A node does not notice that another Redis has taken over.
    NoRunId,
    /// Scripts do not compare the epoch.
    NoEpoch,
}

struct Renewals {
    rules: Rules,
    bounds: Bounds,
    decisions: Decisions,
}

/// The bounds of the model.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// The number of seconds that pass.
    horizon: u8,
    /// The number of transactions.
    batches: u8,
    /// The clients that acquire the seat.
    acquirers: &'static [u8],
    /// The number and the kinds of faults.
    faults: u8,
    kinds: &'static [Fault],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Fault {
    /// Redis loses its content.
    Flush,
    /// A replica without the latest writes takes over.
    FailOver,
    /// A node turns Redis off.
    TurnOff,
    /// The owner of the lease clock turns Redis on again.
    TurnOn,
    /// PostgreSQL ends the transaction of a node that is paused, and releases its lock.
    LoseLock,
    /// A node stops before its commit, or before its confirmation.
    Stop,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    elapsed: u8,
    /// Whether the lease clock can advance by a second.
    is_ahead: bool,
    database: Database,
    /// The first Redis, and the replica that can take over.
    redis: [Redis; 2],
    master: u8,
    /// The knowledge of the node that answers heartbeats.
    reading: Option<Reading>,
    /// The transactions of the nodes.
    batches: [Phase; 2],
    clients: [Client; 2],
    /// How many transactions and faults there were.
    started: u8,
    faults: u8,
}

/// The lease clock and the epoch as a node has read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Reading {
    clock: u8,
    /// Zero if Redis is off.
    epoch: u8,
    run_id: u8,
    /// The time since the reading.
    age: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    /// The seat may be used before this time.
    valid_until: u8,
    /// The fencing number of the client's last lease.
    seq: u8,
}

impl Renewals {
    fn new(rules: Rules, bounds: Bounds) -> Self {
        let extra = u8::from(rules != Rules::ShortExtension);
        Self {
            rules,
            bounds,
            decisions: Decisions::new(extra),
        }
    }
}

impl State {
    fn is_valid(&self, client: usize) -> bool {
        self.elapsed < self.clients[client].valid_until
    }

    /// Replaces what has no effect any more by one value, and orders the nodes, which are
    /// interchangeable, so that fewer states differ.
    fn normalize(&mut self, rules: Rules) {
        let elapsed = self.elapsed;
        let is_useful = |sent: u8| sent + LIFETIME > elapsed;
        for client in &mut self.clients {
            if client.valid_until <= elapsed {
                client.valid_until = 0;
            }
        }
        let permitted = |reading: &Reading| reading.age <= 1 || rules == Rules::NoPermission;
        self.reading = self.reading.filter(permitted);
        self.reading = self.reading.filter(|reading| reading.epoch != 0);
        for batch in self.batches.iter_mut().filter_map(Phase::batch_mut) {
            batch.sent = batch.sent.filter(|sent| is_useful(*sent));
        }
        self.batches.sort_unstable();
        let run_ids = self.batches.iter().filter_map(Phase::run_id);
        let reading = self.reading.map(|reading| reading.run_id);
        let is_used = run_ids.chain(reading).any(|run_id| run_id == 0);
        if self.database.run_id == 1 && !is_used && rules != Rules::NoRunId {
            self.redis[0].pool = None;
        }
    }
}

impl Model for Renewals {
    type State = State;
    type Action = Step;

    /// The first client has the seat, and Redis has its lease.
    fn init_states(&self) -> Vec<State> {
        let database = Database::new();
        let redis = [0, 1].map(|run_id| Redis::new(run_id, &database));
        let holder = Client {
            valid_until: LIFETIME,
            seq: 1,
        };
        vec![State {
            elapsed: 0,
            is_ahead: false,
            database,
            redis,
            master: 0,
            reading: None,
            batches: [Phase::Idle; 2],
            clients: [holder, Client::default()],
            started: 0,
            faults: 0,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.time_steps(state, steps);
        self.fault_steps(state, steps);
        self.heartbeat_steps(state, steps);
        for node in 0..state.batches.len() {
            self.batch_steps(state, node, steps);
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.take(&mut state, step)?;
        state.normalize(self.rules);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always(OVERLAP, |_, state| {
                !(state.is_valid(0) && state.is_valid(1))
            }),
            Property::<Self>::sometimes("the seat is granted again", |_, state| state.is_valid(1)),
            Property::<Self>::sometimes("a client renews", |_, state| {
                state.clients[0].valid_until > LIFETIME
            }),
        ]
    }
}

#[test]
fn a_client_that_renews_outside_stops_before_its_seat_is_granted_again() {
    let bound = |name: &str, default: u64| {
        let bound = number(&format!("LICENSE_TESTS_SEATS_RENEWAL_{name}"), default);
        u8::try_from(bound).unwrap()
    };
    let bounds = Bounds {
        horizon: bound("SECONDS", 2),
        batches: bound("BATCHES", 2),
        acquirers: &[0, 1],
        faults: bound("FAULTS", 1),
        kinds: &[
            Fault::Flush,
            Fault::FailOver,
            Fault::TurnOff,
            Fault::TurnOn,
            Fault::LoseLock,
            Fault::Stop,
        ],
    };
    let model = Renewals::new(Rules::All, bounds);
    let checker = model.checker().spawn_dfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn each_rule_of_renewals_outside_prevents_an_overlap() {
    let bounds = |horizon, batches, kinds: &'static [Fault]| Bounds {
        horizon,
        batches,
        acquirers: &[1],
        faults: kinds.len() as u8,
        kinds,
    };
    let late = Bounds {
        acquirers: &[0, 1],
        ..bounds(3, 3, &[])
    };
    let twice = Bounds {
        faults: 3,
        ..bounds(3, 2, &[Fault::TurnOff, Fault::TurnOn])
    };
    for (rules, bounds) in [
        (Rules::NoReservation, bounds(2, 1, &[])),
        (Rules::NoExtension, bounds(3, 1, &[Fault::Flush])),
        (
            Rules::LossForgotten,
            bounds(3, 2, &[Fault::Flush, Fault::Stop]),
        ),
        (Rules::OldReading, bounds(3, 2, &[Fault::Flush])),
        (Rules::ShortExtension, bounds(3, 2, &[Fault::TurnOff])),
        (Rules::NoPermission, bounds(4, 2, &[Fault::TurnOff])),
        (Rules::NoToken, late),
        (Rules::NoRunId, bounds(3, 1, &[Fault::FailOver])),
        (Rules::NoEpoch, twice),
    ] {
        let model = Renewals::new(rules, bounds);
        let found = HasDiscoveries::AnyFailures;
        let checker = model.checker().finish_when(found).spawn_dfs().join();
        let states = checker.unique_state_count();
        let path = checker.assert_any_discovery(OVERLAP);
        let steps = path.into_actions().len();
        println!("{rules:?}: {states} states, {steps} steps");
    }
}
