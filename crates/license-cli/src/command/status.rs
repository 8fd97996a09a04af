//! `license status`.

use license_terminal::{Exit, Failure, Terminal};

use crate::cli::Status;
use crate::report;
use crate::subject::Site;

pub(crate) fn run(site: &Site, arguments: &Status, terminal: &Terminal) -> Result<Exit, Failure> {
    let case = site.installed(&arguments.context)?;
    let decision = case.decide();
    report::decision(&decision, &case, arguments.context.strict, terminal)
}
