//! Replies of the script `heartbeat`.

use license_seats::{
    Heartbeat, OpenLease, PoolUsage, SeatGrant, SeatOutcome, SeatReply, SeatValidity,
};

use crate::store::PoolReply;
use crate::store::redis::seat::{SeatTimes, time};

/// Returns the reply to a heartbeat from the values of the script.
pub(super) fn grant(
    heartbeat: &Heartbeat,
    (now, times, lease, usage): (String, String, String, String),
    validity: SeatValidity,
) -> Option<PoolReply> {
    let now = time(&now)?;
    let times = SeatTimes::parse(&times)?;
    let lease: OpenLease = serde_json::from_str(&lease).ok()?;
    let usage: PoolUsage = serde_json::from_str(&usage).ok()?;
    if lease.holder.session != heartbeat.session || lease.seq != heartbeat.seq {
        return None;
    }
    let lease = times.renewed(&lease);
    let mut instances = lease.instances.iter();
    let instance = instances.find(|known| known.id == heartbeat.instance)?;
    let grant = SeatGrant {
        instance: instance.id,
        commitment: instance.commitment,
        is_new: false,
        valid_for: validity.valid_for,
        renew_after: validity.renew_after,
        usage,
        lease,
    };
    Some(PoolReply {
        outcome: SeatOutcome {
            changes: Vec::new(),
            events: Vec::new(),
            reply: Ok(SeatReply::Seat(grant)),
        },
        now,
        ended_at: None,
    })
}
