//! Options of `keygen usage`.

use clap::{Args, Subcommand};
use license_cli_support::Source;
use license_core::chrono::NaiveDate;
use license_core::time;

use super::TableFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum UsageCommand {
    /// Verify reports: find missing, changed and contradictory entries, and clock jumps
    Verify(UsageFiles),
    /// Record the new entries of reports in the ledger, and compare them with earlier reports
    Import(UsageImport),
    /// Sum up the recorded usage of each license
    Summary(UsageSummary),
}

#[derive(Debug, Args)]
pub(crate) struct UsageFiles {
    /// Reports of `license usage-report`; - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<Source>,
}

#[derive(Debug, Args)]
pub(crate) struct UsageImport {
    #[command(flatten)]
    pub(crate) reports: UsageFiles,
    /// Record the entries even if the clock contradicts the ledger
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UsageSummary {
    /// License id or key [default: all licenses]
    #[arg(long, value_name = "ID")]
    pub(crate) license: Option<String>,
    /// Part of the customer's name [default: all customers]
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// First day of use (UTC)
    #[arg(long, value_name = "DATE", value_parser = time::parse_date)]
    pub(crate) from: Option<NaiveDate>,
    /// Last day of use (UTC)
    #[arg(long, value_name = "DATE", value_parser = time::parse_date)]
    pub(crate) to: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) format: TableFormat,
}
