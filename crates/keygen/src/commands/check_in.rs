//! `keygen check-in`.

mod report;

use license_cli_support::{Destination, Exit, Failure, Source, Terminal};
use license_core::issue::CheckedKey;
use license_core::{MAX_FILE_BYTES, Machine, MachineDigest, Matrix, TrustSet};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::DraftContext;
use license_issuer::services::validations::{
    SignedValidation, ValidationError, ValidationOrder, ValidationPlan,
};

use super::context::AppContext;
use super::issuing::Issuing;
use super::signer::KeyFile;
use super::{devices, machine};
use crate::args::{CheckIn, Dry};
use crate::failures;
use crate::inputs::{add_keys, matrix};

/// The maximum length of a nonce: 64 random bytes in hexadecimal. It must be possible to read it out.
const MAX_NONCE: usize = 128;

pub(crate) fn run(arguments: &Dry<CheckIn>, app: AppContext<'_>) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let issuing = Issuing::new(app, &order.out, *dry_run);
    check_stdin(order)?;
    check_license_stays(order)?;
    issuing.out.check()?;
    let nonce = order.nonce.as_deref().map(checked_nonce).transpose()?;
    let machine = named_machine(order)?;
    let matrix = matrix(order.product_file.as_ref())?;
    let text = order.license.read_text(MAX_FILE_BYTES)?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &order.trust)?;
    let validations = ValidationOrder {
        text: &text,
        matrix: &matrix,
        trust: &trust,
        machine: machine.as_ref(),
        nonce,
        status: order.status,
        issued_at: order.issued_at,
        ignore_device_limit: order.over_device_limit,
        clock: &SystemClock,
    };
    let signer = KeyFile::new(&order.key, app.terminal);
    let issued = issuing.run(
        &signer,
        &|context: &DraftContext<'_, CheckedKey>| {
            let plan = validations.plan(context);
            plan.map_err(|error| refused(error, &order.license, &matrix, context.ledger))
        },
        &|plan: &ValidationPlan<'_>| issuing.warn(&plan.warnings),
        &|_, signed: &Vec<SignedValidation>| Ok(render(signed, &issuing).into_bytes()),
    )?;
    issuing.print(&match &issued.signed {
        Some(signed) => report::of_signed(signed, &issuing),
        None => report::of_plan(&issued.draft, &issuing),
    })
}

fn render(signed: &[SignedValidation], issuing: &Issuing<'_>) -> String {
    match issuing.is_in_report() {
        true => Terminal::json_text(&report::of_signed(signed, issuing).json),
        false => signed.iter().map(|one| one.armor.as_str()).collect(),
    }
}

fn named_machine(order: &CheckIn) -> Result<Option<(Machine, MachineDigest)>, Failure> {
    order.machine.as_deref().map(machine::named).transpose()
}

fn checked_nonce(nonce: &str) -> Result<&str, Failure> {
    let is_printable = |letter: char| matches!(letter, ' '..='~');
    let found = match nonce.chars().count() {
        0 => "nothing".to_owned(),
        count if count > MAX_NONCE => format!("{count}"),
        _ if !nonce.chars().all(is_printable) => "another character among them".to_owned(),
        _ => return Ok(nonce),
    };
    let message =
        format!("--nonce: expected 1 to {MAX_NONCE} printable ASCII characters, found {found}");
    Err(Failure::usage(message).hint("give what the customer sent, or leave it out"))
}

/// Refuses to read several inputs from standard input.
fn check_stdin(order: &CheckIn) -> Result<(), Failure> {
    let sources = std::iter::once(&order.license)
        .chain(&order.trust)
        .chain(&order.product_file)
        .filter(|source| matches!(source, Source::Stdin));
    match order.key.stdin_count() + sources.count() {
        0 | 1 => Ok(()),
        found => Err(Failure::usage(format!(
            "expected one thing on standard input, found {found} options that read it"
        ))
        .hint("name files instead of -; /dev/fd/N reads a descriptor")),
    }
}

/// Refuses to replace the license by its validation. The option --force is for an earlier validation.
fn check_license_stays(order: &CheckIn) -> Result<(), Failure> {
    let (Destination::File(out), Source::File(license)) = (&order.out.out, &order.license) else {
        return Ok(());
    };
    match (out.canonicalize(), license.canonicalize()) {
        (Ok(out), Ok(license)) if out == license => {
            let message = format!(
                "{} is the license itself, which its validation does not replace",
                order.license
            );
            Err(Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out"))
        }
        _ => Ok(()),
    }
}

fn refused(
    error: ValidationError,
    license: &Source,
    matrix: &Matrix,
    ledger: Option<&dyn LedgerReader>,
) -> Failure {
    let message = error.to_string();
    match error {
        ValidationError::Ledger(error) => failures::ledger_refused(ledger, &error),
        ValidationError::Random(error) => failures::no_random(&error),
        ValidationError::Trust(error) => failures::two_algorithms(&error),
        ValidationError::License {
            error,
            is_key_unopened,
        } => {
            let failure = failures::not_judged(license, &error);
            match is_key_unopened {
                true => failure.hint("a dry run opens no sealed key: give the public half of the one that signed it with --trust FILE"),
                false => failure,
            }
        }
        ValidationError::OtherProduct { found, .. } => failures::other_product(found, matrix),
        ValidationError::Revoked { .. } => Failure::new(Exit::Usage, "REVOKED", message)
            .hint("`--status revoked` says so to the customer; a new license takes its place"),
        ValidationError::DeviceLimit(error) => devices::too_many(&error),
        _ => Failure::usage(message),
    }
}
