//! `keygen release`.

use std::path::Path;

use license_cli_support::{Exit, Failure, Source, Terminal, escape};
use license_core::{Code, Receipt};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::RecordedActivation;
use license_issuer::services::deactivation::{
    Deactivation, DeactivationError, DeactivationOrder, DeactivationProof,
};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use serde_json::{Value, json};

use super::context::AppContext;
use super::{lookup, request};
use crate::args::{Dry, Release};
use crate::inputs::now;
use crate::{failures, output};

pub(crate) fn run(arguments: &Dry<Release>, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    let Dry { order, dry_run } = arguments;
    lookup::required(place, "which machines were activated")?;
    let receipt = order.receipt.as_ref();
    let receipt = receipt.map(request::receipt).transpose()?;
    let at = now();
    let deactivation = DeactivationOrder {
        proof: proof(order, receipt.as_ref())?,
        at,
    };
    let missing = || failures::ledger_not_opened(Path::new("?"), &LedgerError::Missing);
    let mut ledger = output::ledger_file(place)?.ok_or_else(missing)?;
    let mode = Mode::new(*dry_run);
    // A ledger that does not exist contains no activation.
    let recorded = record(&mut ledger, MissingLedger::Refuse, mode, at, |ledger| {
        let ledger = ledger.ok_or_else(missing)?;
        let plan = deactivation.plan(ledger);
        plan.map_err(|error| refused(&error, order.receipt.as_ref(), ledger))
    });
    let ended = recorded.map_err(|error| failures::not_issued(error, place))?;
    report(&ended, *dry_run, terminal)?;
    if !dry_run {
        terminal.note(
            "the next revocation list (`keygen revocations`) says so too: where it is installed, no restored backup brings the activation back",
        );
    }
    Ok(())
}

fn proof<'a>(
    order: &'a Release,
    receipt: Option<&'a Receipt>,
) -> Result<DeactivationProof<'a>, Failure> {
    match (receipt, &order.activation, &order.reason) {
        (Some(receipt), _, _) => Ok(DeactivationProof::Receipt(receipt)),
        (None, Some(activation), Some(reason)) => {
            Ok(DeactivationProof::Vendor { activation, reason })
        }
        _ => Err(
            Failure::usage("expected a receipt or --activation, found neither")
                .hint("name the file of the receipt"),
        ),
    }
}

fn report(ended: &Deactivation, dry_run: bool, terminal: &Terminal) -> Result<(), Failure> {
    for later in &ended.later {
        let (id, license) = (shown_id(later), &later.entry.subject);
        let message = format!(
            "the machine was activated again since, and takes its place on: activation {id} of license {license} stands (`keygen release --activation {id} --reason TEXT` ends it)"
        );
        terminal.warning("STILL_ACTIVE", &escape(&message));
    }
    match terminal.is_json() {
        true => terminal.json(&to_json(ended, dry_run)),
        false => terminal.data(&lines(ended, dry_run).join("\n")),
    }
}

fn lines(ended: &Deactivation, dry_run: bool) -> Vec<String> {
    let first = match (dry_run, ended.later.is_empty()) {
        (true, _) => "dry run    nothing was entered",
        (false, true) => "entered    the machine is released",
        (false, false) => "entered    the activation has ended, the machine has another",
    };
    let mut lines = vec![
        first.to_owned(),
        format!("activation {}", escape(&ended.id)),
        format!("license    {}", escape(&ended.activation.subject)),
    ];
    let machine = ended.activation.fact("machine");
    lines.extend(machine.map(|machine| format!("machine    {}", escape(&machine))));
    let why = match ended.by_receipt {
        true => "by its receipt".to_owned(),
        false => format!("by your word: {}", escape(&ended.reason)),
    };
    lines.push(format!("ended      {}, {why}", ended.at));
    for earlier in &ended.earlier {
        lines.push(format!(
            "also ended {}, an earlier activation of this machine",
            escape(&shown_id(earlier))
        ));
    }
    lines
}

fn to_json(ended: &Deactivation, dry_run: bool) -> Value {
    let ids = |activations: &[RecordedActivation]| {
        let ids = activations.iter().map(RecordedActivation::id);
        ids.collect::<Vec<_>>()
    };
    json!({
        "activation_id": ended.id,
        "license_id": ended.activation.subject,
        "machine": ended.activation.fact("machine"),
        "by": if ended.by_receipt { "receipt" } else { "vendor" },
        "reason": ended.reason,
        "released_at": ended.at.to_string(),
        "also_released": ids(&ended.earlier),
        "still_active": ids(&ended.later),
        "dry_run": dry_run,
    })
}

/// Returns the id of an activation, or `?` if its entry is damaged.
fn shown_id(activation: &RecordedActivation) -> String {
    activation.id().unwrap_or_else(|| "?".to_owned())
}

fn refused(
    error: &DeactivationError,
    receipt: Option<&Source>,
    ledger: &dyn LedgerReader,
) -> Failure {
    let message = escape(&error.to_string()).into_owned();
    let about = |failure: Failure| match receipt {
        Some(source) => failure.about(&source.to_string()),
        None => failure,
    };
    match error {
        DeactivationError::Ledger(error) => failures::ledger_refused(Some(ledger), error),
        DeactivationError::UnknownId { .. } => {
            Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message)
                .hint("`keygen ledger show LICENSE_ID` lists the activations of a license")
        }
        DeactivationError::UnknownNonce { .. } => about(
            Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message).hint(
                "`keygen ledger import` enters an activation that was minted elsewhere; --ledger names another ledger",
            ),
        ),
        DeactivationError::Mismatch { .. } => about(
            Failure::new(Exit::Unjudged, "RECEIPT_MISMATCH", message)
                .hint("it was put together from several: have the receipt sent again, as a file"),
        ),
        DeactivationError::Commitment { .. } => about(
            Failure::new(Exit::Unjudged, "COMMITMENT_MISMATCH", message).hint(
                "only the machine has the secret: have the receipt sent again, or end the activation by `keygen release --activation`",
            ),
        ),
        DeactivationError::Ended { .. } => Failure::new(Exit::Usage, "REPLAYED", message)
            .hint("nothing is left to do: its machine does not count any more"),
        _ => Failure::usage(message),
    }
}

/// Returns a failure if the id of an activation stands where a license must be named.
pub(super) fn not_a_license(id: &str, ledger: &dyn LedgerReader) -> Option<Failure> {
    let id = id.trim().to_ascii_lowercase();
    let activation = ledger.activation(&id).ok().flatten()?;
    let message = format!("{} is an activation, not a license", shown_id(&activation));
    Some(
        Failure::new(Exit::Usage, Code::NoLicense.as_str(), message).hint(format!(
            "`keygen release --activation {id} --reason TEXT` ends it"
        )),
    )
}
