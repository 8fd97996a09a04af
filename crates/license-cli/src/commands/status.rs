//! `license status`.

use license_cli_support::{Exit, Failure, Terminal};

use crate::args::Status;
use crate::context::AppContext;

/// Prints the decision on the installed license.
///
/// # Errors
///
/// Returns a failure if the installation cannot be used.
pub(crate) fn run(
    app: &AppContext,
    arguments: &Status,
    terminal: &Terminal,
) -> Result<Exit, Failure> {
    app.installed(&arguments.context)?.print(terminal)
}
