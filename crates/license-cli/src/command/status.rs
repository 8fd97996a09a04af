//! `license status`.

use license_terminal::{Exit, Failure, Terminal};

use super::decide;
use crate::cli::Status;
use crate::report;
use crate::subject::Site;

pub(crate) fn run(site: &Site, arguments: &Status, terminal: &Terminal) -> Result<Exit, Failure> {
    let installed = site.installed()?;
    let decision = decide(
        installed.as_ref(),
        &site.matrix,
        &arguments.context.context(),
    );
    report::decision(&decision, arguments.context.strict, terminal)
}
