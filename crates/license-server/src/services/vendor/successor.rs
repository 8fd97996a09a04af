//! Renewals and upgrades: licenses that replace another one.

use chrono::{DateTime, Utc};
use license_core::chrono::TimeDelta;
use license_core::issue::LicenseDraft;
use license_core::time::{self, rfc3339};
use license_core::{Code, FeatureMatrix, License, LicenseId, Unverified, with_causes};
use license_issuer::ledger::{LedgerReader, LicenseStatus};
use license_issuer::services::entitlements::{
    add_from_tier, is_lower_tier, raise_tier, unify_counts,
};
use license_issuer::services::issue::Mode;
use license_issuer::services::licenses::LicenseOrder;

use super::RequestId;
use super::changes::Changes;
use super::files::not_found;
use super::issue::{CertifiedKey, IssuedLicense, OrderContext, issue_order};
use super::orders::{ContentChanges, RenewOrder, UpgradeOrder};
use super::refusals::{bad_request, draft_refused, ledger_refused};
use super::terms::{self, Term};
use crate::domain::{Actor, Refusal, RefusalKind};
use crate::services::site::Site;

/// Issues the renewal of a license.
pub(super) async fn renew(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: RenewOrder,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    let mode = Mode::new(order.dry_run);
    let certificate = CertifiedKey::new(site, order.server_request.clone())?;
    let id = license.clone();
    issue_order(site, actor, request, mode, move |context| {
        let previous = Previous::find(&id, context)?;
        if previous.license.is_trial() {
            return Err(
                bad_request("a trial cannot be renewed").hint("issue a license for the customer")
            );
        }
        let mut draft = previous.successor(context.matrix, context.now)?;
        change(&mut draft, &order.changes, context.matrix)?;
        renew_maintenance(&mut draft, &previous.license, &order)?;
        renew_term(&mut draft, &previous.license, &order, context.now)?;
        previous.order(draft, &certificate, order.accept_loss, context)
    })
    .await
}

/// Issues a license that replaces another one at once.
pub(super) async fn upgrade(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: UpgradeOrder,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    let mode = Mode::new(order.dry_run);
    let certificate = CertifiedKey::new(site, order.server_request.clone())?;
    let id = license.clone();
    issue_order(site, actor, request, mode, move |context| {
        let previous = Previous::find(&id, context)?;
        let license = &previous.license;
        if license.is_trial() {
            return Err(
                bad_request("a trial cannot be upgraded").hint("issue a license for the customer")
            );
        }
        if let Some(end) = license.expires_at().filter(|end| *end <= context.now) {
            let detail = format!("the license ended at {}", rfc3339(end));
            return Err(
                Refusal::of_license(RefusalKind::Conflict, Code::Expired, detail)
                    .hint("renew the license, and upgrade the renewal"),
            );
        }
        let mut draft = previous.successor(context.matrix, context.now)?;
        if let Some(tier) = &order.tier {
            let tier = terms::find_tier(tier, context.matrix)?;
            if is_lower_tier(tier, license, context.matrix) {
                return Err(bad_request("`tier` is lower than that of the license")
                    .values(format!("{} or a higher tier", license.tier()), tier.name()));
            }
            let raised = raise_tier(&mut draft, license, tier, context.matrix);
            raised.map_err(|error| draft_refused(&error))?;
        }
        change(&mut draft, &order.changes, context.matrix)?;
        previous.start_at_once(&mut draft, context)?;
        let issued = previous.order(draft, &certificate, order.accept_loss, context)?;
        let losses = issued.losses.as_ref();
        if losses.is_none_or(Vec::is_empty) && issued.notes.is_empty() && !order.reissue {
            return Err(bad_request("the license already has the requested terms")
                .hint("add `reissue` to issue it again without changes"));
        }
        Ok(issued)
    })
    .await
}

/// A license of the ledger that can be replaced.
pub(super) struct Previous {
    pub(super) license: License,
}

impl Previous {
    /// Finds a license that is neither revoked nor replaced.
    pub(super) fn find(id: &LicenseId, context: &OrderContext<'_, '_>) -> Result<Self, Refusal> {
        let ledger = context.ledger.ok_or_else(|| not_found(id))?;
        let row = ledger.license(id.as_str(), context.now);
        let row = row.map_err(ledger_refused)?.ok_or_else(|| not_found(id))?;
        let token = Unverified::parse(&row.entry.artifact);
        let license = match token.map(|token| token.verify(context.keys)) {
            Ok(Ok(license)) => license,
            Ok(Err(error)) => return Err(unverifiable(error.code(), &error)),
            Err(error) => return Err(unverifiable(error.code(), &error)),
        };
        if license.product() != context.matrix.product() {
            let detail = "the license is for another product";
            return Err(
                Refusal::of_license(RefusalKind::Conflict, Code::ProductMismatch, detail)
                    .values(context.matrix.product(), license.product()),
            );
        }
        let code = match row.status {
            LicenseStatus::Revoked => Some(Code::Revoked),
            LicenseStatus::Superseded => Some(Code::Superseded),
            _ => None,
        };
        if let Some(code) = code {
            let detail = format!("license {id} is {}", row.status);
            return Err(Refusal::of_license(RefusalKind::Conflict, code, detail));
        }
        refuse_replaced(id, ledger)?;
        Ok(Self { license })
    }

    /// Returns the draft of a successor with the same content.
    pub(super) fn successor(
        &self,
        matrix: &FeatureMatrix,
        now: DateTime<Utc>,
    ) -> Result<LicenseDraft, Refusal> {
        let draft = LicenseDraft::successor_of(&self.license, terms::new_id()?, now);
        let mut draft = draft.ok_or_else(|| {
            bad_request("an enterprise key cannot be replaced by a license")
                .hint("issue another key with `keygen enterprise-key`")
        })?;
        unify_counts(&mut draft, matrix).map_err(|error| draft_refused(&error))?;
        Ok(draft)
    }

    /// Lets the draft start at once if a predecessor of the license is still active.
    pub(super) fn start_at_once(
        &self,
        draft: &mut LicenseDraft,
        context: &OrderContext<'_, '_>,
    ) -> Result<(), Refusal> {
        let (Some(_), Some(ledger)) = (draft.not_before, context.ledger) else {
            return Ok(());
        };
        for previous in self.license.supersedes() {
            let row = ledger.license(previous.as_str(), context.now);
            let row = row.map_err(ledger_refused)?;
            if row.is_some_and(|row| row.status == LicenseStatus::Active) {
                draft.not_before = None;
            }
        }
        Ok(())
    }

    /// Returns the order of the new license.
    pub(super) fn order<'m>(
        &self,
        draft: LicenseDraft,
        certificate: &CertifiedKey,
        is_loss_accepted: bool,
        context: &OrderContext<'_, 'm>,
    ) -> Result<LicenseOrder<'m>, Refusal> {
        let mut order = LicenseOrder::new(draft, context.matrix);
        certificate.apply(&mut order, context.ledger)?;
        let changes = Changes::new(&self.license, &order.draft, context.matrix)?;
        changes.check(is_loss_accepted)?;
        order.notes = changes.others;
        order.losses = Some(changes.losses);
        Ok(order)
    }
}

/// Refuses to replace a license that already has a successor.
fn refuse_replaced(id: &LicenseId, ledger: &dyn LedgerReader) -> Result<(), Refusal> {
    let Some(successor) = ledger.successor(id.as_str()).map_err(ledger_refused)? else {
        return Ok(());
    };
    let detail = format!("license {id} already has a successor");
    Err(Refusal::with_code(RefusalKind::Conflict, "RENEWED", detail)
        .values("a license without a successor", successor)
        .hint("change the successor, or revoke it if it was issued by mistake"))
}

fn unverifiable(code: Code, error: &(dyn std::error::Error + 'static)) -> Refusal {
    let detail = format!("the license does not verify: {}", with_causes(error));
    Refusal::of_license(RefusalKind::Conflict, code, detail)
}

fn change(
    draft: &mut LicenseDraft,
    changes: &ContentChanges,
    matrix: &FeatureMatrix,
) -> Result<(), Refusal> {
    if changes.refresh {
        let tier = matrix.tier(draft.tier).ok_or_else(|| {
            bad_request(format!("the product no longer has tier {}", draft.tier))
                .hint("omit `refresh`, or move the license to another tier")
        })?;
        add_from_tier(draft, tier, matrix).map_err(|error| draft_refused(&error))?;
    }
    terms::change(draft, changes, matrix)
}

/// Sets the term of a renewal, which starts when the license ends. The customer loses no paid day.
fn renew_term(
    draft: &mut LicenseDraft,
    license: &License,
    order: &RenewOrder,
    now: DateTime<Utc>,
) -> Result<(), Refusal> {
    let Some(end) = license.expires_at() else {
        return match order.maintenance_until {
            Some(_) => Ok(()),
            None => Err(bad_request("the license never ends")
                .about("maintenance_until")
                .hint("extend its maintenance with `maintenance_until`")),
        };
    };
    let last_day = time::saturating_sub(end, TimeDelta::seconds(1)).max(now);
    let term = Term {
        name: "until",
        until: order.until.as_deref(),
        days: order.days,
        perpetual: order.perpetual,
    };
    match term.end(last_day, end.max(now))? {
        Some(new_end) => {
            draft.expires_at = new_end;
            draft.not_before = Some(end).filter(|start| *start > now);
            Ok(())
        }
        None if order.maintenance_until.is_some() => Ok(()),
        None => Err(
            bad_request("the order does not state the end of the renewal")
                .about("until")
                .values("one of `until`, `days` and `perpetual`", "none"),
        ),
    }
}

fn renew_maintenance(
    draft: &mut LicenseDraft,
    license: &License,
    order: &RenewOrder,
) -> Result<(), Refusal> {
    let Some(after) = terms::maintenance(order.maintenance_until.as_deref())? else {
        return Ok(());
    };
    match license.maintenance_until() {
        None => Err(bad_request("`maintenance_until` restricts the license")
            .values(
                "no date, because the license covers every build date",
                after.date_naive(),
            )
            .hint("omit `maintenance_until`")),
        Some(before) if after < before => Err(bad_request("`maintenance_until` is out of range")
            .values(
                format!("{} or later", before.date_naive()),
                after.date_naive(),
            )),
        Some(_) => {
            draft.maintenance_until = Some(after);
            Ok(())
        }
    }
}
