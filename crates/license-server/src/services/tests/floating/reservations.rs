//! Reserved seats.

use license_seats::{Reservation, ReservationTarget};

use super::super::TestServer;
use super::pool;
use crate::domain::{Actor, SeatPolicy};

#[tokio::test]
async fn a_denial_counts_reserved_seats_and_no_policy_reserves_more_than_all() {
    let (server, token) = TestServer::with_license().await;
    let (pools, one) = (&server.services.pools, pool(1));
    let policy = |seats| SeatPolicy {
        reservations: vec![Reservation {
            target: ReservationTarget::Group("simulation".into()),
            seats,
            at_most: None,
        }],
        ..SeatPolicy::default()
    };
    let refused = pools.set_policy(&Actor::Console, &one, policy(6)).await;
    assert_eq!(refused.unwrap_err().code, "BAD_REQUEST");
    for seats in [5, 2] {
        let set = pools.set_policy(&Actor::Console, &one, policy(seats)).await;
        set.unwrap();
    }
    for number in 1..=3 {
        server.acquire(&token, number).await.unwrap();
    }
    let denied = server.acquire(&token, 4).await.unwrap_err();
    assert_eq!(denied.code, "NO_SEAT");
    let expected = "3 seats held, 0 offered, 2 reserved for others";
    assert_eq!(denied.actual.as_deref(), Some(expected));
}
