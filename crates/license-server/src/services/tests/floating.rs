//! The story of a site with floating seats.

mod borrow;
mod required;
mod reservations;

use std::time::Duration;

use chrono::TimeDelta;
use license_core::claims::LeaseMode;
use license_core::ids::Nonce;
use license_core::issue::LicenseDraft;
use license_core::license::Lease;
use license_core::policy::Quota;
use license_core::requests::ActivationSecret;
use license_core::session::SessionId;
use license_core::{LicenseId, Unverified};
use license_seats::{EndMode, InstanceId, Overage, Seq, TicketId};

use super::installation::list;
use super::{TestServer, at, id, token, trust};
use crate::domain::{Actor, PageRequest, PoolId, Refusal, RefusalKind, SeatPolicy};
use crate::services::{
    AcquireReply, AcquireRequest, CancelRequest, GrantedSeat, HeartbeatRequest, PollReply,
    PollRequest, QueueState, ReleaseRequest,
};

const MACHINE: &str = "mach_00112233445566778899aabbccddeeff";

pub(crate) fn session(number: u8) -> SessionId {
    SessionId::new(None, None, "ann", &[number])
}

pub(super) fn instance(number: u8) -> InstanceId {
    InstanceId::from_bytes([number; 16])
}

pub(super) fn secret(number: u8) -> ActivationSecret {
    ActivationSecret::from_random([number; 32])
}

pub(super) fn nonce() -> Nonce {
    Nonce::from_random([9; 16])
}

pub(crate) fn acquire_request(token: &str, number: u8, wait: bool) -> AcquireRequest {
    AcquireRequest {
        credential: token.to_owned(),
        session: session(number),
        machine: MACHINE.to_owned(),
        user: format!("user{number}"),
        groups: Vec::new(),
        instance: instance(number),
        commitment: secret(number).commitment(),
        nonce: nonce(),
        wait,
    }
}

impl TestServer {
    pub(super) async fn acquire(&self, token: &str, number: u8) -> Result<GrantedSeat, Refusal> {
        let reply = self
            .services
            .seats
            .acquire(acquire_request(token, number, false))
            .await?;
        match reply {
            AcquireReply::Granted(seat) | AcquireReply::Held(seat) => Ok(seat),
            AcquireReply::Queued(state) => panic!("{state:?}"),
        }
    }

    pub(super) async fn wait(&self, token: &str, number: u8) -> QueueState {
        let request = acquire_request(token, number, true);
        match self.services.seats.acquire(request).await.unwrap() {
            AcquireReply::Queued(state) => state,
            other => panic!("{other:?}"),
        }
    }

    pub(super) async fn heartbeat(
        &self,
        token: &str,
        number: u8,
        seq: u64,
    ) -> Result<GrantedSeat, Refusal> {
        let request = HeartbeatRequest {
            credential: token.to_owned(),
            session: session(number),
            instance: instance(number),
            seq: Seq(seq),
            nonce: nonce(),
            token: None,
            machine: None,
        };
        self.services.seats.heartbeat(request).await
    }

    async fn release(&self, token: &str, number: u8, seq: u64) -> Result<bool, Refusal> {
        let request = ReleaseRequest {
            credential: token.to_owned(),
            session: session(number),
            instance: instance(number),
            seq: Seq(seq),
            secret: secret(number).reveal(),
        };
        Ok(self.services.seats.release(request).await?.freed)
    }
}

fn poll_request(token: &str, number: u8, ticket: TicketId, wait: Duration) -> PollRequest {
    PollRequest {
        credential: token.to_owned(),
        ticket,
        session: session(number),
        instance: instance(number),
        nonce: nonce(),
        machine: None,
        wait,
    }
}

/// Verifies a lease with nothing but the license and the vendor's key.
pub(super) fn verified(seat: &GrantedSeat, token: &str) -> Lease {
    let license = Unverified::parse(token).unwrap().verify(&trust()).unwrap();
    let lease = Unverified::parse(seat.lease.as_deref().unwrap()).unwrap();
    license.verify_lease(&lease).unwrap()
}

fn pool(number: u8) -> PoolId {
    PoolId::new(&id(number))
}

#[tokio::test]
async fn five_seats_are_lent_and_the_sixth_session_learns_why_not() {
    let (server, token) = TestServer::with_license().await;
    for number in 1..=5 {
        let seat = server.acquire(&token, number).await.unwrap();
        assert_eq!(seat.seq, u64::from(number));
        let lease = verified(&seat, &token);
        assert_eq!((lease.session(), lease.seq()), (session(number), seat.seq));
        assert_eq!(
            (lease.nonce(), lease.mode()),
            (nonce(), LeaseMode::Floating)
        );
        assert_eq!(lease.commitment(), secret(number).commitment());
        assert_eq!(lease.lifetime(), TimeDelta::seconds(120));
        assert_eq!(lease.machine().to_string(), MACHINE);
    }
    let again = server
        .services
        .seats
        .acquire(acquire_request(&token, 1, false))
        .await
        .unwrap();
    assert!(matches!(again, AcquireReply::Held(_)), "{again:?}");

    let refusal = server.acquire(&token, 6).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.kind),
        ("NO_SEAT", RefusalKind::Conflict)
    );
    assert!(refusal.retry_after.is_some() && refusal.hint.is_some());
    let facts = refusal.facts.unwrap();
    assert_eq!(facts["usage"]["held"], 5);
    assert_eq!(facts["holders"].as_array().unwrap().len(), 5);
    assert_eq!(facts["holders"][0]["user"], "user1");

    let status = server.services.pools.get(&pool(1)).await.unwrap();
    assert_eq!((status.usage.held, status.usage.capacity), (5, 5));
    let leases = server
        .services
        .pools
        .leases(&pool(1), &PageRequest::first())
        .await
        .unwrap();
    assert_eq!(leases.items.len(), 5);
    let listed = server
        .services
        .pools
        .list(&PageRequest::first())
        .await
        .unwrap();
    assert_eq!(listed.items.len(), 1);
}

#[tokio::test]
async fn a_crashed_session_costs_a_seat_only_until_another_session_needs_it() {
    let (server, token) = TestServer::with_license().await;
    for number in 1..=5 {
        server.acquire(&token, number).await.unwrap();
    }
    server.pass(100).await;
    for number in 2..=5 {
        server
            .heartbeat(&token, number, u64::from(number))
            .await
            .unwrap();
    }
    server.pass(24).await;
    // The lease of the first session is late, but no other session has needed the seat.
    server.heartbeat(&token, 1, 1).await.unwrap();
    server.pass(100).await;
    for number in 2..=5 {
        server
            .heartbeat(&token, number, u64::from(number))
            .await
            .unwrap();
    }
    server.pass(24).await;
    let taken = server.acquire(&token, 6).await.unwrap();
    assert_eq!(taken.seq, 6);
    let lost = server.heartbeat(&token, 1, 1).await.unwrap_err();
    assert_eq!(lost.code, "LEASE_LOST");
    let facts = lost.facts.unwrap();
    assert_eq!(facts["ended"]["reason"], "reclaimed");
}

#[tokio::test]
async fn a_heartbeat_brings_a_token_only_when_half_of_the_old_one_has_passed() {
    let (server, token) = TestServer::with_license().await;
    let seat = server.acquire(&token, 1).await.unwrap();
    server.pass(40).await;
    assert_eq!(
        server.heartbeat(&token, 1, seat.seq).await.unwrap().lease,
        None
    );
    server.pass(40).await;
    let renewed = server.heartbeat(&token, 1, seat.seq).await.unwrap();
    assert_eq!(verified(&renewed, &token).seq(), seat.seq);
    server.pass(1).await;
    assert_eq!(
        server.heartbeat(&token, 1, seat.seq).await.unwrap().lease,
        None
    );
}

#[tokio::test]
async fn a_release_needs_the_secret_and_can_be_repeated() {
    let (server, token) = TestServer::with_license().await;
    let seat = server.acquire(&token, 1).await.unwrap();
    let wrong = ReleaseRequest {
        credential: token.clone(),
        session: session(1),
        instance: instance(1),
        seq: Seq(seat.seq),
        secret: secret(2).reveal(),
    };
    let refusal = server.services.seats.release(wrong).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.kind),
        ("SECRET_MISMATCH", RefusalKind::Forbidden)
    );
    assert!(server.release(&token, 1, seat.seq).await.unwrap());
    assert!(!server.release(&token, 1, seat.seq).await.unwrap());
}

#[tokio::test]
async fn a_freed_seat_is_offered_to_the_first_session_that_waits() {
    let (server, token) = TestServer::with_license().await;
    for number in 1..=5 {
        server.acquire(&token, number).await.unwrap();
    }
    let (first, second) = (server.wait(&token, 6).await, server.wait(&token, 7).await);
    assert_eq!((first.position, second.position), (1, 2));
    let again = server.wait(&token, 6).await;
    assert_eq!(again.ticket, first.ticket);
    let queue = server
        .services
        .pools
        .queue(&pool(1), &PageRequest::first())
        .await
        .unwrap();
    assert_eq!(queue.items[0].session, session(6));

    // A session cannot poll the ticket of another one.
    let stolen = poll_request(&token, 7, first.ticket, Duration::ZERO);
    let refusal = server.services.seats.poll(stolen).await.unwrap_err();
    assert_eq!(
        (refusal.code, refusal.kind),
        ("UNKNOWN_TICKET", RefusalKind::NotFound)
    );

    // A long poll returns when the seat is freed.
    let poll = poll_request(&token, 6, first.ticket, Duration::from_secs(30));
    let (polled, freed) = tokio::join!(server.services.seats.poll(poll), async {
        tokio::task::yield_now().await;
        server.release(&token, 1, 1).await.unwrap()
    });
    assert!(freed);
    let PollReply::Seat(seat) = polled.unwrap() else {
        panic!("expected a seat")
    };
    assert_eq!(
        (seat.session, verified(&seat, &token).seq()),
        (session(6), 6)
    );

    let cancel = CancelRequest {
        credential: token.clone(),
        ticket: second.ticket,
        session: session(7),
        instance: instance(7),
    };
    server.services.seats.cancel(cancel).await.unwrap();
    let gone = poll_request(&token, 7, second.ticket, Duration::ZERO);
    assert_eq!(
        server.services.seats.poll(gone).await.unwrap_err().code,
        "UNKNOWN_TICKET"
    );
}

#[tokio::test]
async fn an_administrator_ends_a_lease_with_a_reason() {
    let (server, token) = TestServer::with_license().await;
    let actor = Actor::ApiToken("tok_1".to_owned());
    server.acquire(&token, 1).await.unwrap();
    let pools = &server.services.pools;
    let one = pool(1);
    let end = |mode, reason: &'static str| pools.end(&actor, &one, session(1), None, mode, reason);
    assert_eq!(
        end(EndMode::Hard, "").await.unwrap_err().code,
        "INVALID_REASON"
    );
    end(EndMode::Soft, "moves to another team").await.unwrap();
    let kept = server.heartbeat(&token, 1, 1).await.unwrap();
    assert_eq!(kept.soft_end.as_deref(), Some("moves to another team"));
    let ended = end(EndMode::Hard, "left the company").await.unwrap();
    assert_eq!(ended.free_in, TimeDelta::zero());
    assert!(
        ended
            .overlap
            .is_some_and(|overlap| overlap > TimeDelta::zero())
    );
    let lost = server.heartbeat(&token, 1, 1).await.unwrap_err();
    assert_eq!(lost.facts.unwrap()["ended"]["note"], "left the company");
    let audit = server
        .services
        .audit
        .list(&PageRequest::first())
        .await
        .unwrap();
    let last = audit.items.last().unwrap();
    assert_eq!(
        (last.action.as_str(), last.actor.as_str()),
        ("lease.end", "token:tok_1")
    );
    assert!(last.details.contains("left the company"));
}

fn renewal(number: u8, previous: &[u8], change: impl FnOnce(&mut LicenseDraft)) -> String {
    token(number, |draft| {
        draft.supersedes = previous.iter().map(|number| id(*number)).collect();
        draft.issued_at = Some(at("2027-01-10"));
        change(draft);
    })
}

#[tokio::test]
async fn a_renewal_shares_the_pool_in_either_order_of_installation() {
    for order in [[0, 1], [1, 0]] {
        let server = TestServer::start().await;
        let tokens = [token(1, |_| {}), renewal(2, &[1], |_| {})];
        for index in order {
            server.install(&tokens[index]).await;
        }
        for number in 1..=5 {
            server
                .acquire(&tokens[usize::from(number % 2)], number)
                .await
                .unwrap();
        }
        for token in &tokens {
            assert_eq!(server.acquire(token, 6).await.unwrap_err().code, "NO_SEAT");
        }
        // Each session can verify its lease with the license that it has.
        let seat = server.acquire(&tokens[0], 2).await.unwrap();
        assert_eq!(verified(&seat, &tokens[0]).license_id(), &id(1));
    }
}

#[tokio::test]
async fn a_license_that_combines_two_pools_does_not_double_their_seats() {
    let server = TestServer::start().await;
    let tokens = [
        token(1, |_| {}),
        token(2, |_| {}),
        renewal(3, &[1, 2], |_| {}),
    ];
    for token in &tokens {
        server.install(token).await;
    }
    let mut granted = 0;
    for number in 1..=20 {
        let token = &tokens[usize::from(number % 3)];
        granted += usize::from(server.acquire(token, number).await.is_ok());
    }
    assert_eq!(granted, 5);
}

#[tokio::test]
async fn a_smaller_renewal_ends_no_seat_and_grants_none_until_the_rest_fits() {
    let (server, old) = TestServer::with_license().await;
    for number in 1..=5 {
        server.acquire(&old, number).await.unwrap();
    }
    let new = renewal(2, &[1], |draft| {
        draft
            .set_seats(std::num::NonZeroU32::new(3).unwrap(), super::matrix())
            .unwrap();
    });
    server.install(&new).await;
    let status = server.services.pools.get(&pool(1)).await.unwrap();
    assert_eq!((status.usage.capacity, status.usage.held), (3, 5));
    assert!(status.is_over_capacity);
    for number in 1..=5 {
        server
            .heartbeat(&old, number, u64::from(number))
            .await
            .unwrap();
    }
    for number in 1..=2 {
        server
            .release(&old, number, u64::from(number))
            .await
            .unwrap();
        assert_eq!(server.acquire(&new, 6).await.unwrap_err().code, "NO_SEAT");
    }
    server.release(&old, 3, 3).await.unwrap();
    server.acquire(&new, 6).await.unwrap();
}

#[tokio::test]
async fn no_seat_outlives_its_license() {
    let server = TestServer::start().await;
    let end = "2027-01-15T09:01:00Z";
    let token = token(1, |draft| {
        draft.expires_at = Some(at(end));
        draft.renewal = None;
    });
    server.install(&token).await;
    let seat = server.acquire(&token, 1).await.unwrap();
    assert_eq!(seat.valid_for, TimeDelta::seconds(60));
    assert_eq!(verified(&seat, &token).expires_at(), at(end));
    server.pass(60).await;
    for result in [
        server.acquire(&token, 2).await,
        server.heartbeat(&token, 1, seat.seq).await,
    ] {
        let refusal = result.unwrap_err();
        assert_eq!(refusal.code, "LICENSE_ENDED", "{refusal}");
        assert!(refusal.detail.contains("EXPIRED"), "{refusal}");
        assert!(refusal.actual.unwrap().contains("2027-01-15"));
    }
    // A seat can be released after the end.
    assert!(server.release(&token, 1, seat.seq).await.unwrap());
}

#[tokio::test]
async fn a_revoked_license_gets_no_new_seat() {
    let (server, token) = TestServer::with_license().await;
    let seat = server.acquire(&token, 1).await.unwrap();
    let armor = Unverified::parse(&list(1, &[1])).unwrap().to_armor();
    server
        .services
        .revocations
        .import(&Actor::Console, &armor)
        .await
        .unwrap();
    let refusal = server.acquire(&token, 2).await.unwrap_err();
    assert_eq!(refusal.code, "LICENSE_ENDED");
    assert!(refusal.detail.contains("REVOKED"), "{refusal}");
    // The lease runs out, and cannot be renewed.
    server.pass(100).await;
    let kept = server.heartbeat(&token, 1, seat.seq).await.unwrap();
    assert_eq!(
        (kept.valid_for, kept.renew_after),
        (TimeDelta::seconds(20), None)
    );
    server.pass(20).await;
    let ended = server.heartbeat(&token, 1, seat.seq).await.unwrap_err();
    assert_eq!(ended.code, "LICENSE_ENDED");
}

#[tokio::test]
async fn overage_is_bounded_by_the_license_and_visible() {
    let server = TestServer::start().await;
    let token = token(1, |draft| {
        draft.set_quota("overage_seats", Quota::Limit(1)).unwrap();
    });
    server.install(&token).await;
    let generous = SeatPolicy {
        overage: Overage::Seats(10),
        ..SeatPolicy::default()
    };
    for number in 1..=5 {
        assert!(!server.acquire(&token, number).await.unwrap().is_overage);
    }
    assert!(server.acquire(&token, 6).await.is_err());
    server
        .services
        .pools
        .set_policy(&Actor::Console, &pool(1), generous.clone())
        .await
        .unwrap();
    assert_eq!(
        server.services.pools.policy(&pool(1)).await.unwrap(),
        generous
    );
    assert!(server.acquire(&token, 6).await.unwrap().is_overage);
    assert!(server.acquire(&token, 7).await.is_err());
}

#[tokio::test]
async fn values_that_are_not_accepted_are_refused() {
    let (server, token) = TestServer::with_license().await;
    let changes: [fn(&mut AcquireRequest); 5] = [
        |request| request.user = String::new(),
        |request| request.user = "a\u{1b}[2J".to_owned(),
        |request| request.user = "x".repeat(257),
        |request| request.groups = vec!["g".to_owned(); 65],
        |request| request.machine = String::new(),
    ];
    for change in changes {
        let mut request = acquire_request(&token, 1, false);
        change(&mut request);
        let refusal = server.services.seats.acquire(request).await.unwrap_err();
        assert_eq!(
            (refusal.code, refusal.kind),
            ("BAD_REQUEST", RefusalKind::BadRequest)
        );
    }
    let unknown = PoolId::parse("unknown").unwrap();
    let refusal = server.services.pools.get(&unknown).await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    let other: LicenseId = id(9);
    assert!(server.services.licenses.get(&other).await.is_err());
    let named = super::token(3, |draft| draft.users = vec!["bob".to_owned()]);
    server.install(&named).await;
    assert_eq!(
        server.acquire(&named, 1).await.unwrap_err().code,
        "USER_MISMATCH"
    );
    // Another machine cannot renew the lease.
    let seat = server.acquire(&token, 1).await.unwrap();
    let request = HeartbeatRequest {
        credential: token.clone(),
        session: session(1),
        instance: instance(1),
        seq: Seq(seat.seq),
        nonce: nonce(),
        token: None,
        machine: Some("mach_ffeeddccbbaa99887766554433221100".to_owned()),
    };
    let refusal = server.services.seats.heartbeat(request).await.unwrap_err();
    assert_eq!(refusal.code, "SESSION_MISMATCH");
}

#[tokio::test]
async fn a_seat_of_a_machine_with_a_name_is_for_this_machine_only() {
    let (server, token) = TestServer::with_license().await;
    let acquire = |name: &str, number| {
        let mut request = acquire_request(&token, 1, false);
        request.instance = instance(number);
        request.machine = name.to_owned();
        server.services.seats.acquire(request)
    };
    let granted = acquire("dongle 1", 1).await.unwrap();
    let AcquireReply::Granted(seat) = granted else {
        panic!("{granted:?}");
    };
    let refusal = acquire("dongle 2", 2).await.unwrap_err();
    assert_eq!(refusal.code, "SESSION_MISMATCH");
    // A minute later, a heartbeat gets a new token.
    server.pass(61).await;
    let heartbeat = |machine: Option<&str>| {
        server.services.seats.heartbeat(HeartbeatRequest {
            credential: token.clone(),
            session: session(1),
            instance: instance(1),
            seq: Seq(seat.seq),
            nonce: nonce(),
            token: None,
            machine: machine.map(str::to_owned),
        })
    };
    let refusal = heartbeat(Some("dongle 2")).await.unwrap_err();
    assert_eq!(refusal.code, "SESSION_MISMATCH");
    let renewed = heartbeat(None).await.unwrap();
    let lease = verified(&renewed, &token);
    assert_eq!(lease.machine().to_string(), "dongle 1");
}

#[tokio::test]
async fn no_jump_of_the_wall_clock_ends_a_seat() {
    let (server, token) = TestServer::with_license().await;
    let seat = server.acquire(&token, 1).await.unwrap();
    for jump in ["2037-01-15T09:00:00Z", "2017-01-15T09:00:00Z"] {
        server.clock.set_wall(at(jump));
        for _ in 0..6 {
            server.pass(40).await;
            let renewed = server.heartbeat(&token, 1, seat.seq).await.unwrap();
            assert_eq!(renewed.valid_for, TimeDelta::seconds(120), "{jump}");
        }
        server.acquire(&token, 2).await.unwrap();
    }
    // A license that has ended by the true clock ends as before.
    server.clock.set_wall(at("2027-01-15T09:08:00Z"));
    server.clock.advance_to(at("2028-02-01"));
    assert_eq!(
        server.acquire(&token, 3).await.unwrap_err().code,
        "LICENSE_ENDED"
    );
}
