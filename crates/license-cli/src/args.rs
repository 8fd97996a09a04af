//! The command line of `license`.

mod help;
mod monitoring;
#[cfg(feature = "online")]
mod online;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use license_cli_support::program::Description;
use license_cli_support::{OutputFile, OutputOptions, Source};
use license_core::chrono::{DateTime, NaiveDate, Utc};
use license_core::machine::Machine;
use license_core::policy::UsageType;
use license_core::{ProductCode, Version, time};

pub(crate) use self::help::COMMAND_GROUPS;
pub(crate) use self::monitoring::{Metrics, Thresholds, is_plugin};
#[cfg(feature = "online")]
pub(crate) use self::online::{
    Config, ConfigAction, Login, OnLoss, OnlineArgs, OnlineCommand, Run, Seat, SeatAction,
    SeatReturn, Telemetry, TelemetryAction, Trial, TrialAction, Validate, Wait,
};
use crate::embedded::{self, PROGRAM, command};

/// Verifies, installs and explains licenses, without a network or with a license server
#[derive(Debug, Parser)]
#[command(name = PROGRAM, version, long_version = embedded::VERSION, after_help = help::after_help())]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Product file (TOML) that replaces the built-in product; the state directory then has the
    /// name of that product, such as $WIDGET_HOME or ~/.widget
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        help_heading = "Product",
        hide = embedded::HAS_PRODUCT
    )]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

/// The help of the argument of `license activate`.
const ANSWER: &str =
    "File, token or picture of a QR code with the vendor's answer; - for standard input";

/// The help of `license request --speak`.
const SPEAK_REQUEST: &str = "Print numbered lines to read out over the phone; each line has a \
    checksum. The vendor's answer is too long for this, and arrives as a file or a QR code";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a license file, token, key, revocation list or trust statement, and show the decision
    Verify(Box<Verify>),
    /// Show the content of a license file, token, key, revocation list or trust statement without
    /// verifying it
    Inspect {
        /// File, token or key from the vendor; - for standard input
        #[arg(value_name = "FILE|TOKEN|KEY|-")]
        license: OsString,
        /// Print public keys as PEM, such as for OpenSSL, each after a comment with its id
        #[arg(long)]
        pem: bool,
    },
    /// Verify a file from the vendor and install it for this user or for all users
    Install(Box<Install>),
    /// Write a request for the activation of this machine or for a clock repair
    #[command(mut_arg("speak", |speak| speak.help(SPEAK_REQUEST)))]
    Request(Request),
    /// Install the vendor's answer to a request
    #[command(mut_arg("license", |license| license.help(ANSWER).value_name("FILE|TOKEN|-")))]
    Activate(Box<Install>),
    /// Deactivate the license on this machine and write the receipt that frees the device
    Deactivate(Deactivate),
    /// Show the decision on the installed license, or check it as a plugin of Nagios or Icinga
    Status(Box<Status>),
    /// Print metrics about the installed license for Prometheus; nothing is changed
    Metrics(Box<Metrics>),
    /// List the features and quotas of each tier, and what is granted here
    Features(Box<Query>),
    /// Check whether a feature is granted (exit code 0) or denied (exit code 1)
    Check(Box<Check>),
    /// Count a use of a quota (exit code 0) unless the quota is exhausted or the use cannot be
    /// counted (exit code 1)
    Use(Box<Use>),
    /// Show the session id of a project (the same for all symbolic links to the
    /// project)
    Session(Box<Session>),
    /// Show the pseudonymous identity of this machine (hashes; a short value can be guessed from
    /// its hash)
    Machine,
    /// Show the usage type of a project (builder or runtime) and how it was detected
    Usage(Project),
    /// Write a report of the usage that this machine counted; nothing is sent
    UsageReport(UsageReport),
    /// Remove the license of this user or of all users
    Remove(Remove),
    /// Restore the license that the last installation replaced
    Restore(Box<Restore>),
    /// Check the license installation on this machine without changing it (exit code 1 for a
    /// problem)
    Doctor {
        /// Exit with code 1 for a warning too
        #[arg(long)]
        strict: bool,
    },
    /// Show the result of each rule, with the expected and the actual value
    Explain(Box<Explain>),
    #[cfg(feature = "online")]
    #[command(flatten)]
    Online(OnlineCommand),
    #[command(flatten)]
    Description(Description),
}

impl Command {
    /// Returns the files that the options `--trust` name.
    pub(crate) fn trust(&self) -> &[Source] {
        match self {
            Self::Verify(arguments) => &arguments.trust,
            Self::Install(arguments) | Self::Activate(arguments) => &arguments.trust,
            Self::Check(arguments) => &arguments.query.trust,
            Self::Explain(arguments) => &arguments.query.trust,
            Self::Features(query) => &query.trust,
            _ => &[],
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// File, token or key from the vendor; - for standard input
    #[arg(value_name = "FILE|TOKEN|KEY|-")]
    pub(crate) license: OsString,
    /// If the argument is a key: license file or full enterprise key that it must belong to
    #[arg(long = "license", value_name = "FILE")]
    pub(crate) companion: Option<Source>,
    /// Public keys of the vendor (PEM, JWK or JWK Set); may be repeated [default: installed keys]
    #[arg(long, value_name = "FILE", hide = embedded::HAS_KEYS)]
    pub(crate) trust: Vec<Source>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// File, token or key from the vendor; - for standard input
    #[arg(value_name = "FILE|TOKEN|KEY|-")]
    pub(crate) license: OsString,
    /// Public keys of the vendor (PEM, JWK or JWK Set); may be repeated [default: installed keys]
    #[arg(long, value_name = "FILE", hide = embedded::HAS_KEYS)]
    pub(crate) trust: Vec<Source>,
    /// Replace a valid license with one that is not valid or allows less, or retire the key of the
    /// installed license
    #[arg(long)]
    pub(crate) force: bool,
    /// Nonce that each validation token in the input must contain
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    /// Check everything and show the result without installing anything
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[cfg(feature = "online")]
impl Install {
    /// Returns the arguments that install the license of a trial.
    pub(crate) fn of_trial(trust: Vec<Source>) -> Self {
        Self {
            license: OsString::from("-"),
            trust,
            force: false,
            nonce: None,
            system: SystemArgs::default(),
            dry_run: false,
            context: ContextArgs::default(),
        }
    }
}

/// The users for whom a license is installed.
#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct SystemArgs {
    #[arg(long, help = help::SYSTEM)]
    pub(crate) system: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Remove {
    #[command(flatten)]
    pub(crate) system: SystemArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    /// Id of the license to activate [default: the license in effect]
    #[arg(long, value_name = "ID", conflicts_with = "clock")]
    pub(crate) license: Option<String>,
    /// Request a clock repair, which lowers a clock high-water mark that is ahead of the clock
    #[arg(long)]
    pub(crate) clock: bool,
    /// Refused with an explanation: a request is the same for this user and for all users; only
    /// the installation of its answer differs
    #[arg(long, hide = true)]
    pub(crate) system: bool,
    /// Replace the pending request, whose answer will then be rejected
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    /// Instant or date of the request [default: now]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<DateTime<Utc>>,
}

#[derive(Debug, Args)]
pub(crate) struct Deactivate {
    /// Id of the license to deactivate [default: the activated license]
    #[arg(long, value_name = "ID")]
    pub(crate) license: Option<String>,
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    #[command(flatten)]
    pub(crate) delivery: DeliveryArgs,
    /// Instant or date of the deactivation [default: now]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<DateTime<Utc>>,
}

/// The form in which a request or receipt is delivered to the vendor.
#[derive(Debug, Args)]
pub(crate) struct DeliveryArgs {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    /// Draw a QR code on the terminal, or write an image with --out FILE.png
    #[arg(long)]
    pub(crate) qr: bool,
    /// Print numbered lines to read out over the phone; each line has a checksum
    #[arg(long, conflicts_with = "qr")]
    pub(crate) speak: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Use {
    #[arg(help = help::QUOTA)]
    pub(crate) quota: String,
    /// Amount to count; 0 only shows the remaining amount
    #[arg(default_value_t = 1, value_parser = count, allow_negative_numbers = true)]
    pub(crate) count: u64,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UsageReport {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    /// First day of the report (UTC) [default: the first counted day]
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<NaiveDate>,
    /// Omit the lines that identify the machine, users and sessions
    #[arg(long, visible_alias = "anonymise")]
    pub(crate) anonymize: bool,
    /// Summarize the report without writing it
    #[arg(long, conflicts_with_all = ["out", "force"])]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Project {
    /// Path inside the project [default: the current directory]
    #[arg(default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) thresholds: Thresholds,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Restore {
    /// Replace a valid license with one that is not valid or allows less
    #[arg(long)]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) system: SystemArgs,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

/// A license to evaluate, and the context of the decision.
#[derive(Debug, Args)]
pub(crate) struct Query {
    /// License to evaluate in place of the installed one; the state of this machine is ignored
    #[arg(long, value_name = "FILE|TOKEN|KEY|-")]
    pub(crate) license: Option<OsString>,
    /// Public keys of the vendor for --license; may be repeated [default: installed keys]
    #[arg(long, value_name = "FILE", requires = "license", hide = embedded::HAS_KEYS)]
    pub(crate) trust: Vec<Source>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Name of the feature
    pub(crate) feature: String,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// Refused with an explanation: an argument, such as the name of a feature
    #[arg(hide = true)]
    pub(crate) unexpected: Option<String>,
    #[command(flatten)]
    pub(crate) query: Query,
}

#[derive(Debug, Args)]
pub(crate) struct Session {
    #[command(flatten)]
    pub(crate) project: Project,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

/// The context of a decision.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Context")]
pub(crate) struct ContextArgs {
    /// Instant or date of the decision [default: now]
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<DateTime<Utc>>,
    /// Name of the user
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[arg(long, value_parser = NamedMachine::parse, value_name = "MACHINE", help = help::MACHINE)]
    pub(crate) machine: Option<NamedMachine>,
    /// Version of the application
    #[arg(long, value_parser = version, value_name = "VERSION")]
    pub(crate) app_version: Option<Version>,
    /// Build date of the application
    #[arg(long, value_parser = instant, value_name = "DATE")]
    pub(crate) build_date: Option<DateTime<Utc>>,
    #[arg(long, value_parser = usage_type, value_name = "TYPE", help = help::USAGE_TYPE)]
    pub(crate) usage_type: Option<UsageType>,
    /// Treat a grace period as a denial
    #[arg(long)]
    pub(crate) strict: bool,
}

fn instant(text: &str) -> Result<DateTime<Utc>, String> {
    time::parse_instant(text).map_err(|error| error.to_string())
}

fn date(text: &str) -> Result<NaiveDate, String> {
    time::parse_date(text).map_err(|error| error.to_string())
}

/// The value of `--machine`: a fingerprint or digest, with the product that it was made for. The
/// programs of the vendor lock a license only to fingerprints and digests, so another name is a
/// mistake.
#[derive(Clone, Debug)]
pub(crate) struct NamedMachine {
    pub(crate) product: Option<ProductCode>,
    pub(crate) machine: Machine,
}

impl NamedMachine {
    fn parse(text: &str) -> Result<Self, String> {
        let (product, machine) = Machine::split_product(text);
        let found = match Machine::parse(machine) {
            Some(Machine::Other(_)) if machine.starts_with("fp1:") => "a damaged fingerprint",
            Some(Machine::Other(_)) if machine.starts_with("mach_") => "a damaged digest",
            Some(Machine::Other(_)) => "other text",
            None => "an empty value",
            Some(machine) => return Ok(Self { product, machine }),
        };
        Err(format!(
            "expected a machine as {} prints it, found {found}",
            command!("machine")
        ))
    }
}

fn count(text: &str) -> Result<u64, &'static str> {
    text.parse()
        .map_err(|_| "expected a whole number from 0 to 18446744073709551615")
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| format!("expected a version such as 2.4.0: {error}"))
}

fn usage_type(text: &str) -> Result<UsageType, &'static str> {
    UsageType::parse(text).ok_or("expected builder or runtime")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use license_cli_support::program;

    use super::*;

    #[test]
    fn each_command_is_in_one_group() {
        let misplaced = program::misplaced(&Cli::command(), COMMAND_GROUPS);
        assert_eq!(misplaced, [""; 0]);
    }
}
