//! The users whom administrators have assigned to licenses, for decisions about requests.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cache::Cache;
use super::licenses::InstalledLicense;
use super::site::Site;
use crate::domain::{
    EmailAddress, NamedUser, NamedUserTerms, PageRequest, PoolId, Refusal, RefusalKind, ServerCode,
};

/// The number of pools in each generation of the cache.
const CACHED_POOLS: usize = 1000;

/// The longest text of a caller in a message, in characters.
const MAX_SHOWN: usize = 64;

/// Reads the assigned users of pools, and caches them.
#[derive(Debug)]
pub(super) struct AssignedUsers {
    cached: Cache<PoolId, (u64, Arc<PlacesByUser>)>,
    /// Whether the organization has groups, with the number of the content.
    has_groups: Mutex<Option<(u64, bool)>>,
}

impl AssignedUsers {
    fn lock(&self) -> MutexGuard<'_, Option<(u64, bool)>> {
        self.has_groups
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The places of the assigned users of a pool, from 0 in the order of their assignments.
type PlacesByUser = HashMap<EmailAddress, u64>;

impl Default for AssignedUsers {
    fn default() -> Self {
        Self {
            cached: Cache::new(CACHED_POOLS),
            has_groups: Mutex::default(),
        }
    }
}

/// Whether a user may use a license, as far as assigned users decide it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum UserStanding {
    /// The server assigns no users to the license.
    Open,
    /// The user is assigned.
    Assigned(EmailAddress),
    /// The user is not assigned.
    Denied(Unassigned),
}

/// The reason why a user may not use a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unassigned {
    /// The expected user.
    pub(super) expected: String,
    /// The user of the request.
    pub(super) actual: String,
    /// The next step.
    pub(super) hint: &'static str,
}

impl Unassigned {
    /// The reason code.
    pub(super) const CODE: &'static str = ServerCode::UserNotAssigned.as_str();

    /// Returns the refusal of a request for a seat.
    pub(super) fn refusal(self) -> Refusal {
        let detail = "the user is not assigned to the license";
        Refusal::with_code(RefusalKind::Conflict, Self::CODE, detail)
            .values(self.expected, self.actual)
            .hint(self.hint)
    }
}

impl UserStanding {
    /// Returns the user of a license with assigned users.
    ///
    /// # Errors
    ///
    /// Returns `USER_NOT_ASSIGNED` if the user is not assigned.
    pub(super) fn permitted(self) -> Result<Option<EmailAddress>, Refusal> {
        match self {
            Self::Open => Ok(None),
            Self::Assigned(email) => Ok(Some(email)),
            Self::Denied(unassigned) => Err(unassigned.refusal()),
        }
    }
}

impl Site {
    /// Returns whether a user may use a license, as far as assigned users decide it.
    pub(super) async fn user_standing(
        &self,
        installed: &InstalledLicense,
        user: Option<&str>,
    ) -> Result<UserStanding, Refusal> {
        let Some(terms) = NamedUserTerms::of(&installed.license, &self.matrix) else {
            return Ok(UserStanding::Open);
        };
        let actual = || user.map_or_else(|| "no user".to_owned(), shown);
        let Some(email) = user.and_then(EmailAddress::parse) else {
            return Ok(UserStanding::Denied(Unassigned {
                expected: "the e-mail address of a user who is assigned to the license".to_owned(),
                actual: actual(),
                hint: "state the e-mail address as the user; the claim of a login must be `email`",
            }));
        };
        let places = self.places(&installed.record.pool).await?;
        Ok(match places.get(&email) {
            Some(place) if *place < terms.limit => UserStanding::Assigned(email),
            Some(_) => UserStanding::Denied(Unassigned {
                expected: format!("one of the first {} assigned users", terms.limit),
                actual: actual(),
                hint: "ask the license manager: more users are assigned than the license permits",
            }),
            None => UserStanding::Denied(Unassigned {
                expected: "a user who is assigned to the license".to_owned(),
                actual: actual(),
                hint: "ask the license manager to assign the user to the license",
            }),
        })
    }

    /// Returns whether the organization has groups.
    pub(super) async fn has_groups(&self) -> Result<bool, Refusal> {
        let version = self.content().version;
        let known = *self.assigned.lock();
        if let Some((_, has_groups)) = known.filter(|(of, _)| *of == version) {
            return Ok(has_groups);
        }
        let any = PageRequest::new(None, Some(1));
        let groups = self.store.groups(&self.tenant, &any).await?;
        let has_groups = !groups.items.is_empty();
        *self.assigned.lock() = Some((version, has_groups));
        Ok(has_groups)
    }

    /// Returns the places of the assigned users of a pool.
    async fn places(&self, pool: &PoolId) -> Result<Arc<PlacesByUser>, Refusal> {
        let version = self.content().version;
        match self.assigned.cached.get(pool) {
            Some((of, places)) if of == version => return Ok(places),
            _ => {}
        }
        let users = self.store.named_users(&self.tenant, pool).await?;
        let assigned = users.into_iter().filter(NamedUser::is_assigned);
        let places = assigned.map(|user| user.email).zip(0..).collect();
        let places = Arc::new(places);
        let cached = (version, Arc::clone(&places));
        self.assigned.cached.insert(pool.clone(), cached);
        Ok(places)
    }
}

/// Returns the beginning of a text of a caller, for a message.
fn shown(text: &str) -> String {
    let shown = text.chars().filter(|character| !character.is_control());
    shown.take(MAX_SHOWN).collect()
}
