//! Uses of quotas.

use license_core::policy::Quota;
use license_core::state::QuotaUse;
use license_core::{Context, Decision};

use super::{Client, ClientError};
use crate::manager::UsageAccount;

impl Client {
    /// Takes `count` from a quota that is counted per UTC day: either the whole amount or nothing.
    /// A request for zero returns the remaining amount.
    ///
    /// When the method returns, a granted use is recorded durably. Concurrent processes never take
    /// the same part of the quota.
    ///
    /// A use of a finite quota that cannot be counted is refused with an error, so that removing
    /// the permissions of the state directory gives no advantage. If the system is at fault, for
    /// example because the file system is read-only or full, this process counts in memory.
    ///
    /// If the product has the quota, but neither the license nor the tier in effect has it, the
    /// limit is zero.
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path())
    /// #     .build()?;
    /// use license_client::Quota;
    ///
    /// // The base tier has ten commands per day.
    /// let used = client.use_quota("commands_per_day", 4)?;
    /// assert!(used.granted);
    /// assert_eq!(used.remaining(), Quota::Limit(6));
    /// assert!(!client.use_quota("commands_per_day", 7)?.granted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Writes one or two files durably, which takes milliseconds on most disks. Before that, waits
    /// for at most ten seconds while other processes or threads write.
    ///
    /// # Errors
    ///
    /// Returns [`ClientError::UnknownQuota`] if the product has no such quota,
    /// [`ClientError::Counters`] if the use cannot be counted, or if other processes held the lock
    /// for ten seconds, and [`ClientError::MissingContext`] as [`Client::decide`] does.
    pub fn use_quota(&self, quota: &str, count: u64) -> Result<QuotaUse, ClientError> {
        self.use_quota_in(&self.context(), quota, count)
    }

    /// Takes from a quota in the context that the caller provides, see [`Client::decide_in`].
    ///
    /// ```
    /// # const TRUST: &str = include_str!(concat!(
    /// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
    /// # ));
    /// # let scratch = tempfile::tempdir()?;
    /// # let client = license_client::Client::builder(license_client::TrustSet::parse(TRUST)?)
    /// #     .product(license_client::FeatureMatrix::built_in())
    /// #     .state_dir(scratch.path().join("state"))
    /// #     .build()?;
    /// let context = client.context().user("ann");
    /// let used = client.use_quota_in(&context, "commands_per_day", 1)?;
    /// assert!(used.granted);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Blocking
    ///
    /// Same as [`Client::use_quota`].
    ///
    /// # Errors
    ///
    /// Same as [`Client::use_quota`].
    pub fn use_quota_in(
        &self,
        context: &Context<'_>,
        quota: &str,
        count: u64,
    ) -> Result<QuotaUse, ClientError> {
        let decision = self.evaluate(context)?;
        let limit = self.limit(&decision, quota)?;
        let account = UsageAccount::new(&decision, context.named_user());
        let report = self.manager.use_quota(account, quota, count, limit);
        report
            .map(|report| report.quota_use)
            .map_err(ClientError::Counters)
    }

    /// Returns the limit of a quota. It is zero if the product or an installed license has the
    /// quota, but the entitlements in effect do not.
    fn limit(&self, decision: &Decision, quota: &str) -> Result<Quota, ClientError> {
        if let Some(limit) = decision.quota(quota) {
            return Ok(limit);
        }
        if decision.knows_quota(quota, &self.matrix) {
            return Ok(Quota::Limit(0));
        }
        Err(ClientError::UnknownQuota {
            quota: quota.to_owned(),
            product: self.matrix.product(),
        })
    }
}
