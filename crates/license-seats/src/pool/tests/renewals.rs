//! Renewals that another component has acknowledged, and changes of another server.

use super::*;
use crate::command::{Borrow, EndLease, EndMode};
use crate::outcome::SeatChange;
use crate::renewal::SeatRenewal;
use crate::rows::OpenLease;
use crate::terms::BorrowTerms;

/// The reading of a renewal can be two seconds ahead of the pool.
const EXTRA: LeaseSpan = LeaseSpan::from_secs(2);

impl Site {
    fn lease(&self, user: &str) -> &OpenLease {
        self.pool.lease(&session(user)).unwrap()
    }

    /// Returns the renewal by a heartbeat that another component answers.
    fn renewal(&self, user: &str) -> Option<SeatRenewal> {
        let lease = self.lease(user);
        let heartbeat = Heartbeat {
            session: session(user),
            instance: instance(1),
            seq: lease.seq,
        };
        lease.renewal(&heartbeat, &self.pool.terms().lease, self.at)
    }

    fn end_softly(&mut self, user: &str) {
        let end = EndLease {
            session: session(user),
            seq: None,
            mode: EndMode::Soft,
            reason: "maintenance".into(),
        };
        self.apply(SeatCommand::End(end)).unwrap();
    }

    fn borrow(&mut self, user: &str) {
        let borrow = Borrow {
            session: session(user),
            instance: instance(1),
            seq: self.lease(user).seq,
            secret: secret(1),
            duration: LeaseSpan::from_secs(600),
        };
        self.apply(SeatCommand::Borrow(borrow)).unwrap();
    }

    /// Returns the seconds until which another component may answer heartbeats.
    fn renewable_until(&self) -> Option<u64> {
        let until = self.pool.renewable_until(self.at)?;
        Some(until.as_millis() / 1_000)
    }
}

fn lendable(seats: u32) -> PoolTerms {
    let mut terms = PoolTerms::with_capacity(seats);
    terms.borrow = Some(BorrowTerms {
        max_seats: seats,
        max_duration: LeaseSpan::from_secs(3_600),
        low_water: 0,
    });
    terms
}

#[test]
fn a_folded_renewal_equals_a_heartbeat_and_changes_no_row() {
    let mut site = Site::with_seats(2);
    let seq = site.acquire("ann").lease.seq;
    site.wait(40);
    let renewal = site.renewal("ann").unwrap();
    let mut other = site.pool.clone();
    other.fold_renewals(&[renewal, renewal]);
    assert_eq!(other.check_invariants(), [""; 0]);
    site.heartbeat("ann", seq).unwrap();
    assert_eq!(other.rows(), site.pool.rows());
    let tick = other.apply(SeatCommand::Tick, site.at);
    assert_eq!(tick.changes, []);
}

#[test]
fn an_old_renewal_changes_nothing() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    let renewal = site.renewal("ann").unwrap();
    site.wait(40);
    site.heartbeat("ann", seq).unwrap();
    let rows = site.pool.rows();
    site.pool.fold_renewals(&[renewal]);
    assert_eq!(site.pool.rows(), rows);
}

#[test]
fn a_renewal_of_another_lease_or_instance_is_ignored() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.wait(40);
    let renewal = site.renewal("ann").unwrap();
    let rows = site.pool.rows();
    let (other, number, process) = (session("bob"), Seq(2), instance(2));
    site.pool.fold_renewals(&[
        SeatRenewal {
            session: other,
            ..renewal
        },
        SeatRenewal {
            seq: number,
            ..renewal
        },
        SeatRenewal {
            instance: process,
            ..renewal
        },
    ]);
    assert_eq!(site.pool.rows(), rows);
}

#[test]
fn only_a_live_lease_that_nobody_ends_or_borrows_is_renewable_outside() {
    let mut site = Site::new(lendable(3));
    site.acquire("ann");
    site.acquire("bob");
    site.acquire("eve");
    site.borrow("bob");
    site.end_softly("eve");
    assert!(site.renewal("ann").is_some());
    assert!(site.renewal("bob").is_none());
    assert!(site.renewal("eve").is_none());
    site.at.license_left = Some(LeaseSpan::ZERO);
    assert!(site.renewal("ann").is_none());
    site.at.license_left = None;
    site.wait(120);
    assert!(site.renewal("ann").is_some());
    site.wait(1);
    assert!(site.renewal("ann").is_none());
}

#[test]
fn the_ends_of_leases_that_only_the_pool_renews_bound_renewals_outside() {
    let mut site = Site::new(lendable(3));
    let forever = LeaseTime::MAX.as_millis() / 1_000;
    site.acquire("ann");
    assert_eq!(site.renewable_until(), Some(forever));
    site.acquire("eve");
    site.end_softly("eve");
    assert_eq!(site.renewable_until(), Some(120));
    site.wait(121);
    site.heartbeat("ann", Seq(1)).unwrap();
    // The lease is late, and ends after its margin.
    assert_eq!(site.renewable_until(), Some(122));
    site.wait(2);
    site.tick();
    // The pool forgets the ended lease after a day.
    assert_eq!(site.renewable_until(), Some(123 + 24 * 60 * 60));
    site.at.license_left = Some(LeaseSpan::ZERO);
    assert_eq!(site.renewable_until(), None);
}

#[test]
fn a_late_lease_and_an_offer_bound_renewals_outside() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.queue("bob");
    // The ticket ends if its caller does not poll.
    assert_eq!(site.renewable_until(), Some(120));
    site.wait(60);
    site.poll("bob").unwrap();
    site.wait(61);
    site.tick();
    assert_eq!(site.renewable_until(), Some(122));
    site.wait(2);
    site.tick();
    assert!(site.is_offered("bob"));
    assert_eq!(site.renewable_until(), Some(143));
}

#[test]
fn after_lost_renewals_a_seat_is_not_granted_before_their_end() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    // The client renewed at 118 s, and the renewal is lost.
    site.wait(118);
    let changes = site.pool.extend_leases(EXTRA, site.at);
    assert_eq!(site.pool.check_invariants(), [""; 0]);
    let lease = site.lease("ann");
    assert_eq!(lease.until.as_millis(), 238_000);
    assert_eq!(lease.free_at.as_millis(), 242_122);
    assert_eq!(lease.instances[0].free_at, lease.free_at);
    assert_eq!(changes, [SeatChange::PutLease(Arc::new(lease.clone()))]);
    site.wait(124);
    assert_eq!(
        code(site.apply(acquire(&holder("bob"), 1, None))),
        "NO_SEAT"
    );
    site.wait(1);
    assert!(site.acquire("bob").is_new);
}

#[test]
fn an_extension_keeps_the_end_of_a_softly_ended_lease_with_all_instances() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    site.wait(60);
    site.apply(acquire(&holder("ann"), 2, None)).unwrap();
    site.end_softly("ann");
    let before = site.lease("ann").clone();
    site.wait(100);
    assert_eq!(site.pool.extend_leases(EXTRA, site.at).len(), 1);
    let lease = site.lease("ann");
    assert_eq!((lease.until, lease.free_at), (before.until, before.free_at));
    let instances = lease.instances.iter().map(|instance| instance.free_at);
    assert_eq!(instances.collect::<Vec<_>>(), [lease.free_at; 2]);
    assert_eq!(site.pool.extend_leases(EXTRA, site.at), []);
}

#[test]
fn after_lost_renewals_the_instances_of_a_lent_lease_count_as_running() {
    let mut site = Site::new(lendable(1));
    site.acquire("ann");
    site.borrow("ann");
    site.apply(acquire(&holder("ann"), 2, None)).unwrap();
    site.wait(599);
    assert_eq!(site.pool.extend_leases(EXTRA, site.at).len(), 1);
    let lease = site.lease("ann");
    assert_eq!(lease.free_at.as_millis(), 723_122);
    assert_eq!(lease.instances[1].free_at, lease.free_at);
    assert_eq!(lease.loan.as_ref().unwrap().until.as_millis(), 600_000);
}

#[test]
fn an_extension_does_not_extend_the_use_of_a_license_that_has_ended() {
    let mut site = Site::with_seats(1);
    let seq = site.acquire("ann").lease.seq;
    site.wait(100);
    site.at.license_left = Some(LeaseSpan::ZERO);
    assert_eq!(site.pool.extend_leases(EXTRA, site.at).len(), 1);
    let rest = grant(site.heartbeat("ann", seq)).valid_for;
    assert_eq!(rest, LeaseSpan::from_secs(20));
    assert_eq!(site.lease("ann").free_at.as_millis(), 224_122);
}

#[test]
fn terms_with_a_shorter_lifetime_store_all_leases() {
    let mut site = Site::with_seats(1);
    site.acquire("ann");
    let with_lifetime = |seconds: u64| {
        let mut terms = PoolTerms::with_capacity(1);
        terms.lease.lifetime = LeaseSpan::from_secs(seconds);
        SeatCommand::SetTerms(Arc::new(terms))
    };
    let longer = site.pool.apply(with_lifetime(130), site.at);
    assert_eq!(longer.changes, []);
    let shorter = site.pool.apply(with_lifetime(90), site.at);
    let lease = Arc::new(site.lease("ann").clone());
    assert_eq!(shorter.changes, [SeatChange::PutLease(lease)]);
}

#[test]
fn changes_that_do_not_fit_the_pool_are_refused() {
    let mut site = Site::with_seats(2);
    let before = site.pool.clone();
    let outcome = site.pool.apply(acquire(&holder("ann"), 1, None), site.at);
    let (leases, counters): (Vec<_>, Vec<_>) = outcome
        .changes
        .into_iter()
        .partition(|change| matches!(change, SeatChange::PutLease(_)));
    let follow = |changes: Vec<SeatChange>| before.clone().follow(None, changes, LeaseTime::START);
    let message = |changes| follow(changes).unwrap_err().to_string();
    assert!(message(leases.clone()).ends_with("expected 0 open leases, found 1"));
    assert!(message(counters.clone()).ends_with("expected 1 open leases, found 0"));
    assert_eq!(follow([leases, counters].concat()), Ok(()));
}
