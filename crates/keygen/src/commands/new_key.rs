//! `keygen new-key`.

use license_core::TrustedKey;
use license_core::issue::{KeyBits, Sign, SigningKey, SigningKeyError};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, Terminal};
use serde_json::json;

use super::{not_issued, now, random, system_random};
use crate::args::{Bits, NewKey};
use crate::books::Books;
use crate::custody::{self, KeyName, Wanted, warn_of_exposure};
use crate::ledger::Place;
use crate::passphrase::PassphraseSource;
use crate::sealed::{self, Entropy};

pub(crate) fn run(arguments: &NewKey, place: &Place, terminal: &Terminal) -> Result<(), Failure> {
    // Before a key is made.
    let books = Books::open(place)?;
    match (&arguments.key, &arguments.out) {
        (Some(name), _) => elsewhere(name, arguments, books, terminal),
        (None, Some(out)) => in_file(out, arguments, books, terminal),
        (None, None) => Err(Failure::usage("expected where the key goes, found nothing")
            .hint("name a file with --out, or an HSM's token with --key")),
    }
}

/// In a custody that makes the key itself and never gives it away.
fn elsewhere(
    name: &KeyName,
    arguments: &NewKey,
    books: Books,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let wanted = Wanted {
        algorithm: Some(arguments.alg),
        passphrase_file: arguments.passphrase_file.as_deref(),
        terminal,
    };
    let (key, name) = custody::create(name, bits(arguments.bits), &wanted)?;
    // A key that cannot sign is found now, not when the first customer waits.
    key.sign(b"keygen new-key")
        .map_err(|error| not_issued(&error))?;
    let public = key.public();
    enter(books, public)?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "kid": public.id().as_str(),
            "alg": public.algorithm().as_str(),
            "bits": public.bits(),
            "key": name,
        }));
    }
    terminal.data(&format!("kid: {}\nkey: {name}", public.id()))?;
    terminal.note(&format!(
        "made a key of {} bits for {} that cannot be copied; keep a spare in another token",
        public.bits(),
        public.algorithm(),
    ));
    Ok(())
}

/// Who dies before this finds the key entered when it first signs.
fn enter(mut books: Books, key: &TrustedKey) -> Result<(), Failure> {
    books.counter(now())?.enter_key(key)
}

fn in_file(
    out: &Destination,
    arguments: &NewKey,
    books: Books,
    terminal: &Terminal,
) -> Result<(), Failure> {
    // Before the key is made and the passphrase asked for.
    out.check(Overwrite::Refuse).map_err(never_replaced)?;
    let to_stdout = matches!(out, Destination::Stdout);
    if to_stdout && terminal.is_json() {
        let message = "with --json standard output is the object's, and the key needs a file";
        return Err(Failure::usage(message).hint("name a file with --out"));
    }
    let passphrase = match (&arguments.passphrase_file, arguments.no_passphrase) {
        (_, true) => None,
        (Some(path), false) => Some(PassphraseSource::File(path.clone())),
        (None, false) => Some(PassphraseSource::Prompt),
    };
    let passphrase = passphrase.map(|source| {
        warn_of_exposure(&source, terminal);
        source.read_new()
    });
    let passphrase = passphrase.transpose()?;
    terminal.note("making an RSA key; this takes a moment");
    let der = SigningKey::generate(bits(arguments.bits), arguments.alg, &system_random)
        .map_err(|error| failed(&error))?;
    let key = SigningKey::from_pkcs8(&der, None, system_random).map_err(|error| failed(&error))?;
    let pem = match &passphrase {
        Some(passphrase) => {
            let entropy = Entropy {
                salt: random()?,
                iv: random()?,
            };
            sealed::seal(&der, passphrase, &entropy)?
        }
        None => sealed::plain(&der)?,
    };
    let written = out.write(pem.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly);
    written.map_err(never_replaced)?;
    enter(books, key.public())?;
    tell(out, &key, passphrase.is_some(), terminal)
}

fn tell(
    out: &Destination,
    key: &SigningKey,
    encrypted: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let public = key.public();
    if !encrypted {
        let warning = "the key has no passphrase: whoever can read the file can mint licenses";
        terminal.warning("UNENCRYPTED_KEY", warning);
    }
    if terminal.is_json() {
        return terminal.json(&json!({
            "kid": public.id().as_str(),
            "alg": public.algorithm().as_str(),
            "bits": public.bits(),
            "encrypted": encrypted,
            "path": out.to_string(),
        }));
    }
    let kid = format!("kid: {}", public.id());
    match out {
        Destination::Stdout => terminal.note(&kid),
        Destination::File(_) => terminal.data(&kid)?,
    }
    terminal.note(&format!(
        "wrote {} ({} bits, {}); keep it secret, and keep a copy where it can't be lost",
        out,
        public.bits(),
        public.algorithm(),
    ));
    Ok(())
}

fn bits(bits: Bits) -> KeyBits {
    match bits {
        Bits::B2048 => KeyBits::B2048,
        Bits::B3072 => KeyBits::B3072,
        Bits::B4096 => KeyBits::B4096,
    }
}

fn never_replaced(failure: Failure) -> Failure {
    match failure.code() {
        "EXISTS" => {
            failure.hint("choose another name with --out: a signing key never replaces a file")
        }
        _ => failure,
    }
}

fn failed(error: &SigningKeyError) -> Failure {
    Failure::new(Exit::Machine, "KEY_GENERATION", error.to_string()).hint("run the command again")
}
