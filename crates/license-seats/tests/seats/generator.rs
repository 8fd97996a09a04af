//! Random terms, times and commands.

use std::sync::Arc;

use license_core::machine::{Machine, MachineDigest};
use license_core::session::SessionId;
use license_seats::{
    Acquire, Borrow, BorrowTerms, EndLease, EndMode, Heartbeat, Holder, InstanceId, LeaseSpan,
    Overage, Pool, PoolTerms, Release, Reservation, ReservationTarget, ReturnLoan, SeatCommand,
    SeatSecret, Seq, TicketId, TicketRef,
};

const SESSIONS: u64 = 10;
const INSTANCES: u64 = 3;
const GROUPS: [&str; 2] = ["design", "simulation"];
const USERS: [&str; 5] = ["ann", "bob", "eve", "joe", "sue"];

/// The generator SplitMix64 of Steele, Lea and Flood.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Returns a number below a bound.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Returns true once in a number of calls.
    pub(crate) fn once_in(&mut self, number: u64) -> bool {
        self.below(number) == 0
    }
}

/// Returns random terms of a small pool.
pub(crate) fn terms(random: &mut Random) -> PoolTerms {
    let mut terms = PoolTerms::with_capacity(random.below(6) as u32);
    terms.overage = match random.below(4) {
        0 => Overage::Seats(random.below(3) as u32),
        1 => Overage::Percent(50),
        _ => Overage::None,
    };
    terms.max_users = random.once_in(3).then(|| random.below(5) as u32);
    let reservations = random.below(4).saturating_sub(1);
    terms.reservations = (0..reservations).map(|_| reservation(random)).collect();
    terms.lease.max_instances = 2;
    terms.queue.max_length = random.below(6) as u32;
    if random.once_in(2) {
        terms.lease.remembered = random.below(6) as u32;
        terms.lease.remembered_for = LeaseSpan::from_secs(900);
    }
    terms.borrow = random.once_in(2).then(|| BorrowTerms {
        max_seats: random.below(4) as u32,
        max_duration: LeaseSpan::from_secs(3_600),
        low_water: random.below(3) as u32,
    });
    terms
}

fn reservation(random: &mut Random) -> Reservation {
    let target = match random.below(3) {
        0 => ReservationTarget::Group(GROUPS[random.below(2) as usize].into()),
        1 => ReservationTarget::User(USERS[random.below(5) as usize].into()),
        _ => ReservationTarget::Machine(machine(random.below(3))),
    };
    let seats = random.below(3) as u32;
    let at_most = random.once_in(3).then(|| random.below(4) as u32);
    Reservation {
        target,
        seats,
        at_most,
    }
}

/// Returns the number of a session, mostly of one that holds a seat.
fn some_session(random: &mut Random, pool: &Pool) -> u64 {
    let leases: Vec<_> = pool.leases().collect();
    if leases.is_empty() || random.once_in(8) {
        return random.below(SESSIONS);
    }
    let lease = leases[random.below(leases.len() as u64) as usize];
    let sessions = 0..SESSIONS;
    let mut matching =
        sessions.filter(|number| holder(*number, false).session == lease.holder.session);
    matching.next().unwrap()
}

fn machine(number: u64) -> MachineDigest {
    MachineDigest::parse(&format!("mach_{number:032x}")).unwrap()
}

/// Returns the next time step in milliseconds. Some steps meet a deadline of the pool, or the end
/// of a lease.
pub(crate) fn step(random: &mut Random, pool: &Pool, now: u64) -> u64 {
    let deadline = pool
        .next_deadline()
        .map(|deadline| deadline.as_millis().saturating_sub(now));
    let deadline = deadline.unwrap_or(1);
    match random.below(40) {
        0..=24 => random.below(2_000),
        25..=29 => random.below(40_000),
        30..=32 => deadline.saturating_sub(random.below(2)),
        33 => deadline + 1,
        34 | 35 => lease_end(random, pool, now),
        36 => random.below(700_000),
        _ => 0,
    }
}

/// Returns the time to the end of a lease, or to a moment in its margin.
fn lease_end(random: &mut Random, pool: &Pool, now: u64) -> u64 {
    let leases: Vec<_> = pool.leases().collect();
    if leases.is_empty() {
        return 0;
    }
    let lease = leases[random.below(leases.len() as u64) as usize];
    let end = lease.until.as_millis() + random.below(2_200);
    end.saturating_sub(now)
}

fn holder(session: u64, is_other_user: bool) -> Holder {
    let number = session % 5 + u64::from(is_other_user);
    let id = SessionId::parse(&format!("sess_{session:032x}")).unwrap();
    let machine = Machine::Digest(machine(session % 4));
    let holder = Holder::new(id, USERS[(number % 5) as usize]).with_machine(machine);
    match session % 3 {
        0 => holder,
        1 => holder.with_groups([GROUPS[0]]),
        _ => holder.with_groups(GROUPS),
    }
}

fn instance(session: u64, number: u64) -> InstanceId {
    let mut bytes = [0; 16];
    bytes[0] = session as u8;
    bytes[1] = number as u8;
    InstanceId::from_bytes(bytes)
}

fn secret(session: u64, number: u64) -> SeatSecret {
    let mut bytes = [0; 32];
    bytes[0] = session as u8;
    bytes[1] = number as u8;
    SeatSecret::from_bytes(bytes)
}

/// Returns a random command. Most commands are meaningful in the state of the pool, and some are
/// old, wrong or hostile.
pub(crate) fn command(random: &mut Random, pool: &Pool, step: u64) -> SeatCommand {
    let is_acquire = random.below(3) == 0;
    let session = if is_acquire {
        random.below(SESSIONS)
    } else {
        some_session(random, pool)
    };
    let id = holder(session, false).session;
    let lease = pool.lease(&id);
    let used = lease.and_then(|lease| lease.instances.last());
    let used = used.map(|instance| u64::from(instance.id.as_bytes()[1]));
    let number = used
        .filter(|_| !random.once_in(4))
        .unwrap_or(random.below(INSTANCES));
    let current = lease.map_or(1, |lease| lease.seq.0);
    let seq = Seq(if random.once_in(10) {
        random.below(20)
    } else {
        current
    });
    let named = if random.once_in(20) {
        number + 1
    } else {
        number
    };
    let (instance, secret) = (instance(session, number), secret(session, named));
    let kind = if is_acquire { 0 } else { random.below(29) + 12 };
    match kind {
        0 => SeatCommand::Acquire(Acquire {
            holder: holder(session, random.once_in(30)),
            instance,
            commitment: secret.commitment(),
            wait: random.once_in(2).then(|| fresh_ticket(random, step)),
        }),
        12..=19 => SeatCommand::Heartbeat(Heartbeat {
            session: id,
            instance,
            seq,
        }),
        20..=23 => SeatCommand::Release(Release {
            session: id,
            instance,
            seq,
            secret,
        }),
        24..=30 => SeatCommand::Poll(some_ticket(random, pool, step)),
        31 => SeatCommand::Cancel(some_ticket(random, pool, step)),
        32..=33 => SeatCommand::Borrow(Borrow {
            session: id,
            instance,
            seq,
            secret,
            duration: LeaseSpan::from_secs(random.below(4_000)),
        }),
        34 => SeatCommand::Return(ReturnLoan {
            session: id,
            seq,
            secret,
        }),
        35 => SeatCommand::End(EndLease {
            session: id,
            seq: random.once_in(2).then_some(seq),
            mode: if random.once_in(2) {
                EndMode::Soft
            } else {
                EndMode::Hard
            },
            reason: if random.once_in(5) {
                " ".into()
            } else {
                "maintenance".into()
            },
        }),
        36 if random.once_in(4) => SeatCommand::SetTerms(Arc::new(terms(random))),
        _ => SeatCommand::Tick,
    }
}

fn fresh_ticket(random: &mut Random, step: u64) -> TicketId {
    let number = if random.once_in(20) {
        step.saturating_sub(20)
    } else {
        step
    };
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    TicketId::from_bytes(bytes)
}

/// Returns a ticket of the pool with one of its instances, or a ticket that has become a lease.
fn some_ticket(random: &mut Random, pool: &Pool, step: u64) -> TicketRef {
    let tickets: Vec<_> = pool.tickets().collect();
    let leases: Vec<_> = pool
        .leases()
        .filter(|lease| lease.ticket.is_some())
        .collect();
    let other = holder(random.below(SESSIONS), false).session;
    let other_instance = instance(random.below(SESSIONS), random.below(INSTANCES));
    if !tickets.is_empty() && !random.once_in(5) {
        let ticket = tickets[random.below(tickets.len() as u64) as usize];
        let known = ticket.instances.first().map(|instance| instance.id);
        let is_wrong = random.once_in(10);
        return TicketRef {
            ticket: ticket.id,
            session: if is_wrong {
                other
            } else {
                ticket.holder.session
            },
            instance: known
                .filter(|_| !random.once_in(10))
                .unwrap_or(other_instance),
        };
    }
    if !leases.is_empty() && !random.once_in(3) {
        let lease = leases[random.below(leases.len() as u64) as usize];
        let known = lease.instances.first().map(|instance| instance.id);
        return TicketRef {
            ticket: lease.ticket.unwrap(),
            session: lease.holder.session,
            instance: known.unwrap_or(other_instance),
        };
    }
    TicketRef {
        ticket: fresh_ticket(random, step),
        session: other,
        instance: other_instance,
    }
}
