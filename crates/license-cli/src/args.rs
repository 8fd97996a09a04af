//! The command line of `license`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use license_cli_support::program::Description;
use license_cli_support::{OutputFile, OutputOptions, Source};
use license_core::{Date, Machine, Timestamp, UsageType, Version};

use crate::embedded;

/// Verifies and installs licenses offline, and says what they allow and why
#[derive(Debug, Parser)]
#[command(name = "license", version, long_version = embedded::VERSION, after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// A product file (TOML) instead of the built-in one; state is then in its own $PRODUCT_HOME or
    /// ~/.product
    #[arg(long, global = true, value_name = "FILE", help_heading = "Product")]
    pub(crate) product_file: Option<Source>,
    #[command(flatten)]
    pub(crate) output: OutputOptions,
}

const AFTER_HELP: &str = embedded::or(
    "\
First steps, with the file that the vendor sent, whose keys this program has:
  license verify acme.lic
  license install acme.lic
  license status
  license check cloud_sync

Exit codes: 0 licensed (or in grace, with a warning), 1 denied, 2 usage, 3 could not be judged, 4 the machine failed.",
    "\
First steps, with the files that the vendor sent:
  license verify --trust trust.jwks acme.lic
  license install --trust trust.jwks acme.lic
  license status
  license check cloud_sync

Exit codes: 0 licensed (or in grace, with a warning), 1 denied, 2 usage, 3 could not be judged, 4 the machine failed.",
);

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Verify a license file, token, key, revocation list or trust statement, and decide whether it
    /// holds
    Verify(Box<Verify>),
    /// Show what a license file, token or key says, without verifying it
    Inspect {
        /// A file, a key or token itself, or - for standard input
        #[arg(value_name = "FILE|KEY|-")]
        license: OsString,
    },
    /// Verify what the vendor sent, in one file or several blocks of it, and keep it for this user
    Install(Box<Install>),
    /// Ask the vendor to activate the installed license on this machine, or to repair its clock,
    /// without a network
    Request(Request),
    /// Take the vendor's answer to a request
    Activate(Box<Install>),
    /// Give up the activation of this machine, and write the receipt that frees the device
    Deactivate(Deactivate),
    /// Tell whether the installed license holds
    Status(Box<Status>),
    /// Show the tiers with their features, what is granted here, and why not
    Features(Box<Ask>),
    /// Tell whether a feature may be used: exit code 0 or 1
    Check(Box<Check>),
    /// Count a use of a quota, unless it is used up: exit code 0 or 1
    Use(Box<Use>),
    /// Name the session of a project: one project is one seat, whatever path leads to it
    Session(Box<Session>),
    /// Show what tells this machine from others, hashed
    Machine,
    /// Tell what the product is used for in a project: builder or runtime
    Usage(Project),
    /// Write what this machine counted, for you to read and hand on; nothing is ever sent by itself
    UsageReport(UsageReport),
    /// Remove the license of this user
    Remove,
    /// Look for what is wrong with licensing on this machine, and change nothing: exit code 1 if
    /// something is
    Doctor {
        /// Count a warning as a problem
        #[arg(long)]
        strict: bool,
    },
    /// Show every rule in order, with expected, actual and outcome
    Explain(Box<Ask>),
    #[command(flatten)]
    Description(Description),
}

impl Command {
    /// Returns the key files that the command line names.
    pub(crate) fn trust(&self) -> &[Source] {
        match self {
            Self::Verify(arguments) => &arguments.trust,
            Self::Install(arguments) | Self::Activate(arguments) => &arguments.trust,
            Self::Check(arguments) => &arguments.ask.trust,
            Self::Features(ask) | Self::Explain(ask) => &ask.trust,
            _ => &[],
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A file, a key or token itself, or - for standard input
    #[arg(value_name = "FILE|KEY|-")]
    pub(crate) license: OsString,
    /// Check that the key given names the license in this file
    #[arg(long = "license", value_name = "FILE")]
    pub(crate) companion: Option<Source>,
    /// The vendor's public keys: PEM, JWK or JWK Set; may be repeated [default: those installed]
    #[arg(long, value_name = "FILE", hide = embedded::PRESENT)]
    pub(crate) trust: Vec<Source>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Install {
    /// A file, a key or token itself, or - for standard input
    #[arg(value_name = "FILE|KEY|-")]
    pub(crate) license: OsString,
    /// The vendor's public keys: PEM, JWK or JWK Set; may be repeated [default: those installed]
    #[arg(long, value_name = "FILE", hide = embedded::PRESENT)]
    pub(crate) trust: Vec<Source>,
    /// Replace a license that holds by one that does not, or let a retired key end it
    #[arg(long)]
    pub(crate) force: bool,
    /// Take only a validation token that carries this nonce
    #[arg(long, value_name = "NONCE")]
    pub(crate) nonce: Option<String>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Request {
    /// The id of the license to activate [default: the one in effect]
    #[arg(long, value_name = "ID", conflicts_with = "clock")]
    pub(crate) license: Option<String>,
    /// Ask to set back what this machine remembers of time, which a wrong clock pushed into the
    /// future
    #[arg(long)]
    pub(crate) clock: bool,
    /// Make a new request; the answer to one that waits will be refused [default: write that again]
    #[arg(long)]
    pub(crate) new: bool,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Say that it was made at this instant or date instead of now
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(crate) struct Deactivate {
    /// The id of the license to give up [default: the one that is activated]
    #[arg(long, value_name = "ID")]
    pub(crate) license: Option<String>,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Say that it was given up at this instant or date instead of now
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
}

/// How a request or receipt is delivered to the vendor.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    /// Draw a QR code on the terminal, or write it as a picture with --out x.png
    #[arg(long)]
    pub(crate) qr: bool,
    /// Print numbered lines to read out over a phone; whoever types them is told which line is
    /// wrong
    #[arg(long, conflicts_with = "qr")]
    pub(crate) speak: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Use {
    /// The quota, such as commands_per_day; it is counted by UTC day
    pub(crate) quota: String,
    /// How much of it; 0 only asks how much is left
    #[arg(default_value_t = 1, value_parser = count, allow_negative_numbers = true)]
    pub(crate) count: u64,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct UsageReport {
    #[command(flatten)]
    pub(crate) file: OutputFile,
    /// Only what was counted on this day (UTC) or later
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(crate) since: Option<Date>,
    /// Leave out the lines that name the machine, users and sessions
    #[arg(long, visible_alias = "anonymize")]
    pub(crate) anonymise: bool,
    /// Only tell what would be in it: nothing is written, and what is counted goes on
    #[arg(long, conflicts_with_all = ["out", "force"])]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Project {
    /// A path in the project
    #[arg(default_value = ".", hide_default_value = true)]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Ask {
    /// Ask about this license instead of the installed one, without what this machine remembers
    #[arg(long, value_name = "FILE|KEY|-")]
    pub(crate) license: Option<OsString>,
    /// The vendor's public keys to verify it with; may be repeated [default: those installed]
    #[arg(long, value_name = "FILE", requires = "license", hide = embedded::PRESENT)]
    pub(crate) trust: Vec<Source>,
    #[command(flatten)]
    pub(crate) context: ContextArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The feature
    pub(crate) feature: String,
    #[command(flatten)]
    pub(crate) ask: Ask,
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
    /// Decide at this instant or date instead of now
    #[arg(long, value_parser = instant, value_name = "TIME")]
    pub(crate) at: Option<Timestamp>,
    /// The user
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    /// The machine, as `license machine` prints it [default: this one]
    #[arg(long, value_parser = machine, value_name = "MACHINE")]
    pub(crate) machine: Option<Machine>,
    /// The application's version
    #[arg(long, value_parser = version, value_name = "VERSION")]
    pub(crate) app_version: Option<Version>,
    /// When the application was built
    #[arg(long, value_parser = instant, value_name = "DATE")]
    pub(crate) build_date: Option<Timestamp>,
    /// What the application is used for: builder or runtime [default: as `license usage` finds it]
    #[arg(long, value_parser = usage_type, value_name = "TYPE")]
    pub(crate) usage_type: Option<UsageType>,
    /// Treat a grace period as a denial
    #[arg(long)]
    pub(crate) strict: bool,
}

fn instant(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).map_err(|error| error.to_string())
}

fn date(text: &str) -> Result<Date, String> {
    Date::parse(text).map_err(|error| error.to_string())
}

fn machine(text: &str) -> Result<Machine, &'static str> {
    match text.trim() {
        "" => Err("expected a machine as `license machine` prints it"),
        text => Ok(Machine::parse(text)),
    }
}

fn count(text: &str) -> Result<u64, &'static str> {
    text.parse().map_err(|_| "expected a whole number from 0")
}

fn version(text: &str) -> Result<Version, String> {
    Version::parse(text).map_err(|error| format!("expected a version such as 2.4.0: {error}"))
}

fn usage_type(text: &str) -> Result<UsageType, &'static str> {
    UsageType::parse(text).ok_or("expected builder or runtime")
}
