//! Returns of borrowed seats with receipts of machines without a network.

use license_core::requests::{DeactivationReceipt, MachineRequest};
use license_seats::{ReturnLoan, SeatCommand, SeatReply};

use super::values::secret;
use super::{SeatService, unexpected};
use crate::domain::{PoolId, Refusal};
use crate::services::ReleaseReply;

impl SeatService {
    /// Returns the borrowed seat of a receipt early. Returns `None` if the text is no receipt of a
    /// loan, which may then be one of an activation.
    ///
    /// The receipt has the license, and the secret whose commitment the loan has.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the license of the receipt has no seats any more.
    pub async fn return_with_receipt(&self, text: &str) -> Result<Option<ReleaseReply>, Refusal> {
        let Ok(MachineRequest::Deactivation(receipt)) = MachineRequest::parse(text) else {
            return Ok(None);
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let Some(license) = store.license(tenant, &receipt.license).await? else {
            return Ok(None);
        };
        let pool = license.pool;
        let Some(command) = self.find_loan(&pool, &receipt).await? else {
            return Ok(None);
        };
        let current = self.current(&pool).await?;
        let command = SeatCommand::Return(command);
        let reply = self.apply_to(&pool, &current, command, None).await?;
        match self.granted(&reply)? {
            SeatReply::Released { freed } => Ok(Some(ReleaseReply { freed })),
            _ => Err(unexpected()),
        }
    }

    /// Returns the loan of a pool with the secret of a receipt.
    async fn find_loan(
        &self,
        pool: &PoolId,
        receipt: &DeactivationReceipt,
    ) -> Result<Option<ReturnLoan>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let commitment = receipt.secret.commitment();
        let Some(lease) = store.loan(tenant, pool, commitment).await? else {
            return Ok(None);
        };
        Ok(Some(ReturnLoan {
            session: lease.holder.session,
            seq: lease.seq,
            secret: secret(&receipt.secret.reveal())?,
        }))
    }
}
