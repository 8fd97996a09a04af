//! Streams of commands: replies and events are those of a pool without Redis.

use license_core::requests::ActivationSecret;
use license_seats::{
    Borrow, BorrowTerms, EndLease, EndMode, Release, ReturnLoan, SeatSecret, TicketRef,
};

use super::*;

/// The number of commands of each seed.
const COMMANDS: u32 = 300;

fn terms() -> PoolTerms {
    let mut terms = PoolTerms::with_capacity(4);
    terms.borrow = Some(BorrowTerms {
        max_seats: 2,
        max_duration: LeaseSpan::from_secs(600),
        low_water: 0,
    });
    terms.lease.max_instances = 2;
    terms
}

/// A xorshift generator.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

fn command(random: &mut Random, plain: &Pool) -> SeatCommand {
    let number = u32::try_from(random.below(6)).unwrap();
    let process = u8::try_from(random.below(3)).unwrap();
    let (session, instance) = (session(number), instance(process));
    let held = plain.lease(&session).map_or(Seq(1), |lease| lease.seq);
    let seq = if random.below(20) == 0 {
        Seq(held.0 + 1)
    } else {
        held
    };
    let ticket = TicketId::from_bytes([u8::try_from(number).unwrap() + 1; 16]);
    let secret = ActivationSecret::from_random([7; 32]).reveal();
    let secret = SeatSecret::parse(&secret).unwrap();
    let ticket_ref = TicketRef {
        ticket,
        session,
        instance,
    };
    match random.below(40) {
        0..=5 => acquire(number, process, None),
        6..=8 => acquire(number, process, Some(ticket)),
        9 | 10 => SeatCommand::Poll(ticket_ref),
        11 => SeatCommand::Cancel(ticket_ref),
        12 | 13 => SeatCommand::Release(Release {
            session,
            instance,
            seq,
            secret,
        }),
        14 => SeatCommand::Borrow(Borrow {
            session,
            instance,
            seq,
            secret,
            duration: LeaseSpan::from_secs(300),
        }),
        15 => SeatCommand::Return(ReturnLoan {
            session,
            seq,
            secret,
        }),
        16 => SeatCommand::End(EndLease {
            session,
            seq: None,
            mode: if random.below(2) == 0 {
                EndMode::Soft
            } else {
                EndMode::Hard
            },
            reason: "left".into(),
        }),
        17 => SeatCommand::Tick,
        _ => heartbeat_of_a_holder(random, plain).unwrap_or(SeatCommand::Tick),
    }
}

/// Returns a heartbeat of a process that uses a seat, or sometimes of another one.
fn heartbeat_of_a_holder(random: &mut Random, plain: &Pool) -> Option<SeatCommand> {
    let mut leases: Vec<_> = plain.leases().collect();
    let limit = u64::try_from(leases.len()).unwrap().max(1);
    let chosen = usize::try_from(random.below(limit)).unwrap();
    let lease = (chosen < leases.len()).then(|| leases.swap_remove(chosen))?;
    let instances = &lease.instances;
    let limit = u64::try_from(instances.len()).unwrap().max(1);
    let known = instances.get(usize::try_from(random.below(limit)).unwrap());
    let is_other = random.below(10) == 0;
    let instance = known
        .filter(|_| !is_other)
        .map_or(instance(2), |known| known.id);
    Some(SeatCommand::Heartbeat(Heartbeat {
        session: lease.holder.session,
        instance,
        seq: lease.seq,
    }))
}

#[tokio::test]
async fn replies_and_events_are_those_of_a_pool_without_redis() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    let (mut renewed, mut missed) = (0, 0);
    for seed in 1_u64..=4 {
        server.flush();
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut plain = Pool::new(terms());
        let mut database = Database::new(terms());
        let mut nodes = [
            Node::open(&server, &database).await,
            Node::open(&server, &database).await,
        ];
        let epoch = nodes[0].epoch(5);
        let mut now = 1_000;
        for number in 0..COMMANDS {
            now += [0, 500, 5_000, 15_000][usize::try_from(random.below(4)).unwrap()];
            if random.below(40) == 0 {
                now += 300_000;
            }
            let at = CommandTime::at(LeaseTime::from_millis(now));
            let command = command(&mut random, &plain);
            let node = &mut nodes[usize::try_from(random.below(2)).unwrap()];
            node.permit(&epoch, at);
            match random.below(60) {
                0 => node.reload(&database),
                1 => drop(server.command(&["SCRIPT", "FLUSH"])),
                _ => {}
            }
            let expected = plain.apply(command.clone(), at);
            let context = format!("seed {seed}, command {number} at {now}: {command:?}");
            match node.answer(&command, at).await {
                HeartbeatAnswer::Renewed(reply) => {
                    renewed += 1;
                    assert_eq!(reply.outcome.reply, expected.reply, "{context}");
                    assert_eq!(expected.events, [], "{context}");
                    continue;
                }
                HeartbeatAnswer::Missed => missed += 1,
                HeartbeatAnswer::Failed(_, error) => panic!("{error}: {context}"),
            }
            if random.below(15) == 0 {
                let rolled_back = node.batch(
                    &mut database,
                    &epoch,
                    command.clone(),
                    at,
                    Fault::RolledBack,
                );
                assert_eq!(rolled_back.await.unwrap(), None);
            }
            let fault = if number > 20 && random.below(15) == 0 {
                Fault::NotConfirmed
            } else {
                Fault::None
            };
            let batch = node.batch(&mut database, &epoch, command, at, fault).await;
            let found = batch.unwrap().unwrap();
            assert_eq!(found.reply, expected.reply, "{context}");
            assert_eq!(found.events, expected.events, "{context}");
        }
    }
    assert!(
        renewed > 100,
        "only {renewed} renewals, {missed} other commands"
    );
}

/// A pool with more leases than one call of a script takes over or returns.
#[tokio::test]
async fn a_large_pool_is_replaced_and_read_in_parts() {
    let Some(server) = RedisServer::start(&[]) else {
        return;
    };
    const LEASES: u32 = 4500;
    let mut database = Database::new(PoolTerms::with_capacity(LEASES));
    for number in 0..LEASES {
        let changes = database
            .pool
            .apply(acquire(number, 1, None), at(10))
            .changes;
        database.changes.push((changes, at(10).now));
        database.version += 1;
    }
    let mut node = Node::open(&server, &database).await;
    let mut other = Node::open(&server, &database).await;
    let epoch = node.epoch(5);
    let memory = || server.info("used_memory").parse::<u64>().unwrap();
    let before = memory();
    node.apply(&mut database, &epoch, SeatCommand::Tick, at(11))
        .await;
    let each = (memory() - before) / u64::from(LEASES);
    println!("{each} bytes for each lease in Redis");
    assert!(each < 2500, "{each} bytes for each lease");

    node.permit(&epoch, at(40));
    for number in 0..LEASES {
        let seq = u64::from(number) + 1;
        let reply = node.renew(&heartbeat(number, 1, seq), at(40)).await;
        assert_eq!(until(&reply), 160);
    }
    // Without the renewals, all leases would be late.
    let ticked = other
        .apply(&mut database, &epoch, SeatCommand::Tick, at(150))
        .await;
    assert_eq!((ticked, other.pool.usage().late), (Vec::new(), 0));
}
