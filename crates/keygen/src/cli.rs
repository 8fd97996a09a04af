//! The command line of `keygen`.

use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use license_core::{
    Algorithm, Company, Date, KeyExpiry, ProductCode, Quota, Status, Tier, Timestamp, UsageType,
    VersionReq,
};
use license_terminal::program::Description;
use license_terminal::{Destination, OutputOptions, Source};

use crate::custody::KeyName;
use crate::ledger::Standing;

/// Mints licenses offline: signing keys, license files and enterprise keys
#[derive(Debug, Parser)]
#[command(name = "keygen", version, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// The ledger of what is minted [default: in the user's data folder; KEYGEN_LEDGER names another]
    #[arg(long, global = true, value_name = "FILE", help_heading = "Ledger")]
    pub(crate) ledger: Option<PathBuf>,
    /// Enter nothing: for what is thrown away
    #[arg(
        long,
        global = true,
        conflicts_with = "ledger",
        help_heading = "Ledger"
    )]
    pub(crate) no_ledger: bool,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

const AFTER_HELP: &str = "\
First steps:
  keygen new-key --out vendor.key
  keygen public --key vendor.key --format jwk --out vendor.jwk
  keygen trust vendor.jwk --out trust.jwks
  keygen issue --key vendor.key --tier pro --customer \"ACME Ltd\" --days 365 --out acme.lic

Exit codes: 0 done, 2 usage, 3 an input could not be judged, 4 the machine failed.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a signing key: PKCS#8 PEM, sealed with a passphrase
    NewKey(NewKey),
    /// Print the public half of a signing key
    Public(Public),
    /// Bundle public keys into the trust set that verifiers need
    Trust(Trust),
    /// Mint a license
    Issue(Box<Issue>),
    /// Mint a license for each row of a table
    Batch(Box<Batch>),
    /// Mint an enterprise key, which verifies without a file
    EnterpriseKey(EnterpriseKey),
    /// Mint validation tokens: a license that must check in holds on with them
    CheckIn(CheckIn),
    /// Enter that a license no longer holds
    Revoke(Revoke),
    /// Look into the ledger
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Describe a product: its tiers, features and quotas, in one file
    #[command(subcommand)]
    Product(ProductCommand),
    /// Show what a license, key or trust set says, without verifying it
    Inspect(Inspect),
    #[command(flatten)]
    Description(Description),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("seal").args(["passphrase_file", "no_passphrase"]))]
pub(crate) struct NewKey {
    /// Where the key goes, - is standard output; it never replaces a file
    #[arg(long, value_name = "FILE", required_unless_present = "key")]
    pub(crate) out: Option<Destination>,
    /// Make it in an HSM instead, which never gives it away: pkcs11:token=TOKEN;object=NAME
    #[arg(
        long,
        value_name = "KEY",
        value_parser = key_name(),
        conflicts_with_all = ["out", "no_passphrase"]
    )]
    pub(crate) key: Option<KeyName>,
    /// Size of the key in bits
    #[arg(long, value_enum, default_value = "4096")]
    pub(crate) bits: Bits,
    /// The one algorithm of the key; a key made for PS256 signs nothing else
    #[arg(long, value_parser = algorithm, default_value = "RS256", value_name = "ALG")]
    pub(crate) alg: Algorithm,
    /// Take the passphrase, or the HSM's PIN, from the first line of a file; /dev/fd/N is a descriptor
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// Leave the key open to whoever can read the file
    #[arg(long)]
    pub(crate) no_passphrase: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Bits {
    /// About 112 bits of strength
    #[value(name = "2048")]
    B2048,
    /// About 128 bits of strength
    #[value(name = "3072")]
    B3072,
    /// For keys that shall last
    #[value(name = "4096")]
    B4096,
}

/// The private key to use.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// The signing key: a file (PKCS#8 PEM; - is standard input), pkcs11:… in an HSM, or awskms:… at AWS
    #[arg(long, value_name = "KEY", value_parser = key_name())]
    pub(crate) key: KeyName,
    /// Take its passphrase or PIN from the first line of a file; /dev/fd/N is a descriptor
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
    /// The algorithm to sign with, RS256 or PS256 [default: the key's own, else RS256]
    #[arg(long, value_parser = algorithm, value_name = "ALG")]
    pub(crate) alg: Option<Algorithm>,
}

#[derive(Debug, Args)]
pub(crate) struct Public {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// PEM (SubjectPublicKeyInfo) or JWK
    #[arg(long, value_enum, default_value = "pem")]
    pub(crate) format: PublicFormat,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PublicFormat {
    /// SubjectPublicKeyInfo, as OpenSSL reads it
    Pem,
    /// A JSON Web Key with its id and algorithm
    Jwk,
}

/// Where a public artefact goes.
#[derive(Debug, Args)]
pub(crate) struct Out {
    /// Where it goes; - is standard output [default: -]
    #[arg(
        long,
        value_name = "FILE",
        default_value = "-",
        hide_default_value = true
    )]
    pub(crate) out: Destination,
    /// Replace the file if it exists
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    /// Public keys: PEM, JWK or JWK Set
    #[arg(required = true, value_name = "FILE")]
    pub(crate) keys: Vec<Source>,
    #[command(flatten)]
    pub(crate) out: Out,
}

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
    #[arg(long, value_name = "NAME")]
    pub(crate) customer: String,
    /// It holds through this day in UTC
    #[arg(long, value_parser = date, value_name = "YYYY-MM-DD")]
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
    /// Versions built through this day are covered
    #[arg(long, value_parser = date, value_name = "YYYY-MM-DD")]
    pub(crate) maintenance_until: Option<Date>,
    /// Only versions that meet this requirement, as in "<3.0.0"
    #[arg(long, value_parser = requirement, value_name = "REQ")]
    pub(crate) max_version: Option<VersionReq>,
    /// The company's short code
    #[arg(long, value_parser = company, value_name = "CODE")]
    pub(crate) company: Option<Company>,
    /// A product file (TOML) instead of the built-in one
    #[arg(long, value_name = "FILE")]
    pub(crate) product_file: Option<Source>,
    /// It starts on this day in UTC, instead of now
    #[arg(long, value_parser = date, value_name = "YYYY-MM-DD")]
    pub(crate) not_before: Option<Date>,
    /// The vendor's name [default: the product's]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// When it counts as issued, instead of now
    #[arg(long, value_parser = instant, value_name = "TIME")]
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
    #[arg(long, value_parser = company, value_name = "CODE")]
    pub(crate) company: Company,
    /// Users that it is for
    #[arg(long, value_name = "N", value_parser = count, allow_negative_numbers = true)]
    pub(crate) seats: NonZeroU32,
    /// It holds through this day in UTC
    #[arg(long, value_parser = key_expiry, value_name = "YYYYMMDD")]
    pub(crate) expires: Option<KeyExpiry>,
    /// It never expires
    #[arg(long)]
    pub(crate) perpetual: bool,
    /// Print the short form, for invoices and phone calls: it proves nothing alone
    #[arg(long)]
    pub(crate) short: bool,
    /// The product code
    #[arg(long, value_parser = product, value_name = "CODE", conflicts_with = "product_file")]
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
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) issued_at: Option<Timestamp>,
    #[command(flatten)]
    pub(crate) out: Out,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The license id, or a short enterprise key
    #[arg(value_name = "LICENSE_ID")]
    pub(crate) license: String,
    /// Why, for the ledger and the revocation list
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
    /// Revoke a license that the ledger does not know
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LedgerCommand {
    /// List licenses and enterprise keys
    List(List),
    /// Show all that was entered about a license or signing key
    Show {
        /// The license id, a license key, or a signing key's id
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Find licenses by a part of any id, key, customer or company; a license key may have a typing error
    Find {
        /// What to look for
        text: String,
    },
    /// List licenses that end soon
    Expiring {
        /// Days or hours from now, such as 30d or 12h
        #[arg(long, value_name = "SPAN", value_parser = span, default_value = "30d")]
        within: u64,
        #[command(flatten)]
        form: Form,
    },
    /// Count what there is
    Stats,
    /// Write every entry as a line of JSON
    Export {
        #[command(flatten)]
        out: Out,
    },
    /// Enter licenses, enterprise keys and check-ins that were minted elsewhere, or an export of another ledger
    Import {
        /// License files, keys, tokens, or an export
        #[arg(required = true, value_name = "FILE")]
        files: Vec<Source>,
        /// The public keys that signed them; may be repeated
        #[arg(long, value_name = "FILE", required = true)]
        trust: Vec<Source>,
        /// A product file (TOML) instead of the built-in one
        #[arg(long, value_name = "FILE")]
        product_file: Option<Source>,
    },
    /// Copy the ledger as it is at this moment
    Backup {
        /// Where the copy goes; it never replaces a file
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Find any entry that was edited, removed or reordered
    Verify {
        /// A hash that the chain ended with before, and must still hold
        #[arg(long, value_name = "HASH", value_parser = hash)]
        head: Option<[u8; 32]>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ProductCommand {
    /// Write a product file to begin with
    Init {
        /// The product code: 2 to 16 of A-Z and 0-9, first a letter
        #[arg(value_parser = product, value_name = "CODE")]
        product: ProductCode,
        #[command(flatten)]
        out: Out,
    },
    /// Check a product file, and warn of what is rarely meant
    Check {
        /// The product file (TOML); - is standard input
        #[arg(value_name = "FILE")]
        file: Source,
    },
    /// Show what each tier of a product has
    Show {
        /// The product file (TOML) [default: the built-in product]
        #[arg(value_name = "FILE")]
        file: Option<Source>,
    },
}

/// Which licenses to list, and how.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only customers or companies whose name holds this
    #[arg(long, value_name = "TEXT")]
    pub(crate) customer: Option<String>,
    /// Only this tier
    #[arg(long, value_name = "TIER")]
    pub(crate) tier: Option<String>,
    /// Only this product
    #[arg(long, value_name = "CODE")]
    pub(crate) product: Option<String>,
    /// Only active, future, expired, superseded or revoked ones
    #[arg(long, value_name = "STATUS", value_parser = standing)]
    pub(crate) status: Option<Standing>,
    /// The order
    #[arg(long, value_enum, default_value = "entered")]
    pub(crate) sort: SortBy,
    /// The other way round
    #[arg(long)]
    pub(crate) reverse: bool,
    /// At most so many
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) form: Form,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum SortBy {
    /// As they were entered
    Entered,
    /// By customer
    Customer,
    /// By their end
    Expires,
    /// By tier
    Tier,
}

#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Form {
    /// Print comma-separated values (RFC 4180)
    #[arg(long)]
    pub(crate) csv: bool,
}

fn reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text.chars().count() {
        1..=200 if !text.chars().any(char::is_control) => Ok(text.to_owned()),
        _ => Err("expected 1 to 200 characters in one line"),
    }
}

fn standing(text: &str) -> Result<Standing, &'static str> {
    Standing::parse(&text.to_ascii_lowercase())
        .ok_or("expected active, future, expired, superseded or revoked")
}

fn span(text: &str) -> Result<u64, &'static str> {
    const EXPECTED: &str = "expected days or hours, such as 30d or 12h";
    let unit = match text.chars().last() {
        Some('d') => 86_400,
        Some('h') => 3600,
        _ => return Err(EXPECTED),
    };
    let count: u32 = text
        .get(..text.len().saturating_sub(1))
        .and_then(|count| count.parse().ok())
        .ok_or(EXPECTED)?;
    Ok(u64::from(count) * unit)
}

fn hash(text: &str) -> Result<[u8; 32], &'static str> {
    const EXPECTED: &str = "expected 64 hexadecimal digits, as `keygen ledger verify` prints them";
    let text = text.trim();
    let is_hex = text.bytes().all(|digit| digit.is_ascii_hexdigit());
    if text.len() != 64 || !is_hex {
        return Err(EXPECTED);
    }
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..).step_by(2)) {
        let digits = text.get(at..at + 2).ok_or(EXPECTED)?;
        *byte = u8::from_str_radix(digits, 16).map_err(|_| EXPECTED)?;
    }
    Ok(hash)
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A file that holds a license, token, key or trust set; - is standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: Source,
}

fn count(text: &str) -> Result<NonZeroU32, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number from 1 to 4294967295")
}

fn key_name() -> impl TypedValueParser<Value = KeyName> {
    OsStringValueParser::new().map(KeyName::from)
}

fn algorithm(text: &str) -> Result<Algorithm, &'static str> {
    Algorithm::parse(&text.to_ascii_uppercase()).ok_or("expected RS256 or PS256")
}

fn tier(text: &str) -> Result<Tier, String> {
    Tier::parse(&text.to_ascii_uppercase()).map_err(|error| error.to_string())
}

fn company(text: &str) -> Result<Company, String> {
    Company::parse(text).map_err(|error| error.to_string())
}

fn product(text: &str) -> Result<ProductCode, String> {
    ProductCode::parse(text).map_err(|error| error.to_string())
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).map_err(|error| error.to_string())
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn key_expiry(text: &str) -> Result<KeyExpiry, String> {
    KeyExpiry::parse(text).map_err(|error| error.to_string())
}

fn requirement(text: &str) -> Result<VersionReq, String> {
    VersionReq::parse(text)
        .map_err(|error| format!("expected a requirement such as <3.0.0: {error}"))
}

fn usage_type(text: &str) -> Result<UsageType, &'static str> {
    UsageType::parse(text).ok_or("expected builder or runtime")
}

fn status(text: &str) -> Result<Status, &'static str> {
    Status::parse(&text.to_ascii_lowercase())
        .ok_or("expected active, suspended, canceled or revoked")
}

fn quota(text: &str) -> Result<(String, Quota), &'static str> {
    const EXPECTED: &str = "expected NAME=N, where N is a count or -1 for unlimited";
    let (name, number) = text.split_once('=').ok_or(EXPECTED)?;
    let number = number.parse().ok().and_then(Quota::from_number);
    Ok((name.to_owned(), number.ok_or(EXPECTED)?))
}
