//! Clients that use seats.

use std::sync::Arc;

use license_core::machine::Machine;
use license_core::{Context, License};
use license_seats::LeaseSpan;

use super::SeatService;
use crate::domain::{PoolId, Refusal, RefusalKind};
use crate::services::licenses::InstalledLicense;
use crate::services::pool_terms::{CurrentTerms, span};

/// A client with a license, and the terms of its pool.
pub(super) struct SeatCaller {
    pub(super) installed: Arc<InstalledLicense>,
    pub(super) pool: PoolId,
    pub(super) current: CurrentTerms,
}

impl SeatService {
    /// Returns the caller with a license that may use seats now. The lease of a caller with an old
    /// license ends with this license.
    pub(super) async fn caller(&self, credential: &str) -> Result<SeatCaller, Refusal> {
        let mut caller = self.caller_in_any_state(credential).await?;
        let license = &caller.installed.license;
        let left = if self.site.decide_for_all(license).is_valid {
            let now = self.site.wall();
            license
                .ends_at()
                .map(|end| span(end.signed_duration_since(now)))
        } else {
            Some(LeaseSpan::ZERO)
        };
        let pool_left = caller.current.license_left;
        caller.current.license_left = match (left, pool_left) {
            (Some(left), Some(pool_left)) => Some(left.min(pool_left)),
            (left, pool_left) => left.or(pool_left),
        };
        Ok(caller)
    }

    /// Returns the caller with an installed license. A seat can be released after the license has
    /// ended.
    pub(super) async fn caller_in_any_state(
        &self,
        credential: &str,
    ) -> Result<SeatCaller, Refusal> {
        let installed = self.site.resolve(credential).await?;
        let pool = installed.record.pool.clone();
        let current = self.current(&pool).await?;
        Ok(SeatCaller {
            installed,
            pool,
            current,
        })
    }

    /// Refuses machines and users that the license does not permit.
    pub(super) fn check_program(
        &self,
        license: &License,
        machine: &Machine,
        user: &str,
    ) -> Result<(), Refusal> {
        let mut context = Context::at(self.site.now())
            .machine(machine)
            .user(user)
            .for_any_version();
        if let Some(usage_type) = license.usage_type() {
            context = context.usage_type(usage_type);
        }
        let verdict = self.site.decide_without_activation(license, &context);
        if verdict.is_valid || !self.site.decide_for_all(license).is_valid {
            // The pool denies a license that is not in effect.
            return Ok(());
        }
        let evidence = &verdict.evidence;
        let detail = "the license does not permit this machine or user";
        Err(
            Refusal::of_license(RefusalKind::Conflict, verdict.code, detail)
                .values(evidence.expected(), evidence.actual()),
        )
    }
}
