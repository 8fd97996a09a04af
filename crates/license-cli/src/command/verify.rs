//! `license verify`.

use license_core::{BundleError, LicenseKey, MAX_FILE_BYTES};
use license_terminal::{Exit, Failure, Terminal};

use crate::cli::Verify;
use crate::subject::{Case, Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Verify, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let trust = || site.trust(&arguments.trust);
    let bundle = match &arguments.companion {
        None => site.verify(&given, &trust()?)?,
        Some(file) => {
            let refused = |error| failure::not_judged(&given.name, &error);
            let key = LicenseKey::parse(&given.text);
            let key = key.map_err(|error| refused(BundleError::Key(error)))?;
            let text = file.read_text(MAX_FILE_BYTES)?;
            let bundle = site.verify(
                &Given {
                    name: file.to_string(),
                    text,
                },
                &trust()?,
            )?;
            bundle.check_named(&key, &site.matrix).map_err(refused)?;
            bundle
        }
    };
    let case = Case::new(site, Some(bundle), &arguments.context)?;
    let decision = case.decide();
    report::decision(&decision, &case.notices, arguments.context.strict, terminal)
}
