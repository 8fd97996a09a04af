//! Pools after a restore of the database.

use super::*;
use crate::denial::DenialReason;

/// Returns a pool of two seats, one of which is held and one offered, on hold until 123 s.
fn held_site() -> (Site, Seq) {
    let mut site = Site::with_seats(2);
    let seq = site.acquire("ann").lease.seq;
    let other = site.acquire("joe").lease.seq;
    site.queue("bob");
    site.release("joe", other);
    assert!(site.is_offered("bob"));
    site.at.hold_until = Some(LeaseTime::from_millis(123_000));
    (site, seq)
}

#[test]
fn a_hold_grants_and_offers_nothing_and_renews_known_leases() {
    let (mut site, seq) = held_site();
    site.wait(60);
    assert_eq!(grant(site.heartbeat("ann", seq)).lease.seq, seq);
    assert!(!site.is_offered("bob"));
    assert!(!site.acquire("ann").is_new, "a repeated acquire");
    let denial = site.denied("eve");
    let left = LeaseSpan::from_millis(63_001);
    assert_eq!(denial.reason, DenialReason::OnHold { left });
    assert_eq!(denial.queue_position, Some(2));
    // The session waits behind the one that had the offer.
    assert_eq!(site.queue("eve").position, 2);
    assert!(matches!(site.poll("bob"), Ok(SeatReply::Queued(place)) if place.position == 1));
    let freed = site.release("ann", seq);
    assert!(freed && !site.is_offered("bob"));
}

#[test]
fn the_queue_is_served_after_a_hold() {
    let (mut site, seq) = held_site();
    site.wait(60);
    grant(site.heartbeat("ann", seq));
    site.wait(60);
    assert!(matches!(site.poll("bob"), Ok(SeatReply::Queued(_))));
    site.wait(3);
    site.tick();
    assert!(!site.is_offered("bob"), "the end belongs to the hold");
    site.at.now = site.at.now.saturating_add(LeaseSpan::from_millis(1));
    site.tick();
    assert!(site.is_offered("bob"));
    assert!(grant(site.poll("bob")).is_new);
}

#[test]
fn heartbeats_are_answered_outside_the_pool_at_most_to_the_end_of_a_hold_with_a_queue() {
    let (mut site, _) = held_site();
    site.tick();
    let until = Some(LeaseTime::from_millis(123_000));
    site.wait(100);
    site.queue("bob");
    assert_eq!(site.pool.renewable_until(site.at), until);
    site.at.hold_until = None;
    assert_ne!(site.pool.renewable_until(site.at), until);
}
