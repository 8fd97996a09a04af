//! Named users: the people whom administrators assign to a license.

use chrono::{DateTime, Utc};
use license_core::license::License;
use license_core::policy::{NAMED_USERS, Quota, USER_COOL_DOWN_DAYS};
use license_core::{FeatureMatrix, time};
use license_seats::{LeaseSpan, LeaseTime};

use super::audit::NewAuditEntry;
use super::email::EmailAddress;
use super::refusal::{Refusal, RefusalKind, ServerCode};

/// The largest number of users whom the server assigns to a license.
pub const MAX_NAMED_USERS: u64 = 100_000;

const DAY_SECONDS: u64 = 24 * 60 * 60;

/// A person who is assigned to the licenses of a pool, or was until a short time ago.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedUser {
    /// The id, which increases with time. The audit trail names the user by this id.
    pub id: String,
    /// The address of the user.
    pub email: EmailAddress,
    /// The time of the assignment.
    pub assigned_at: DateTime<Utc>,
    /// The originator of the assignment.
    pub assigned_by: String,
    /// The reading of the lease clock at the assignment, from which the cool-down counts. A change
    /// of the wall clock therefore shortens no cool-down.
    pub since: LeaseTime,
    /// The time at which the assignment ended.
    pub removed_at: Option<DateTime<Utc>>,
}

/// A person whom an administrator assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewNamedUser {
    /// The new id.
    pub id: String,
    /// The address of the user.
    pub email: EmailAddress,
    /// The time of the assignment.
    pub assigned_at: DateTime<Utc>,
    /// The originator of the assignment.
    pub assigned_by: String,
}

impl NewNamedUser {
    /// Returns the assigned user at a reading of the lease clock.
    pub(crate) fn assigned(self, since: LeaseTime) -> NamedUser {
        NamedUser {
            id: self.id,
            email: self.email,
            assigned_at: self.assigned_at,
            assigned_by: self.assigned_by,
            since,
            removed_at: None,
        }
    }
}

impl NamedUser {
    /// Returns whether the user may use the license.
    pub fn is_assigned(&self) -> bool {
        self.removed_at.is_none()
    }

    /// Returns an audit entry with the id of the user. The trail has no address, so that a person
    /// can be forgotten.
    pub(crate) fn audited(&self, audit: &NewAuditEntry) -> NewAuditEntry {
        let mut audit = audit.clone();
        if let Some(details) = audit.details.as_object_mut() {
            details.insert("user".to_owned(), self.id.as_str().into());
        }
        audit
    }

    /// Returns the audit entry of the end of the assignment, with the state before.
    pub(crate) fn unassigned(&self, audit: &NewAuditEntry) -> NewAuditEntry {
        let former = serde_json::json!({
            "user": self.id,
            "assigned_at": self.assigned_at,
            "assigned_by": self.assigned_by,
        });
        self.audited(audit).with_before(Some(former))
    }

    /// Returns how long the place of the user cannot go to another user.
    pub fn cool_down_left(&self, terms: &NamedUserTerms, now: LeaseTime) -> LeaseSpan {
        let end = self.since.saturating_add(terms.cool_down);
        end.since(now)
    }

    /// Returns whether the user takes one of the places of the license.
    pub fn holds_place(&self, terms: &NamedUserTerms, now: LeaseTime) -> bool {
        self.is_assigned() || !self.cool_down_left(terms, now).is_zero()
    }
}

/// The terms of a license with assigned users.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NamedUserTerms {
    /// The largest number of users.
    pub limit: u64,
    /// How long the place of a user cannot go to another user, counted from the assignment.
    pub cool_down: LeaseSpan,
}

impl NamedUserTerms {
    /// Returns the terms of a license whose users the server assigns. A license that names its
    /// users itself, in the claim `users`, has none.
    pub fn of(license: &License, matrix: &FeatureMatrix) -> Option<Self> {
        let limit = match license.entitlements().quota(NAMED_USERS)? {
            _ if license.users().is_some() => return None,
            Quota::Unlimited => u64::MAX,
            Quota::Limit(limit) => limit,
        };
        let cool_down = match license.entitlements().quota(USER_COOL_DOWN_DAYS) {
            Some(Quota::Unlimited) => LeaseSpan::MAX,
            Some(Quota::Limit(days)) => LeaseSpan::from_secs(days.saturating_mul(DAY_SECONDS)),
            None => {
                let seconds = matrix.user_cool_down().num_seconds();
                LeaseSpan::from_secs(u64::try_from(seconds).unwrap_or(0))
            }
        };
        Some(Self { limit, cool_down })
    }

    /// Decides about the assignment of a user, from the users of the pool. The store calls this in
    /// the transaction of the assignment, so that two assignments never take the same place.
    pub fn decide(&self, users: &[NamedUser], email: &EmailAddress, now: LeaseTime) -> Assigning {
        let known = users.iter().find(|user| user.email == *email);
        let known = known.filter(|user| user.holds_place(self, now));
        match known {
            Some(user) if user.is_assigned() => return Assigning::Known(user.clone()),
            // The place still belongs to this user.
            Some(user) => return Assigning::Restored(user.clone()),
            None => {}
        }
        let taken = users.iter().filter(|user| user.holds_place(self, now));
        let (assigned, cooling): (Vec<_>, Vec<_>) = taken.partition(|user| user.is_assigned());
        let limit = self.limit.min(MAX_NAMED_USERS);
        let taken = count(assigned.len()).saturating_add(count(cooling.len()));
        let Some(needed) = taken.checked_sub(limit) else {
            return Assigning::Free;
        };
        // One place more than the excess must become free.
        let mut left: Vec<_> = cooling
            .iter()
            .map(|user| user.cool_down_left(self, now))
            .collect();
        left.sort_unstable();
        let needed = usize::try_from(needed).unwrap_or(usize::MAX);
        match left.get(needed) {
            Some(left) => Assigning::CoolDown { left: *left },
            None => Assigning::Full {
                assigned: count(assigned.len()),
            },
        }
    }
}

/// The decision about an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigning {
    /// The user is assigned already. Nothing changes.
    Known(NamedUser),
    /// The user was removed, and still has the place. The cool-down continues.
    Restored(NamedUser),
    /// The license has a free place.
    Free,
    /// A place becomes free after this time.
    CoolDown {
        /// The time by the lease clock, which counts only while the server runs.
        left: LeaseSpan,
    },
    /// All places are taken by assigned users.
    Full {
        /// The number of assigned users.
        assigned: u64,
    },
}

/// The result of an assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AssignOutcome {
    /// The user is assigned now.
    Assigned(NamedUser),
    /// The user was assigned before.
    Known(NamedUser),
    /// The license has no place now. See [`Assigning::CoolDown`].
    CoolDown {
        /// The time until a place is free.
        left: LeaseSpan,
    },
    /// The license has no place. See [`Assigning::Full`].
    Full {
        /// The number of assigned users.
        assigned: u64,
    },
}

impl AssignOutcome {
    /// Returns the assigned user, and whether the assignment is new.
    ///
    /// # Errors
    ///
    /// Returns `COOL_DOWN` with the time from which a place is free, and `USER_LIMIT_REACHED` if
    /// all places are taken.
    pub fn granted(
        self,
        terms: &NamedUserTerms,
        now: DateTime<Utc>,
    ) -> Result<(NamedUser, bool), Refusal> {
        let limit = terms.limit.min(MAX_NAMED_USERS);
        match self {
            Self::Assigned(user) => Ok((user, true)),
            Self::Known(user) => Ok((user, false)),
            Self::CoolDown { left } => {
                let at = time::rfc3339(available_at(now, left));
                let detail = "the place of a former user is not free yet";
                let facts = serde_json::json!({ "available_at": at.to_string() });
                Err(refused(ServerCode::CoolDown, detail)
                    .values(
                        format!("an assignment at {at} or later"),
                        time::rfc3339(now),
                    )
                    .hint("assign the user then, or ask the vendor for more users")
                    .facts(facts))
            }
            Self::Full { assigned } => {
                let detail = "the license has no place for another user";
                Err(refused(ServerCode::UserLimitReached, detail)
                    .values(format!("fewer than {limit} assigned users"), assigned)
                    .hint("remove a user who does not need the license, or ask the vendor for more users"))
            }
        }
    }
}

/// Returns the earliest time at which a place is free: the lease clock must advance by `left`, and
/// it stands still while the server is down.
pub fn available_at(now: DateTime<Utc>, left: LeaseSpan) -> DateTime<Utc> {
    let millis = i64::try_from(left.as_millis()).unwrap_or(i64::MAX);
    let left = chrono::TimeDelta::try_milliseconds(millis).unwrap_or(chrono::TimeDelta::MAX);
    // Whole seconds, rounded up.
    let at = time::saturating_add(now, left);
    let seconds = time::unix_seconds(at).saturating_add(1);
    time::from_unix_seconds(seconds).unwrap_or(time::MAX)
}

fn refused(code: ServerCode, detail: &str) -> Refusal {
    Refusal::new(RefusalKind::Conflict, code, detail)
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// The id of a user in the paths of the HTTP interface: an address or an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedUserKey {
    /// The address.
    Email(EmailAddress),
    /// The id.
    Id(String),
}

impl NamedUserKey {
    /// Parses an address or an id. Another text names no user.
    pub fn parse(text: &str) -> Option<Self> {
        if text.contains('@') {
            return EmailAddress::parse(text).map(Self::Email);
        }
        let rest = text.strip_prefix("usr_")?;
        let is_id = rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
        is_id.then(|| Self::Id(text.to_owned()))
    }

    /// Returns whether the key names a user.
    pub fn names(&self, user: &NamedUser) -> bool {
        match self {
            Self::Email(email) => user.email == *email,
            Self::Id(id) => user.id == *id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: LeaseSpan = LeaseSpan::from_secs(DAY_SECONDS);

    fn email(name: &str) -> EmailAddress {
        EmailAddress::parse(&format!("{name}@example.com")).unwrap()
    }

    fn user(name: &str, since_day: u32, is_assigned: bool) -> NamedUser {
        NamedUser {
            id: format!("usr_{name}"),
            email: email(name),
            assigned_at: time::MIN,
            assigned_by: "console".to_owned(),
            since: day(since_day),
            removed_at: (!is_assigned).then_some(time::MIN),
        }
    }

    fn day(number: u32) -> LeaseTime {
        LeaseTime::START.saturating_add(DAY.times(number, 1))
    }

    fn terms(limit: u64) -> NamedUserTerms {
        NamedUserTerms {
            limit,
            cool_down: DAY.times(30, 1),
        }
    }

    #[test]
    fn the_last_place_goes_to_one_user() {
        let one = [user("ann", 0, true)];
        let decide = |limit, name| terms(limit).decide(&one, &email(name), day(40));
        assert_eq!(decide(2, "bob"), Assigning::Free);
        assert_eq!(decide(1, "bob"), Assigning::Full { assigned: 1 });
        assert_eq!(decide(0, "bob"), Assigning::Full { assigned: 1 });
        assert_eq!(decide(1, "ann"), Assigning::Known(one[0].clone()));
        // The license has fewer users than are assigned.
        let three = [user("a", 0, true), user("b", 0, true), user("c", 0, true)];
        let decided = terms(1).decide(&three, &email("d"), day(40));
        assert_eq!(decided, Assigning::Full { assigned: 3 });
    }

    #[test]
    fn a_place_is_free_after_the_cool_down_of_its_last_assignment() {
        let removed = [user("ann", 10, false)];
        let decide = |name, at| terms(1).decide(&removed, &email(name), at);
        let left = DAY.times(5, 1);
        assert_eq!(decide("bob", day(35)), Assigning::CoolDown { left });
        assert_eq!(decide("bob", day(40)), Assigning::Free);
        let restored = Assigning::Restored(removed[0].clone());
        assert_eq!(decide("ann", day(35)), restored);
        assert_eq!(decide("ann", day(40)), Assigning::Free);
        let just_before = LeaseTime::from_millis(day(40).as_millis() - 1);
        let left = LeaseSpan::from_millis(1);
        assert_eq!(decide("bob", just_before), Assigning::CoolDown { left });
    }

    #[test]
    fn the_time_is_that_of_the_place_which_is_needed() {
        // Three places are taken, and the license has two users. Two places must become free.
        let users = [user("a", 5, false), user("b", 7, false), user("c", 0, true)];
        let decided = terms(2).decide(&users, &email("d"), day(8));
        let left = DAY.times(29, 1);
        assert_eq!(decided, Assigning::CoolDown { left });
        let decided = terms(1).decide(&users, &email("d"), day(8));
        assert_eq!(decided, Assigning::Full { assigned: 1 });
        let decided = terms(0).decide(&users[..2], &email("d"), day(8));
        assert_eq!(decided, Assigning::Full { assigned: 0 });
    }

    #[test]
    fn a_key_is_an_address_or_an_id() {
        let id = format!("usr_{}", "0".repeat(32));
        assert_eq!(NamedUserKey::parse(&id), Some(NamedUserKey::Id(id.clone())));
        let ann = NamedUserKey::Email(email("ann"));
        assert_eq!(NamedUserKey::parse("ANN@example.com"), Some(ann));
        for text in ["", "ann", "usr_1", &id[1..], "\u{430}nn@example.com"] {
            assert_eq!(NamedUserKey::parse(text), None, "{text:?}");
        }
    }
}
