//! The seats of a group, and those of one person.

use license_core::LicenseId;
use license_core::session::SessionId;
use license_seats::{EndMode, Seq};

use super::{GroupService, no_group};
use crate::domain::{Actor, EmailAddress, GroupId, GroupShare, PageRequest, PoolId, Refusal};
use crate::services::pools::{EndReply, LeaseView, PoolService, lease_view};
use crate::store::{LeaseRow, SeatUser};

/// The largest number of leases in one answer.
const MAX_LEASES: usize = 500;

/// A pool with seats of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupPool {
    /// The pool.
    pub pool: PoolId,
    /// The license that the terms come from.
    pub license: LicenseId,
    /// The product code.
    pub product: String,
    /// The seats that are kept for the group, and its maximum.
    pub share: GroupShare,
    /// The seats that members of the group hold.
    pub held: u32,
}

/// An open lease with its pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupLease {
    /// The pool.
    pub pool: PoolId,
    /// The lease.
    pub lease: LeaseView,
}

impl GroupService {
    /// Returns the pools in which a group has a share or holds seats.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group.
    pub async fn pools(&self, id: &GroupId) -> Result<Vec<GroupPool>, Refusal> {
        self.get(id).await?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let shares = store.group_shares(tenant, id).await?;
        let used = store.pools_in_use(tenant, SeatUser::Group(id.clone()));
        let used = used.await?;
        let mut pools: Vec<_> = shares.keys().cloned().chain(used).collect();
        pools.sort_unstable();
        pools.dedup();
        let mut found = Vec::new();
        for pool in pools {
            // A pool whose license was removed has no seats.
            let Ok(current) = self.seats.current(&pool).await else {
                continue;
            };
            let held = self.leases_of(&pool, &|row| is_of_group(row, id)).await?;
            found.push(GroupPool {
                share: shares.get(&pool).copied().unwrap_or(GroupShare::NONE),
                license: current.license.record.id.clone(),
                product: current.license.record.product.clone(),
                held: u32::try_from(held.len()).unwrap_or(u32::MAX),
                pool,
            });
        }
        Ok(found)
    }

    /// Returns the open leases of the members of a group, at most 500.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group.
    pub async fn leases(&self, id: &GroupId) -> Result<Vec<GroupLease>, Refusal> {
        self.get(id).await?;
        let by = SeatUser::Group(id.clone());
        let mut leases = self.leases_by(by, |row| is_of_group(row, id)).await?;
        // An administrator of the group sees nothing of the other groups of its members.
        for found in &mut leases {
            found.lease.groups = vec![id.to_string()];
        }
        Ok(leases)
    }

    /// Returns the open leases of a user, at most 500.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn leases_of_user(&self, user: &EmailAddress) -> Result<Vec<GroupLease>, Refusal> {
        let by = SeatUser::User(user.clone());
        let is_own = |row: &LeaseRow| {
            let holder = EmailAddress::parse(&row.lease.holder.user);
            holder.as_ref() == Some(user)
        };
        self.leases_by(by, is_own).await
    }

    /// Ends the lease of a session of the group.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is no such group, or if the session holds no seat of the group.
    /// Returns the refusals of [`PoolService::end`].
    pub async fn end_lease(
        &self,
        actor: &Actor,
        (id, pool, session, seq): (&GroupId, &PoolId, SessionId, Option<Seq>),
        mode: EndMode,
        reason: &str,
    ) -> Result<EndReply, Refusal> {
        self.get(id).await?;
        let is_meant = |row: &LeaseRow| is_of_group(row, id) && row.lease.holder.session == session;
        let found = self.leases_of(pool, &is_meant).await?;
        let lease = found.first().ok_or_else(no_lease)?;
        let pools = PoolService::new(std::sync::Arc::clone(&self.site), self.seats.clone());
        // A newer lease of the session is another one.
        let seq = seq.or(Some(lease.lease.seq));
        pools.end(actor, pool, session, seq, mode, reason).await
    }

    async fn leases_by(
        &self,
        by: SeatUser,
        is_meant: impl Fn(&LeaseRow) -> bool + Sync,
    ) -> Result<Vec<GroupLease>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut leases = Vec::new();
        for pool in store.pools_in_use(tenant, by).await? {
            let found = self.leases_of(&pool, &is_meant).await?;
            leases.extend(found.into_iter().map(|row| GroupLease {
                pool: pool.clone(),
                lease: lease_view(row),
            }));
            if leases.len() >= MAX_LEASES {
                break;
            }
        }
        leases.truncate(MAX_LEASES);
        Ok(leases)
    }

    /// Returns the open leases of a pool that are meant.
    async fn leases_of(
        &self,
        pool: &PoolId,
        is_meant: &(impl Fn(&LeaseRow) -> bool + Sync),
    ) -> Result<Vec<LeaseRow>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        let mut leases = Vec::new();
        loop {
            let found = store.leases(tenant, pool, &page).await?;
            leases.extend(found.items.into_iter().filter(|row| is_meant(row)));
            let Some(next) = found.next else {
                return Ok(leases);
            };
            page = PageRequest::new(Some(next), Some(PageRequest::MAX_LIMIT));
        }
    }
}

fn is_of_group(row: &LeaseRow, id: &GroupId) -> bool {
    let groups = &row.lease.holder.groups;
    groups.iter().any(|group| **group == *id.as_str())
}

fn no_lease() -> Refusal {
    let detail = "no session of the group holds this seat";
    Refusal {
        detail: detail.to_owned(),
        ..no_group()
    }
}
