//! Options of what mints.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser};
use license_cli_support::Source;
use license_core::{
    Company, Date, KeyExpiry, ProductCode, Quota, Status, Tier, Timestamp, UsageType, VersionReq,
};

use super::value::{count, quota, requirement, status, tier, usage_type};
use super::{KeyArgs, Out};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("term").required(true).args(["expires", "days", "perpetual"]),
    group = ArgGroup::new("validation").args(["offline", "check_in"])
)]
pub(crate) struct Issue {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The tier, as free, pro, team or ent
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Tier,
    /// Who it is for
    #[arg(long, value_name = "NAME", required_unless_present = "convert")]
    pub(crate) customer: Option<String>,
    /// Replace this trial, by its id or key, and keep what is left of it: --days count from its end
    #[arg(long, value_name = "LICENSE_ID")]
    pub(crate) convert: Option<String>,
    /// It holds through this day in UTC
    #[arg(long, value_parser = Date::parse, value_name = "YYYY-MM-DD")]
    pub(crate) expires: Option<Date>,
    /// It holds for so many days after its first, through the end of the last in UTC
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) days: Option<NonZeroU32>,
    /// It never expires
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Named or concurrent users
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: Option<NonZeroU32>,
    /// Machines that may be activated
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) devices: Option<NonZeroU32>,
    /// Add a feature; may be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) add_feature: Vec<String>,
    /// Remove a feature of the tier; may be repeated
    #[arg(long, value_name = "FEATURE")]
    pub(crate) remove_feature: Vec<String>,
    /// Set a quota, -1 for unlimited; may be repeated
    #[arg(long, value_parser = quota, value_name = "NAME=N")]
    pub(crate) quota: Vec<(String, Quota)>,
    /// It never has to be validated
    #[arg(long)]
    pub(crate) offline: bool,
    /// It must be validated every so many hours
    #[arg(long, value_name = "HOURS", value_parser = count, allow_negative_numbers = true)]
    pub(crate) check_in: Option<NonZeroU32>,
    /// It holds for so many hours without validation
    #[arg(
        long,
        value_name = "HOURS",
        value_parser = count,
        allow_negative_numbers = true,
        conflicts_with = "offline"
    )]
    pub(crate) grace: Option<NonZeroU32>,
    /// Only for this kind of use: builder or runtime
    #[arg(long, value_parser = usage_type, value_name = "TYPE")]
    pub(crate) usage_type: Option<UsageType>,
    /// Only for this user; may be repeated
    #[arg(long, value_name = "USER")]
    pub(crate) user: Vec<String>,
    /// Only on this machine: the fingerprint or digest that `license machine` prints there; may be repeated
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Vec<String>,
    /// Only on machines that were activated: `keygen activate` answers their requests
    #[arg(long)]
    pub(crate) activation: bool,
    /// Versions built through this day are covered
    #[arg(long, value_parser = Date::parse, value_name = "YYYY-MM-DD")]
    pub(crate) maintenance_until: Option<Date>,
    /// Only versions that meet this requirement, as in "<3.0.0"
    #[arg(long, value_parser = requirement, value_name = "REQ")]
    pub(crate) max_version: Option<VersionReq>,
    /// The company's short code
    #[arg(long, value_parser = Company::parse, value_name = "CODE")]
    pub(crate) company: Option<Company>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// It starts on this day in UTC, instead of now
    #[arg(long, value_parser = Date::parse, value_name = "YYYY-MM-DD")]
    pub(crate) not_before: Option<Date>,
    /// The vendor's name [default: the product's]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// Comma-separated values with a header: columns are named as the options of `keygen issue`, in any order; `file` names the
    /// license file. What may be repeated is separated by `;`
    #[arg(value_name = "ORDERS.csv")]
    pub(crate) orders: PathBuf,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The folder for the license files and the manifest; what is there of the same orders is not minted again
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Tell these orders from the same ones of another time, such as 2027-01: what was minted before is minted anew
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Sign on so many cores [default: all]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) jobs: Option<NonZeroU32>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// Check every row and mint nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A row of orders, read as the options of `keygen issue`.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(crate) struct Order {
    #[command(flatten)]
    pub(crate) issue: Issue,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("term").required(true).args(["expires", "perpetual"]))]
pub(crate) struct EnterpriseKey {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The company's short code: 2 to 16 of A-Z and 0-9
    #[arg(long, value_parser = Company::parse, value_name = "CODE")]
    pub(crate) company: Company,
    /// Users that it is for
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: NonZeroU32,
    /// It holds through this day in UTC
    #[arg(long, value_parser = KeyExpiry::parse, value_name = "YYYYMMDD")]
    pub(crate) expires: Option<KeyExpiry>,
    /// It never expires
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Print the short form, for invoices and phone calls: it proves nothing alone
    #[arg(long)]
    pub(crate) short: bool,
    /// The product code
    #[arg(long, value_parser = ProductCode::parse, value_name = "CODE", conflicts_with = "product_file")]
    pub(crate) product: Option<ProductCode>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Debug, Args)]
pub(crate) struct CheckIn {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// A license file, token or full enterprise key that you have minted; - is standard input
    #[arg(value_name = "LICENSE_FILE")]
    pub(crate) license: Source,
    /// Public keys of other signing keys of yours, by which the license may be signed; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// It counts on this machine alone: the fingerprint or digest that `license machine` prints there
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Option<String>,
    /// Validate a machine more than the license allows
    #[arg(long, requires = "machine")]
    pub(crate) over_device_limit: bool,
    /// What it says of the license: active, suspended, canceled or revoked
    #[arg(long, value_parser = status, value_name = "STATUS", default_value = "active")]
    pub(crate) status: Status,
    /// What the customer sent to tell this answer from an older one: 1 to 128 printable ASCII characters
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = Timestamp::parse, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}
