//! Named users.

use async_trait::async_trait;
use license_seats::LeaseTime;

use super::ServerStoreError;
use crate::domain::{
    AssignOutcome, EmailAddress, MachineRecord, NamedUser, NamedUserKey, NamedUserTerms,
    NewAuditEntry, NewNamedUser, Page, PageRequest, PoolId, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for named users.
#[async_trait]
pub trait NamedUserStore: Send + Sync {
    /// Assigns a user to a pool, if the terms permit it. The decision and the change are one
    /// transaction, so that two assignments never take the same place. A user who is assigned
    /// already stays as is, without an audit entry.
    async fn assign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        user: NewNamedUser,
        terms: NamedUserTerms,
        audit: NewAuditEntry,
    ) -> Result<AssignOutcome, ServerStoreError>;

    /// Ends the assignment of a user. Returns the user, or `None` if no user is assigned with this
    /// key. The subject of the audit entry stays, and its details get the id of the user.
    async fn unassign_user(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
        key: NamedUserKey,
        audit: NewAuditEntry,
    ) -> Result<Option<NamedUser>, ServerStoreError>;

    /// Returns the users of a pool in the order of their assignments, with those who were removed
    /// and still have a place.
    async fn named_users(
        &self,
        tenant: &TenantId,
        pool: &PoolId,
    ) -> Result<Vec<NamedUser>, ServerStoreError>;

    /// Returns the assignments of a user, with their pools, in the order of the pools.
    async fn assignments_of(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<(PoolId, NamedUser)>, ServerStoreError>;

    /// Returns the machines on which a user used licenses, by license and machine.
    async fn machines_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
        page: &PageRequest,
    ) -> Result<Page<MachineRecord>, ServerStoreError>;
}

/// Returns a removed user who is assigned again.
pub(super) fn restored(user: NamedUser) -> NamedUser {
    NamedUser {
        removed_at: None,
        ..user
    }
}

/// Returns the latest assignment whose cool-down has passed, or `None` if the lease clock has not
/// run for so long.
pub(super) fn ended_before(terms: &NamedUserTerms, now: LeaseTime) -> Option<LeaseTime> {
    let passed = now.as_millis().checked_sub(terms.cool_down.as_millis())?;
    Some(LeaseTime::from_millis(passed))
}

/// Returns the assigned user whom a key names.
pub(super) fn assigned(users: Vec<NamedUser>, key: &NamedUserKey) -> Option<NamedUser> {
    let mut users = users.into_iter();
    users.find(|user| user.is_assigned() && key.names(user))
}
