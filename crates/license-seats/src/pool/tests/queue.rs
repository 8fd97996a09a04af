//! The queue.

use super::*;
use crate::event::TicketEnd;
use crate::terms::{Reservation, ReservationTarget};

#[test]
fn a_freed_seat_is_offered_to_the_first_session_and_claimed_by_its_poll() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    assert_eq!(site.queue("bob").position, 1);
    assert_eq!(site.queue("eve").position, 2);
    assert_eq!(
        site.queue("bob").position,
        1,
        "a repeated acquire keeps the place"
    );
    site.release("ann", seq);
    assert!(site.is_offered("bob") && !site.is_offered("eve"));
    assert_eq!(
        code(site.apply(acquire(&holder("joe"), 1, None))),
        "NO_SEAT"
    );
    assert!(grant(site.poll("bob")).is_new);
    assert!(
        !grant(site.poll("bob")).is_new,
        "the response to the first poll was lost"
    );
    assert!(matches!(site.poll("eve"), Ok(SeatReply::Queued(position)) if position.position == 1));
}

#[test]
fn a_denial_states_the_place_in_the_queue() {
    let mut site = Site::with_seats(0);
    site.set_terms(|terms| terms.queue.max_length = 1);
    assert_eq!(site.denied("bob").queue_position, Some(1));
    site.queue("bob");
    assert_eq!(
        site.denied("bob").queue_position,
        Some(1),
        "the session has a ticket"
    );
    assert_eq!(site.denied("eve").queue_position, None, "the queue is full");
}

#[test]
fn a_ticket_is_bound_to_its_session() {
    let mut site = Site::with_seats(0);
    site.queue("bob");
    let reply = site.apply(SeatCommand::Poll(TicketRef {
        ticket: ticket("bob"),
        session: session("eve"),
        instance: instance(1),
    }));
    assert_eq!(code(reply), "UNKNOWN_TICKET");
}

#[test]
fn an_offer_goes_to_the_next_session_after_twenty_seconds() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.queue("bob");
    site.queue("eve");
    site.release("ann", seq);
    site.wait(20);
    site.tick();
    assert!(site.is_offered("bob"));
    site.wait(1);
    site.tick();
    assert!(site.is_offered("eve"));
    assert_eq!(code(site.poll("bob")), "UNKNOWN_TICKET");
    let reason = TicketEnd::OfferExpired;
    let ticket = ticket("bob");
    assert!(
        site.events
            .contains(&SeatEventKind::TicketEnded { ticket, reason })
    );
}

#[test]
fn a_waiting_session_takes_the_seat_of_a_late_lease() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.wait(60);
    site.queue("bob");
    site.wait(63);
    assert!(grant(site.poll("bob")).is_new);
    assert_eq!(code(site.heartbeat("ann", seq)), "LEASE_LOST");
}

#[test]
fn a_session_that_lost_its_lease_returns_to_the_front_of_its_class() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.wait(123);
    let seq = site.acquire("bob").lease.seq;
    assert_eq!(site.queue("eve").position, 1);
    site.wait(100);
    site.heartbeat("bob", seq).unwrap();
    site.poll("eve").unwrap();
    assert_eq!(site.queue("ann").position, 1);
    site.release("bob", seq);
    assert!(site.is_offered("ann"));
    // Sessions that gave up their seat wait like everyone else.
    assert_eq!(site.queue("bob").position, 2);
}

#[test]
fn a_session_that_returns_later_waits_like_everyone_else() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.wait(123);
    let seq = site.acquire("bob").lease.seq;
    for _ in 0..3 {
        site.wait(101);
        site.heartbeat("bob", seq).unwrap();
    }
    site.queue("eve");
    assert_eq!(site.queue("ann").position, 2);
}

#[test]
fn the_queue_is_bounded_and_tickets_end_without_polls() {
    let mut site = Site::with_seats(0);
    site.set_terms(|terms| terms.queue.max_length = 2);
    site.queue("ann");
    site.queue("bob");
    let reply = site.apply(acquire(&holder("eve"), 1, Some(ticket("eve"))));
    assert_eq!(code(reply), "QUEUE_FULL");
    site.wait(90);
    site.poll("bob").unwrap();
    site.wait(31);
    site.tick();
    assert_eq!(site.pool.usage().waiting, 1);
    assert_eq!(site.pool.position(&ticket("bob")), Some(1));
}

#[test]
fn the_seat_is_offered_while_an_instance_of_the_session_waits() {
    let mut site = Site::with_seats(0);
    site.queue("ann");
    site.apply(acquire(&holder("ann"), 2, Some(ticket("ann2"))))
        .unwrap();
    let cancel = |number| {
        SeatCommand::Cancel(TicketRef {
            ticket: ticket("ann"),
            session: session("ann"),
            instance: instance(number),
        })
    };
    assert_eq!(site.apply(cancel(1)), Ok(SeatReply::Canceled));
    assert_eq!(site.pool.usage().waiting, 1);
    assert_eq!(site.apply(cancel(2)), Ok(SeatReply::Canceled));
    assert_eq!(site.apply(cancel(2)), Ok(SeatReply::Canceled));
    assert_eq!(site.pool.usage().waiting, 0);
}

#[test]
fn a_newcomer_overtakes_only_with_a_reserved_seat() {
    let mut site = Site::with_seats(2);
    let reservation = Reservation {
        target: ReservationTarget::User("eve".into()),
        seats: 1,
        at_most: None,
    };
    site.set_terms(|terms| terms.reservations = vec![reservation]);
    site.acquire("ann");
    site.queue("bob");
    assert!(site.acquire("eve").is_new);
    let other = Holder::new(SessionId::new(None, None, "eve", b"/other"), "eve");
    assert_eq!(code(site.apply(acquire(&other, 1, None))), "NO_SEAT");
}

#[test]
fn the_estimate_follows_from_recent_hold_times() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    assert_eq!(site.queue("bob").estimate, None);
    site.wait(80);
    site.release("ann", seq);
    site.poll("bob").unwrap();
    assert_eq!(site.queue("eve").estimate, Some(LeaseSpan::from_secs(80)));
    assert_eq!(site.queue("joe").estimate, Some(LeaseSpan::from_secs(160)));
}
