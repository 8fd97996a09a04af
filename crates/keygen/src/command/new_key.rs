//! `keygen new-key`.

use license_core::issue::{KeyBits, Sign, SigningKey, SigningKeyError};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, Terminal};
use serde_json::json;

use super::random;
use crate::cli::{Bits, NewKey};
use crate::key_file::warn_of_exposure;
use crate::passphrase::PassphraseSource;
use crate::sealed::{self, Entropy};

pub(crate) fn run(arguments: &NewKey, terminal: &Terminal) -> Result<(), Failure> {
    // Before the key is made and the passphrase asked for.
    arguments
        .out
        .check(Overwrite::Refuse)
        .map_err(never_replaced)?;
    let to_stdout = matches!(arguments.out, Destination::Stdout);
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
    let der = SigningKey::generate(bits(arguments.bits), arguments.alg).map_err(|e| failed(&e))?;
    let key = SigningKey::from_pkcs8(&der, None).map_err(|error| failed(&error))?;
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
    let written = arguments
        .out
        .write(pem.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly);
    written.map_err(never_replaced)?;
    tell(arguments, &key, passphrase.is_some(), terminal)
}

fn tell(
    arguments: &NewKey,
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
            "path": arguments.out.to_string(),
        }));
    }
    let kid = format!("kid: {}", public.id());
    match arguments.out {
        Destination::Stdout => terminal.note(&kid),
        Destination::File(_) => terminal.data(&kid)?,
    }
    terminal.note(&format!(
        "wrote {} ({} bits, {}); keep it secret, and keep a copy where it can't be lost",
        arguments.out,
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
