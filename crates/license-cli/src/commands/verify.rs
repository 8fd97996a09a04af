//! `license verify`.

use license_cli_support::{Exit, Failure, Source, Terminal};
use license_client::{InstallationError, now};
use license_core::{Bundle, BundleError, LicenseKey, MAX_FILE_BYTES, TrustSet};

use crate::args::Verify;
use crate::context::{AppContext, Evaluation, LicenseInput};
use crate::output::trust_statements::StatementsReport;
use crate::output::{artifacts, failure};

/// The verified input, and the keys that verified it.
struct VerifiedInput {
    bundle: Bundle,
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
    let verified = match &arguments.companion {
        None => verify(app, arguments, &input)?,
        Some(file) => verify_key(app, arguments, &input, file)?,
    };
    let VerifiedInput {
        mut bundle,
        trust,
        statements,
    } = verified;
    let ignored = app.ignored_statements(&input);
    if bundle.licenses().is_empty() {
        if bundle.revocations().is_empty() && ignored.is_some() {
            return Err(failure::installation(&InstallationError::OwnKeys));
        }
        let now = arguments.context.at.unwrap_or_else(now);
        let ignored = ignored.into_iter().collect();
        return artifacts::print(&bundle, &statements, now, ignored, terminal);
    }
    // An installed list would deny the license after its installation, so it counts here too.
    bundle.add_revocations(app.host.revocation_lists(&trust));
    let mut evaluation = Evaluation::new(app, Some(bundle), &arguments.context)?;
    evaluation.notices.extend(ignored);
    evaluation.statements = statements;
    evaluation.print(terminal)
}

/// Verifies a file, key or token. Its trust statements apply to everything else in it.
fn verify(
    app: &AppContext,
    arguments: &Verify,
    input: &LicenseInput,
) -> Result<VerifiedInput, Failure> {
    let mut rotation = app.rotation(&arguments.trust)?;
    let mut statements = StatementsReport::default();
    let bundle = match verify_with(app, input, rotation.keys()) {
        Ok(bundle) if bundle.unverified_trust_statements().is_empty() => bundle,
        _ => {
            statements = app.apply_statements(input, &mut rotation)?;
            verify_with(app, input, rotation.keys())?
        }
    };
    Ok(VerifiedInput {
        bundle,
        trust: rotation.keys().clone(),
        statements,
    })
}

fn verify_with(
    app: &AppContext,
    input: &LicenseInput,
    trust: &TrustSet,
) -> Result<Bundle, Failure> {
    Bundle::verify_beside(&input.text, trust, &app.matrix, &[])
        .map_err(|error| failure::bundle(&input.name, &error))
}

/// Verifies that a key names the license in a file.
fn verify_key(
    app: &AppContext,
    arguments: &Verify,
    input: &LicenseInput,
    file: &Source,
) -> Result<VerifiedInput, Failure> {
    let invalid = |error| failure::bundle(&input.name, &error);
    let key = LicenseKey::parse(&input.text);
    let key = key.map_err(|error| invalid(BundleError::Key(error)))?;
    let file = LicenseInput {
        name: file.to_string(),
        text: file.read_text(MAX_FILE_BYTES)?,
    };
    let trust = app.trust(&arguments.trust)?;
    let bundle = app.verify(&file, &trust)?;
    bundle.check_named(&key, &app.matrix).map_err(invalid)?;
    Ok(VerifiedInput {
        bundle,
        trust,
        statements: StatementsReport::default(),
    })
}
