//! Replies of the script `reserve`.

use license_core::session::SessionId;
use license_seats::SeatRenewal;

use crate::store::redis::error::RedisStoreError;
use crate::store::redis::seat::{SeatTimes, number};

/// A page of the reply of the script `reserve`.
pub(super) enum ReservedPage {
    Lost,
    Held(HeldPage),
}

pub(super) struct HeldPage {
    pub(super) version: u64,
    pub(super) generation: String,
    pub(super) position: u64,
    pub(super) renewals: Vec<SeatRenewal>,
    pub(super) leases: usize,
}

impl ReservedPage {
    pub(super) fn parse(reply: Vec<Option<String>>) -> Result<Self, RedisStoreError> {
        let expected = "a reservation of this epoch";
        Self::read(reply).ok_or(RedisStoreError::Value { expected })
    }

    fn read(reply: Vec<Option<String>>) -> Option<Self> {
        let mut values = reply.into_iter();
        let status = values.next()??;
        if status == "LOST" {
            return Some(Self::Lost);
        }
        if status != "HELD" {
            return None;
        }
        let version = number(&values.next()??)?;
        let generation = values.next()??;
        let position = number(&values.next()??)?;
        let (mut renewals, mut leases) = (Vec::new(), 0);
        while let Some(session) = values.next() {
            let session = SessionId::parse(&session?)?;
            let times = SeatTimes::parse(&values.next()??)?;
            renewals.extend(times.renewals(session));
            leases += 1;
        }
        Some(Self::Held(HeldPage {
            version,
            generation,
            position,
            renewals,
            leases,
        }))
    }
}
