//! `license verify`.

use license_core::{Bundle, BundleError, LicenseKey, MAX_FILE_BYTES, TrustSet};
use license_terminal::{Exit, Failure, Terminal};

use super::lists;
use crate::cli::Verify;
use crate::subject::{Case, Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Verify, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let trust = || site.trust(&arguments.trust);
    let (mut bundle, trust) = match &arguments.companion {
        None => {
            let trust = trust()?;
            (verified(site, &given, &trust)?, trust)
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
    if bundle.licenses().is_empty() {
        let (lists, context) = (bundle.revocations(), &arguments.context);
        return lists::tell(lists, context, Vec::new(), terminal);
    }
    // What would stop it once it is installed is told before.
    bundle.add_revocations(site.host.revocation_lists(&trust));
    let case = Case::new(site, Some(bundle), &arguments.context)?;
    let decision = case.decide();
    report::decision(&decision, &case, arguments.context.strict, terminal)
}

/// What was given: a license, or revocation lists and no license.
fn verified(site: &Site, given: &Given, trust: &TrustSet) -> Result<Bundle, Failure> {
    Bundle::verify_beside(&given.text, trust, &site.matrix, &[])
        .map_err(|error| failure::not_judged(&given.name, &error))
}
