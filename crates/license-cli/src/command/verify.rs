//! `license verify`.

use license_client::InstallationError;
use license_core::{Bundle, BundleError, LicenseKey, MAX_FILE_BYTES, TrustSet};
use license_terminal::{Exit, Failure, Terminal};

use super::trust_statements::Told;
use super::{lists, trust_statements};
use crate::cli::Verify;
use crate::subject::{Case, Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Verify, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let trust = || site.trust(&arguments.trust);
    let mut statements = Told::default();
    let (mut bundle, trust) = match &arguments.companion {
        None => {
            let mut rotation = site.rotation(&arguments.trust)?;
            let bundle = match verified(site, &given, rotation.keys()) {
                Ok(bundle) if bundle.unverified_trust_statements().is_empty() => bundle,
                // What it says of keys counts before all else in it.
                _ => {
                    statements = trust_statements::apply(site, &given, &mut rotation)?;
                    verified(site, &given, rotation.keys())?
                }
            };
            (bundle, rotation.keys().clone())
        }
        Some(file) => {
            let refused = |error| failure::not_judged(&given.name, &error);
            let key = LicenseKey::parse(&given.text);
            let key = key.map_err(|error| refused(BundleError::Key(error)))?;
            let file = Given {
                name: file.to_string(),
                text: file.read_text(MAX_FILE_BYTES)?,
            };
            let trust = trust()?;
            let bundle = site.verify(&file, &trust)?;
            bundle.check_named(&key, &site.matrix).map_err(refused)?;
            (bundle, trust)
        }
    };
    let ignored = trust_statements::ignored_by(site, &given);
    if bundle.licenses().is_empty() {
        let (lists, context) = (bundle.revocations(), &arguments.context);
        if lists.is_empty() && ignored.is_some() {
            return Err(failure::not_installed(&InstallationError::OwnKeys));
        }
        let ignored = ignored.into_iter().collect();
        return lists::tell(&bundle, &statements, context, ignored, terminal);
    }
    // What would stop it once it is installed is told before.
    bundle.add_revocations(site.host.revocation_lists(&trust));
    let mut case = Case::new(site, Some(bundle), &arguments.context)?;
    case.notices.extend(ignored);
    case.statements = statements;
    let decision = case.decide();
    report::decision(&decision, &case, arguments.context.strict, terminal)
}

/// What was given: a license, or revocation lists or trust statements and no license.
fn verified(site: &Site, given: &Given, trust: &TrustSet) -> Result<Bundle, Failure> {
    Bundle::verify_beside(&given.text, trust, &site.matrix, &[])
        .map_err(|error| failure::not_judged(&given.name, &error))
}
