//! One module a command.

mod activate;
mod answer;
mod batch;
mod bundle;
mod check_in;
mod clock_repair;
mod convert;
mod devices;
mod diff;
mod dry_run;
mod enterprise_key;
mod former;
mod inspect;
mod issue;
mod ledger;
mod machine;
mod mint;
mod new_key;
mod product;
mod public;
mod reassign;
mod release;
mod renew;
mod request;
mod revocations;
mod revoke;
mod rotate;
mod subject;
mod successor;
mod terms;
mod trial;
mod trust;
mod upgrade;
mod usage;

use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::CommandFactory;
use license_core::issue::{CheckedKey, IssueError, RandomError, Sign};
use license_core::{LicenseId, MAX_FILE_BYTES, Matrix, Timestamp, TrustError, TrustSet};
use license_terminal::{
    Audience, Destination, Exit, Failure, Overwrite, Source, Terminal, show_path,
};

use crate::cli::{Cli, Command, Out};
use crate::ledger::{Place, default_place};

pub(crate) fn run(cli: Cli, terminal: &Terminal) -> Result<Exit, Failure> {
    let place = place(&cli);
    let done = match cli.command {
        Command::NewKey(arguments) => new_key::run(&arguments, &place, terminal),
        Command::Public(arguments) => public::run(&arguments, terminal),
        Command::Trust(arguments) => trust::run(&arguments, terminal),
        Command::Issue(arguments) => issue::run(&arguments, &place, terminal),
        Command::Trial(arguments) => trial::run(&arguments, &place, terminal),
        Command::Renew(arguments) => renew::run(&arguments, &place, terminal),
        Command::Upgrade(arguments) => upgrade::run(&arguments, &place, terminal),
        Command::Reassign(arguments) => reassign::run(&arguments, &place, terminal),
        Command::Batch(arguments) => batch::run(&arguments, &place, terminal),
        Command::EnterpriseKey(arguments) => enterprise_key::run(&arguments, &place, terminal),
        Command::CheckIn(arguments) => check_in::run(&arguments, &place, terminal),
        Command::Activate(arguments) => activate::run(&arguments, &place, terminal),
        Command::Release(arguments) => release::run(&arguments, &place, terminal),
        Command::ClockRepair(arguments) => clock_repair::run(&arguments, &place, terminal),
        Command::Bundle(arguments) => bundle::run(&arguments, &place, terminal),
        Command::Revoke(arguments) => revoke::run(&arguments, &place, terminal),
        Command::Revocations(arguments) => revocations::run(&arguments, &place, terminal),
        Command::Rotate(arguments) => rotate::run(&arguments, &place, terminal),
        Command::Ledger(command) => ledger::run(&command, &place, terminal),
        Command::Usage(command) => return usage::run(&command, &place, terminal),
        Command::Product(command) => product::run(&command, terminal),
        Command::Diff(arguments) => diff::run(&arguments, &place, terminal),
        Command::Inspect(arguments) => inspect::run(&arguments, terminal),
        Command::Description(asked) => asked.write(Cli::command()),
    };
    done.map(|()| Exit::Licensed)
}

/// Where the command line, else the environment, else the platform has the ledger.
fn place(cli: &Cli) -> Place {
    if cli.no_ledger {
        return Place::None;
    }
    let set = || std::env::var_os("KEYGEN_LEDGER").filter(|value| !value.is_empty());
    let named = cli.ledger.clone().or_else(|| set().map(Into::into));
    named
        .or_else(default_place)
        .map_or(Place::Unknown, Place::File)
}

/// The one place that reads the clock; a clock before 1970 counts as 1970.
fn since_epoch() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

pub(crate) fn now() -> Timestamp {
    Timestamp::from_unix_seconds(since_epoch().as_secs()).unwrap_or(Timestamp::MAX)
}

/// The one place that draws random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    let mut bytes = [0; N];
    system_random(&mut bytes)
        .map_err(|_| Failure::new(Exit::Machine, "RANDOM", "the system gives no random bytes"))
        .map_err(|failure| failure.hint("run the command again"))?;
    Ok(bytes)
}

/// Fills the slice from AWS-LC's generator, which the operating system seeds.
pub(crate) fn system_random(bytes: &mut [u8]) -> Result<(), RandomError> {
    aws_lc_rs::rand::fill(bytes).map_err(RandomError::new)
}

/// The id of what is minted now.
fn fresh_id() -> Result<LicenseId, Failure> {
    let milliseconds = u64::try_from(since_epoch().as_millis()).unwrap_or(0);
    Ok(LicenseId::from_random(milliseconds, &random()?))
}

/// A trust set of the key's own public half.
fn trust_of(key: &CheckedKey) -> Result<TrustSet, TrustError> {
    TrustSet::parse(&key.public().to_jwk().to_string())
}

/// Adds the public keys in these files to a trust set.
fn add_keys(trust: &mut TrustSet, files: &[Source]) -> Result<(), Failure> {
    files.iter().try_for_each(|file| {
        let keys = TrustSet::parse(&file.read_text(MAX_FILE_BYTES)?);
        keys.and_then(|keys| trust.extend(&keys))
            .map_err(|error| not_trusted(file, &error))
    })
}

/// Standard input can be only one thing.
fn one_stdin(found: usize) -> Result<(), Failure> {
    match found {
        0 | 1 => Ok(()),
        found => Err(Failure::usage(format!(
            "expected one thing on standard input, found {found} that are read from it"
        ))
        .hint("name files instead of -; /dev/fd/N reads a descriptor")),
    }
}

/// A vendor's clock that is ahead is every customer's trouble: their time never runs backwards from what was signed.
fn warn_of_future(issued_at: Timestamp, terminal: &Terminal) {
    const SKEW: u64 = 300;
    if issued_at > now().plus(SKEW) {
        let message = format!(
            "it is issued at {issued_at}, which is still to come: where it is installed, time counts from then on"
        );
        terminal.warning("POSTDATED", &message);
    }
}

impl Out {
    /// Refuses early what [`Out::write`] would refuse.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.out.check(Overwrite::forced(self.force))?;
        match &self.out {
            Destination::File(path) if holds_private_key(path) => Err(private_key_there(path)),
            _ => Ok(()),
        }
    }

    /// Writes a public artefact; --force replaces other files, but never a private key.
    pub(crate) fn write(&self, text: &str) -> Result<(), Failure> {
        self.check()?;
        let overwrite = Overwrite::forced(self.force);
        self.out
            .write(text.as_bytes(), overwrite, Audience::Everyone)
    }

    /// Gives what was written under a passing name its own; --force replaces what is there.
    pub(crate) fn rename(&self, passing: &Path, path: &Path) -> Result<(), Failure> {
        let renamed = match self.force {
            true => std::fs::rename(passing, path),
            false => match std::fs::hard_link(passing, path) {
                // Where there are no hard links.
                Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => {
                    std::fs::rename(passing, path)
                }
                linked => linked.and_then(|()| std::fs::remove_file(passing)),
            },
        };
        renamed.map_err(|error| {
            let failure = Failure::io("write", path, &error);
            failure.hint(format!("it is entered, and kept as {}", show_path(passing)))
        })
    }

    fn is_stdout(&self) -> bool {
        matches!(self.out, Destination::Stdout)
    }
}

fn holds_private_key(path: &Path) -> bool {
    let file = Source::File(path.to_owned());
    path.is_file()
        && file
            .read_text(MAX_FILE_BYTES)
            .is_ok_and(|text| text.contains("PRIVATE KEY-"))
}

fn private_key_there(path: &Path) -> Failure {
    let message = format!(
        "{} holds a private key, which is never replaced",
        show_path(path)
    );
    Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
}

fn matrix(file: Option<&Source>) -> Result<Matrix, Failure> {
    let Some(file) = file else {
        return Ok(Matrix::built_in().clone());
    };
    Matrix::parse(&file.read_text(MAX_FILE_BYTES)?).map_err(|error| wrong_product(file, &error))
}

fn wrong_product(file: &Source, error: &license_core::MatrixError) -> Failure {
    Failure::malformed(format!("{file}: {error}")).hint("correct the product file")
}

fn not_issued(error: &IssueError) -> Failure {
    let message = error.to_string();
    match error {
        IssueError::Sign | IssueError::Json => {
            Failure::new(Exit::Machine, "SIGN", message).hint("try again, or with another key")
        }
        IssueError::Device { code, hint, .. } => {
            Failure::new(Exit::Machine, code.clone(), message).hint(hint.clone())
        }
        IssueError::DoesNotVerify => Failure::new(Exit::Machine, "SIGN", message)
            .hint("nothing was written; what holds the key is faulty, or signs with another key"),
        IssueError::Refused { reason } => not_verified("license", reason),
        IssueError::Empty { claim } => {
            let flag = match *claim {
                "iss" => "--issuer",
                "users" => "--user",
                _ => "--customer",
            };
            Failure::usage(format!("expected a value for {flag}, found an empty one"))
                .hint(format!("give {flag} a name"))
        }
        IssueError::Name { .. } => Failure::usage(format!("--add-feature or --quota: {message}"))
            .hint("names look like cloud_sync"),
        IssueError::NoSuchFeature { .. } => Failure::usage(format!("--remove-feature: {message}"))
            .hint("`license features` lists the features of each tier"),
        IssueError::Seats { included, .. } => Failure::usage(format!("--seats: {message}"))
            .hint(format!("use --seats {included} or more, or leave it out")),
        _ => Failure::usage(message).hint("leave something out: the license is too large"),
    }
}

/// What was signed and then did not verify is not handed out.
pub(crate) fn not_verified(what: &str, reason: &dyn std::fmt::Display) -> Failure {
    let message = format!("the {what} just signed does not verify: {reason}");
    Failure::new(Exit::Machine, "SIGN", message)
        .hint("nothing was written; leave out what is unusual in the order, and report this")
}

fn not_trusted(source: &Source, error: &TrustError) -> Failure {
    let mut message = format!("{source}: {error}");
    if let Some(cause) = std::error::Error::source(error) {
        message = format!("{message}: {cause}");
    }
    Failure::malformed(message).hint(match error {
        TrustError::PrivateKey => "`keygen public --key FILE` gives the public half",
        TrustError::Jwk { member: "alg", .. } => "a JWK here must say \"alg\": RS256 or PS256",
        TrustError::TwoAlgorithms { .. } => {
            "give the key once, with the algorithm that it signs with"
        }
        _ => "give PEM or JWK files made by `keygen public`",
    })
}
