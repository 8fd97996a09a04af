//! Options of what reads usage reports.

use clap::{Args, Subcommand};
use license_cli_support::Source;
use license_core::Date;

use super::Form;

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Check usage reports: whether entries are missing, changed or told in two ways, and whether the clock jumped
    Verify(UsageFiles),
    /// Enter what is new of usage reports into the ledger, where it is compared with what was reported before
    Import(UsageFiles),
    /// Sum up what was reported, by license
    Summary(UsageSummary),
}

#[derive(Debug, Args)]
pub(crate) struct UsageFiles {
    /// What `license usage-report` wrote; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Source>,
}

#[derive(Debug, Args)]
pub(crate) struct UsageSummary {
    /// Only this license, by its id or key
    #[arg(long, value_name = "ID")]
    pub(crate) license: Option<String>,
    /// Only customers whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// Only what was counted on this day (UTC) or later
    #[arg(long, value_name = "DATE", value_parser = Date::parse)]
    pub(crate) from: Option<Date>,
    /// Only what was counted on this day (UTC) or earlier
    #[arg(long, value_name = "DATE", value_parser = Date::parse)]
    pub(crate) to: Option<Date>,
    #[command(flatten)]
    pub(crate) form: Form,
}
