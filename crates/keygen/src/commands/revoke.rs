//! `keygen revoke`.

use license_cli_support::{Exit, Failure};
use license_core::{LicenseId, LicenseKey};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use license_issuer::services::revoke::{RevocationOrder, is_issued};
use serde_json::json;

use super::context::AppContext;
use super::lookup::{not_found, require_ledger, resolve};
use super::release;
use crate::args::Revoke;
use crate::failures;
use crate::inputs::now;

pub(crate) fn run(arguments: &Revoke, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { location, terminal } = app;
    let mut ledger = require_ledger(location, "a revocation")?;
    // A ledger that does not exist contains no license.
    let missing = if arguments.force {
        MissingLedger::Create
    } else {
        MissingLedger::Refuse
    };
    let at = now();
    let recorded = record(&mut ledger, missing, Mode::Commit, at, |ledger| {
        let license = license_id(arguments, ledger)?;
        let order = RevocationOrder {
            license: &license,
            reason: &arguments.reason,
            at,
        };
        let plan = order.plan(ledger);
        let plan = plan.map_err(|error| failures::ledger_refused(ledger, &error))?;
        Ok(plan.map(|report| (license, report)))
    });
    let (id, report) = recorded.map_err(|error| failures::not_issued(error, location))?;
    if !report.still_valid.is_empty() {
        let message = format!(
            "licenses that {id} replaced stay valid on machines without {id}: {}; revoke these licenses too if the customer must have no license",
            report.still_valid.join(", ")
        );
        terminal.warning("STILL_HOLDS", &message);
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "license_id": id,
            "reason": arguments.reason,
            "already_revoked": report.was_revoked,
            "still_hold": report.still_valid,
        }));
    }
    terminal.data(&if report.was_revoked {
        format!("license {id} is already revoked; nothing was recorded")
    } else {
        format!("revoked license {id}")
    })?;
    terminal.note(
        "send customers a revocation list (`keygen revocations`) or a validation token (`keygen check-in --status revoked`)",
    );
    Ok(())
}

/// Returns the id of the license to revoke.
fn license_id(arguments: &Revoke, ledger: Option<&dyn LedgerReader>) -> Result<String, Failure> {
    let named = &arguments.license;
    if let Some(ledger) = ledger {
        if let Some(refused) = release::not_a_license(named, ledger) {
            return Err(refused);
        }
        if let Some(id) = resolve(ledger, named)? {
            let issued = is_issued(ledger, &id);
            if issued.map_err(failures::ledger_not_read(ledger))? {
                return Ok(id);
            }
        }
    }
    if arguments.force {
        unrecorded_id(named)
    } else {
        Err(not_found(named))
    }
}

/// Returns the id of a license that the ledger does not contain.
fn unrecorded_id(text: &str) -> Result<String, Failure> {
    let key_id = LicenseKey::parse(text)
        .ok()
        .and_then(|key| key.license_id());
    let id = LicenseId::parse(&text.trim().to_ascii_lowercase()).or(key_id);
    id.map(|id| id.as_str().to_owned()).ok_or_else(|| {
        Failure::new(
            Exit::Usage,
            "USAGE",
            "expected a license id or a short enterprise key, found other text",
        )
        .hint("use the license id (jti) that `keygen inspect FILE` shows")
    })
}
