//! The state of a license in the ledger: its activations, and whether the vendor denies it.

use std::sync::PoisonError;

use license_core::claims::Status;
use license_core::license::Activation;
use license_core::machine::Machine;
use license_core::{Code, License, Unverified};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::denials::denials;

use super::refusals::ledger_refused;
use crate::domain::Refusal;
use crate::services::site::Site;

/// The state of a license in the ledger.
#[derive(Clone, Debug, Default)]
pub(in crate::services) struct Standing {
    /// The activations that have not ended.
    pub(in crate::services) activations: Vec<Activation>,
    /// The reason why the vendor denies the license.
    pub(in crate::services) denial: Option<Code>,
}

/// Returns the state of a license in the ledger, for a machine. On a site server, the ledger is
/// unknown, and the result is `None`.
///
/// The ledger is read only for licenses that it can affect.
pub(in crate::services) async fn standing(
    site: &Site,
    license: &License,
    machine: &Machine,
) -> Result<Option<Standing>, Refusal> {
    let Some(vendor) = &site.vendor else {
        return Ok(None);
    };
    let is_restricted = {
        let restricted = vendor.restricted.read();
        let restricted = restricted.unwrap_or_else(PoisonError::into_inner);
        let mut ids = license.supersedes().iter().chain([license.id()]);
        ids.any(|id| restricted.contains(id.as_str()))
    };
    let must_activate = license.must_activate();
    if !is_restricted && !must_activate {
        return Ok(Some(Standing::default()));
    }
    let id = license.id().to_string();
    let machine = machine.digest().map(|digest| digest.to_string());
    let keys = site.content().keys().clone();
    let read = vendor.read(move |ledger| {
        let mut standing = Standing::default();
        if is_restricted {
            standing.denial = denial(ledger, &id, machine.as_deref())?;
        }
        if must_activate {
            let family = ledger.license_family(&id).map_err(ledger_refused)?;
            let family: Vec<&str> = family.iter().map(String::as_str).collect();
            let open = ledger.open_activations(&family).map_err(ledger_refused)?;
            let activations = open.iter().filter_map(|activation| {
                let token = Unverified::parse(&activation.entry.artifact).ok()?;
                token.verify_activation(&keys).ok()
            });
            standing.activations = activations.collect();
        }
        Ok(standing)
    });
    read.await.map(Some)
}

/// Returns the reason why the vendor denies a license on a machine.
fn denial(
    ledger: &dyn LedgerReader,
    id: &str,
    machine: Option<&str>,
) -> Result<Option<Code>, Refusal> {
    if ledger.revocation(id).map_err(ledger_refused)?.is_some() {
        return Ok(Some(Code::Revoked));
    }
    let denials = denials(id, ledger).map_err(ledger_refused)?;
    let named = denials
        .iter()
        .filter(|denial| denial.machine.is_none() || denial.machine.as_deref() == machine);
    let newest = named.max_by_key(|denial| denial.issued_at);
    Ok(newest.and_then(|denial| {
        [
            (Status::Suspended, Code::Suspended),
            (Status::Canceled, Code::Canceled),
            (Status::Revoked, Code::Revoked),
        ]
        .into_iter()
        .find(|(status, _)| status.as_str() == denial.status)
        .map(|(_, code)| code)
    }))
}
