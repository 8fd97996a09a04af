//! Licenses of trials in the ledger.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::issue::LicenseDraft;
use license_core::time::{self, saturating_add, saturating_sub};
use license_core::{Code, FeatureMatrix, License, LicenseId, with_causes};
use license_issuer::ledger::LedgerEntry;
use license_issuer::services::issue::Mode;
use license_issuer::services::licenses::LicenseOrder;
use license_issuer::services::trials::{
    ConvertibleTrial, TrialError, refuse_second_trial, trial_draft,
};
use sha2::{Digest, Sha256};

use super::files::not_found;
use super::issue::{CertifiedKey, IssuedLicense, OrderContext, issue_order};
use super::orders::IssueOrder;
use super::refusals::{bad_request, ledger_refused};
use super::successor::Previous;
use super::{RequestId, terms};
use crate::domain::{
    Actor, Refusal, RefusalKind, ServerCode, Trial, TrialId, TrialState, TrialUser,
};
use crate::services::site::Site;

/// Issues the license of a trial. A repetition of the request gets the same license. Without a
/// request, the license is only described.
pub(in crate::services) async fn issue_trial(
    site: &Site,
    actor: &Actor,
    user: &TrialUser,
    is_exception: bool,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    let mode = Mode::new(request.is_none());
    let certificate = CertifiedKey::new(site, None)?;
    let user = user.clone();
    issue_order(site, actor, request, mode, move |context| {
        let (matrix, now) = (context.matrix, context.now);
        if let Some(ledger) = context.ledger.filter(|_| !is_exception) {
            let refused = refuse_second_trial(&user.customer, matrix.product(), ledger);
            refused.map_err(trial_refused)?;
        }
        let trial = matrix.trial().ok_or_else(|| no_trials(matrix))?;
        let tier = matrix.tier(trial.tier).ok_or_else(|| no_trials(matrix))?;
        let end = time::end_of_day(saturating_add(now, trial.length).date_naive());
        let (id, customer) = (terms::new_id()?, user.customer.clone());
        let mut draft = trial_draft(matrix, tier, id, customer, now, end);
        draft.machines = user.machine.iter().cloned().collect();
        let mut order = LicenseOrder::new(draft, matrix);
        certificate.apply(&mut order, context.ledger)?;
        if is_exception {
            order.members.insert("again".to_owned(), true.into());
        }
        Ok(order)
    })
    .await
}

/// Returns the trial of a license that `keygen trial` recorded. The server records an order with
/// each license of its own trials, and a license that replaces a trial starts no other one.
pub(super) fn recorded(
    license: &License,
    entry: &LedgerEntry,
    now: DateTime<Utc>,
) -> Option<Trial> {
    let is_new = license.is_trial() && license.supersedes().is_empty();
    if !is_new || entry.member("order").is_some() {
        return None;
    }
    let (id, issued_at) = (license.id().clone(), license.issued_at()?);
    let ends_at = license.expires_at()?;
    let digest = Sha256::digest(id.as_str());
    let mut distinct = [0; 10];
    distinct.copy_from_slice(digest.get(..10)?);
    let is_over = ends_at <= now;
    Some(Trial {
        id: TrialId::new(issued_at, distinct),
        state: if is_over {
            TrialState::Ended
        } else {
            TrialState::Started
        },
        user: TrialUser {
            email: None,
            customer: license.customer().to_owned(),
            machine: license.machines().and_then(<[_]>::first).cloned(),
        },
        is_exception: entry.member("again").is_some(),
        started_by: Actor::Ledger.to_string(),
        requested_at: issued_at,
        started_at: Some(issued_at),
        ends_at: Some(ends_at),
        license: Some(id),
        reminded: None,
        stopped_at: None,
        paid: None,
        closed_at: is_over.then_some(ends_at),
        // The periodic work computes the next reminder.
        next_at: (!is_over).then_some(now),
    })
}

/// Issues a trial license with a later end, which replaces that of a trial. The days count from the
/// end of the trial, or from now if it has ended.
pub(in crate::services) async fn extend_trial(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    days: u32,
    (mode, request): (Mode, Option<RequestId>),
) -> Result<IssuedLicense, Refusal> {
    let certificate = CertifiedKey::new(site, None)?;
    let id = license.clone();
    issue_order(site, actor, request, mode, move |context| {
        let previous = Previous::find(&id, context)?;
        if !previous.license.is_trial() {
            let license = id.to_string();
            return Err(trial_refused(TrialError::NotATrial { license }));
        }
        let end = previous.license.expires_at().unwrap_or(context.now);
        let last_day = saturating_sub(end, TimeDelta::seconds(1)).max(context.now);
        let day = saturating_add(last_day, TimeDelta::days(days.into())).date_naive();
        let mut draft = previous.successor(context.matrix, context.now)?;
        draft.not_before = None;
        draft.expires_at = Some(time::end_of_day(day));
        previous.order(draft, &certificate, false, context)
    })
    .await
}

/// Issues the paid license that replaces a trial at once. Its days count from the end of the trial.
pub(in crate::services) async fn convert_trial(
    site: &Site,
    actor: &Actor,
    license: &LicenseId,
    order: IssueOrder,
    request: Option<RequestId>,
) -> Result<IssuedLicense, Refusal> {
    if order.not_before.is_some() {
        return Err(bad_request("a conversion starts at once")
            .values("no `not_before`", "`not_before`")
            .hint("omit `not_before`"));
    }
    let mode = Mode::new(order.dry_run);
    let certificate = CertifiedKey::new(site, order.server_request.clone())?;
    let id = license.clone();
    issue_order(site, actor, request, mode, move |context| {
        let (matrix, now) = (context.matrix, context.now);
        let ledger = context.ledger.ok_or_else(|| not_found(&id))?;
        let row = ledger.license(id.as_str(), now).map_err(ledger_refused)?;
        let row = row.ok_or_else(|| not_found(&id))?;
        let trial = ConvertibleTrial::new(row, ledger).map_err(trial_refused)?;
        let mut order = order.clone();
        if order.customer.trim().is_empty() {
            order.customer = trial.customer();
        }
        let mut draft = terms::draft_counted_from(&order, matrix, now, trial.last_day(now))?;
        let applied = trial.apply(&mut draft, matrix.product(), now);
        applied.map_err(trial_refused)?;
        let mut license = LicenseOrder::new(draft, matrix);
        certificate.apply(&mut license, context.ledger)?;
        license.notes.push(trial.note(now));
        Ok(license)
    })
    .await
}

/// Returns the trial that a subscription converts. A trial that cannot be converted, such as one
/// that a person has revoked or converted meanwhile, costs no customer the license.
pub(super) fn convertible(
    id: &LicenseId,
    context: &OrderContext<'_, '_>,
) -> Result<Option<ConvertibleTrial>, Refusal> {
    let Some(ledger) = context.ledger else {
        return Ok(None);
    };
    let row = ledger.license(id.as_str(), context.now);
    let Some(row) = row.map_err(ledger_refused)? else {
        return Ok(None);
    };
    match ConvertibleTrial::new(row, ledger) {
        Ok(trial) => Ok(Some(trial)),
        Err(TrialError::Ledger(error)) => Err(ledger_refused(error)),
        Err(_) => Ok(None),
    }
}

/// Lets the draft of a paid license replace a trial. It does not end before the trial.
pub(super) fn replace_trial(
    trial: &ConvertibleTrial,
    draft: &mut LicenseDraft,
    context: &OrderContext<'_, '_>,
) -> Result<(), Refusal> {
    let last = trial.last_day(context.now);
    let trial_end = last.map(|last| saturating_add(last, TimeDelta::seconds(1)));
    draft.expires_at = draft
        .expires_at
        .map(|end| Some(end).max(trial_end).unwrap_or(end));
    let applied = trial.apply(draft, context.matrix.product(), context.now);
    applied.map_err(trial_refused)
}

/// Converts the reason why a trial is not issued or not converted. The earlier trial of a customer
/// is not shown, because the caller can be somebody else.
fn trial_refused(error: TrialError) -> Refusal {
    let detail = with_causes(&error).to_string();
    match error {
        TrialError::Ledger(error) => ledger_refused(error),
        TrialError::Used { .. } => used(),
        TrialError::Revoked { .. } => {
            Refusal::of_license(RefusalKind::Conflict, Code::Revoked, detail)
        }
        TrialError::Converted { .. } => {
            Refusal::new(RefusalKind::Conflict, ServerCode::Converted, detail)
                .hint("change the license that replaces the trial")
        }
        TrialError::EndsBefore { .. } => bad_request(detail)
            .hint("use `days`, which count from the end of the trial, or a later day"),
        _ => bad_request(detail),
    }
}

/// Returns the refusal of a second trial.
pub(in crate::services) fn used() -> Refusal {
    Refusal::new(
        RefusalKind::Conflict,
        ServerCode::TrialUsed,
        "the customer, the e-mail address or the machine already had a trial of the product",
    )
    .hint("ask the vendor for a license, or for an exception")
}

fn no_trials(matrix: &FeatureMatrix) -> Refusal {
    let detail = format!("the product {} has no trials", matrix.product());
    Refusal::new(RefusalKind::Forbidden, ServerCode::TrialsOff, detail)
        .hint("add [trial] to the product file of the server")
}
