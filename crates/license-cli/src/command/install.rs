//! `license install`.

use license_client::{Candidate, Replace};
use license_terminal::{Exit, Failure, Terminal, escape, show_path};

use super::decide;
use crate::cli::Install;
use crate::subject::{Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Install, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let trust = site.trust(&arguments.trust)?;
    let bundle = site.verify(&given, &trust)?;
    let context = arguments.context.context();
    let before = site.installed().ok().flatten();
    let candidate = Candidate {
        bundle: &bundle,
        trust: &trust,
        matrix: &site.matrix,
    };
    let replace = if arguments.force {
        Replace::Always
    } else {
        Replace::UnlessWorse
    };
    let path = candidate
        .install(&site.store()?, &context, replace)
        .map_err(|error| failure::not_installed(&error))?;
    terminal.note(&format!("installed as {}", show_path(&path)));
    for license in before.iter().flat_map(|bundle| bundle.licenses()) {
        let customer = escape(license.customer()).into_owned();
        terminal.note(&format!(
            "it replaces the {} license of {customer}",
            license.tier()
        ));
    }
    let decision = decide(Some(&bundle), &site.matrix, &context);
    report::decision(&decision, arguments.context.strict, terminal)
}
