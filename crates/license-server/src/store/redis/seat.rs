//! The form in which Redis keeps the times of a lease, which the scripts change.
//!
//! The text has the fencing number, the end of the lifetime, and the time from which the seat can
//! be granted again, and then each instance with the time from which it certainly has stopped:
//! `SEQ UNTIL FREE_AT INSTANCE FREE_AT …`.

use std::fmt::Write as _;
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{InstanceId, LeaseTime, OpenLease, SeatRenewal, Seq};

/// The first integer that a double does not represent exactly together with its predecessors.
const MAX_INTEGER: u64 = 1 << 53;

/// The times of a lease in Redis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SeatTimes {
    seq: Seq,
    until: LeaseTime,
    free_at: LeaseTime,
    instances: Vec<(InstanceId, LeaseTime)>,
}

impl SeatTimes {
    /// Returns the times of a lease, or `None` if a script cannot calculate with them.
    pub(super) fn of(lease: &OpenLease) -> Option<Self> {
        let instances = lease.instances.iter();
        let times = Self {
            seq: lease.seq,
            until: lease.until,
            free_at: lease.free_at,
            instances: instances
                .map(|instance| (instance.id, instance.free_at))
                .collect(),
        };
        times.is_exact().then_some(times)
    }

    /// Parses the text of a script.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(' ');
        let seq = Seq(number(parts.next()?)?);
        let until = time(parts.next()?)?;
        let free_at = time(parts.next()?)?;
        let mut instances = Vec::new();
        while let Some(id) = parts.next() {
            instances.push((InstanceId::parse(id)?, time(parts.next()?)?));
        }
        Some(Self {
            seq,
            until,
            free_at,
            instances,
        })
    }

    /// Returns the text for the scripts.
    pub(super) fn to_text(&self) -> String {
        let mut text = format!(
            "{} {} {}",
            self.seq,
            self.until.as_millis(),
            self.free_at.as_millis()
        );
        for (id, free_at) in &self.instances {
            // Writing to a string cannot fail.
            let _ = write!(text, " {id} {}", free_at.as_millis());
        }
        text
    }

    /// Returns the end of the lifetime, as the score of a sorted set.
    pub(super) fn until(&self) -> u64 {
        self.until.as_millis()
    }

    /// Returns the renewals of a session that these times contain, one for each instance.
    pub(super) fn renewals(&self, session: SessionId) -> impl Iterator<Item = SeatRenewal> {
        self.instances
            .iter()
            .map(move |(instance, free_at)| SeatRenewal {
                session,
                seq: self.seq,
                instance: *instance,
                until: self.until,
                free_at: self.free_at,
                instance_free_at: *free_at,
            })
    }

    /// Returns a lease with these times. A lease with another fencing number stays as it is.
    pub(super) fn renewed(&self, lease: &OpenLease) -> Arc<OpenLease> {
        let mut renewed = lease.clone();
        for renewal in self.renewals(lease.holder.session) {
            renewed.fold(&renewal);
        }
        Arc::new(renewed)
    }

    fn is_exact(&self) -> bool {
        let times = self.instances.iter().map(|(_, free_at)| *free_at);
        let mut times = times.chain([self.until, self.free_at]);
        times.all(|time| time.as_millis() < MAX_INTEGER) && self.seq.0 < MAX_INTEGER
    }
}

/// Returns a time as an argument of a script. A later time counts as the last one that a script can
/// calculate with.
pub(super) fn millis(time: LeaseTime) -> u64 {
    time.as_millis().min(MAX_INTEGER - 1)
}

/// Parses a time of a script.
pub(super) fn time(text: &str) -> Option<LeaseTime> {
    number(text).map(LeaseTime::from_millis)
}

/// Parses a number of a script, which has digits only.
pub(super) fn number(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| text.parse().ok()).flatten();
    number.filter(|number| *number < MAX_INTEGER)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTANCE: &str = "inst_07070707070707070707070707070707";

    #[test]
    fn times_read_back_as_they_were_written() {
        for text in [
            "1 2 3".to_owned(),
            format!("1 120000 122120 {INSTANCE} 122120"),
            format!("9007199254740991 0 0 {INSTANCE} 1 {INSTANCE} 2"),
        ] {
            assert_eq!(SeatTimes::parse(&text).unwrap().to_text(), text);
        }
    }

    #[test]
    fn a_text_of_another_form_is_refused() {
        for text in [
            "",
            "1 2",
            "1 2 3 ",
            "1 2 3 4",
            "1  2 3",
            "-1 2 3",
            "+1 2 3",
            "1e3 2 3",
            "1 2 nan",
            "9007199254740992 2 3",
            "1 2 3 inst_07 4",
            &format!("1 2 3 {INSTANCE}"),
        ] {
            assert_eq!(SeatTimes::parse(text), None, "{text:?}");
        }
    }
}
