//! `license install`.

use license_client::install;
use license_core::{Bundle, Decision, Outcome};
use license_terminal::{Exit, Failure, Terminal, escape};

use super::decide;
use crate::cli::Install;
use crate::subject::{Given, Site};
use crate::{failure, report};

pub(crate) fn run(site: &Site, arguments: &Install, terminal: &Terminal) -> Result<Exit, Failure> {
    let given = Given::read(&arguments.license)?;
    let trust = site.trust(&arguments.trust)?;
    let bundle = site.verify(&given, &trust)?;
    let decision = decide(Some(&bundle), &site.matrix, &arguments.context);
    // What is installed and damaged is what one installs anew for.
    let installed = site.installed().ok().flatten();
    if !arguments.force {
        keep_the_better(installed.as_ref(), &decision, site, arguments)?;
    }
    let path =
        install(&site.store, &bundle, &trust).map_err(|error| failure::not_installed(&error))?;
    terminal.note(&format!("installed as {}", escape(&path.to_string_lossy())));
    report::decision(&decision, arguments.context.strict, terminal)
}

/// A license that holds is not replaced by one that does not: that would stop software in production.
fn keep_the_better(
    installed: Option<&Bundle>,
    new: &Decision,
    site: &Site,
    arguments: &Install,
) -> Result<(), Failure> {
    let Some(installed) = installed else {
        return Ok(());
    };
    let old = decide(Some(installed), &site.matrix, &arguments.context);
    if new.outcome() != Outcome::Denied || old.outcome() == Outcome::Denied {
        return Ok(());
    }
    let message = format!(
        "the license does not hold now ({}), and the installed one does ({}); nothing was changed",
        new.code(),
        old.code()
    );
    let failure = Failure::new(Exit::Denied, new.code().as_str(), message);
    Err(failure.hint("`license verify` says why; --force installs it all the same"))
}
