//! Answers to clients whose license, lease, token or machine is not as they believe.

use license_core::chrono::TimeDelta;
use license_core::time::rfc3339;
use license_seats::{EndMode, Seq, TicketId};

use super::floating::{acquire_request, instance, nonce, secret, session, verified};
use super::{TestServer, at, id};
use crate::clock::ServerClock;
use crate::domain::{Actor, PageRequest, PoolId, Refusal, RefusalKind};
use crate::services::{
    BorrowRequest, CancelRequest, GrantedSeat, HeartbeatRequest, PollRequest, ReleaseRequest,
    ReturnRequest, ValidateRequest,
};

fn heartbeat_request(credential: &str, seq: u64, token: Option<&str>) -> HeartbeatRequest {
    HeartbeatRequest {
        credential: credential.to_owned(),
        session: session(1),
        instance: instance(1),
        seq: Seq(seq),
        nonce: nonce(),
        token: token.map(str::to_owned),
        machine: None,
    }
}

#[tokio::test]
async fn a_process_that_did_not_get_the_last_token_gets_a_new_one() {
    let (server, license) = TestServer::with_license().await;
    let id_of = |seat: &GrantedSeat| verified(seat, &license).id().to_string();
    let seat = server.acquire(&license, 1).await.unwrap();
    let first = id_of(&seat);
    let heartbeat = async |token: Option<&str>| {
        let request = heartbeat_request(&license, seat.seq, token);
        server.services.seats.heartbeat(request).await.unwrap()
    };
    assert_eq!(heartbeat(Some(&first)).await.lease, None);
    server.pass(61).await;
    // The response with the second token is lost.
    let lost = heartbeat(Some(&first)).await;
    assert!(lost.lease.is_some());
    let third = id_of(&heartbeat(Some(&first)).await);
    assert_eq!(heartbeat(Some(&third)).await.lease, None);
    // Without a statement, the server assumes that the process has the last token.
    assert_eq!(heartbeat(None).await.lease, None);
    assert!(heartbeat(Some("none")).await.lease.is_some());
}

#[tokio::test]
async fn a_session_that_lost_its_seat_learns_when_and_why() {
    let (server, license) = TestServer::with_license().await;
    let pool = PoolId::new(&id(1));
    let seat = server.acquire(&license, 1).await.unwrap();
    let end = server.services.pools.end(
        &Actor::Console,
        &pool,
        session(1),
        None,
        EndMode::Hard,
        "maintenance",
    );
    end.await.unwrap();
    let ended_at = rfc3339(server.clock.wall()).to_string();
    // The time stays right if the server was down meanwhile, and its lease clock stood still.
    server.clock.set_wall(at("2027-01-16T09:00:00Z"));
    server.pass(90).await;
    let request = heartbeat_request(&license, seat.seq, None);
    let lost = server.services.seats.heartbeat(request).await.unwrap_err();
    assert_eq!(lost.code, "LEASE_LOST");
    assert_eq!(
        lost.detail,
        format!("the lease 1 ended at {ended_at}: an administrator ended it at once: maintenance")
    );
    let ended = &lost.facts.as_ref().unwrap()["ended"];
    assert_eq!(
        (&ended["at"], &ended["reason"], &ended["note"]),
        (
            &ended_at.into(),
            &"ended_hard".into(),
            &"maintenance".into()
        )
    );
}

#[tokio::test]
async fn a_fingerprint_that_is_not_well_formed_is_no_name_of_a_machine() {
    let (server, license) = TestServer::with_license().await;
    for machine in [
        "fp1:id=zz",
        "fp1:",
        "FP1:id=0123456789abcdef01234567",
        "fp2:id=0123456789abcdef01234567",
        "CODITECT:fp1:id=zz",
        "mach_0011",
        "CODITECT:mach_zz",
    ] {
        let check = |refusal: Refusal| {
            assert_eq!(refusal.code, "BAD_REQUEST", "{machine}");
            assert!(
                refusal.hint.unwrap().contains("license machine"),
                "{machine}"
            );
        };
        let request = ValidateRequest {
            credential: license.clone(),
            machine: machine.to_owned(),
            user: None,
            missing_login: None,
            version: None,
            build_date: None,
            nonce: None,
        };
        check(
            server
                .services
                .validate
                .validate(request)
                .await
                .unwrap_err(),
        );
        let mut request = acquire_request(&license, 1, false);
        request.machine = machine.to_owned();
        check(server.services.seats.acquire(request).await.unwrap_err());
    }
    for machine in ["dongle 4711", "machine-1", "fp:1", "fingerprint:7"] {
        let mut request = acquire_request(&license, 1, false);
        request.machine = machine.to_owned();
        request.session =
            license_core::session::SessionId::new(None, None, "ann", machine.as_bytes());
        server.services.seats.acquire(request).await.unwrap();
    }
}

#[tokio::test]
async fn every_seat_request_with_a_removed_license_is_refused_alike() {
    let (server, license) = TestServer::with_license().await;
    let seats = &server.services.seats;
    let seat = server.acquire(&license, 1).await.unwrap();
    server
        .services
        .licenses
        .remove(&Actor::Console, &id(1))
        .await
        .unwrap();
    let (session, instance, seq) = (session(1), instance(1), Seq(seat.seq));
    let (credential, secret) = (license.clone(), secret(1).reveal());
    let ticket = TicketId::from_bytes([1; 16]);
    let release = ReleaseRequest {
        credential: credential.clone(),
        session,
        instance,
        seq,
        secret: secret.clone(),
    };
    let refusals = [
        server.acquire(&license, 1).await.unwrap_err(),
        seats
            .heartbeat(heartbeat_request(&license, seat.seq, None))
            .await
            .unwrap_err(),
        seats.release(release.clone()).await.unwrap_err(),
        seats
            .borrow(BorrowRequest {
                credential: credential.clone(),
                session,
                instance,
                seq,
                secret: secret.clone(),
                nonce: nonce(),
                machine: None,
                duration: TimeDelta::days(1),
            })
            .await
            .unwrap_err(),
        seats
            .return_loan(ReturnRequest {
                credential: credential.clone(),
                session,
                seq,
                secret,
            })
            .await
            .unwrap_err(),
        seats
            .poll(PollRequest {
                credential: credential.clone(),
                ticket,
                session,
                instance,
                nonce: nonce(),
                machine: None,
                wait: std::time::Duration::ZERO,
            })
            .await
            .unwrap_err(),
        seats
            .cancel(CancelRequest {
                credential,
                ticket,
                session,
                instance,
            })
            .await
            .unwrap_err(),
    ];
    for refusal in refusals {
        assert_eq!(
            (refusal.kind, refusal.code),
            (RefusalKind::Unauthorized, "UNKNOWN_LICENSE"),
            "{refusal}"
        );
    }
    let pool = PoolId::new(&id(1));
    let missing = server.services.pools.get(&pool).await.unwrap_err();
    assert_eq!(missing.kind, RefusalKind::NotFound);
    let page = PageRequest::first();
    assert!(
        server
            .services
            .pools
            .list(&page)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    server.pass(2).await;
    // The license returns, and the seat can be released.
    server.install(&license).await;
    assert!(seats.release(release).await.unwrap().freed);
}

#[tokio::test]
async fn a_server_that_never_had_a_license_is_not_ready() {
    let server = TestServer::start().await;
    let refusal = server
        .acquire(&super::token(1, |_| {}), 1)
        .await
        .unwrap_err();
    assert_eq!(
        (refusal.kind, refusal.code),
        (RefusalKind::Unavailable, "NOT_READY")
    );
}
