//! Seats of licenses whose users the server assigns.

use license_core::machine::Machine;
use license_seats::{EndLease, EndMode, Holder, SeatCommand, SeatGrant};

use super::SeatService;
use super::caller::SeatCaller;
use crate::domain::Refusal;

/// The reason for the end of a lease whose user is not assigned any more.
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

    /// Ends the lease of a user who is not assigned to the license any more, and refuses the
    /// request. Each request that could extend the use of a seat calls this, so that the end of an
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
