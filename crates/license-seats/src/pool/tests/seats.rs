//! Grants, renewals, late and lost leases.

use super::*;
use crate::denial::DenialReason;
use crate::rows::EndReason;
use crate::terms::{HolderDisplay, Overage, Reservation, ReservationTarget};

#[test]
fn a_repeated_acquire_returns_the_same_seat() {
    let mut site = Site::with_seats(1);
    let first = site.acquire("ann");
    assert!(first.is_new);
    assert_eq!(first.valid_for, LeaseSpan::from_secs(120));
    assert_eq!(first.renew_after, Some(LeaseSpan::from_secs(40)));
    site.wait(10);
    let again = site.acquire("ann");
    assert!(!again.is_new);
    assert_eq!(again.lease.seq, first.lease.seq);
    assert_eq!(again.valid_for, LeaseSpan::from_secs(120));
    assert_eq!(site.pool.usage().held, 1);
}

#[test]
fn fencing_numbers_increase_with_new_leases_only() {
    let mut site = Site::with_seats(1);
    let first = site.acquire("ann").lease.seq;
    assert_eq!(grant(site.heartbeat("ann", first)).lease.seq, first);
    assert!(site.release("ann", first));
    assert_eq!(site.acquire("bob").lease.seq, Seq(first.0 + 1));
}

#[test]
fn a_session_of_another_user_or_machine_is_refused() {
    let mut site = Site::with_seats(2);
    site.acquire("ann");
    let mut stranger = holder("ann");
    stranger.user = "bob".into();
    let reply = site.apply(acquire(&stranger, 2, None));
    assert_eq!(code(reply), "SESSION_MISMATCH");
    assert_eq!(site.pool.usage().held, 1);
}

#[test]
fn a_denial_explains_itself() {
    let mut site = Site::with_seats(2);
    let seq = site.acquire("ann").lease.seq;
    site.wait(60);
    site.acquire("bob");
    site.release("ann", seq);
    site.acquire("eve");
    site.wait(30);
    let denial = site.denied("joe");
    assert_eq!(denial.reason, DenialReason::NoSeat);
    assert_eq!((denial.usage.capacity, denial.usage.held), (2, 2));
    let holders = denial.holders.iter();
    let holders: Vec<_> = holders
        .map(|holder| (holder.user.as_deref(), holder.held_for))
        .collect();
    let seconds = LeaseSpan::from_secs;
    assert_eq!(
        holders,
        [(Some("bob"), seconds(30)), (Some("eve"), seconds(30))]
    );
    // Seats were held for 60 s, and one of two becomes free every 30 s.
    assert_eq!(denial.next_seat_in, Some(seconds(30)));
    assert_eq!(denial.queue_position, Some(1));
    let kind = site.events.last().unwrap();
    assert!(matches!(
        kind,
        SeatEventKind::Denied {
            code: "NO_SEAT",
            ..
        }
    ));
}

#[test]
fn the_terms_decide_whether_a_denial_names_the_holders() {
    for (display, holders, users) in [
        (HolderDisplay::Names, 1, 1),
        (HolderDisplay::Anonymous, 1, 0),
        (HolderDisplay::Hidden, 0, 0),
    ] {
        let mut site = Site::with_seats(1);
        site.set_terms(|terms| terms.holders = display);
        site.acquire("ann");
        let denial = site.denied("bob");
        assert_eq!(denial.holders.len(), holders, "{display:?}");
        let named = denial.holders.iter().filter(|holder| holder.user.is_some());
        assert_eq!(named.count(), users, "{display:?}");
    }
}

#[test]
fn a_late_lease_stays_while_nobody_needs_its_seat() {
    let mut site = Site::with_seats(2);
    let seq = site.acquire("ann").lease.seq;
    site.wait(700);
    assert!(!grant(site.heartbeat("ann", seq)).is_new);
    assert!(site.events.contains(&SeatEventKind::Late { seq }));
}

#[test]
fn a_late_lease_is_reclaimed_only_after_its_margin() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.at.now = LeaseTime::from_millis(122_120);
    let denial = site.denied("bob");
    assert_eq!(denial.next_seat_in, Some(LeaseSpan::ZERO));
    site.at.now = LeaseTime::from_millis(122_121);
    assert!(site.acquire("bob").is_new);
    let DenialReason::LeaseLost(Some(ended)) = site.heartbeat("ann", seq).unwrap_err().reason
    else {
        panic!("expected when and why the lease ended");
    };
    assert_eq!(ended.reason, EndReason::Reclaimed);
    assert_eq!(ended.ended, LeaseTime::from_millis(122_121));
}

#[test]
fn a_late_lease_ends_after_ten_minutes() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.wait(720);
    site.tick();
    assert_eq!(site.pool.usage().held, 1);
    assert_eq!(
        site.pool.next_deadline(),
        Some(LeaseTime::from_millis(720_001))
    );
    site.at.now = LeaseTime::from_millis(720_001);
    assert_eq!(code(site.heartbeat("ann", seq)), "LEASE_LOST");
    assert_eq!(
        site.pool.ended(&session("ann")).unwrap().reason,
        EndReason::Expired
    );
}

#[test]
fn the_last_instance_releases_the_seat() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    grant(site.apply(acquire(&holder("ann"), 2, None)));
    assert!(!site.release("ann", seq));
    assert!(
        !site.release("ann", seq),
        "a repeated release changes nothing"
    );
    assert_eq!(site.pool.usage().held, 1);
    assert_eq!(
        site.apply(release("ann", 2, seq)),
        Ok(SeatReply::Released { freed: true })
    );
}

#[test]
fn a_crashed_instance_does_not_keep_the_seat() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    grant(site.apply(acquire(&holder("ann"), 2, None)));
    for _ in 0..4 {
        site.wait(40);
        grant(site.heartbeat("ann", seq));
    }
    // The second instance has been silent for longer than its lifetime and margin.
    assert!(site.release("ann", seq));
}

#[test]
fn a_release_needs_the_secret_of_the_instance() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    let reply = site.apply(SeatCommand::Release(Release {
        session: session("ann"),
        instance: instance(1),
        seq,
        secret: secret(9),
    }));
    assert_eq!(code(reply), "SECRET_MISMATCH");
    assert_eq!(site.pool.usage().held, 1);
}

#[test]
fn a_doubled_release_does_not_end_a_newer_lease() {
    let mut site = Site::with_seats(1);
    let old = site.acquire("ann").lease.seq;
    assert!(site.release("ann", old));
    let new = site.acquire("ann").lease.seq;
    assert!(!site.release("ann", old));
    grant(site.heartbeat("ann", new));
    assert_eq!(code(site.heartbeat("ann", old)), "LEASE_LOST");
}

#[test]
fn overage_is_visible_in_reply_and_event() {
    let mut site = Site::with_seats(4);
    site.set_terms(|terms| terms.overage = Overage::Percent(49));
    for user in ["ann", "bob", "eve", "joe"] {
        assert!(!site.acquire(user).lease.overage);
    }
    let over = site.acquire("sue");
    assert!(over.lease.overage);
    assert_eq!(over.usage.over(), 1);
    let event = site.events.last().unwrap();
    assert!(matches!(
        event,
        SeatEventKind::Granted { overage: true, .. }
    ));
    assert_eq!(site.denied("tom").reason, DenialReason::NoSeat);
}

#[test]
fn reserved_seats_are_for_their_group_and_its_members_use_open_seats_too() {
    let mut site = Site::with_seats(2);
    let reservation = Reservation {
        target: ReservationTarget::Group("design".into()),
        seats: 1,
        at_most: None,
    };
    site.set_terms(|terms| terms.reservations = vec![reservation]);
    site.acquire("ann");
    assert_eq!(site.denied("bob").reason, DenialReason::NoSeat);
    let member = |user: &str| holder(user).with_groups(["design"]);
    let eve = grant(site.apply(acquire(&member("eve"), 1, None)));
    assert_eq!(
        code(site.apply(acquire(&member("joe"), 1, None))),
        "NO_SEAT"
    );
    site.release("eve", eve.lease.seq);
    assert_eq!(site.denied("bob").reason, DenialReason::NoSeat);
    grant(site.apply(acquire(&member("joe"), 1, None)));
}

#[test]
fn a_group_holds_at_most_its_maximum_and_keeps_no_other_session_from_a_seat() {
    let mut site = Site::with_seats(3);
    let reservation = |at_most| Reservation {
        target: ReservationTarget::Group("design".into()),
        seats: 1,
        at_most: Some(at_most),
    };
    site.set_terms(|terms| terms.reservations = vec![reservation(2)]);
    let member = |user: &str| holder(user).with_groups(["design"]);
    let eve = grant(site.apply(acquire(&member("eve"), 1, None)));
    grant(site.apply(acquire(&member("joe"), 1, None)));
    let denied = site.apply(acquire(&member("kim"), 1, None)).unwrap_err();
    assert_eq!(denied.reason, DenialReason::ShareLimit { at_most: 2 });
    assert!(denied.reason.to_string().contains("holds 2 seats"));
    // A member who waits for the group does not wait for an open seat.
    let waiting = acquire(&member("kim"), 1, Some(ticket("kim")));
    assert!(matches!(site.apply(waiting), Ok(SeatReply::Queued(_))));
    assert_eq!(
        code(site.apply(acquire(&member("lea"), 1, None))),
        "SHARE_LIMIT"
    );
    let ann = site.acquire("ann");
    assert!(ann.is_new);
    assert_eq!(site.denied("bob").reason, DenialReason::NoSeat);
    // The member gets a seat only when the group has one less.
    site.release("ann", ann.lease.seq);
    assert!(!site.is_offered("kim"));
    site.release("eve", eve.lease.seq);
    assert!(site.is_offered("kim"));
    // A lower maximum ends no lease.
    let held = site.pool.usage().held;
    site.set_terms(|terms| terms.reservations = vec![reservation(0)]);
    assert_eq!(site.pool.usage().held, held);
    assert_eq!(
        code(site.apply(acquire(&member("lea"), 1, None))),
        "SHARE_LIMIT"
    );
}

#[test]
fn the_number_of_users_can_be_smaller_than_the_number_of_seats() {
    let mut site = Site::with_seats(5);
    site.set_terms(|terms| terms.max_users = Some(1));
    site.acquire("ann");
    let other_project = Holder::new(SessionId::new(None, None, "ann", b"/other"), "ann");
    grant(site.apply(acquire(&other_project, 1, None)));
    assert_eq!(
        site.denied("bob").reason,
        DenialReason::UserLimit { max_users: 1 }
    );
    // All seats of a user must be late before another user replaces the user.
    site.wait(60);
    grant(site.apply(acquire(&other_project, 1, None)));
    site.wait(63);
    assert_eq!(
        site.denied("bob").reason,
        DenialReason::UserLimit { max_users: 1 }
    );
    site.wait(60);
    site.acquire("bob");
    assert_eq!(site.pool.usage().held, 1);
}
