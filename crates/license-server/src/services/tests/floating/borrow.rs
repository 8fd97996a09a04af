//! Seats that are borrowed, and returned before the end of the loan.

use chrono::TimeDelta;
use license_core::FeatureMatrix;
use license_core::claims::LeaseMode;
use license_core::policy::Quota;
use license_core::requests::{DeactivationReceipt, MachineRequest};
use license_seats::Seq;

use super::{MACHINE, TestServer, at, id, instance, nonce, pool, secret, session, token, verified};
use crate::domain::{Actor, SeatPolicy};
use crate::services::{BorrowRequest, ReleaseReply, ReturnRequest};

#[tokio::test]
async fn a_seat_is_borrowed_for_days_if_the_license_permits_it() {
    let (server, plain) = TestServer::with_license().await;
    let borrowing = token(2, |draft| {
        draft.set_quota("borrow_days", Quota::Limit(7)).unwrap();
        draft.set_quota("borrow_seats", Quota::Limit(1)).unwrap();
    });
    server.install(&borrowing).await;
    let borrow = |token: &str, number: u8, seq, days| {
        server.services.seats.borrow(BorrowRequest {
            credential: token.to_owned(),
            session: session(number),
            instance: instance(number),
            seq: Seq(seq),
            secret: secret(number).reveal(),
            nonce: nonce(),
            machine: Some(MACHINE.to_owned()),
            duration: TimeDelta::days(days),
        })
    };
    server.acquire(&plain, 1).await.unwrap();
    let refusal = borrow(&plain, 1, 1, 1).await.unwrap_err();
    assert_eq!(refusal.code, "BORROW_NOT_PERMITTED");
    assert!(refusal.detail.contains("license"), "{}", refusal.detail);
    server.acquire(&borrowing, 2).await.unwrap();
    server.acquire(&borrowing, 3).await.unwrap();
    let refusal = borrow(&borrowing, 2, 1, 8).await.unwrap_err();
    assert_eq!(refusal.code, "BORROW_DURATION");
    assert_eq!(
        refusal.facts.unwrap()["max_borrow_seconds"],
        7 * 24 * 60 * 60
    );
    // The license permits the loan, and the administrator does not.
    let pool = pool(2);
    let set = |policy| {
        server
            .services
            .pools
            .set_policy(&Actor::Console, &pool, policy)
    };
    for (max_borrowed, max_borrow_days) in [(Some(0), None), (None, Some(0))] {
        let policy = SeatPolicy {
            max_borrowed,
            max_borrow_days,
            ..SeatPolicy::default()
        };
        set(policy).await.unwrap();
        let refusal = borrow(&borrowing, 2, 1, 1).await.unwrap_err();
        assert_eq!(refusal.code, "BORROW_LIMIT");
        assert!(refusal.detail.contains("policy"), "{}", refusal.detail);
    }
    set(SeatPolicy::default()).await.unwrap();
    let seat = borrow(&borrowing, 2, 1, 7).await.unwrap();
    let lease = verified(&seat, &borrowing);
    assert_eq!(
        (lease.mode(), lease.lifetime()),
        (LeaseMode::Borrowed, TimeDelta::days(7))
    );
    assert_eq!(
        borrow(&borrowing, 3, 2, 1).await.unwrap_err().code,
        "BORROW_LIMIT"
    );
    let returned = ReturnRequest {
        credential: borrowing.clone(),
        session: session(2),
        seq: Seq(1),
        secret: secret(2).reveal(),
    };
    server.services.seats.return_loan(returned).await.unwrap();
    borrow(&borrowing, 3, 2, 1).await.unwrap();
    // A machine without a network returns its seat with a receipt.
    let receipt = |license, number| {
        MachineRequest::Deactivation(DeactivationReceipt {
            product: FeatureMatrix::built_in().product(),
            license: id(license),
            machine: MACHINE.parse().unwrap(),
            nonce: nonce(),
            secret: secret(number),
            made_at: at("2027-01-15T09:00:00Z"),
        })
        .to_armor()
    };
    let seats = &server.services.seats;
    for (license, number) in [(2, 2), (1, 3), (9, 3)] {
        let other = seats.return_with_receipt(&receipt(license, number)).await;
        assert_eq!(other.unwrap(), None, "license {license}, secret {number}");
    }
    let returned = seats.return_with_receipt(&receipt(2, 3)).await.unwrap();
    assert_eq!(returned, Some(ReleaseReply { freed: true }));
    let again = seats.return_with_receipt(&receipt(2, 3)).await.unwrap();
    assert_eq!(again, None, "the loan has ended");
}
