//! Options of the commands that issue licenses, keys and validations.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser};
use license_cli_support::{OutputFile, Source};
use license_core::chrono::NaiveDate;
use license_core::claims::Status;
use license_core::ids::Company;
use license_core::key::KeyExpiry;
use license_core::{ProductCode, Tier, VersionReq, time};

use super::signing::{EntitlementArgs, FORCE, KeyArgs, RestrictionArgs, SigningArgs};
use super::value::{count, requirement, status, tier};

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("holder").required(true).multiple(true).args(["customer", "convert"]),
    group = ArgGroup::new("term").required(true).args(["expires", "days", "perpetual"]),
    group = ArgGroup::new("validation").args(["offline", "check_in"])
)]
pub(crate) struct Issue {
    /// Tier of the license; in the built-in product: free, pro, team or ent
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Tier,
    /// Name of the customer
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: Option<String>,
    /// Trial to convert: a file, or an id or key in the ledger; --days counts from the end of the
    /// trial
    #[arg(long, value_name = "LICENSE")]
    pub(crate) convert: Option<String>,
    /// Last day of the license (UTC)
    #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
    pub(crate) expires: Option<NaiveDate>,
    /// Validity in days; the license ends at the end of the last day (UTC)
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) days: Option<NonZeroU32>,
    /// Issue a license that never expires
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// First day of the license (UTC) [default: the issue date]
    #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
    pub(crate) not_before: Option<NaiveDate>,
    #[command(flatten)]
    pub(crate) entitlements: EntitlementArgs,
    /// Never require a check-in
    #[arg(long)]
    pub(crate) offline: bool,
    /// Hours between check-ins [default: the tier's]
    #[arg(long, value_name = "HOURS", value_parser = count, allow_negative_numbers = true)]
    pub(crate) check_in: Option<NonZeroU32>,
    /// Hours of validity after a check-in [default: the tier's]
    #[arg(
        long,
        value_name = "HOURS",
        value_parser = count,
        allow_negative_numbers = true,
        conflicts_with = "offline"
    )]
    pub(crate) grace: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) restrictions: RestrictionArgs,
    /// Latest build date that the license covers (UTC) [default: no limit]
    #[arg(long, value_parser = time::parse_date, value_name = "YYYY-MM-DD")]
    pub(crate) maintenance_until: Option<NaiveDate>,
    /// Version requirement, such as "<3.0.0" [default: none]
    #[arg(long, value_parser = requirement, value_name = "REQ")]
    pub(crate) max_version: Option<VersionReq>,
    /// Short code of the company
    #[arg(long, value_parser = Company::parse, value_name = "CODE")]
    pub(crate) company: Option<Company>,
    /// Request of the customer's license server, or its public key; the server can then lend seats
    #[arg(long, value_name = "FILE")]
    pub(crate) server_key: Option<Source>,
    /// Your trust set; a server key that it contains is refused; may be repeated
    #[arg(long, value_name = "FILE", requires = "server_key")]
    pub(crate) trust: Vec<Source>,
    /// Name of the vendor [env: KEYGEN_ISSUER; keygen.toml: issuer] [default: the product's]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("validation").args(["offline", "check_in"]))]
pub(crate) struct Trial {
    /// Name of the customer; the search for earlier trials ignores case, spacing and Unicode form
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: String,
    /// Allow another trial for this customer
    #[arg(long)]
    pub(crate) again: bool,
    /// Tier of the trial [default: the product's]
    #[arg(long, value_parser = tier)]
    pub(crate) tier: Option<Tier>,
    /// Validity in days; the trial ends at the end of the last day (UTC) [default: the product's]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) days: Option<NonZeroU32>,
    /// Never require a check-in; this is the default
    #[arg(long)]
    pub(crate) offline: bool,
    /// Hours between check-ins [default: no check-ins]
    #[arg(long, value_name = "HOURS", value_parser = count, allow_negative_numbers = true)]
    pub(crate) check_in: Option<NonZeroU32>,
    /// Hours of validity after a check-in [default: the whole trial]
    #[arg(
        long,
        value_name = "HOURS",
        value_parser = count,
        allow_negative_numbers = true,
        conflicts_with = "offline"
    )]
    pub(crate) grace: Option<NonZeroU32>,
    #[command(flatten)]
    pub(crate) restrictions: RestrictionArgs,
    /// Name of the vendor [env: KEYGEN_ISSUER; keygen.toml: issuer] [default: the product's]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Batch {
    /// CSV file with the options of `keygen issue` as columns, `file` for the name of the license
    /// file, and `;` between repeated values; other columns are copied to the manifest
    #[arg(value_name = "ORDERS.csv")]
    pub(crate) orders: PathBuf,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Directory for license files and manifest; a license that was already issued for a row is not
    /// issued again
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Replace a manifest.csv that lists other licenses (license files are never replaced), and
    /// sign even if the clock or the product contradicts the ledger
    #[arg(long)]
    pub(crate) force: bool,
    /// Name of the batch, such as 2027-01; a new name issues the same orders again
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Your trust set; server keys that it contains are refused; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Number of signing threads [default: one per core]
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) jobs: Option<NonZeroU32>,
    /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
    /// [default: the built-in product]
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// Check every row, but sign and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// A row of a batch, parsed as the options of `keygen issue`.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub(crate) struct RowArgs {
    #[command(flatten)]
    pub(crate) issue: Issue,
}

#[derive(Debug, Args)]
#[command(
    group = ArgGroup::new("term").required(true).args(["expires", "perpetual"]),
    mut_arg("force", |force| force.help(FORCE))
)]
pub(crate) struct EnterpriseKey {
    /// Short code of the company: 2 to 16 characters of A-Z and 0-9
    #[arg(long, value_parser = Company::parse, value_name = "CODE")]
    pub(crate) company: Company,
    /// Number of users
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: NonZeroU32,
    /// Last day of the key (UTC)
    #[arg(long, value_parser = KeyExpiry::parse, value_name = "YYYYMMDD")]
    pub(crate) expires: Option<KeyExpiry>,
    /// Issue a key that never expires
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Print the short form for invoices and calls, without a signature
    #[arg(long)]
    pub(crate) short: bool,
    /// Product code [default: the product file's]
    #[arg(long, value_parser = ProductCode::parse, value_name = "CODE", conflicts_with = "product_file")]
    pub(crate) product: Option<ProductCode>,
    /// Product file (TOML) [env: KEYGEN_PRODUCT_FILE; keygen.toml: product_file]
    /// [default: the built-in product]
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    #[command(flatten)]
    pub(crate) output: OutputFile,
    /// Check and show everything, but sign and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CheckIn {
    /// License: a file (or -), a token, a full enterprise key, or an id or key in the ledger
    #[arg(value_name = "LICENSE")]
    pub(crate) license: Source,
    /// Public keys of your other signing keys; may be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) trust: Vec<Source>,
    /// Machine to check in (see `license machine`) [default: all machines]
    #[arg(long, value_name = "MACHINE")]
    pub(crate) machine: Option<String>,
    /// Check in even if the license has no free device
    #[arg(long, requires = "machine")]
    pub(crate) over_device_limit: bool,
    /// Status: active, suspended, canceled or revoked
    #[arg(long, value_parser = status, value_name = "STATUS", default_value = "active")]
    pub(crate) status: Status,
    /// Nonce that the customer sent: 1 to 128 printable ASCII characters
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
}
