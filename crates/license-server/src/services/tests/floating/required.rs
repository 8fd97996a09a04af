//! Licenses that require a floating seat.

use license_core::machine::Machine;
use license_core::{Code, Context, Unverified};

use super::super::{TestServer, matrix, token, trust};
use super::{MACHINE, verified};
use crate::services::ValidateRequest;

#[tokio::test]
async fn a_license_that_requires_a_seat_validates_without_one_and_is_valid_with_its_lease() {
    let server = TestServer::start().await;
    let token = token(1, |draft| draft.requires_seat = true);
    server.install(&token).await;
    let request = ValidateRequest {
        credential: token.clone(),
        machine: MACHINE.to_owned(),
        user: None,
        missing_login: None,
        version: None,
        build_date: None,
        nonce: None,
    };
    let reply = server.services.validate.validate(request).await.unwrap();
    assert_eq!((reply.valid, reply.code), (true, Code::Valid.as_str()));

    let license = Unverified::parse(&token).unwrap().verify(&trust()).unwrap();
    let lease = verified(&server.acquire(&token, 1).await.unwrap(), &token);
    let machine: Machine = MACHINE.parse().unwrap();
    let context = Context::at(lease.issued_at()).machine(&machine);
    let without = license.evaluate(matrix(), &context);
    assert_eq!(without.code(), Code::SeatRequired);
    let context = context.lease(&lease).session(lease.session());
    let with = license.evaluate(matrix(), &context);
    assert_eq!(with.code(), Code::Valid);
}
