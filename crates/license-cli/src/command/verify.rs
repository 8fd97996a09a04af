//! `license verify`.

use license_core::{Bundle, MAX_FILE_BYTES};
use license_terminal::{Exit, Failure, Terminal};

use super::decide;
use crate::cli::Verify;
use crate::subject::{Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Verify, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let bundle = match &arguments.companion {
        None => site.verify(&given, &site.trust(&arguments.trust)?)?,
        Some(file) => {
            let text = file.read_text(MAX_FILE_BYTES)?;
            let trust = site.trust(&arguments.trust)?;
            Bundle::verify_named(&given.text, &text, &trust, &site.matrix)
                .map_err(|error| failure::not_judged(&given.name, &error))?
        }
    };
    let decision = decide(Some(&bundle), &site.matrix, &arguments.context);
    report::decision(&decision, arguments.context.strict, terminal)
}
