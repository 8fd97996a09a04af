//! Revocations and reinstatements.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerFile;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, RecordPlan, record};
use license_issuer::services::reinstate::ReinstatementOrder;
use license_issuer::services::revoke::{RevocationOrder, is_issued};
use license_issuer::services::statements::StatementError;

use super::changes::{ReinstatementResult, RevocationResult};
use super::files::not_found;
use super::issue::copy_now;
use super::ledger;
use super::ledger::{add_originator, check_clock};
use super::orders::{ReinstateOrder, RevokeOrder};
use super::refusals::{failed_task, ledger_refused, not_issued, signing_failed};
use crate::domain::{Actor, Refusal, RefusalKind, is_unsafe};
use crate::services::site::Site;

/// The longest reason, in bytes.
const MAX_REASON: usize = 1000;

/// Revokes a license, and signs a new revocation list.
pub(super) async fn revoke(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: RevokeOrder,
) -> Result<RevocationResult, Refusal> {
    check_reason(&order.reason)?;
    let mode = Mode::new(order.dry_run);
    let report = statement(site, actor, license, mode, move |ledger, licenses, at| {
        let revocation = RevocationOrder {
            licenses,
            with_successors: order.with_successors,
            reason: &order.reason,
            at,
        };
        revocation.plan(ledger).map_err(not_stated)
    });
    let report = report.await?;
    let ids = |licenses: Vec<license_issuer::ledger::RecordedLicense>| {
        let ids = licenses.into_iter().map(|license| license.entry.subject);
        ids.collect()
    };
    Ok(RevocationResult {
        revoked: report.revoked,
        already_revoked: report.already_revoked,
        successors: ids(report.successors),
        predecessors: ids(report.predecessors),
        list: list(site).await?,
    })
}

/// Reinstates a revoked license, and signs a new revocation list.
pub(super) async fn reinstate(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: ReinstateOrder,
) -> Result<ReinstatementResult, Refusal> {
    check_reason(&order.reason)?;
    let mode = Mode::new(order.dry_run);
    let report = statement(site, actor, license, mode, move |ledger, licenses, at| {
        let reinstatement = ReinstatementOrder {
            licenses,
            with_successors: order.with_successors,
            reason: &order.reason,
            at,
        };
        let plan = reinstatement.plan(ledger).map_err(not_stated)?;
        match plan.content.rivals.first() {
            Some(rivals) if !order.accept_rivals => {
                let ids = rivals
                    .licenses
                    .iter()
                    .map(|rival| rival.entry.subject.as_str());
                let ids = ids.collect::<Vec<_>>().join(", ");
                let detail = format!(
                    "license {} would have several valid successors",
                    rivals.replaced
                );
                Err(Refusal::with_code(RefusalKind::Conflict, "RENEWED", detail)
                    .values("one valid successor", ids)
                    .hint("revoke the other successors first, or add `accept_rivals`"))
            }
            _ => Ok(plan),
        }
    });
    let report = report.await?;
    let ids = |found: Vec<(String, String)>| found.into_iter().map(|(id, _)| id).collect();
    Ok(ReinstatementResult {
        reinstated: ids(report.reinstated),
        not_revoked: report.not_revoked,
        revoked_separately: ids(report.revoked_separately),
        list: list(site).await?,
    })
}

/// Records the entries of a plan for a license, and lets the database copy them.
async fn statement<T: Send + 'static>(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    mode: Mode,
    plan: impl FnOnce(
        Option<&dyn LedgerReader>,
        &[String],
        DateTime<Utc>,
    ) -> Result<RecordPlan<T>, Refusal>
    + Send
    + 'static,
) -> Result<T, Refusal> {
    let vendor = ledger(site)?;
    let (id, actor) = (license.clone(), actor.clone());
    let work = move |mut file: LedgerFile| {
        let at = SystemClock.now();
        let licenses = [id.to_string()];
        let recorded = record(&mut file, MissingLedger::Refuse, mode, at, |ledger| {
            check_clock(ledger, at)?;
            let is_known = ledger.map(|ledger| is_issued(ledger, id.as_str()));
            if is_known.transpose().map_err(ledger_refused)? != Some(true) {
                return Err(not_found(&id));
            }
            let mut plan = plan(ledger, &licenses, at)?;
            for entry in &mut plan.entries {
                if let Some(body) = entry.body.as_object_mut() {
                    add_originator(body, &actor);
                }
            }
            Ok(plan)
        });
        recorded.map_err(not_issued)
    };
    if mode.is_dry_run() {
        let shared = Arc::clone(vendor);
        let task = tokio::task::spawn_blocking(move || work(LedgerFile::new(shared.path())));
        return task.await.unwrap_or_else(|_| Err(failed_task()));
    }
    let recorded = vendor.write(move |_, file| work(file)).await?;
    copy_now(site).await;
    Ok(recorded)
}

/// Returns the number of the newest revocation list.
async fn list(site: &Site) -> Result<Option<u64>, Refusal> {
    let lists = site.store.revocations(&site.tenant).await?;
    let product = site.matrix.product();
    let own = lists.iter().filter(|list| list.product == product.as_str());
    Ok(own.map(|list| list.seq).max())
}

fn check_reason(reason: &str) -> Result<(), Refusal> {
    let length = reason.trim().len();
    if (1..=MAX_REASON).contains(&length) && !reason.chars().any(is_unsafe) {
        return Ok(());
    }
    let detail = "`reason` is not accepted";
    Err(
        Refusal::with_code(RefusalKind::BadRequest, "INVALID_REASON", detail).values(
            format!("1 to {MAX_REASON} bytes in one line"),
            format!("{length} bytes"),
        ),
    )
}

fn not_stated(error: StatementError) -> Refusal {
    match error {
        StatementError::Ledger(error) => ledger_refused(error),
        _ => signing_failed(),
    }
}
