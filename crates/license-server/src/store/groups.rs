//! Groups of an organization.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::ServerStoreError;
use crate::domain::{
    AccountId, EmailAddress, Group, GroupId, GroupMember, GroupMembership, GroupOutcome,
    GroupShare, NewAuditEntry, Page, PageRequest, PoolId, ShareChange, TenantId,
};

/// The part of a [`ServerStore`](super::ServerStore) for the groups of an organization.
#[async_trait]
pub trait GroupStore: Send + Sync {
    /// Stores a new group.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::LimitReached`] if the organization has `most` groups.
    async fn create_group(
        &self,
        tenant: &TenantId,
        group: Group,
        most: u32,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError>;

    /// Returns groups, in the order of their ids.
    async fn groups(
        &self,
        tenant: &TenantId,
        page: &PageRequest,
    ) -> Result<Page<Group>, ServerStoreError>;

    /// Returns a group.
    async fn group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<Option<Group>, ServerStoreError>;

    /// Changes the name of a group.
    async fn rename_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        name: String,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError>;

    /// Deletes a group, with its members and its shares of pools. Returns whether there was one.
    async fn delete_group(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Changes the share of a group in a pool, which is a reservation in the policy of the pool.
    async fn set_group_share(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        change: ShareChange,
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError>;

    /// Adds a member to a group, or changes whether the member administers it.
    async fn put_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        member: (AccountId, bool),
        audit: NewAuditEntry,
    ) -> Result<GroupOutcome, ServerStoreError>;

    /// Removes a member from a group. Returns whether the group had the member.
    async fn remove_group_member(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        account: &AccountId,
        audit: NewAuditEntry,
    ) -> Result<bool, ServerStoreError>;

    /// Returns the members of a group, in the order of the ids of their accounts.
    async fn group_members(
        &self,
        tenant: &TenantId,
        id: &GroupId,
        page: &PageRequest,
    ) -> Result<Page<GroupMember>, ServerStoreError>;

    /// Returns the groups of a member, in the order of their ids.
    async fn groups_of(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Vec<GroupMembership>, ServerStoreError>;

    /// Returns the groups of the member with an address, in the order of their ids.
    async fn groups_of_user(
        &self,
        tenant: &TenantId,
        email: &EmailAddress,
    ) -> Result<Vec<GroupId>, ServerStoreError>;

    /// Returns the shares of a group, by pool.
    async fn group_shares(
        &self,
        tenant: &TenantId,
        id: &GroupId,
    ) -> Result<BTreeMap<PoolId, GroupShare>, ServerStoreError>;

    /// Returns the pools with open leases of a group, or of a user, at most 100.
    async fn pools_in_use(
        &self,
        tenant: &TenantId,
        by: SeatUser,
    ) -> Result<Vec<PoolId>, ServerStoreError>;
}

/// The holder of seats.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeatUser {
    /// The members of a group.
    Group(GroupId),
    /// The user with an address, in any spelling.
    User(EmailAddress),
}
