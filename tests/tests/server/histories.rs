//! Histories of concurrent clients of one server, which is killed in between, are linearizable.

mod checker;
mod clients;
pub(super) mod live;
mod memory;
mod model;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use checker::{Operation, is_linearizable};
pub(super) use clients::Random;
use clients::{CLIENTS, COMMANDS, RESERVED, Recorder, Target};
use license_tests::words;
use live::{Live, LivePool};
use memory::MemoryPool;
use model::{Call, Pool, Reply};

use super::site::{Site, issue, number};

/// The number of seats of each pool. The pools have histories of their own at the same time.
const CAPACITIES: [usize; 4] = [1, 1, 2, 3];

/// The number of histories of each pool between two starts of the server.
const HISTORIES_OF_A_ROUND: usize = 4;

/// No time passes in the model. A longer history is not checked, because an offered seat is offered
/// for 20 seconds, and a lease lasts longer.
const MAX_DURATION: Duration = Duration::from_secs(19);

/// A recorded history, and the idle pool before it.
struct Recorded {
    seed: u64,
    start: Pool,
    history: Vec<Operation>,
    duration: Duration,
}

/// Records a history, with sessions of its own.
fn record(target: &dyn Target, capacity: usize, seed: u64) -> Recorded {
    let first = seed * u64::from(RESERVED);
    let recorder = Recorder::new(target, u32::try_from(first).unwrap());
    let begin = Instant::now();
    Recorded {
        seed,
        start: Pool::new(capacity, recorder.next_seq()),
        history: recorder.run(seed),
        duration: begin.elapsed(),
    }
}

impl Recorded {
    fn is_linearizable(&self) -> bool {
        is_linearizable(&self.start, &self.history)
    }

    /// Checks the history, and fails with its operations.
    #[track_caller]
    fn check(&self) {
        if self.is_linearizable() {
            return;
        }
        let Self { seed, start, .. } = self;
        let mut text = format!("history {seed} is not linearizable, from {start:?}\n");
        let mut operations: Vec<_> = self.history.iter().collect();
        operations.sort_by_key(|operation| operation.invoked);
        for operation in operations {
            writeln!(text, "{operation}").unwrap();
        }
        panic!("{text}");
    }
}

/// Installs a license for each pool.
fn install_pools<'s>(site: &Site, live: &'s Live<'s>, administrator: &'s str) -> Vec<LivePool<'s>> {
    let pools = CAPACITIES.into_iter().map(|capacity| {
        let terms = format!("--tier team --seats {capacity} --offline --perpetual");
        let license = issue(&site.vendor, &site.scratch, &words(&terms));
        let installed = site.install(&license.file, &[]);
        LivePool {
            live,
            administrator,
            license: format!("License {}", license.key()),
            pool: installed["licenses"][0].as_str().unwrap().to_owned(),
            capacity,
        }
    });
    pools.collect()
}

/// Records histories of all pools at the same time, and kills the server in between.
fn record_round(live: &Live<'_>, pools: &[LivePool<'_>], first_seed: u64) -> Vec<Recorded> {
    let before = live.sent();
    thread::scope(|scope| {
        let seeds = (first_seed..).step_by(HISTORIES_OF_A_ROUND);
        let recording = pools.iter().zip(seeds).map(|(pool, seed)| {
            scope.spawn(move || {
                let seeds = (seed..).take(HISTORIES_OF_A_ROUND);
                let recorded = seeds.map(|seed| record(pool, pool.capacity, seed));
                recorded.collect::<Vec<_>>()
            })
        });
        let recording: Vec<_> = recording.collect();
        // The kill comes after a random number of requests.
        let histories = u64::try_from(pools.len() * HISTORIES_OF_A_ROUND).unwrap();
        let requests = histories * u64::from(CLIENTS * COMMANDS);
        let kill_after = before + Random(first_seed).below(requests);
        while live.sent() < kill_after {
            thread::sleep(Duration::from_millis(1));
        }
        live.kill_and_start();
        let recorded = recording.into_iter().map(|one| one.join().unwrap());
        recorded.flatten().collect()
    })
}

#[test]
fn histories_of_clients_of_a_killed_server_are_linearizable() {
    // The full run has thousands of histories.
    let histories = number("LICENSE_TESTS_SERVER_HISTORIES", 32);
    let first_seed = number("LICENSE_TESTS_SERVER_SEED", 1);
    let site = Site::new("--tier team --seats 1 --offline --perpetual");
    let live = Live::start(&site);
    let administrator = live.with(|server| server.administrator().authorization);
    let pools = install_pools(&site, &live, &administrator);
    let mut counts = BTreeMap::<String, u32>::new();
    let (mut seed, mut checked, mut kills) = (first_seed, 0, 0);
    while checked < histories {
        for recorded in record_round(&live, &pools, seed) {
            seed += 1;
            if recorded.duration > MAX_DURATION {
                continue;
            }
            recorded.check();
            checked += 1;
            for operation in &recorded.history {
                let call = name(&operation.call);
                let reply = operation.reply.as_ref();
                let reply = reply.map_or_else(|| "no response".to_owned(), name);
                *counts.entry(format!("{call:<10} {reply}")).or_default() += 1;
            }
        }
        kills += 1;
    }
    let seeds = seed - first_seed;
    println!("{checked} histories of {seeds} seeds from {first_seed}, {kills} kills");
    for (kind, count) in &counts {
        println!("{count:9} {kind}");
    }
    for kind in [
        "Acquire    New",
        "Acquire    NoSeat",
        "Acquire    Queued",
        "Poll       Claimed",
    ] {
        assert!(counts.contains_key(kind), "{kind}: {counts:?}");
    }
    let is_interrupted = counts.keys().any(|kind| kind.ends_with("no response"));
    assert!(is_interrupted, "no kill interrupted a request: {counts:?}");
}

/// Returns the name of a variant.
fn name(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let end = text.find(' ').unwrap_or(text.len());
    text[..end].to_owned()
}

/// Records histories of a pool in memory, and returns how many are linearizable.
fn linearizable_in_memory(is_locked: bool, histories: u64) -> u64 {
    let linearizable = (0..histories).filter(|seed| {
        let capacity = CAPACITIES[usize::try_from(seed % 4).unwrap()];
        record(&MemoryPool::new(capacity, is_locked), capacity, *seed).is_linearizable()
    });
    u64::try_from(linearizable.count()).unwrap()
}

#[test]
fn the_checker_finds_a_server_whose_lock_was_removed() {
    let histories = 40;
    assert_eq!(linearizable_in_memory(true, histories), histories);
    let accepted = linearizable_in_memory(false, histories);
    println!(
        "{} of {histories} histories without a lock are rejected",
        histories - accepted
    );
    assert!(accepted < histories);
}

/// Returns an operation with its times.
fn operation(call: Call, reply: Option<Reply>, invoked: u64, returned: u64) -> Operation {
    Operation {
        client: 0,
        call,
        reply,
        invoked,
        returned,
    }
}

#[test]
fn the_checker_decides_small_histories() {
    let acquire = |session, reply, invoked, returned| {
        let call = Call::Acquire {
            session,
            wait: false,
        };
        operation(call, reply, invoked, returned)
    };
    let new = |seq| Some(Reply::New { seq });
    let count = |held, invoked, returned| {
        operation(Call::Count, Some(Reply::Count { held }), invoked, returned)
    };
    let released = |freed, invoked, returned| {
        let call = Call::Release { session: 1, seq: 1 };
        operation(call, Some(Reply::Released { freed }), invoked, returned)
    };
    let waits = |session, ticket, position, invoked, returned| {
        let call = Call::Acquire {
            session,
            wait: true,
        };
        let reply = Reply::Queued { ticket, position };
        operation(call, Some(reply), invoked, returned)
    };
    let no_seat = Some(Reply::NoSeat);
    let cases: Vec<(&str, bool, Vec<Operation>)> = vec![
        (
            "the last seat is granted twice",
            false,
            vec![acquire(1, new(1), 0, 2), acquire(2, new(2), 1, 3)],
        ),
        (
            "a fencing number is granted twice",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                released(true, 2, 3),
                acquire(2, new(1), 4, 5),
            ],
        ),
        (
            "a fencing number is left out",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                released(true, 2, 3),
                acquire(2, new(3), 4, 5),
            ],
        ),
        (
            "an acknowledged grant is lost",
            false,
            vec![acquire(1, new(1), 0, 1), acquire(1, new(2), 2, 3)],
        ),
        (
            "the reply order differs from the order of the effects",
            true,
            vec![acquire(1, no_seat.clone(), 0, 3), acquire(2, new(1), 1, 4)],
        ),
        (
            "a denial comes from a seat that was released before",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                released(true, 2, 3),
                acquire(2, no_seat.clone(), 4, 5),
            ],
        ),
        (
            "a release frees the seat twice",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                released(true, 2, 4),
                released(true, 3, 5),
            ],
        ),
        (
            "a command without a response has happened",
            true,
            vec![
                acquire(1, None, 0, 1),
                acquire(2, no_seat.clone(), 2, 3),
                count(1, 4, 5),
            ],
        ),
        (
            "a command without a response has not happened",
            true,
            vec![acquire(1, None, 0, 1), acquire(2, new(1), 2, 3)],
        ),
        (
            "a command without a response happens after the end of the server",
            false,
            vec![acquire(1, None, 0, 1), count(0, 2, 3), count(1, 4, 5)],
        ),
        (
            "the queue keeps its order",
            true,
            vec![
                acquire(1, new(1), 0, 1),
                waits(2, 7, 1, 2, 5),
                waits(3, 8, 2, 3, 4),
            ],
        ),
        (
            "two sessions are first in the queue",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                waits(2, 7, 1, 2, 5),
                waits(3, 8, 1, 3, 4),
            ],
        ),
        (
            "a session overtakes the queue",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                waits(2, 7, 1, 2, 3),
                released(true, 4, 5),
                acquire(3, new(2), 6, 7),
            ],
        ),
        (
            "a session has two tickets",
            false,
            vec![
                acquire(1, new(1), 0, 1),
                waits(2, 7, 1, 2, 3),
                waits(2, 8, 1, 4, 5),
            ],
        ),
    ];
    for (case, expected, history) in cases {
        let found = is_linearizable(&Pool::new(1, 1), &history);
        assert_eq!(found, expected, "{case}");
    }
}
