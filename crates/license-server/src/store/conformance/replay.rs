//! The naive model: a pool in memory gives the same answers as the store.

use std::sync::Arc;

use license_seats::{
    CommandTime, Heartbeat, Pool, PoolTerms, Release, SeatCommand, Seq, TicketId, TicketRef,
};

use super::sample::{acquire_command, id, instance, secret, session, tenant};
use crate::domain::{PageRequest, PoolId, TenantId};
use crate::store::{PoolRequest, ServerStore};

/// The number of commands.
const COMMANDS: u32 = 400;

/// Replays a stream of commands at the lease times of the stores, which are nodes of one database.
/// A random one of them gets each command. `pass` is called before each command, and can let lease
/// time pass.
pub(in crate::store) async fn replay(stores: &[&dyn ServerStore], pass: impl AsyncFn(u32)) {
    let (tenant, pool) = (tenant(), PoolId::new(&id(1)));
    let mut random = 0x9E37_79B9_7F4A_7C15_u64;
    let mut model = Pool::new(PoolTerms::with_capacity(3));
    let mut stored = Vec::new();
    for number in 0..COMMANDS {
        random = next(random);
        pass(number).await;
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
        let chosen = usize::try_from(random >> 40).unwrap() % stores.len();
        let reply = stores[chosen].apply(&tenant, request, None).await.unwrap();
        let at = CommandTime::at(reply.now);
        let mut events = Vec::new();
        if *model.terms() != *terms {
            events = model.apply(SeatCommand::SetTerms(terms), at).events;
        }
        let expected = model.apply(command.clone(), at);
        events.extend(expected.events);
        assert_eq!(reply.outcome.reply, expected.reply, "{number}: {command:?}");
        assert_eq!(reply.outcome.events, events, "{number}: {command:?}");
        stored.extend(
            events
                .iter()
                .map(|event| serde_json::to_value(event).unwrap()),
        );
    }
    for store in stores {
        let view = store.pool(&tenant, &pool).await.unwrap().unwrap();
        assert_eq!(view.usage, model.usage());
        assert_eq!(all_events(*store, &tenant).await, stored);
    }
    assert!(model.usage().held > 0);
}

/// Returns the details of all events of a tenant.
async fn all_events(store: &dyn ServerStore, tenant: &TenantId) -> Vec<serde_json::Value> {
    let (mut events, mut page) = (Vec::new(), PageRequest::new(None, Some(500)));
    loop {
        let found = store.events(tenant, &page).await.unwrap();
        if found.items.is_empty() {
            return events;
        }
        for event in found.items {
            let name = event.details["event"].as_str().unwrap_or_default();
            assert_eq!(event.kind, format!("seat.{name}"));
            events.push(event.details);
        }
        page = PageRequest::new(found.next, Some(500));
    }
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
            secret: secret(),
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
