//! `keygen check-in`.

mod report;

use std::cell::OnceCell;

use license_cli_support::{Destination, Exit, Failure, Source, Terminal};
use license_core::issue::VerifyingSigner;
use license_core::{Code, FeatureMatrix, TrustSet, with_causes};
use license_issuer::clock::SystemClock;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::DraftContext;
use license_issuer::services::validations::{
    SignedValidation, ValidationError, ValidationOrder, ValidationPlan,
};

use super::compared_license::LicenseText;
use super::context::AppContext;
use super::issuance::Issuance;
use super::signer::KeyFile;
use super::{devices, machine};
use crate::args::CheckIn;
use crate::inputs::{add_keys, matrix, one_stdin};
use crate::{failures, output};

/// Maximum length of a nonce: 64 random bytes in hexadecimal.
const MAX_NONCE: usize = 128;

pub(crate) fn run(arguments: &CheckIn, app: AppContext<'_>) -> Result<(), Failure> {
    let signing = &arguments.signing;
    let issuance = Issuance::from_args(app, signing);
    let sources = std::iter::once(&arguments.license).chain(&arguments.trust);
    one_stdin(
        signing.key.stdin_count(),
        sources.chain(&signing.product_file),
    )?;
    refuse_license_as_output(arguments)?;
    output::check(issuance.output)?;
    let nonce = arguments.nonce.as_deref().map(checked_nonce).transpose()?;
    let matrix = matrix(app.settings, signing.product_file.as_ref())?;
    let machine = arguments.machine.as_deref();
    let machine = machine.map(|name| machine::parse_with_digest(name, matrix.product()));
    let machine = machine.transpose()?;
    let text = NamedText::read(&arguments.license)?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    let validations = ValidationOrder {
        text: "",
        matrix: &matrix,
        trust: &trust,
        machine: machine.as_ref(),
        nonce,
        status: arguments.status,
        issued_at: signing.issued_at,
        ignore_device_limit: arguments.over_device_limit,
        clock: &SystemClock,
    };
    let signer = KeyFile::new(app, &signing.key)?;
    let issued = issuance.run(
        &signer,
        &|context: &DraftContext<'_, VerifyingSigner>| {
            let text = text.find(context.ledger)?;
            let plan = ValidationOrder {
                text,
                ..validations
            }
            .plan(context);
            plan.map_err(|error| refused(error, &arguments.license, &matrix, context.ledger))
        },
        &|plan: &ValidationPlan<'_>| issuance.warn(&plan.warnings),
        &|_, signed: &Vec<SignedValidation>| Ok(render(signed, &issuance).into_bytes()),
    )?;
    issuance.print(&match &issued.signed {
        Some(signed) => report::from_signed(signed, &issuance),
        None => report::from_plan(&issued.draft, &issuance),
    })
}

/// The text of the license that an argument names.
struct NamedText<'a> {
    license: &'a Source,
    text: OnceCell<String>,
}

impl<'a> NamedText<'a> {
    /// Reads a file or standard input. A name is looked up later, when the ledger is open.
    fn read(license: &'a Source) -> Result<Self, Failure> {
        let text = match license {
            Source::File(path) if path.symlink_metadata().is_err() => OnceCell::new(),
            _ => LicenseText::find(license, None, None)?.into_text().into(),
        };
        Ok(Self { license, text })
    }

    fn find(&self, ledger: Option<&dyn LedgerReader>) -> Result<&str, Failure> {
        if let Some(text) = self.text.get() {
            return Ok(text);
        }
        let found = LicenseText::find(self.license, None, ledger)?;
        Ok(self.text.get_or_init(|| found.into_text()))
    }
}

fn render(signed: &[SignedValidation], issuance: &Issuance<'_>) -> String {
    if issuance.is_in_report() {
        Terminal::json_text(&report::from_signed(signed, issuance).json)
    } else {
        signed
            .iter()
            .map(|validation| validation.armor.as_str())
            .collect()
    }
}

fn checked_nonce(nonce: &str) -> Result<&str, Failure> {
    let is_printable = |character: char| matches!(character, ' '..='~');
    let found = match nonce.chars().count() {
        0 => "an empty value".to_owned(),
        count if count > MAX_NONCE => format!("{count} characters"),
        _ if !nonce.chars().all(is_printable) => {
            "a character that is not printable ASCII".to_owned()
        }
        _ => return Ok(nonce),
    };
    let message =
        format!("--nonce: expected 1 to {MAX_NONCE} printable ASCII characters, found {found}");
    Err(Failure::usage(message).hint("use the nonce that the customer sent, or omit the option"))
}

/// Refuses to replace the license with its validation, even with `--force`.
fn refuse_license_as_output(arguments: &CheckIn) -> Result<(), Failure> {
    let output = &arguments.signing.output.out;
    let (Destination::File(out), Source::File(license)) = (output, &arguments.license) else {
        return Ok(());
    };
    match (out.canonicalize(), license.canonicalize()) {
        (Ok(out), Ok(license)) if out == license => {
            let message = format!(
                "{} is the license, which is not replaced",
                arguments.license
            );
            Err(Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out"))
        }
        _ => Ok(()),
    }
}

fn refused(
    error: ValidationError,
    license: &Source,
    matrix: &FeatureMatrix,
    ledger: Option<&dyn LedgerReader>,
) -> Failure {
    let code = error.code().map_or("USAGE", Code::as_str);
    let message = with_causes(&error);
    match error {
        ValidationError::Ledger(error) => failures::ledger_refused(ledger, &error),
        ValidationError::Random(error) => failures::no_random(&error),
        ValidationError::Trust(error) => failures::two_algorithms(&error),
        ValidationError::License {
            source,
            is_key_unopened,
        } => {
            let failure = failures::not_verifiable(license, &source);
            if is_key_unopened {
                failure.hint("add the public key of the signer with --trust FILE; a dry run does not open an encrypted key")
            } else {
                failure
            }
        }
        ValidationError::OtherProduct { found, .. } => failures::other_product(found, matrix),
        ValidationError::Revoked { .. } => Failure::new(Exit::Usage, code, message)
            .hint("use `--status revoked` to report the revocation to the customer, or issue a new license"),
        ValidationError::DeviceLimit(error) => devices::too_many(&error),
        _ => Failure::new(Exit::Usage, code, message),
    }
}
