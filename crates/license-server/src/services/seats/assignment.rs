//! Seats of licenses whose users the server assigns, and of groups.

use license_core::machine::Machine;
use license_seats::{EndLease, EndMode, Holder, SeatCommand, SeatGrant};

use super::SeatService;
use super::caller::SeatCaller;
use crate::domain::{EmailAddress, GroupId, Refusal};

/// The reason for the end of a lease whose user is no longer assigned.
const REASON: &str = "the user is not assigned to the license";

impl SeatService {
    /// Refuses a user who is not assigned to a license. An assigned user holds the seat under the
    /// normal form of the address.
    pub(super) async fn assigned_holder(
        &self,
        caller: &SeatCaller,
        holder: Holder,
        machine: &Machine,
    ) -> Result<Holder, Refusal> {
        let (site, installed) = (&self.site, &caller.installed);
        let standing = site.user_standing(installed, Some(&holder.user)).await?;
        let Some(email) = standing.permitted()? else {
            return Ok(holder);
        };
        let used = (Some(&email), None);
        site.record_use(&installed.record.id, machine, used, site.now());
        Ok(Holder {
            user: email.as_str().into(),
            ..holder
        })
    }

    /// Returns the holder with the groups of the organization whose member the user is. The ids of
    /// these groups that the request states do not count.
    pub(super) async fn with_groups(&self, holder: Holder) -> Result<Holder, Refusal> {
        let stated = holder.groups.iter();
        let stated = stated.filter(|group| !group.starts_with(GroupId::PREFIX));
        let mut groups: Vec<_> = stated.cloned().collect();
        if self.site.has_groups().await?
            && let Some(email) = EmailAddress::parse(&holder.user)
        {
            let (store, tenant) = (&self.site.store, &self.site.tenant);
            let found = store.groups_of_user(tenant, &email).await?;
            groups.extend(found.iter().map(|group| group.as_str().into()));
        }
        Ok(Holder {
            groups: groups.into(),
            ..holder
        })
    }

    /// Ends the lease of a user who is no longer assigned to the license, and refuses the request.
    /// Each request that could extend the use of a seat calls this, so that the end of an
    /// assignment ends seats on every server of the database.
    pub(super) async fn check_holder(
        &self,
        caller: &SeatCaller,
        grant: &SeatGrant,
        mode: EndMode,
    ) -> Result<(), Refusal> {
        let holder = &grant.lease.holder;
        let user = Some(&*holder.user);
        let standing = self.site.user_standing(&caller.installed, user).await?;
        let Err(refusal) = standing.permitted() else {
            return Ok(());
        };
        let command = SeatCommand::End(EndLease {
            session: holder.session,
            seq: Some(grant.lease.seq),
            mode,
            reason: REASON.into(),
        });
        self.apply(caller, command, None).await?;
        Err(refusal)
    }
}
