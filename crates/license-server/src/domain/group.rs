//! Groups: the departments of an organization.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use license_core::encoding::hex;
use license_seats::{Reservation, ReservationTarget};
use serde_json::{Value, json};

use super::account::AccountId;
use super::email::EmailAddress;
use super::pool::{PoolId, SeatPolicy};
use super::text::is_unsafe;

/// The id of a group. Sessions of its members hold seats under this id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(String);

impl GroupId {
    /// The beginning of each id. A program cannot state a group whose name begins like this.
    pub const PREFIX: &'static str = "grp_";

    /// Returns the id with these random bytes.
    pub fn from_random(bytes: [u8; 16]) -> Self {
        Self(format!("{}{}", Self::PREFIX, hex::encode(&bytes)))
    }

    /// Parses an id: `grp_` and 32 hexadecimal digits. Returns `None` for another text.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(Self::PREFIX)?;
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        (digits.len() == 32 && digits.bytes().all(is_digit)).then(|| Self(text.to_owned()))
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A group of an organization. A group cannot contain groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// The name, which is unique in the organization.
    pub name: String,
    /// The time of the creation.
    pub created_at: DateTime<Utc>,
}

/// The longest name of a group, in characters.
const MAX_GROUP_NAME: usize = 100;

impl Group {
    /// Returns the state for the audit trail, with the shares of the group.
    pub fn audited(&self, shares: &BTreeMap<PoolId, GroupShare>) -> Value {
        let shares = shares.iter().map(|(pool, share)| share.audited(pool));
        json!({ "name": self.name, "shares": shares.collect::<Vec<_>>() })
    }

    /// Returns the part of a member for the audit trail.
    pub fn audited_member(account: &AccountId, is_administrator: bool) -> Value {
        json!({ "member": account.as_str(), "administrator": is_administrator })
    }

    /// Returns the name of a group without spaces around it, if it is acceptable: 1 to 100
    /// characters without control characters.
    pub fn accepted_name(text: &str) -> Option<String> {
        let text = text.trim();
        let is_accepted =
            (1..=MAX_GROUP_NAME).contains(&text.chars().count()) && !text.chars().any(is_unsafe);
        is_accepted.then(|| text.to_owned())
    }
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// The account.
    pub account: AccountId,
    /// The address of the account, if it has one.
    pub email: Option<EmailAddress>,
    /// The name of the account.
    pub name: String,
    /// Whether the member administers the group.
    pub is_administrator: bool,
    /// The time at which the member was added.
    pub added_at: DateTime<Utc>,
}

/// The part of a member in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembership {
    /// The group.
    pub group: GroupId,
    /// Whether the member administers the group.
    pub is_administrator: bool,
}

/// The seats of a group in a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupShare {
    /// The seats that are kept for the group.
    pub reserved: u32,
    /// The maximum number of seats that the group holds. `None` is no maximum.
    pub at_most: Option<u32>,
}

impl GroupShare {
    /// A share that neither keeps nor bounds seats.
    pub const NONE: Self = Self {
        reserved: 0,
        at_most: None,
    };

    /// Returns the share of a pool for the audit trail.
    pub fn audited(&self, pool: &PoolId) -> Value {
        json!({ "pool": pool.as_str(), "reserved": self.reserved, "at_most": self.at_most })
    }

    /// Returns whether the share neither keeps nor bounds seats.
    pub fn is_empty(&self) -> bool {
        *self == Self::NONE
    }
}

impl SeatPolicy {
    /// Returns the share of a group.
    pub fn share(&self, group: &GroupId) -> Option<GroupShare> {
        let mut reservations = self.reservations.iter();
        let found = reservations.find(|reservation| is_for(reservation, group))?;
        Some(GroupShare {
            reserved: found.seats,
            at_most: found.at_most,
        })
    }

    /// Returns the policy with another share of a group. An empty share removes it. A new share
    /// comes last, so the sessions of earlier reservations stay with them.
    #[must_use]
    pub fn with_share(mut self, group: &GroupId, share: GroupShare) -> Self {
        let reservations = &mut self.reservations;
        if share.is_empty() {
            reservations.retain(|reservation| !is_for(reservation, group));
            return self;
        }
        let new = Reservation {
            target: ReservationTarget::Group(group.as_str().into()),
            seats: share.reserved,
            at_most: share.at_most,
        };
        match reservations.iter_mut().find(|found| is_for(found, group)) {
            Some(found) => *found = new,
            None => reservations.push(new),
        }
        self
    }

    /// Returns the number of reserved seats.
    pub fn reserved(&self) -> u64 {
        let seats = self.reservations.iter().map(|one| u64::from(one.seats));
        seats.sum()
    }
}

fn is_for(reservation: &Reservation, group: &GroupId) -> bool {
    matches!(&reservation.target, ReservationTarget::Group(name) if **name == *group.as_str())
}

/// The result of a change of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupOutcome {
    /// The change has been made.
    Changed,
    /// Nothing had to be changed.
    Unchanged,
    /// The organization has no such group.
    NoGroup,
    /// The organization has no such member.
    NoMember,
    /// Another group has the name.
    NameTaken,
    /// The policy of the pool would reserve more seats than the license has.
    TooManyReserved {
        /// The seats that would be reserved.
        reserved: u64,
    },
}

/// A change of the seats of a group in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShareChange {
    /// The pool.
    pub pool: PoolId,
    /// The new share.
    pub share: GroupShare,
    /// The seats of the pool, which bound the reserved ones.
    pub capacity: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(number: u8) -> GroupId {
        GroupId::from_random([number; 16])
    }

    #[test]
    fn an_id_has_one_form() {
        let id = group(0xab);
        assert_eq!(GroupId::parse(id.as_str()), Some(id.clone()));
        let upper = id.as_str().to_uppercase();
        for text in ["", "grp_", &upper, &format!("{id}0"), "grp_../x", "design"] {
            assert_eq!(GroupId::parse(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_bounded_and_have_no_control_characters() {
        assert_eq!(Group::accepted_name(" Design ").as_deref(), Some("Design"));
        assert!(Group::accepted_name(&"é".repeat(100)).is_some());
        for text in [
            "",
            "  ",
            &"a".repeat(101),
            "a\r\nb",
            "a\u{85}b",
            "a\0",
            "a\u{202e}b",
        ] {
            assert_eq!(Group::accepted_name(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_share_replaces_the_share_of_its_group_only() {
        let share = |reserved, at_most| GroupShare { reserved, at_most };
        let policy = SeatPolicy::default()
            .with_share(&group(1), share(2, None))
            .with_share(&group(2), share(0, Some(3)))
            .with_share(&group(1), share(1, Some(4)));
        assert_eq!(policy.share(&group(1)), Some(share(1, Some(4))));
        assert_eq!(policy.share(&group(2)), Some(share(0, Some(3))));
        assert_eq!(policy.reserved(), 1);
        let policy = policy.with_share(&group(1), share(0, None));
        assert_eq!(policy.share(&group(1)), None);
        assert_eq!(policy.reservations.len(), 1);
    }
}
