//! The options of the commands for license servers.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use license_cli_support::{Destination, Source, closest};
use license_client::OnlineSetting;
use license_core::Version;
use license_core::chrono::{DateTime, Utc};
use license_core::policy::UsageType;

use super::{ContextArgs, SystemArgs, help, instant, usage_type, version};
use crate::embedded;

#[derive(Debug, Subcommand)]
pub(crate) enum OnlineCommand {
    /// Show the settings for license servers with their origin, or change them
    Config(Config),
    /// Log in at the OpenID provider of your organization, for license servers that require it
    Login(Login),
    /// Delete the login on this machine, and revoke it at the provider
    Logout,
    /// Ask the license server whether the license is valid, and store its signed answer
    Validate(Box<Validate>),
    /// Acquire a seat for one lease (usually two minutes), show it, or release it; borrow a seat
    /// to use it for days without the network, or return it
    Seat(Box<Seat>),
    /// Run a command that holds a floating seat; the seat is released when the command ends
    Run(Box<Run>),
    /// Wait, such as at the start of a container, until the license server answers and the license
    /// is valid
    Wait(Box<Wait>),
    /// Start a trial on this machine: the vendor's server sends a code by mail
    Trial(Trial),
    /// Show what telemetry would send, turn it on or off, or delete it; it is off by default
    Telemetry(Telemetry),
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = settings_help())]
pub(crate) struct Config {
    #[command(subcommand)]
    pub(crate) action: Option<ConfigAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigAction {
    /// Show all settings with their values and origins (the default)
    Show,
    /// Store a setting
    Set {
        /// Name of the setting, as `config` lists it
        #[arg(value_parser = setting, value_name = "SETTING")]
        setting: OnlineSetting,
        /// Value of the setting; - for standard input, so that a secret is in no command line
        #[arg(value_name = "VALUE|-", allow_hyphen_values = true)]
        value: OsString,
        #[command(flatten)]
        system: SystemArgs,
    },
    /// Remove a setting
    Unset {
        /// Name of the setting, as `config` lists it
        #[arg(value_parser = setting, value_name = "SETTING")]
        setting: OnlineSetting,
        #[command(flatten)]
        system: SystemArgs,
    },
}

/// The server, and the context of its decision. The time and the machine cannot be chosen: they are
/// those of this machine.
#[derive(Debug, Args)]
pub(crate) struct OnlineArgs {
    /// URL of a license server; may be repeated, in the order of preference [default: as `config`
    /// shows]
    #[arg(long, value_name = "URL")]
    pub(crate) server_url: Vec<String>,
    /// Name of the user
    #[arg(long, value_name = "USER", help_heading = "Context")]
    pub(crate) user: Option<String>,
    /// Version of the application
    #[arg(long, value_parser = version, value_name = "VERSION", help_heading = "Context")]
    app_version: Option<Version>,
    /// Build date of the application
    #[arg(long, value_parser = instant, value_name = "DATE", help_heading = "Context")]
    build_date: Option<DateTime<Utc>>,
    #[arg(
        long,
        value_parser = usage_type,
        value_name = "TYPE",
        help = help::USAGE_TYPE,
        help_heading = "Context"
    )]
    usage_type: Option<UsageType>,
}

impl OnlineArgs {
    /// Returns the context of a decision here and now.
    pub(crate) fn context(&self) -> ContextArgs {
        ContextArgs {
            user: self.user.clone(),
            app_version: self.app_version.clone(),
            build_date: self.build_date,
            usage_type: self.usage_type,
            ..ContextArgs::default()
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Trial {
    #[command(subcommand)]
    pub(crate) action: TrialAction,
    /// URL of the vendor's license server; may be repeated, in the order of preference [default: as
    /// `config` shows]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server_url: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TrialAction {
    /// Ask for a trial; the server gets the address, the name and the fingerprint of this machine
    Start {
        /// E-mail address that gets the code, the license and the reminders
        #[arg(long, value_name = "ADDRESS")]
        email: String,
        /// Name of the company or person who tries the product
        #[arg(long, value_name = "NAME")]
        customer: String,
    },
    /// Start the trial with the code of the mail, and install its license
    Confirm {
        /// Code of the mail
        #[arg(value_name = "CODE")]
        code: String,
        /// Public keys of the vendor (PEM, JWK or JWK Set); may be repeated [default: installed
        /// keys]
        #[arg(long, value_name = "FILE", hide = embedded::HAS_KEYS)]
        trust: Vec<Source>,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, after_help = TELEMETRY_HELP)]
pub(crate) struct Telemetry {
    #[command(subcommand)]
    pub(crate) action: Option<TelemetryAction>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TelemetryAction {
    /// Show whether telemetry is on, and what waits to be sent (the default)
    Status,
    /// Show the first event, ask, and turn telemetry on
    On {
        /// Do not ask; without a terminal, this option is required
        #[arg(long)]
        yes: bool,
    },
    /// Turn telemetry off, and delete what waits to be sent; nothing is sent
    Off,
    /// Print the bodies of the requests that would be sent, one in each line; nothing is sent
    Show,
    /// Send what waits to the license server
    Send,
    /// Turn telemetry off, and delete it on this machine and on the license server
    Delete,
}

/// The end of the help of `license telemetry`.
const TELEMETRY_HELP: &str = "\
An event has the counts of one day: used quotas, refused features and reason codes, with the \
versions of the application and the license library, the tier, the operating system and a random id. It names \
no user, machine, license, customer, project or address. Up to 90 events wait while the server is \
not reached. The setting forbid-telemetry of an administrator forbids all of this.";

#[derive(Debug, Args)]
pub(crate) struct Login {
    /// Show who is logged in, without a network
    #[arg(long, conflicts_with = "limit")]
    pub(crate) status: bool,
    /// Longest time to wait until you have logged in, such as 30s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "15m")]
    pub(crate) limit: Duration,
}

#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Treat a grace period as a denial
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) online: OnlineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct Seat {
    #[command(subcommand)]
    pub(crate) action: SeatAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SeatAction {
    /// Acquire a seat for one lease; repeat the command before the lease ends to renew it
    Acquire(SeatArgs),
    /// Ask the server about the seat that `seat acquire` took; this also renews its lease
    Status(SeatArgs),
    /// Release the seat that `seat acquire` took
    Release(SeatArgs),
    /// Borrow a seat for days, for a machine that leaves the network; repeat the command to extend
    /// the loan, which is never shortened
    Borrow(SeatBorrow),
    /// Return a borrowed seat before the end of the loan
    Return(SeatReturn),
}

impl SeatAction {
    pub(crate) fn arguments(&self) -> &SeatArgs {
        match self {
            Self::Acquire(arguments) | Self::Status(arguments) | Self::Release(arguments) => {
                arguments
            }
            Self::Borrow(borrow) => &borrow.seat,
            Self::Return(returned) => &returned.seat,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct SeatArgs {
    #[command(flatten)]
    pub(crate) project: super::Project,
    #[command(flatten)]
    pub(crate) online: OnlineArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SeatBorrow {
    /// Time for which the seat is borrowed, such as 12h or 3d
    #[arg(long = "for", value_name = "TIME", value_parser = loan)]
    pub(crate) duration: Duration,
    #[command(flatten)]
    pub(crate) seat: SeatArgs,
}

#[derive(Debug, Args)]
pub(crate) struct SeatReturn {
    /// Without the network: end the use of the seat here, and write a receipt that frees it on the
    /// license server; - for standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<Destination>,
    /// Replace an existing file
    #[arg(long, requires = "receipt")]
    pub(crate) force: bool,
    #[command(flatten)]
    pub(crate) seat: SeatArgs,
}

/// The action of `license run` when its seat is lost: it warns, and with `Stop` also sends SIGTERM
/// to the command. The variants have no documentation, because clap would print a longer help for
/// it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnLoss {
    Warn,
    Stop,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// Time to wait in the queue for a free seat, such as 30s, 10m or 2h [default: do not wait]
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) wait: Option<Duration>,
    /// If the seat is lost: only warn, or stop the command with SIGTERM
    #[arg(long, value_enum, value_name = "ACTION", default_value = "warn")]
    pub(crate) on_loss: OnLoss,
    /// Path inside the project that holds the seat [default: the current directory]
    #[arg(
        long,
        value_name = "PATH",
        default_value = ".",
        hide_default_value = true
    )]
    pub(crate) project: PathBuf,
    #[command(flatten)]
    pub(crate) online: OnlineArgs,
    /// Command with its arguments, after --
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMMAND"
    )]
    pub(crate) command: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// Longest time to wait, such as 30s, 10m or 2h
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "1m")]
    pub(crate) limit: Duration,
    #[command(flatten)]
    pub(crate) online: OnlineArgs,
}

/// Returns the list of the settings with their variables, purposes and values.
fn settings_help() -> String {
    let product = env!("BUILD_PRODUCT_CODE");
    let all = OnlineSetting::ALL.iter();
    let lines = all.map(|setting| {
        let (variable, purpose) = (setting.variable(product), setting.purpose());
        let expected = setting.expected();
        format!("  {setting} ({variable})\n      {purpose}: {expected}\n")
    });
    format!(
        "Settings, with their variables and values:\n{}\nA variable takes precedence over the file \
         of the user, and the file of the user over the file of the administrator. \
         The value true of forbid-telemetry takes precedence wherever it is set. \
         `config set` makes a relative path in its argument absolute, starting from the working \
         directory.",
        lines.collect::<String>()
    )
}

fn setting(name: &str) -> Result<OnlineSetting, String> {
    OnlineSetting::parse(name).ok_or_else(|| {
        let names: Vec<&str> = OnlineSetting::ALL.iter().map(|one| one.as_str()).collect();
        match closest(name, names.iter().copied()) {
            Some(similar) => format!("did you mean `{similar}`?"),
            None => format!("expected one of {}", names.join(", ")),
        }
    })
}

/// Parses the time of a loan, which is not zero.
fn loan(text: &str) -> Result<Duration, &'static str> {
    let time = duration(text)?;
    Some(time)
        .filter(|time| !time.is_zero())
        .ok_or("expected a time above zero, such as 12h or 3d")
}

/// Parses a time of at most 366 days.
fn duration(text: &str) -> Result<Duration, &'static str> {
    const EXPECTED: &str = "expected a time such as 30s, 10m, 2h or 1d, of at most 366 days";
    let (count, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or(EXPECTED)?;
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        "d" => 24 * 60 * 60,
        _ => return Err(EXPECTED),
    };
    let is_number = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let count: Option<u64> = count.parse().ok().filter(|_| is_number);
    let seconds = count.and_then(|count| count.checked_mul(seconds));
    let seconds = seconds.filter(|seconds| *seconds <= 366 * 24 * 60 * 60);
    seconds.map(Duration::from_secs).ok_or(EXPECTED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_whole_number_with_a_unit_up_to_366_days() {
        for (text, seconds) in [
            ("0s", 0),
            ("30s", 30),
            ("10m", 600),
            ("2h", 7200),
            ("366d", 31_622_400),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "", "s", "30", "+1s", "-1s", "1.5h", "1 s", "367d", "1w", "1é", "é",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert_eq!(loan("1s"), Ok(Duration::from_secs(1)));
        assert!(loan("0d").is_err());
    }
}
