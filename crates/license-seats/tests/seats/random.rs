//! Random commands, ticks and crashes against the naive model.
//!
//! One pool processes all commands. Two servers that share a pool process the same commands, with the
//! same replies and events. With every other seed, a component in front of them answers heartbeats.
//!
//! `LICENSE_TESTS_SEATS_STEPS` sets the number of commands, and `LICENSE_TESTS_SEATS_SEED` the
//! first seed. A failure names the seed of its episode.

use std::collections::BTreeMap;
use std::sync::Arc;

use license_core::ids::Commitment;
use license_core::session::SessionId;
use license_seats::{
    CommandTime, EndMode, InstanceId, LeaseSpan, LeaseTime, Pool, PoolRows, PoolTerms, SeatCommand,
    SeatOutcome, SeatReply, Seq,
};

use crate::generator::{self, Random};
use crate::naive::{Naive, seat};
use crate::number;
use crate::servers::Servers;
use crate::store::Store;

/// The number of commands with one seed. A new pool starts with each seed.
const EPISODE: u64 = 500;

#[test]
fn random_commands_have_the_results_of_the_naive_model() {
    let steps = number("LICENSE_TESTS_SEATS_STEPS", 10_000);
    let first_seed = number("LICENSE_TESTS_SEATS_SEED", 1);
    let mut counts = BTreeMap::new();
    for episode in 0..steps.div_ceil(EPISODE) {
        let seed = first_seed + episode;
        let rest = steps - episode * EPISODE;
        let run = std::panic::AssertUnwindSafe(|| World::new(seed).run(rest.min(EPISODE)));
        let episode = std::panic::catch_unwind(run);
        let episode = episode.unwrap_or_else(|_| panic!("the episode with seed {seed} failed"));
        for (kind, count) in episode {
            *counts.entry(kind).or_insert(0) += count;
        }
    }
    println!("{steps} commands from seed {first_seed}");
    for (kind, count) in &counts {
        println!("{count:>9} {kind}");
    }
    if steps >= 10_000 {
        let missing = KINDS.iter().filter(|kind| !counts.contains_key(**kind));
        assert_eq!(missing.count(), 0, "expected {KINDS:?}, found {counts:?}");
    }
}

/// The results that the commands must have had at least once.
const KINDS: [&str; 29] = [
    "canceled",
    "crash",
    "denied BORROW_DURATION",
    "denied BORROW_LIMIT",
    "denied BORROW_NOT_PERMITTED",
    "denied INSTANCE_MISMATCH",
    "denied INVALID_REASON",
    "denied LEASE_LOST",
    "denied LICENSE_ENDED",
    "denied NOT_BORROWED",
    "denied NOT_RENEWABLE",
    "denied NO_LEASE",
    "denied NO_SEAT",
    "denied QUEUE_FULL",
    "denied SECRET_MISMATCH",
    "denied SESSION_MISMATCH",
    "denied TOO_MANY_INSTANCES",
    "denied UNKNOWN_INSTANCE",
    "denied UNKNOWN_TICKET",
    "denied USER_LIMIT",
    "done",
    "ended",
    "queued",
    "released false",
    "released true",
    "renewed outside",
    "seat new",
    "seat own",
    "shrunk below the held seats",
];

/// The belief of a client that it may use the seat of a lease until a time.
#[derive(Clone, Debug)]
struct Belief {
    seq: Seq,
    commitment: Commitment,
    until: LeaseTime,
}

/// The key of a belief: an instance of a session, or the machine that borrowed the seat.
type Believer = (SessionId, Option<InstanceId>);

/// The state that survives a crash.
#[derive(Clone)]
struct Committed {
    servers: Servers,
    store: Store,
    naive: Naive,
    beliefs: BTreeMap<Believer, Belief>,
    now: u64,
}

/// A pool, its naive model, its store and the clients.
struct World {
    random: Random,
    pool: Pool,
    state: Committed,
    committed: Committed,
    license_left: Option<LeaseSpan>,
    counts: BTreeMap<String, u64>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let terms = generator::terms(&mut random);
        let pool = Pool::new(terms.clone());
        let state = Committed {
            servers: Servers::new(&pool, seed % 2 == 1),
            store: Store::new(*pool.counters()),
            naive: Naive::new(terms),
            beliefs: BTreeMap::new(),
            now: 0,
        };
        Self {
            random,
            pool,
            committed: state.clone(),
            state,
            license_left: None,
            counts: BTreeMap::new(),
        }
    }

    fn run(mut self, steps: u64) -> BTreeMap<String, u64> {
        for step in 0..steps {
            self.step(step);
            if self.random.once_in(4) {
                self.commit();
            }
            if self.random.once_in(100) {
                self.crash();
            }
        }
        self.counts
    }

    fn step(&mut self, step: u64) {
        self.change_license();
        let pause = generator::step(&mut self.random, &self.pool, self.state.now);
        self.state.now += pause;
        let at = self.at(self.state.now);
        let command = generator::command(&mut self.random, &self.pool, step);
        let expected = self.state.naive.apply(&command, at);
        let outcome = self.pool.apply(command.clone(), at);
        let found = summary(&outcome);
        assert_eq!(found, expected, "step {step}: {command:?}");
        self.count(&found);
        self.believe(&command, &outcome, at);
        self.serve(step, &command, &outcome, at);
        self.state.store.check();
        self.compare(step, &command);
        self.check_deadline(at);
    }

    /// Processes the command with the servers, and writes their changes.
    fn serve(&mut self, step: u64, command: &SeatCommand, outcome: &SeatOutcome, at: CommandTime) {
        let servers = &mut self.state.servers;
        let (served, by_pool) = servers.apply(command.clone(), at, &mut self.random);
        assert_eq!(served.reply, outcome.reply, "step {step}: {command:?}");
        assert_eq!(served.events, outcome.events, "step {step}: {command:?}");
        if !by_pool {
            *self.counts.entry("renewed outside".to_owned()).or_insert(0) += 1;
        }
        for change in served.changes {
            self.state.store.write(change);
        }
    }

    fn at(&self, now: u64) -> CommandTime {
        CommandTime {
            now: LeaseTime::from_millis(now),
            license_left: self.license_left,
            hold_until: None,
        }
    }

    fn change_license(&mut self) {
        if self.random.once_in(50) {
            self.license_left = match self.random.below(8) {
                0 => Some(LeaseSpan::ZERO),
                1 => Some(LeaseSpan::from_millis(self.random.below(200_000))),
                _ => None,
            };
        }
    }

    fn count(&mut self, summary: &str) {
        let mut words = summary.split(' ');
        let kind = match (words.next(), words.next()) {
            (Some(first @ ("denied" | "released" | "seat")), Some(second)) => {
                format!("{first} {second}")
            }
            (first, _) => first.unwrap_or_default().to_owned(),
        };
        *self.counts.entry(kind).or_insert(0) += 1;
        let usage = self.pool.usage();
        if usage.held > usage.allowed {
            let kind = "shrunk below the held seats".to_owned();
            *self.counts.entry(kind).or_insert(0) += 1;
        }
    }

    /// Compares the rows of the pool with those of the store and of the naive model.
    fn compare(&mut self, step: u64, command: &SeatCommand) {
        let rows = self.pool.rows();
        let naive = &mut self.state.naive;
        naive.leases.sort_by_key(|lease| lease.holder.session);
        let leases: Vec<_> = rows.leases.iter().map(|lease| (**lease).clone()).collect();
        assert_eq!(leases, naive.leases, "step {step}: {command:?}");
        let mut tickets: Vec<_> = rows
            .tickets
            .iter()
            .map(|ticket| (**ticket).clone())
            .collect();
        tickets.sort_by_key(|ticket| ticket.number);
        naive.tickets.sort_by_key(|ticket| ticket.number);
        assert_eq!(tickets, naive.tickets, "step {step}: {command:?}");
        let mut ended = rows.ended.clone();
        ended.sort_by_key(|ended| (ended.ended, ended.session));
        assert_eq!(ended, naive.ended, "step {step}: {command:?}");
        assert_eq!(rows.counters.next_seq, Seq(naive.next_seq));
        assert_eq!(rows.counters.next_ticket, naive.next_ticket);
        if self.random.once_in(4) {
            self.compare_servers(step, &rows);
        }
        let violations = self.pool.check_invariants();
        assert!(
            violations.is_empty(),
            "step {step}: {command:?}: {violations:?}"
        );
    }

    /// Compares the rows of the pool with those of the servers and of their store.
    fn compare_servers(&mut self, step: u64, rows: &PoolRows) {
        let servers = &mut self.state.servers;
        let pool = servers.pool();
        assert_eq!(pool.rows(), *rows, "step {step}");
        let violations = pool.check_invariants();
        assert!(violations.is_empty(), "step {step}: {violations:?}");
        let terms = self.pool.terms().clone();
        let now = LeaseTime::from_millis(self.state.now);
        let stored = servers.rebuilt(terms, self.state.store.rows(), now);
        assert_eq!(stored.rows(), *rows, "step {step}");
    }

    /// Checks that a tick changes nothing before the deadline.
    fn check_deadline(&mut self, at: CommandTime) {
        if !self.random.once_in(4) {
            return;
        }
        let before = self
            .pool
            .next_deadline()
            .map(|deadline| deadline.as_millis() - 1);
        for now in [Some(at.now.as_millis()), before].into_iter().flatten() {
            let outcome = self.pool.clone().apply(SeatCommand::Tick, self.at(now));
            assert!(outcome.changes.is_empty(), "{now}: {:?}", outcome.changes);
            assert!(outcome.events.is_empty(), "{now}: {:?}", outcome.events);
        }
    }

    /// Records what the clients believe after a reply, and checks that each belief is true.
    fn believe(&mut self, command: &SeatCommand, outcome: &SeatOutcome, at: CommandTime) {
        let beliefs = &mut self.state.beliefs;
        if let Ok(SeatReply::Seat(grant)) = &outcome.reply {
            let margin = self.pool.terms().lease.margin.of(grant.valid_for);
            let until = at
                .now
                .saturating_add(grant.valid_for)
                .saturating_add(margin);
            let session = grant.lease.holder.session;
            let is_loan = matches!(command, SeatCommand::Borrow(_));
            let believer = (session, (!is_loan).then_some(grant.instance));
            let seq = grant.lease.seq;
            let earlier = beliefs.get(&believer).filter(|belief| belief.seq == seq);
            let until = earlier.map_or(until, |belief| belief.until.max(until));
            let belief = Belief {
                seq,
                commitment: grant.commitment,
                until,
            };
            beliefs.insert(believer, belief);
        }
        if outcome.reply.is_ok() {
            match command {
                SeatCommand::Release(release) => {
                    beliefs.remove(&(release.session, Some(release.instance)));
                }
                SeatCommand::Return(returned) => {
                    let commitment = returned.secret.commitment();
                    beliefs.retain(|(session, instance), belief| {
                        let is_loan = instance.is_none() || belief.commitment == commitment;
                        *session != returned.session || !is_loan
                    });
                }
                SeatCommand::End(end) if end.mode == EndMode::Hard => {
                    beliefs.retain(|(session, _), _| *session != end.session);
                }
                _ => {}
            }
        }
        for ((session, instance), belief) in beliefs.iter() {
            let seq = self.pool.lease(session).map(|lease| lease.seq);
            let is_true = belief.until < at.now || seq == Some(belief.seq);
            assert!(
                is_true,
                "{session} {instance:?} believes {belief:?} at {}",
                at.now
            );
        }
    }

    fn commit(&mut self) {
        self.committed = self.state.clone();
    }

    /// Loses everything since the last commit, and rebuilds the pool from the store.
    fn crash(&mut self) {
        *self.counts.entry("crash".to_owned()).or_insert(0) += 1;
        self.state = self.committed.clone();
        let terms: PoolTerms = self.state.naive.terms.clone();
        let now = LeaseTime::from_millis(self.state.now);
        let rows = self.state.store.rows();
        self.pool = self.state.servers.rebuilt(terms.clone(), rows.clone(), now);
        self.state.servers.restart(&terms, &rows, now);
    }
}

/// Returns a summary of a reply, like those of the naive model.
fn summary(outcome: &SeatOutcome) -> String {
    match &outcome.reply {
        Ok(SeatReply::Seat(grant)) => seat(grant.is_new, grant.lease.seq, grant.valid_for),
        Ok(SeatReply::Queued(position)) => {
            format!("queued {} {}", position.ticket, position.position)
        }
        Ok(SeatReply::Released { freed }) => format!("released {freed}"),
        Ok(SeatReply::Canceled) => "canceled".to_owned(),
        Ok(SeatReply::Ended {
            free_at,
            overlap_until,
        }) => format!("ended {free_at} {overlap_until:?}"),
        Ok(SeatReply::Done) => "done".to_owned(),
        Err(denial) => format!("denied {}", denial.reason.code()),
    }
}

/// Returns whether the test fails after a change of the world.
fn is_detected(change: impl Fn(&mut World)) -> bool {
    (1..20).any(|seed| {
        let run = std::panic::AssertUnwindSafe(|| {
            let mut world = World::new(seed);
            change(&mut world);
            world.run(EPISODE)
        });
        std::panic::catch_unwind(run).is_err()
    })
}

/// Proves that the test detects a difference: the naive model grants one seat more.
#[test]
fn a_pool_with_another_capacity_differs_from_the_naive_model() {
    assert!(is_detected(|world| world.state.naive.terms.capacity += 1));
}

/// Proves that the test detects a difference: the servers do not take over renewals.
#[test]
fn servers_that_ignore_renewals_differ_from_one_pool() {
    assert!(is_detected(|world| world.state.servers.ignore_renewals()));
}

/// The type of the terms in `SetTerms` is shared, so that a command is small.
#[test]
fn a_command_is_small() {
    let terms = Arc::new(PoolTerms::with_capacity(1));
    let command = SeatCommand::SetTerms(terms);
    assert!(size_of_val(&command) <= 200, "{}", size_of_val(&command));
}
