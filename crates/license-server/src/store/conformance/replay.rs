//! The naive model: a pool in memory gives the same answers as the store.

use std::sync::Arc;

use license_core::requests::ActivationSecret;
use license_seats::{
    CommandTime, Heartbeat, Pool, PoolTerms, Release, SeatCommand, SeatSecret, Seq, TicketId,
    TicketRef,
};

use super::sample::{acquire_command, id, instance, session, tenant};
use crate::domain::PoolId;
use crate::store::{PoolRequest, ServerStore};

/// The number of commands.
const COMMANDS: u32 = 400;

/// Replays a stream of commands at the lease times of the store.
pub(super) async fn check(store: &dyn ServerStore) {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut model = Pool::new(PoolTerms::with_capacity(4));
    for number in 0..COMMANDS {
        random = next(random);
        // The license changes its number of seats from time to time.
        let seats = 3 + number / 100 % 2;
        let terms = Arc::new(PoolTerms::with_capacity(seats));
        let command = command(random);
        let request = PoolRequest {
            pool: pool.clone(),
            terms: Arc::clone(&terms),
            license_left: None,
            command: command.clone(),
        };
        let reply = store.apply(&tenant, request, None).await.unwrap();
        let at = CommandTime::at(reply.now);
        if *model.terms() != *terms {
            let _ = model.apply(SeatCommand::SetTerms(terms), at);
        }
        let expected = model.apply(command.clone(), at);
        assert_eq!(reply.outcome.reply, expected.reply, "{number}: {command:?}");
    }
    let view = store.pool(&tenant, &pool).await.unwrap().unwrap();
    assert_eq!(view.usage, model.usage());
    assert!(model.usage().held > 0);
}

/// Returns a command of one of eight sessions.
fn command(random: u64) -> SeatCommand {
    let number = u32::try_from(random >> 8 & 7).unwrap();
    let seq = Seq(random >> 16 & 31);
    let (session, instance) = (session(number), instance(number));
    let ticket = TicketId::from_bytes([u8::try_from(number).unwrap() + 1; 16]);
    let ticket_ref = TicketRef {
        ticket,
        session,
        instance,
    };
    match random & 7 {
        0 | 1 => acquire_command(number, None),
        2 | 3 => acquire_command(number, Some(ticket)),
        4 => SeatCommand::Heartbeat(Heartbeat {
            session,
            instance,
            seq,
        }),
        5 => SeatCommand::Release(Release {
            session,
            instance,
            seq,
            secret: SeatSecret::parse(&ActivationSecret::from_random([7; 32]).reveal()).unwrap(),
        }),
        6 => SeatCommand::Poll(ticket_ref),
        _ => SeatCommand::Cancel(ticket_ref),
    }
}

/// Returns the next number of a xorshift generator.
fn next(mut state: u64) -> u64 {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    state
}
