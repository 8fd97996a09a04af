//! `keygen release`.

use std::path::Path;

use license_cli_support::{Exit, Failure, Source, Terminal, escape};
use license_core::machine::MachineDigest;
use license_core::requests::DeactivationReceipt;
use license_core::time::rfc3339;
use license_core::{Code, LicenseId, with_causes};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{LedgerReader, RecordedAnswer};
use license_issuer::services::deactivation::{
    Deactivation, DeactivationError, DeactivationOrder, DeactivationProof,
};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use serde_json::{Value, json};

use super::context::AppContext;
use super::license_report::VALUE_INDENT;
use super::precautions::Precautions;
use super::{devices, lookup, machine_request};
use crate::args::Release;
use crate::failures;
use crate::inputs::now;

pub(crate) fn run(arguments: &Release, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let dry_run = arguments.dry_run;
    let mut ledger = lookup::require_ledger(location, "a release")?;
    refuse_license_or_machine(arguments, location)?;
    let activation = named_activation(arguments);
    let receipt = arguments.receipt.as_ref().filter(|_| activation.is_none());
    check_reason(arguments, activation)?;
    let read = receipt.map(machine_request::receipt).transpose()?;
    let at = now();
    let deactivation = DeactivationOrder {
        proof: proof(arguments, activation, read.as_ref())?,
        at,
    };
    let precautions = Precautions::clock(arguments.force);
    let missing = || failures::ledger_not_opened(Path::new("?"), &LedgerError::Missing);
    let mode = Mode::new(dry_run);
    // A ledger that does not exist contains no activation.
    let recorded = record(&mut ledger, MissingLedger::Refuse, mode, at, |ledger| {
        let ledger = ledger.ok_or_else(missing)?;
        precautions.check(Some(ledger), at)?;
        let plan = deactivation.plan(ledger);
        plan.map_err(|error| refused(&error, receipt, ledger))
    });
    let ended = recorded.map_err(|error| failures::not_issued(error, location))?;
    precautions.warn(terminal);
    print(&ended, dry_run, terminal)?;
    if !dry_run {
        terminal.note(
            "send the machine the next revocation list (`keygen revocations`); where the list is installed, it ends the activation, even in a restored backup",
        );
    }
    Ok(())
}

/// Returns the id of the activation that the arguments name instead of a receipt.
fn named_activation(arguments: &Release) -> Option<&str> {
    let named = match arguments.receipt.as_ref() {
        Some(Source::File(path)) if path.symlink_metadata().is_err() => path.to_str(),
        _ => None,
    };
    let is_id = |name: &&str| LicenseId::parse(&name.trim().to_ascii_lowercase()).is_some();
    named.filter(is_id).or(arguments.activation.as_deref())
}

/// Refuses a license or a machine in the place of a receipt, and names its activations.
fn refuse_license_or_machine(
    arguments: &Release,
    location: &LedgerLocation,
) -> Result<(), Failure> {
    let (Some(source @ Source::File(path)), Ok(ledger)) =
        (&arguments.receipt, lookup::open(location))
    else {
        return Ok(());
    };
    let name = path.to_string_lossy().to_ascii_lowercase();
    let digest = MachineDigest::parse(name.trim());
    let (kind, found) = if let Some(digest) = digest {
        let entries = ledger.entries_of_machine(&digest.to_string());
        let found = entries.and_then(|entries| ledger.distinct_activations(entries));
        ("a machine", found)
    } else if let Ok(license) = lookup::license_in(&ledger, source) {
        let family = ledger.license_family(&license);
        let found = family.and_then(|family| {
            let family: Vec<&str> = family.iter().map(String::as_str).collect();
            ledger.open_activations(&family)
        });
        ("a license", found)
    } else {
        return Ok(());
    };
    let found = found.map_err(failures::ledger_not_read(&ledger))?;
    let open = found
        .iter()
        .filter(|activation| activation.release.is_none());
    let ids: Vec<_> = open.filter_map(RecordedAnswer::id).collect();
    let message = format!("{source}: expected an activation id or a receipt, found {kind}");
    let hint = match (ids.as_slice(), devices::activation_ids(&ids)) {
        ([id], _) => format!("its activation is {id}; run `keygen release {id} --reason TEXT`"),
        (_, Some(ids)) => {
            format!("run `keygen release ACTIVATION_ID --reason TEXT` with one of {ids}")
        }
        (_, None) => "it has no activation that could be released".to_owned(),
    };
    Err(Failure::usage(message).hint(hint))
}

/// Refuses an activation without a reason, and a reason with a receipt.
fn check_reason(arguments: &Release, activation: Option<&str>) -> Result<(), Failure> {
    match (activation, &arguments.reason) {
        (Some(_), None) => Err(Failure::usage(
            "expected the reason of a release without a receipt, found none",
        )
        .hint("add the reason with --reason TEXT")),
        (None, Some(_)) => Err(Failure::usage(
            "--reason: expected the id of an activation, found a receipt",
        )
        .hint("omit --reason: the receipt is the reason")),
        _ => Ok(()),
    }
}

fn proof<'a>(
    arguments: &'a Release,
    activation: Option<&'a str>,
    receipt: Option<&'a DeactivationReceipt>,
) -> Result<DeactivationProof<'a>, Failure> {
    match (receipt, activation, &arguments.reason) {
        (Some(receipt), _, _) => Ok(DeactivationProof::Receipt(receipt)),
        (None, Some(activation), Some(reason)) => {
            Ok(DeactivationProof::Vendor { activation, reason })
        }
        _ => Err(
            Failure::usage("expected a receipt or the id of an activation, found neither")
                .hint("add the file of the receipt"),
        ),
    }
}

fn print(ended: &Deactivation, dry_run: bool, terminal: &Terminal) -> Result<(), Failure> {
    for later in &ended.later {
        let (id, license) = (shown_id(later), &later.entry.subject);
        let message = format!(
            "the machine still counts, because of its later activation {id} of license {license}; end it with `keygen release {id} --reason TEXT`"
        );
        terminal.warning("STILL_ACTIVE", &escape(&message));
    }
    if terminal.is_json() {
        terminal.json(&to_json(ended, dry_run))
    } else {
        terminal.lines(&lines(ended, dry_run).join("\n"), VALUE_INDENT)
    }
}

fn lines(ended: &Deactivation, dry_run: bool) -> Vec<String> {
    let first = match (dry_run, ended.later.is_empty()) {
        (true, _) => "dry run    nothing was recorded",
        (false, true) => "recorded   the device is free",
        (false, false) => {
            "recorded   the activation has ended, but the machine has another activation"
        }
    };
    let mut lines = vec![
        first.to_owned(),
        format!("activation {}", escape(&ended.id)),
        format!("license    {}", escape(&ended.activation.subject)),
    ];
    let machine = ended.activation.member("machine");
    lines.extend(machine.map(|machine| format!("machine    {}", escape(&machine))));
    let reason = if ended.by_receipt {
        "by a receipt".to_owned()
    } else {
        format!("without a receipt: {}", escape(&ended.reason))
    };
    lines.push(format!("ended      {}, {reason}", rfc3339(ended.at)));
    for earlier in &ended.earlier {
        lines.push(format!(
            "also ended {}, an earlier activation of this machine",
            escape(&shown_id(earlier))
        ));
    }
    lines
}

fn to_json(ended: &Deactivation, dry_run: bool) -> Value {
    let ids = |activations: &[RecordedAnswer]| {
        let ids = activations.iter().map(RecordedAnswer::id);
        ids.collect::<Vec<_>>()
    };
    json!({
        "activation_id": ended.id,
        "license_id": ended.activation.subject,
        "machine": ended.activation.member("machine"),
        "by": if ended.by_receipt { "receipt" } else { "vendor" },
        "reason": ended.reason,
        "released_at": rfc3339(ended.at).to_string(),
        "also_released": ids(&ended.earlier),
        "still_active": ids(&ended.later),
        "dry_run": dry_run,
    })
}

/// Returns the id of an activation, or `?` if its entry is damaged.
fn shown_id(activation: &RecordedAnswer) -> String {
    activation.id().unwrap_or_else(|| "?".to_owned())
}

fn refused(
    error: &DeactivationError,
    receipt: Option<&Source>,
    ledger: &dyn LedgerReader,
) -> Failure {
    let message = escape(&with_causes(error)).into_owned();
    let with_receipt = |failure: Failure| match receipt {
        Some(source) => failure.with_subject(&source.to_string()),
        None => failure,
    };
    match error {
        DeactivationError::Ledger(error) => failures::ledger_refused(Some(ledger), error),
        DeactivationError::UnknownId { .. } => {
            Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message)
                .hint("list the activations of a license with `keygen ledger show LICENSE_ID`")
        }
        DeactivationError::UnknownNonce { .. } => with_receipt(
            Failure::new(Exit::Usage, "UNKNOWN_ACTIVATION", message).hint(
                "choose another ledger with --ledger, or record the activation with `keygen ledger import ACTIVATION --trust FILE`",
            ),
        ),
        DeactivationError::Mismatch { .. } => with_receipt(
            Failure::new(Exit::Indeterminate, "RECEIPT_MISMATCH", message)
                .hint("ask the customer to send the receipt again, as a file"),
        ),
        DeactivationError::Commitment { .. } => with_receipt(
            Failure::new(Exit::Indeterminate, "COMMITMENT_MISMATCH", message).hint(
                "ask the customer to send the receipt again, or end the activation with `keygen release ACTIVATION_ID --reason TEXT`",
            ),
        ),
        DeactivationError::Ended { .. } => Failure::new(Exit::Usage, "REPLAYED", message)
            .hint("nothing needs to be done: the machine no longer counts"),
        _ => Failure::usage(message),
    }
}

/// Returns a failure if an id is that of an activation instead of a license.
pub(super) fn not_a_license(id: &str, ledger: &dyn LedgerReader) -> Option<Failure> {
    let id = id.trim().to_ascii_lowercase();
    let activation = ledger.activation(&id).ok().flatten()?;
    let message = format!("{} is an activation, not a license", shown_id(&activation));
    Some(
        Failure::new(Exit::Usage, Code::NoLicense.as_str(), message).hint(format!(
            "end the activation with `keygen release {id} --reason TEXT`"
        )),
    )
}
