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
mod issuing;
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
mod signer;
mod subject;
mod successor;
mod terms;
mod trial;
mod trust;
mod upgrade;
mod usage;

use clap::CommandFactory;
use license_core::{LicenseId, MAX_FILE_BYTES, Matrix, Timestamp, TrustError, TrustSet};
use license_issuer::clock::{Clock, SystemClock};
use license_terminal::{Destination, Exit, Failure, Source, Terminal};

use crate::args::{Cli, Command, Out};
use crate::ledger::{Place, default_place};
use crate::output;

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

pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}

/// Draws random bytes.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Failure> {
    license_issuer::random::bytes().map_err(|error| output::no_random(&error))
}

/// The id of what is minted now.
fn fresh_id() -> Result<LicenseId, Failure> {
    let id = license_issuer::random::license_id(&SystemClock);
    id.map_err(|error| output::no_random(&error))
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
    fn check(&self) -> Result<(), Failure> {
        output::check(self)
    }

    /// Writes a public file. With --force it replaces other files, but never a private key.
    fn write(&self, text: &str) -> Result<(), Failure> {
        output::write(self, text.as_bytes())
    }

    fn is_stdout(&self) -> bool {
        matches!(self.out, Destination::Stdout)
    }
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

use crate::failures::{draft_refused as not_issued, not_verified};

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
