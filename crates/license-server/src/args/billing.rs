//! The commands for billing.

use clap::{Args, Subcommand};

/// Commands for plans and subscriptions of the payment provider.
#[derive(Debug, Subcommand)]
pub(crate) enum BillingCommand {
    /// State the license that a price buys
    Plan(PlanArgs),
    /// List the prices with their licenses
    Plans,
    /// List the subscriptions with the states of their licenses
    Subscriptions {
        /// Only subscriptions in this state
        #[arg(long, value_name = "STATE", value_parser = [
            "pending", "active", "in_grace", "suspended", "ended", "revoked",
        ])]
        state: Option<String>,
    },
    /// Compare all subscriptions with the provider; the running server applies the differences
    Reconcile,
}

/// Options of `license-server billing plan`.
#[derive(Debug, Args)]
#[command(about = None, long_about = None)]
pub(crate) struct PlanArgs {
    /// Id of the price at the provider, such as price_1AbC
    #[arg(value_name = "PRICE")]
    pub(crate) price: String,
    /// Tier of the license [default: none, an addition to another price]
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<String>,
    /// Seats of each unit of the price; 0 if the price does not count seats
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pub(crate) seats: u32,
    /// Features in addition to those of the tier, separated by commas
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    pub(crate) features: Vec<String>,
    /// Delete the plan of the price
    #[arg(long, conflicts_with_all = ["tier", "seats", "features"])]
    pub(crate) delete: bool,
}
