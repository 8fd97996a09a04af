//! The commands for metering.

use clap::Subcommand;
use license_cli_support::OutputFile;
use license_core::chrono::NaiveDate;
use license_core::time;

/// Commands that show what customers use.
#[derive(Debug, Subcommand)]
pub(crate) enum MeteringCommand {
    /// Show what a customer has used in a period, by meter
    Show {
        /// Id of the pool, or of a license of the customer
        #[arg(value_name = "CUSTOMER")]
        customer: String,
        /// Any UTC day of the period [default: today]
        #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
        period: Option<NaiveDate>,
    },
    /// Write the amounts of closed periods as CSV, in the order of recording
    Export {
        /// Number of the last row that was exported before [default: 0]
        #[arg(
            long,
            value_name = "NUMBER",
            default_value_t = 0,
            hide_default_value = true
        )]
        after: u64,
        #[command(flatten)]
        output: OutputFile,
    },
}
