//! Structured logs on standard error: JSON, or text on a terminal.
//!
//! No log contains a key, a token or the content of a request. Licenses, machines and tokens appear
//! by their ids.

use std::io::{self, IsTerminal};

use license_cli_support::Failure;
use tracing_subscriber::EnvFilter;

use crate::config::LogFormat;

/// Starts logging.
///
/// # Errors
///
/// Returns `USAGE` if the filter is not valid.
pub(crate) fn start(filter: &str, format: LogFormat) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(filter).map_err(|_| {
        Failure::usage(
            "log: expected a filter such as info or license_server=debug, found another text",
        )
        .hint("correct --log, LICENSE_SERVER_LOG or the member log of the settings file")
    })?;
    let is_text = match format {
        LogFormat::Auto => io::stderr().is_terminal(),
        LogFormat::Json => false,
        LogFormat::Text => true,
    };
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr);
    // A second call keeps the first subscriber, such as in a test.
    let _ = if is_text {
        logs.with_target(false).try_init().is_ok()
    } else {
        logs.json()
            .flatten_event(true)
            .with_span_list(false)
            .try_init()
            .is_ok()
    };
    Ok(())
}
