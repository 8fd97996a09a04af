//! `license verify`.

use license_cli_support::{Exit, Failure, Source, Terminal};
use license_client::{InstallationError, now};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::VerifiedLicensesError;
use license_core::{LicenseKey, TrustSet, VerifiedLicenses};

use crate::args::Verify;
use crate::context::{AppContext, Evaluation, LicenseInput};
use crate::output::trust_statements::StatementsReport;
use crate::output::{artifacts, failure};

/// The verified input, and the keys that verified it.
struct VerifiedInput {
    verified: VerifiedLicenses,
    trust: TrustSet,
    statements: StatementsReport,
}

/// Verifies a license and prints the decision on it.
///
/// # Errors
///
/// Returns a failure if the input cannot be read or verified.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Verify,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    let input = LicenseInput::read(&arguments.license)?;
    let input_and_keys = match &arguments.companion {
        None => verify(app, arguments, &input)?,
        Some(file) => verify_key(app, arguments, &input, file)?,
    };
    let VerifiedInput {
        mut verified,
        trust,
        statements,
    } = input_and_keys;
    let ignored = app.ignored_statements(&input);
    if verified.licenses().is_empty() {
        if verified.revocations().is_empty() && ignored.is_some() {
            return Err(failure::installation(&InstallationError::EmbeddedKeys));
        }
        let now = arguments.context.at.unwrap_or_else(now);
        let ignored = ignored.into_iter().collect();
        return artifacts::print(&verified, &statements, now, ignored, terminal);
    }
    // The installed lists will apply to the license once it is installed, so they apply here too.
    verified.add_revocations(app.manager.revocation_lists(&trust));
    verified.add_recorded_revocations(app.manager.recorded_revocations(&trust));
    let mut evaluation = Evaluation::new(app, Some(verified), &arguments.context)?;
    evaluation.notices.extend(ignored);
    evaluation.statements = statements;
    evaluation.print(terminal)
}

/// Verifies a file, key or token. The trust statements in a file apply to its other blocks.
fn verify(
    app: &AppContext,
    arguments: &Verify,
    input: &LicenseInput,
) -> Result<VerifiedInput, Failure> {
    let mut rotation = app.rotation_for(input, &arguments.trust)?;
    let mut statements = StatementsReport::default();
    let verified = match verify_with(app, input, rotation.keys()) {
        Ok(verified) if verified.unverified_trust_statements().is_empty() => verified,
        _ => {
            statements = app.apply_statements(input, &mut rotation)?;
            verify_with(app, input, rotation.keys())?
        }
    };
    Ok(VerifiedInput {
        verified,
        trust: rotation.keys().clone(),
        statements,
    })
}

fn verify_with(
    app: &AppContext,
    input: &LicenseInput,
    trust: &TrustSet,
) -> Result<VerifiedLicenses, Failure> {
    VerifiedLicenses::verify_with_licenses(&input.text, trust, &app.matrix, &[])
        .map_err(|error| failure::verification(&input.name, &error))
}

/// Verifies that a key names the license in a file.
fn verify_key(
    app: &AppContext,
    arguments: &Verify,
    input: &LicenseInput,
    file: &Source,
) -> Result<VerifiedInput, Failure> {
    let invalid = |error| failure::verification(&input.name, &error);
    let key = LicenseKey::parse(&input.text);
    let key = key.map_err(|error| invalid(VerifiedLicensesError::Key(error)))?;
    let file = LicenseInput {
        name: file.to_string(),
        text: file.read_text(MAX_FILE_BYTES, decode_text)?,
    };
    let trust = app.trust(&arguments.trust)?;
    let verified = app.verify(&file, &trust)?;
    verified.check_key(&key, &app.matrix).map_err(invalid)?;
    Ok(VerifiedInput {
        verified,
        trust,
        statements: StatementsReport::default(),
    })
}
