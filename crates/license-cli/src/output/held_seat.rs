//! The floating seat that a decision counts.

use license_client::{HeldSeat, SeatOrigin};
use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use serde_json::{Value, json};

use crate::embedded::command;

/// Describes a seat: its session, its end, and the command that stored it.
pub(crate) fn line(seat: &HeldSeat, now: DateTime<Utc>) -> String {
    let (session, until) = (seat.session(), seat.until());
    let end = match (until > now, seat.origin()) {
        (false, _) => "ended at",
        (true, SeatOrigin::Borrow) => "borrowed until",
        (true, _) => "until",
    };
    let command = match seat.origin() {
        SeatOrigin::Acquire => command!("seat acquire"),
        SeatOrigin::Borrow => command!("seat borrow"),
        _ => command!("run"),
    };
    format!("{session}, {end} {}, stored by {command}", rfc3339(until))
}

pub(crate) fn to_json(seat: &HeldSeat) -> Value {
    json!({
        "session": seat.session().to_string(),
        "until": rfc3339(seat.until()).to_string(),
        "mode": seat.lease().mode(),
        "stored_by": seat.origin(),
    })
}
