//! Ends by an administrator, and changes of the license.

use super::*;
use crate::command::{EndLease, EndMode};
use crate::rows::{EndReason, PoolRows};

fn end(user: &str, mode: EndMode, reason: &str) -> SeatCommand {
    SeatCommand::End(EndLease {
        session: session(user),
        seq: None,
        mode,
        reason: reason.into(),
    })
}

#[test]
fn an_end_needs_a_reason_and_a_lease() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    for reason in ["", " ", &"x".repeat(1_001)] {
        let reply = site.apply(end("ann", EndMode::Hard, reason));
        assert_eq!(code(reply), "INVALID_REASON");
    }
    assert_eq!(
        code(site.apply(end("bob", EndMode::Hard, "maintenance"))),
        "NO_LEASE"
    );
    assert_eq!(site.pool.usage().held, 1);
}

#[test]
fn a_hard_end_frees_the_seat_and_states_the_overlap() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.wait(10);
    let overlap = LeaseTime::from_millis(122_120);
    let reply = site.apply(end("ann", EndMode::Hard, "laptop was stolen"));
    let expected = SeatReply::Ended {
        free_at: LeaseTime::from_millis(10_000),
        overlap_until: Some(overlap),
    };
    assert_eq!(reply, Ok(expected));
    assert!(site.acquire("bob").is_new);
    let ended = site.pool.ended(&session("ann")).unwrap().clone();
    assert_eq!(
        (ended.reason, ended.overlap_until),
        (EndReason::EndedHard, Some(overlap))
    );
    assert_eq!(ended.note.as_deref(), Some("laptop was stolen"));
    assert_eq!(code(site.heartbeat("ann", seq)), "LEASE_LOST");
    assert_eq!(site.queue("ann").position, 1);
    assert!(!site.pool.ticket(&ticket("ann")).unwrap().front);
}

#[test]
fn a_soft_end_stops_renewals_and_frees_the_seat_after_the_margin() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.wait(100);
    site.apply(end("ann", EndMode::Soft, "maintenance"))
        .unwrap();
    let rest = grant(site.heartbeat("ann", seq));
    assert_eq!(
        (rest.valid_for, rest.renew_after),
        (LeaseSpan::from_secs(20), None)
    );
    site.wait(21);
    assert_eq!(code(site.heartbeat("ann", seq)), "NOT_RENEWABLE");
    assert_eq!(site.pool.usage().held, 1, "the margin has not passed");
    site.wait(2);
    site.tick();
    assert_eq!(
        site.pool.ended(&session("ann")).unwrap().reason,
        EndReason::EndedSoftly
    );
}

#[test]
fn fewer_seats_take_no_seat_away_and_grant_nothing_until_the_held_seats_fit() {
    let mut site = Site::with_seats(3);
    let users = ["ann", "bob", "eve"];
    let seqs = users.map(|user| site.acquire(user).lease.seq);
    site.set_terms(|terms| terms.capacity = 1);
    assert_eq!(site.pool.counters().ceiling, 3);
    for (user, seq) in users.into_iter().zip(seqs) {
        grant(site.heartbeat(user, seq));
    }
    site.queue("joe");
    site.release("ann", seqs[0]);
    site.release("bob", seqs[1]);
    assert!(!site.is_offered("joe"));
    assert_eq!(site.pool.counters().ceiling, 1);
    site.release("eve", seqs[2]);
    assert!(site.is_offered("joe"));
}

#[test]
fn fewer_seats_withdraw_an_offer_and_keep_its_place() {
    let mut site = Site::with_seats(2);
    site.acquire("ann");
    let seq = site.acquire("bob").lease.seq;
    site.queue("eve");
    site.release("bob", seq);
    assert!(site.is_offered("eve"));
    site.set_terms(|terms| terms.capacity = 1);
    assert!(!site.is_offered("eve"));
    assert_eq!(site.pool.position(&ticket("eve")), Some(1));
    site.set_terms(|terms| terms.capacity = 2);
    assert!(site.is_offered("eve"));
}

#[test]
fn a_license_that_ends_grants_nothing_and_renews_at_most_to_its_end() {
    let mut site = Site::with_seats(2);
    let seq = site.acquire("ann").lease.seq;
    site.at.license_left = Some(LeaseSpan::from_secs(30));
    let renewed = grant(site.heartbeat("ann", seq));
    assert_eq!(renewed.valid_for, LeaseSpan::from_secs(30));
    assert_eq!(renewed.renew_after, Some(LeaseSpan::from_secs(10)));
    site.at.license_left = Some(LeaseSpan::ZERO);
    assert_eq!(site.denied("bob").reason.code(), "LICENSE_ENDED");
    let reply = site.apply(acquire(&holder("bob"), 1, Some(ticket("bob"))));
    assert_eq!(code(reply), "LICENSE_ENDED");
    site.wait(121);
    assert_eq!(code(site.heartbeat("ann", seq)), "LICENSE_ENDED");
    // A renewal of the license within ten minutes continues the lease.
    site.at.license_left = None;
    assert!(!grant(site.heartbeat("ann", seq)).is_new);
}

#[test]
fn rows_have_a_json_form_and_rebuild_the_pool() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.wait(60);
    site.queue("bob");
    site.wait(63);
    site.poll("bob").unwrap();
    let json = serde_json::to_string(&site.pool.rows()).unwrap();
    let rows: PoolRows = serde_json::from_str(&json).unwrap();
    assert_eq!(rows, site.pool.rows());
    let again = Pool::from_rows(site.pool.terms().clone(), rows, site.at.now).unwrap();
    assert_eq!(again.usage(), site.pool.usage());
}

#[test]
fn contradictory_rows_are_refused() {
    let mut site = Site::with_seats(3);
    site.acquire("ann");
    site.acquire("bob");
    site.set_terms(|terms| terms.capacity = 2);
    site.queue("eve");
    type Damage = fn(&mut PoolRows);
    let damage: [(&str, Damage); 4] = [
        ("one session", |rows| {
            rows.leases[1] = Arc::clone(&rows.leases[0])
        }),
        ("open leases", |rows| rows.leases.clear()),
        ("fencing numbers below", |rows| {
            rows.counters.next_seq = Seq(2)
        }),
        ("ticket numbers below", |rows| rows.counters.next_ticket = 1),
    ];
    for (message, damage) in damage {
        let mut rows = site.pool.rows();
        damage(&mut rows);
        let terms = site.pool.terms().clone();
        let error = Pool::from_rows(terms, rows, site.at.now).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
}
