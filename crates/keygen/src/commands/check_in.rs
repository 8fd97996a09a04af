//! `keygen check-in`.

mod dry_run;
mod report;

use std::collections::BTreeSet;

use license_core::issue::{CheckedKey, Sign, ValidationDraft};
use license_core::{
    Bundle, BundleError, Code, License, MAX_FILE_BYTES, Machine, MachineDigest, Matrix, ParseError,
    ProductCode, Status, Timestamp, TrustSet, Unverified, Validation,
};
use license_terminal::{Destination, Exit, Failure, Source, Terminal};

use super::devices::{self, Devices};
use super::ledger::license_of;
use super::{add_keys, fresh_id, machine, matrix, not_issued, not_verified, now, trust_of};
use crate::args::{CheckIn, Dry};
use crate::books::{self, Books};
use crate::custody;
use crate::ledger::{LedgerReader, Place, Standing};
use crate::private_file::is_stdin;
use report::Said;

/// As many characters as 64 random bytes have in hexadecimal: more than any nonce needs, and few enough to be read out.
const MAX_NONCE: usize = 128;

pub(crate) fn run(
    arguments: &Dry<CheckIn>,
    place: &Place,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry {
        order: arguments,
        dry_run,
    } = arguments;
    // What can be wrong with the order is found before the passphrase is asked for.
    check_stdin(arguments)?;
    check_license_stays(arguments)?;
    arguments.out.check()?;
    let statement = Statement::of(arguments)?;
    let matrix = matrix(arguments.product_file.as_ref())?;
    let text = arguments.license.read_text(MAX_FILE_BYTES)?;
    check_form(&text, &matrix).map_err(|error| not_judged(&arguments.license, &error))?;
    let mut trust = TrustSet::default();
    add_keys(&mut trust, &arguments.trust)?;
    if *dry_run {
        let case = dry_run::Case {
            arguments,
            statement: &statement,
            text: &text,
            matrix: &matrix,
        };
        return case.run(&mut trust, place, terminal);
    }
    let mut books = Books::open(place)?;
    let key = custody::load(&arguments.key, terminal)?;
    trust_own(&mut trust, &key)?;
    let bundle = Bundle::verify(&text, &trust, &matrix)
        .map_err(|error| not_judged(&arguments.license, &error))?;
    let minted = statement.mint(&bundle, &matrix, &key, &trust)?;
    minted
        .iter()
        .for_each(|minted| statement.warn(&minted.license, &bundle, terminal));
    let out = &arguments.out;
    let is_printed = matches!(out.out, Destination::Stdout) && terminal.is_json();
    let file: String = minted.iter().map(|minted| minted.armor.as_str()).collect();
    let record =
        |minted: &Minted| books::check_in(&minted.license, &minted.validation, &minted.token);
    let mut counter = books.counter(now())?;
    for minted in &minted {
        statement.check_standing(&minted.license, counter.ledger(), terminal)?;
    }
    let licenses = minted.iter().map(|minted| &minted.license);
    statement.check_devices(licenses, arguments, &matrix, counter.ledger(), terminal)?;
    counter.enter_key(key.public())?;
    let content = (!is_printed).then_some(file.as_str());
    counter.hand_out(minted.iter().map(record).collect(), out, content)?;
    let said: Vec<_> = minted.iter().map(Said::of_minted).collect();
    report::tell(&said, Some(&key), &out.out, terminal)
}

/// A license that the signing key itself has signed needs no other.
fn trust_own(trust: &mut TrustSet, key: &CheckedKey) -> Result<(), Failure> {
    let added = trust_of(key).and_then(|own| trust.extend(&own));
    added.map_err(|error| two_algorithms(&error))
}

/// What is to be said of every license in the file.
struct Statement {
    machine: Option<(Machine, MachineDigest)>,
    nonce: Option<String>,
    status: Status,
    issued_at: Timestamp,
}

/// A validation as verified with the key that has just signed it.
struct Minted {
    license: License,
    validation: Validation,
    token: String,
    armor: String,
}

impl Statement {
    fn of(arguments: &CheckIn) -> Result<Self, Failure> {
        let nonce = arguments.nonce.as_deref().map(checked_nonce);
        let machine = arguments.machine.as_deref().map(machine::named);
        Ok(Self {
            machine: machine.transpose()?,
            nonce: nonce.transpose()?,
            status: arguments.status,
            issued_at: arguments.issued_at.unwrap_or_else(now),
        })
    }

    /// Refuses to call a license active that is revoked, and warns of one that was replaced.
    fn check_standing(
        &self,
        license: &License,
        ledger: Option<&dyn LedgerReader>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let Some(ledger) = ledger.filter(|_| self.status == Status::Active) else {
            return Ok(());
        };
        let id = license.id().as_str();
        let row = license_of(ledger, id, self.issued_at)?;
        match row.map(|row| row.status) {
            Some(Standing::Revoked) => {
                let message = format!("license {id} is revoked");
                Err(Failure::new(Exit::Usage, "REVOKED", message).hint(
                    "`--status revoked` says so to the customer; a new license takes its place",
                ))
            }
            Some(Standing::Superseded) => {
                let by = ledger.successor(id).ok().flatten();
                let by = by.map_or_else(String::new, |by| format!(" by {by}"));
                let message = format!("license {id} was replaced{by}");
                terminal.warning("SUPERSEDED", &message);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Refuses a machine too many, unless the vendor knows better.
    fn check_devices<'l>(
        &self,
        mut licenses: impl Iterator<Item = &'l License>,
        arguments: &CheckIn,
        matrix: &Matrix,
        ledger: Option<&dyn LedgerReader>,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        match (&self.machine, ledger) {
            (None, Some(_)) if self.status == Status::Active => {
                licenses.for_each(|license| devices::warn_uncounted(license, terminal));
                Ok(())
            }
            (Some((machine, _)), Some(ledger))
                if self.status == Status::Active && !arguments.over_device_limit =>
            {
                licenses.try_for_each(|license| {
                    let devices = Devices::of(license, matrix, ledger)?;
                    devices.check(license, machine).map(drop)
                })
            }
            _ => Ok(()),
        }
    }

    /// One for each license.
    fn mint(
        &self,
        bundle: &Bundle,
        matrix: &Matrix,
        key: &CheckedKey,
        trust: &TrustSet,
    ) -> Result<Vec<Minted>, Failure> {
        let licenses = licenses(bundle, matrix)?.into_iter();
        licenses
            .map(|license| self.mint_one(license, matrix, key, trust))
            .collect()
    }

    fn draft<'l>(
        &self,
        license: &'l License,
        matrix: &Matrix,
    ) -> Result<ValidationDraft<'l>, Failure> {
        let issuer = license.issuer().unwrap_or(matrix.issuer()).to_owned();
        let mut draft = ValidationDraft::of_license(license, issuer, fresh_id()?, self.issued_at);
        draft.machine = self.machine.as_ref().map(|(_, digest)| digest.to_string());
        draft.nonce = self.nonce.clone();
        draft.status = self.status;
        Ok(draft)
    }

    fn mint_one(
        &self,
        license: &License,
        matrix: &Matrix,
        key: &CheckedKey,
        trust: &TrustSet,
    ) -> Result<Minted, Failure> {
        let draft = self.draft(license, matrix)?;
        let token = draft.sign(key).map_err(|error| not_issued(&error))?;
        let unverified =
            Unverified::parse(&token).map_err(|error| not_verified("validation", &error))?;
        let validation = unverified
            .verify_validation(trust, license)
            .map_err(|error| not_verified("validation", &error))?;
        Ok(Minted {
            license: license.clone(),
            validation,
            armor: unverified.to_armor(),
            token,
        })
    }

    /// What is allowed, but rarely meant.
    fn warn(&self, license: &License, bundle: &Bundle, terminal: &Terminal) {
        let id = license.id();
        if self.status == Status::Active && license.check_in().is_none() {
            let message = format!("license {id} has no check-in term: it never needs one");
            terminal.warning("NO_CHECK_IN", &message);
        }
        if let Some(end) = end_of(license).filter(|end| *end <= self.issued_at) {
            terminal.warning("EXPIRED", &format!("license {id} ended at {end}"));
        }
        super::warn_of_future(self.issued_at, terminal);
        if let Some(later) = latest(license, bundle).filter(|later| *later > self.issued_at) {
            let message =
                format!("license {id} was issued or last validated at {later}, after this");
            terminal.warning("BACKDATED", &message);
        }
        if let (Some((machine, digest)), Some(locks)) = (&self.machine, license.machines())
            && !locks.iter().any(|lock| lock.is(machine))
        {
            let message = format!("license {id} is locked to other machines than {digest}");
            terminal.warning(Code::MachineMismatch.as_str(), &message);
        }
    }
}

/// The licenses of this product; one that is in the file twice counts once.
fn licenses<'b>(bundle: &'b Bundle, matrix: &Matrix) -> Result<Vec<&'b License>, Failure> {
    let licenses = bundle.licenses();
    // An enterprise key of another product would get this one's features.
    if let Some(other) = licenses
        .iter()
        .find(|license| license.product() != matrix.product())
    {
        return Err(other_product(other.product(), matrix));
    }
    let mut seen = BTreeSet::new();
    let once = licenses.iter().filter(|license| seen.insert(license.id()));
    Ok(once.collect())
}

/// The first instant at which a license fails, whatever is said of it: its end, and the renewal grace after that.
pub(super) fn end_of(license: &License) -> Option<Timestamp> {
    let grace = license.renewal().unwrap_or_default().grace_hours();
    Some(license.expires_at()?.plus(seconds(grace)))
}

/// When the license was last issued or validated, as far as the file tells: the newest validation is the one that counts.
fn latest(license: &License, bundle: &Bundle) -> Option<Timestamp> {
    let said = bundle.validations().iter();
    said.filter(|said| said.is_for(license))
        .map(Validation::issued_at)
        .chain(license.issued_at())
        .max()
}

fn seconds(hours: u64) -> u64 {
    hours.saturating_mul(3600)
}

fn checked_nonce(nonce: &str) -> Result<String, Failure> {
    let is_printable = |letter: char| matches!(letter, ' '..='~');
    let found = match nonce.chars().count() {
        0 => "nothing".to_owned(),
        count if count > MAX_NONCE => format!("{count}"),
        _ if !nonce.chars().all(is_printable) => "another character among them".to_owned(),
        _ => return Ok(nonce.to_owned()),
    };
    let message =
        format!("--nonce: expected 1 to {MAX_NONCE} printable ASCII characters, found {found}");
    Err(Failure::usage(message).hint("give what the customer sent, or leave it out"))
}

/// What is no license at all is refused whoever has signed it.
fn check_form(text: &str, matrix: &Matrix) -> Result<(), BundleError> {
    match Bundle::verify(text, &TrustSet::default(), matrix) {
        Ok(_) | Err(BundleError::Verify(_) | BundleError::Block { .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Standard input can be only one thing.
fn check_stdin(arguments: &CheckIn) -> Result<(), Failure> {
    let key = &arguments.key;
    let files = [key.key.file(), key.passphrase_file.as_deref()];
    let files = files.into_iter().flatten().filter(|path| is_stdin(path));
    let sources = std::iter::once(&arguments.license)
        .chain(&arguments.trust)
        .chain(&arguments.product_file)
        .filter(|source| matches!(source, Source::Stdin));
    match files.count() + sources.count() {
        0 | 1 => Ok(()),
        found => Err(Failure::usage(format!(
            "expected one thing on standard input, found {found} options that read it"
        ))
        .hint("name files instead of -; /dev/fd/N reads a descriptor")),
    }
}

/// --force is meant for an older validation.
fn check_license_stays(arguments: &CheckIn) -> Result<(), Failure> {
    let (Destination::File(out), Source::File(license)) = (&arguments.out.out, &arguments.license)
    else {
        return Ok(());
    };
    match (out.canonicalize(), license.canonicalize()) {
        (Ok(out), Ok(license)) if out == license => {
            let message = format!(
                "{} is the license itself, which its validation does not replace",
                arguments.license
            );
            Err(Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out"))
        }
        _ => Ok(()),
    }
}

pub(super) fn not_judged(source: &Source, error: &BundleError) -> Failure {
    let code = error.code();
    let hint = match error {
        _ if matches!(code, Code::UntrustedKey | Code::BadSignature) => {
            "if another of your keys signed it, give that key's public half with --trust FILE; else it was changed, or is not yours"
        }
        BundleError::NeedsLicenseFile { .. } => {
            "give the license file or the full enterprise key that it names"
        }
        BundleError::Parse(ParseError::PrivateKey) => {
            "name the license file there; the private key belongs to --key alone"
        }
        _ => "give a license file, token or full enterprise key as it was minted",
    };
    Failure::new(Exit::Unjudged, code.as_str(), format!("{source}: {error}")).hint(hint)
}

fn two_algorithms(error: &license_core::TrustError) -> Failure {
    Failure::malformed(format!("--trust and --key: {error}"))
        .hint("give each key with the algorithm that it signs with, the signing key's by --alg")
}

pub(super) fn other_product(found: ProductCode, matrix: &Matrix) -> Failure {
    let expected = matrix.product();
    let message = format!("expected a license for {expected}, found one for {found}");
    Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
        "give the product file of {found} with --product-file"
    ))
}
