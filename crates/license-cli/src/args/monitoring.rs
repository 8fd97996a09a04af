//! The options for monitors.

use std::ffi::OsString;

use clap::Args;
use license_cli_support::Destination;
use license_core::chrono::TimeDelta;
use license_core::time;

use super::ContextArgs;

/// The remaining times below which a monitor reports a problem. With one of them, `license status`
/// is a plugin of Nagios.
#[derive(Debug, Clone, Copy, Default, Args)]
#[command(next_help_heading = "Monitoring")]
pub(crate) struct Thresholds {
    /// Print one line for Nagios or Icinga, and exit with 1 (WARNING) if less than this time is
    /// left, such as 30d or 12h
    #[arg(
        short,
        long,
        visible_alias = "warning",
        value_name = "TIME",
        value_parser = duration
    )]
    pub(crate) warn: Option<TimeDelta>,
    /// The same with exit code 2 (CRITICAL)
    #[arg(short, long, value_name = "TIME", value_parser = duration)]
    pub(crate) critical: Option<TimeDelta>,
}

/// Returns whether a command line is that of a plugin, even if it does not parse. Monitors expect
/// the exit codes of a plugin for a usage error, too.
pub(crate) fn is_plugin(arguments: &[OsString]) -> bool {
    let is_threshold = |argument: &str| {
        let (name, _) = argument.split_once('=').unwrap_or((argument, ""));
        let is_short = argument.starts_with("-w") || argument.starts_with("-c");
        is_short || matches!(name, "--warn" | "--warning" | "--critical")
    };
    let options = arguments.iter().skip(1);
    let options = options.take_while(|argument| *argument != "--");
    let mut options = options.filter_map(|argument| argument.to_str());
    options.clone().any(|argument| argument == "status") && options.any(is_threshold)
}

impl Thresholds {
    /// Returns whether a threshold is given.
    pub(crate) fn is_given(self) -> bool {
        self.warn.is_some() || self.critical.is_some()
    }
}

#[derive(Debug, Args)]
pub(crate) struct Metrics {
    /// File for the textfile collector of node_exporter; the file is replaced atomically, and all
    /// users can read it; - for standard output [default: -]
    #[arg(
        long,
        visible_alias = "output",
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    pub(crate) out: Destination,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

fn duration(text: &str) -> Result<TimeDelta, String> {
    time::parse_duration(text).map_err(|error| error.to_string())
}
