//! A model of the lease clock for the model checker `stateright`: see ADR-084.
//!
//! Two servers share a database with the lease clock and the one seat of a pool. Three clients
//! acquire the seat. The checker explores every order of these steps:
//!
//! - A client sends a request. Messages are delayed, lost and doubled: a server can receive a
//!   request at any later time, any number of times, or never.
//! - A server reads the lease clock after it received a request, is paused for any time, and
//!   commits. The database decides with a real [`Pool`].
//! - A second passes. The clock of one client can lose a second, and the clock of one server can
//!   gain a second. Together, this is the fixed part of the margin.
//! - The owner of the lease clock advances it by the time since its last step, at most a second. A
//!   paused server does not advance it, so the lease clock stands still.
//! - The second server becomes the owner of the lease clock, while the first may only be paused.
//!
//! The clients are interchangeable, so the first client is the one that sends first. A request that
//! is too old to be useful to its client can still cost the others a seat.
//!
//! `LICENSE_TESTS_SEATS_SECONDS` sets the number of seconds that pass.

use std::collections::HashMap;
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{
    Acquire, ClockMargin, CommandTime, Holder, Instance, InstanceId, LeaseSpan, LeaseTime,
    OpenLease, Pool, PoolCounters, PoolRows, PoolTerms, SeatCommand, SeatReply, SeatSecret, Seq,
};
use stateright::{Checker, HasDiscoveries, Model, Property};

use crate::number;

const CLIENTS: usize = 3;
const OVERLAP: &str = "at most one client uses the seat";

/// The safety rules that a variant of the model breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rules {
    /// All rules hold.
    All,
    /// A seat is granted again at the end of the lifetime.
    NoMargin,
    /// The client counts from the moment when it receives the response.
    CountsFromResponse,
    /// The clock of the client stops in suspension, as `CLOCK_MONOTONIC` does.
    ClientClockStops,
    /// A former owner can still advance the lease clock.
    NoEpoch,
}

/// The lease of the only seat: the client, and the end of the lifetime.
type SeatLease = Option<(u8, u8)>;

struct LeaseClock {
    rules: Rules,
    /// The lifetime of a lease in seconds.
    lifetime: u8,
    /// The number of seconds that pass.
    horizon: u8,
    /// How many requests the clients send.
    requests: usize,
    /// The decisions of the pool: the lease after a client acquires at a time, if it is granted.
    decisions: HashMap<(SeatLease, u8, u8), SeatLease>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    elapsed: u8,
    /// The lease clock in the database.
    clock: u8,
    lease: SeatLease,
    /// The owner of the lease clock, which is a server.
    owner: u8,
    /// Whether the clock of each server is ahead of its last step of the lease clock.
    ahead: [bool; 2],
    clients: [Client; CLIENTS],
    requests: Vec<Request>,
    /// Whether a server's clock can still gain a second.
    can_gain: bool,
    /// Whether a client's clock can still lose a second.
    can_lose: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Client {
    boot_time: u8,
    /// The seat may be used before this time.
    valid_until: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Request {
    client: u8,
    /// The boot time of the client. `None` if the request is too old to be useful to the client.
    sent: Option<u8>,
    /// The reading of the lease clock when the request was sent.
    clock: u8,
    /// Whether a response is on its way.
    is_answered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Second { slow: Option<u8> },
    Gain { server: usize },
    Send { client: u8 },
    Serve { request: usize, clock: u8 },
    Receive { request: usize },
    Advance { server: usize },
    TakeOver,
}

impl LeaseClock {
    fn new(rules: Rules, lifetime: u8, horizon: u8, requests: usize) -> Self {
        let mut model = Self {
            rules,
            lifetime,
            horizon,
            requests,
            decisions: HashMap::new(),
        };
        // With two owners, the lease clock passes twice as fast.
        let last = 2 * horizon + 2;
        for clock in 0..=last {
            for client in 0..CLIENTS as u8 {
                let holders = (0..CLIENTS as u8)
                    .flat_map(|holder| (0..=last + lifetime).map(move |until| (holder, until)));
                for lease in holders.map(Some).chain([None]) {
                    let decision = decide(rules, lifetime, lease, clock, client);
                    model.decisions.insert((lease, clock, client), decision);
                }
            }
        }
        model
    }

    /// Adds the steps of the clocks.
    fn clock_steps(&self, state: &State, steps: &mut Vec<Step>) {
        for server in 0..2 {
            let is_owner = state.owner as usize == server;
            let was_owner = self.rules == Rules::NoEpoch && server == 0;
            if state.ahead[server] && (is_owner || was_owner) {
                steps.push(Step::Advance { server });
            }
            if state.can_gain && !state.ahead[server] && is_owner {
                steps.push(Step::Gain { server });
            }
        }
        if state.owner == 0 {
            steps.push(Step::TakeOver);
        }
        if state.elapsed < self.horizon {
            steps.push(Step::Second { slow: None });
            if state.can_lose || self.rules == Rules::ClientClockStops {
                let users = (0..CLIENTS).filter(|client| state.is_valid(*client));
                steps.extend(users.map(|client| Step::Second {
                    slow: Some(client as u8),
                }));
            }
        }
    }

    /// Replaces what has no effect any more by one value, so that fewer states differ.
    fn forget(&self, state: &mut State) {
        for request in &mut state.requests {
            let client = &state.clients[usize::from(request.client)];
            let counts_from_response = self.rules == Rules::CountsFromResponse;
            let is_useful = request
                .sent
                .is_some_and(|sent| sent + self.lifetime > client.boot_time);
            if !is_useful && !counts_from_response {
                request.sent = None;
                request.is_answered = false;
                request.clock = 0;
            }
        }
        for client in &mut state.clients {
            if client.valid_until <= client.boot_time {
                client.valid_until = 0;
            }
        }
        if self.rules != Rules::NoEpoch {
            state.ahead[1 - state.owner as usize] = false;
        }
    }
}

/// Asks a pool with one seat.
fn decide(rules: Rules, lifetime: u8, lease: SeatLease, clock: u8, client: u8) -> SeatLease {
    let mut terms = PoolTerms::with_capacity(1);
    terms.lease.lifetime = seconds(lifetime);
    if rules == Rules::NoMargin {
        terms.lease.margin = ClockMargin {
            fixed: LeaseSpan::ZERO,
            per_mille: 0,
        };
    }
    let margin = terms.lease.margin.of(terms.lease.lifetime);
    let leases = lease.map(|(client, until)| Arc::new(row(client, until, margin)));
    let rows = PoolRows {
        counters: PoolCounters {
            next_seq: Seq(2),
            held: u32::from(lease.is_some()),
            ..PoolCounters::new(1)
        },
        leases: leases.into_iter().collect(),
        ended: Vec::new(),
        tickets: Vec::new(),
    };
    let now = time(clock);
    let mut pool = Pool::from_rows(terms, rows, now).unwrap();
    let acquire = Acquire {
        holder: holder(client),
        instance: instance(client, now).id,
        commitment: instance(client, now).commitment,
        wait: None,
    };
    match pool
        .apply(SeatCommand::Acquire(acquire), CommandTime::at(now))
        .reply
    {
        Ok(SeatReply::Seat(grant)) => {
            assert_eq!(grant.valid_for, seconds(lifetime));
            let until = grant.lease.until.as_millis() / 1_000;
            Some((client, until as u8))
        }
        _ => None,
    }
}

fn row(client: u8, until: u8, margin: LeaseSpan) -> OpenLease {
    let free_at = time(until).saturating_add(margin);
    OpenLease {
        holder: holder(client),
        seq: Seq(1),
        granted: LeaseTime::START,
        until: time(until),
        free_at,
        overage: false,
        instances: vec![instance(client, free_at)],
        ticket: None,
        loan: None,
        soft_end: None,
    }
}

pub(crate) fn holder(client: u8) -> Holder {
    let user = client.to_string();
    Holder::new(SessionId::new(None, None, &user, b"/project"), &user)
}

pub(crate) fn instance(client: u8, free_at: LeaseTime) -> Instance {
    Instance {
        id: InstanceId::from_bytes([client; 16]),
        commitment: SeatSecret::from_bytes([client; 32]).commitment(),
        free_at,
    }
}

pub(crate) fn time(seconds: u8) -> LeaseTime {
    LeaseTime::from_millis(u64::from(seconds) * 1_000)
}

pub(crate) fn seconds(seconds: u8) -> LeaseSpan {
    LeaseSpan::from_secs(u64::from(seconds))
}

impl State {
    fn is_valid(&self, client: usize) -> bool {
        let client = &self.clients[client];
        client.boot_time < client.valid_until
    }
}

impl Model for LeaseClock {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            elapsed: 0,
            clock: 0,
            lease: None,
            owner: 0,
            ahead: [false; 2],
            clients: [Client::default(); CLIENTS],
            requests: Vec::new(),
            can_gain: true,
            can_lose: true,
        }]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.clock_steps(state, steps);
        if state.requests.len() < self.requests {
            let senders = state
                .requests
                .iter()
                .map(|request| request.client + 1)
                .max();
            let next = senders.unwrap_or(0).min(CLIENTS as u8 - 1);
            steps.extend((0..=next).map(|client| Step::Send { client }));
        }
        for (number, request) in state.requests.iter().enumerate() {
            let first = if request.sent.is_some() {
                request.clock
            } else {
                state.clock
            };
            steps.extend((first..=state.clock).map(|clock| Step::Serve {
                request: number,
                clock,
            }));
            if request.is_answered {
                steps.push(Step::Receive { request: number });
            }
        }
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        match step {
            Step::Second { slow } => {
                state.elapsed += 1;
                for (number, client) in state.clients.iter_mut().enumerate() {
                    client.boot_time += u8::from(slow.map(usize::from) != Some(number));
                }
                state.ahead = [true; 2];
                state.can_lose &= slow.is_none();
            }
            Step::Gain { server } => {
                state.ahead[server] = true;
                state.can_gain = false;
            }
            Step::Send { client } => state.requests.push(Request {
                client,
                sent: Some(state.clients[usize::from(client)].boot_time),
                clock: state.clock,
                is_answered: false,
            }),
            Step::Serve { request, clock } => {
                let request = &mut state.requests[request];
                let decision = self.decisions[&(state.lease, clock, request.client)];
                state.lease = Some(decision?);
                request.is_answered = request.sent.is_some();
            }
            Step::Receive { request } => {
                let request = &mut state.requests[request];
                let client = &mut state.clients[usize::from(request.client)];
                let start = match self.rules {
                    Rules::CountsFromResponse => client.boot_time,
                    _ => request.sent?,
                };
                request.is_answered = false;
                client.valid_until = client.valid_until.max(start + self.lifetime);
            }
            Step::Advance { server } => {
                state.clock += 1;
                state.ahead[server] = false;
            }
            Step::TakeOver => {
                state.owner = 1;
                state.ahead[1] = false;
            }
        }
        self.forget(&mut state);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::<Self>::always(OVERLAP, |_, state| {
                (0..CLIENTS)
                    .filter(|client| state.is_valid(*client))
                    .count()
                    <= 1
            }),
            Property::<Self>::sometimes("the seat is granted again", |_, state| {
                (1..CLIENTS).any(|client| state.is_valid(client))
            }),
            Property::<Self>::sometimes("a client renews", |model, state| {
                state.clients[0].valid_until > model.lifetime
            }),
        ]
    }
}

#[test]
fn a_client_stops_before_its_seat_is_granted_again() {
    let horizon = u8::try_from(number("LICENSE_TESTS_SEATS_SECONDS", 4)).unwrap();
    let model = LeaseClock::new(Rules::All, 1, horizon, 3);
    let checker = model.checker().spawn_dfs().join();
    println!("{} states", checker.unique_state_count());
    checker.assert_properties();
}

#[test]
fn each_safety_rule_prevents_an_overlap() {
    for (rules, lifetime) in [
        (Rules::NoMargin, 1),
        (Rules::CountsFromResponse, 1),
        (Rules::ClientClockStops, 1),
        (Rules::NoEpoch, 3),
    ] {
        let model = LeaseClock::new(rules, lifetime, 4, 2);
        let found = HasDiscoveries::AnyFailures;
        let checker = model.checker().finish_when(found).spawn_dfs().join();
        let path = checker.assert_any_discovery(OVERLAP);
        println!("{rules:?}: {} steps", path.into_actions().len());
    }
}
