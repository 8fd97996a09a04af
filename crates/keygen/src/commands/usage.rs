//! `keygen usage`: usage reports of customers.

mod import;
mod summary;
mod verify;

use license_cli_support::{Exit, Failure, Source};
use license_core::encoding::decode_text;
use license_core::usage::{MAX_REPORT_BYTES, UsageReport, UsageReportError};
use license_core::{Code, with_causes};

use super::context::AppContext;
use crate::args::UsageCommand;

pub(crate) fn run(command: &UsageCommand, app: AppContext<'_>) -> Result<Exit, Failure> {
    let done = match command {
        UsageCommand::Verify(files) => return verify::run(&files.files, app.terminal),
        UsageCommand::Import(arguments) => import::run(arguments, app),
        UsageCommand::Summary(arguments) => summary::run(arguments, app),
    };
    done.map(|()| Exit::Success)
}

/// Reads the reports in a file.
fn read(file: &Source) -> Result<Vec<UsageReport>, Failure> {
    let text = file.read_text(MAX_REPORT_BYTES, decode_text)?;
    UsageReport::parse_all(&text).map_err(|error| report_failure(file, &error))
}

fn report_failure(file: &Source, error: &UsageReportError) -> Failure {
    let code = error.code();
    let message = format!("{file}: {}", with_causes(error));
    Failure::new(Exit::Indeterminate, code.as_str(), message).hint(match code {
        Code::UnsupportedVersion => "use a newer version of this program",
        _ => "request the unchanged file that `license usage-report` wrote",
    })
}

/// Returns the first eight characters of a chain id.
fn abbreviate(chain: impl ToString) -> String {
    chain.to_string().chars().take(8).collect()
}
