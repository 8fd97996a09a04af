//! Activations, which the vendor's key signs at once.

use std::sync::Arc;

use license_core::issue::VerifyingSigner;
use license_core::requests::{ActivationRequest, DeactivationReceipt, MachineRequest};
use license_core::{Code, Unverified};
use license_issuer::clock::{Clock, SystemClock};
use license_issuer::delivery::{ArtifactDestination, StreamDelivery};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::LedgerEntryKind;
use license_issuer::services::answer::{
    ActivationApproval, ActivationPolicy, AnswerOrder, SignedAnswer,
};
use license_issuer::services::deactivation::{
    DeactivationError, DeactivationOrder, DeactivationProof,
};
use license_issuer::services::issue::{DraftContext, IssueRequest, IssueService, Mode};
use license_issuer::services::record::{MissingLedger, RecordPlan, record};

use super::issue::copy_now;
use super::ledger;
use super::ledger::check_clock;
use super::refusals::{
    OrderError, bad_request, failed_task, ledger_refused, not_answered, not_issued,
};
use crate::domain::{ActivationRecord, ActivationState, Actor, Refusal, RefusalKind, ServerCode};
use crate::services::activations::{self, ActivationReply};
use crate::services::site::Site;

/// Answers an activation request, and records the activation in the ledger. A repeated request gets
/// the same answer again.
pub(in crate::services) async fn request(
    site: &Site,
    request: ActivationRequest,
) -> Result<ActivationReply, Refusal> {
    let vendor = ledger(site)?;
    if request.product != site.matrix.product() {
        let detail = "the request is for another product";
        return Err(
            Refusal::of_license(RefusalKind::BadRequest, Code::ProductMismatch, detail)
                .values(site.matrix.product(), request.product),
        );
    }
    let machine = request.machine.digest().ok_or_else(|| {
        bad_request("the request does not identify one machine").values(
            "a fingerprint with a unique component",
            "other components only",
        )
    })?;
    let (matrix, trust) = (Arc::clone(&site.matrix), vendor.keys());
    let (shared, license) = (request.clone(), request.license.clone());
    let answer = vendor.write(move |vendor, file| {
        let policy = ActivationPolicy {
            request: &shared,
            machine,
            matrix: &matrix,
            license: None,
            trust: &trust,
            issued_at: None,
            ignore_device_limit: false,
            is_unrecorded: false,
            clock: &SystemClock,
        };
        let order = AnswerOrder {
            policy,
            reissue: false,
        };
        let issue = IssueRequest {
            draft: &|context: &DraftContext<'_, VerifyingSigner>| {
                check_clock(context.ledger, context.now)?;
                let draft = order.draft::<ActivationApproval>(context);
                draft.map_err(|error| OrderError::from(not_answered(error)))
            },
            signer: vendor,
            destination: ArtifactDestination::Stream,
            delivery: &mut StreamDelivery::new("the response".as_ref(), || {
                Ok(Box::new(std::io::sink()))
            }),
            render: &|_, signed: &SignedAnswer| Ok(signed.armor.clone().into_bytes()),
        };
        let report = IssueService::new(Some(file)).issue(issue, Mode::Commit);
        let signed = report.map_err(not_issued)?.signed.ok_or_else(failed_task)?;
        Ok(signed.armor)
    });
    let armor = answer.await?;
    let nonce = request.nonce.to_string();
    let stored = activations::store(site, request).await?;
    if stored.answer.is_none() {
        let details = serde_json::json!({ "license": license.as_str(), "machine": stored.machine });
        let audit = site.audit(
            &Actor::License(license),
            "activation.answer",
            &nonce,
            details,
        );
        let answered = site
            .store
            .answer_activation(&site.tenant, &nonce, armor.clone(), audit);
        answered.await?;
    }
    Ok(ActivationReply::Answered { armor })
}

/// Ends the activation whose machine wrote the receipt, and records the end in the ledger. A
/// repeated receipt has no further effect.
pub(in crate::services) async fn deactivate(
    site: &Site,
    receipt: DeactivationReceipt,
) -> Result<ActivationRecord, Refusal> {
    let vendor = ledger(site)?;
    let nonce = receipt.nonce.to_string();
    let (license, machine) = (receipt.license.clone(), receipt.machine.to_string());
    let made_at = receipt.made_at;
    let request = MachineRequest::Deactivation(receipt);
    let armor = request.to_armor();
    let recorded = vendor.write(move |_, mut file| {
        let MachineRequest::Deactivation(receipt) = &request else {
            return Err(failed_task());
        };
        let at = SystemClock.now();
        let order = DeactivationOrder {
            proof: DeactivationProof::Receipt(receipt),
            at,
        };
        let missing = MissingLedger::Refuse;
        let ended = record(&mut file, missing, Mode::Commit, at, |ledger| {
            check_clock(ledger, at)?;
            let ledger = ledger.ok_or(LedgerError::Missing).map_err(ledger_refused)?;
            let plan = match order.plan(ledger) {
                // The machine may not have read the response to its first receipt.
                Err(DeactivationError::Ended {
                    by_vendor: false, ..
                }) => Vec::new(),
                plan => plan.map_err(not_ended)?.entries,
            };
            let activation = ledger.answer(LedgerEntryKind::Activation, &receipt.nonce.to_string());
            Ok::<_, Refusal>(RecordPlan {
                content: activation.map_err(ledger_refused)?,
                entries: plan,
            })
        });
        ended.map_err(not_issued)
    });
    let entry = recorded.await?.ok_or_else(failed_task)?;
    copy_now(site).await;
    let stored = site
        .store
        .deactivate(&site.tenant, &nonce, armor.clone())
        .await?;
    if let Some(stored) = stored {
        return Ok(stored);
    }
    // Another program answered the request, so the database does not have it.
    let answer = Unverified::parse(&entry.artifact).map(|token| token.to_armor());
    Ok(ActivationRecord {
        nonce,
        license,
        machine,
        request: String::new(),
        requested_at: entry.time("requested_at").unwrap_or(made_at),
        answer: answer.ok(),
        answered_at: entry.time("issued_at"),
        receipt: Some(armor),
        state: ActivationState::Deactivated,
    })
}

fn not_ended(error: DeactivationError) -> Refusal {
    let detail = license_core::with_causes(&error).to_string();
    match error {
        DeactivationError::Ledger(error) => ledger_refused(error),
        DeactivationError::UnknownNonce(_) | DeactivationError::UnknownId(_) => {
            Refusal::new(RefusalKind::NotFound, ServerCode::NotFound, detail)
        }
        DeactivationError::Ended { .. } => {
            Refusal::of_license(RefusalKind::Conflict, Code::Replayed, detail)
        }
        _ => Refusal::of_license(RefusalKind::Conflict, Code::RequestMismatch, detail),
    }
}
