//! The JSON of groups.

use std::collections::BTreeSet;

use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::pools::{LeaseBody, pool};
use crate::api::problem::Problem;
use crate::domain::{Group, GroupMember, GroupShare, PoolId};
use crate::services::{GroupLease, GroupPool};

/// The largest number of pools in one change.
const MAX_POOLS: usize = 100;

/// A group of the organization.
#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
pub(in crate::api) struct GroupBody {
    id: String,
    name: String,
    created_at: DateTime<Utc>,
}

impl From<Group> for GroupBody {
    fn from(group: Group) -> Self {
        Self {
            id: group.id.to_string(),
            name: group.name,
            created_at: group.created_at,
        }
    }
}

/// The seats of a group in a pool.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupPool)]
pub(in crate::api) struct GroupPoolBody {
    pool: String,
    /// The license that the terms come from.
    license: String,
    product: String,
    /// The seats that are kept for the group.
    reserved: u32,
    /// The maximum number of seats that the group holds, or null without one.
    at_most: Option<u32>,
    /// The seats that members of the group hold.
    held: u32,
}

/// A group with the pools in which it has seats.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupDetails)]
pub(in crate::api) struct GroupDetailsBody {
    #[serde(flatten)]
    group: GroupBody,
    seats: Vec<GroupPoolBody>,
}

impl GroupDetailsBody {
    pub(super) fn new(group: Group, pools: Vec<GroupPool>) -> Self {
        let seats = pools.into_iter().map(|found| GroupPoolBody {
            pool: found.pool.to_string(),
            license: found.license.to_string(),
            product: found.product,
            reserved: found.share.reserved,
            at_most: found.share.at_most,
            held: found.held,
        });
        Self {
            group: group.into(),
            seats: seats.collect(),
        }
    }
}

/// A request to create a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupRequest)]
pub(in crate::api) struct GroupRequestBody {
    /// The name, which is unique in the organization.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: String,
}

/// The new seats of a group in a pool. Without both members, the group has no share.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupShare)]
pub(in crate::api) struct GroupShareBody {
    pool: String,
    /// The seats that are kept for the group.
    #[serde(default)]
    reserved: u32,
    /// The maximum number of seats that the group holds.
    #[serde(default)]
    at_most: Option<u32>,
}

/// A change of a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupChange)]
pub(in crate::api) struct GroupPatchBody {
    /// The new name.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub(super) name: Option<String>,
    /// The new seats of the group in these pools.
    #[serde(default)]
    #[schema(max_items = 100)]
    seats: Vec<GroupShareBody>,
}

impl GroupPatchBody {
    /// Returns the new shares, one for each pool.
    pub(super) fn shares(&self) -> Result<Vec<(PoolId, GroupShare)>, Problem> {
        if self.seats.len() > MAX_POOLS {
            let problem = Problem::malformed("the change has too many pools");
            return Err(problem.values(format!("at most {MAX_POOLS} pools"), self.seats.len()));
        }
        let mut seen = BTreeSet::new();
        let shares = self.seats.iter().map(|body| {
            let pool = pool(&body.pool)?;
            if !seen.insert(pool.clone()) {
                let problem = Problem::malformed("the change names a pool twice");
                return Err(problem.values("each pool once", pool));
            }
            let share = GroupShare {
                reserved: body.reserved,
                at_most: body.at_most,
            };
            Ok((pool, share))
        });
        shares.collect()
    }
}

/// A member of a group.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupMember)]
pub(in crate::api) struct GroupMemberBody {
    /// The id of the account.
    id: String,
    /// The address, or null if an identity provider vouches for the person.
    email: Option<String>,
    name: String,
    /// Whether the member administers the group.
    administrator: bool,
    added_at: DateTime<Utc>,
}

impl From<GroupMember> for GroupMemberBody {
    fn from(member: GroupMember) -> Self {
        Self {
            id: member.account.to_string(),
            email: member.email.map(|email| email.to_string()),
            name: member.name,
            administrator: member.is_administrator,
            added_at: member.added_at,
        }
    }
}

/// The part of a member in a group.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupMemberRequest)]
pub(in crate::api) struct MemberRequestBody {
    /// Whether the member administers the group: assigns its members to licenses, and sees and ends
    /// their seats.
    #[serde(default)]
    pub(super) administrator: bool,
}

/// A seat that a member of a group holds.
#[derive(Serialize, ToSchema)]
#[schema(as = GroupLease)]
pub(in crate::api) struct GroupLeaseBody {
    pool: String,
    #[serde(flatten)]
    lease: LeaseBody,
}

impl From<GroupLease> for GroupLeaseBody {
    fn from(found: GroupLease) -> Self {
        Self {
            pool: found.pool.to_string(),
            lease: found.lease.into(),
        }
    }
}
