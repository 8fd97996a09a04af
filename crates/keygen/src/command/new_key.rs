//! `keygen new-key`.

use license_core::issue::{KeyBits, Sign, SigningKey, SigningKeyError};
use license_terminal::{Audience, Destination, Exit, Failure, Overwrite, Terminal, escape};
use serde_json::json;

use super::random;
use crate::cli::{Bits, NewKey};
use crate::key_file::warn_of_exposure;
use crate::passphrase::PassphraseSource;
use crate::sealed::{self, Entropy};

pub(crate) fn run(arguments: &NewKey, terminal: &Terminal) -> Result<(), Failure> {
    // Before the key is made and the passphrase asked for.
    if arguments.out.symlink_metadata().is_ok() {
        return Err(exists(arguments));
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
    let out = Destination::File(arguments.out.clone());
    out.write(pem.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly)?;
    tell(arguments, &key, passphrase.is_some(), terminal)
}

fn tell(
    arguments: &NewKey,
    key: &SigningKey,
    encrypted: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let public = key.public();
    let path = arguments.out.to_string_lossy();
    if terminal.is_json() {
        return terminal.json(&json!({
            "kid": public.id().as_str(),
            "alg": public.algorithm().as_str(),
            "bits": public.bits(),
            "encrypted": encrypted,
            "path": path,
        }));
    }
    if !encrypted {
        let warning = "the key has no passphrase: whoever can read the file can mint licenses";
        terminal.warning("UNENCRYPTED_KEY", warning);
    }
    terminal.data(&format!("kid: {}", public.id()))?;
    terminal.note(&format!(
        "wrote {} ({} bits, {}); keep it secret, and keep a copy where it can't be lost",
        escape(&path),
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

fn exists(arguments: &NewKey) -> Failure {
    let path = arguments.out.to_string_lossy();
    let message = format!(
        "{} exists, and a signing key never replaces a file",
        escape(&path)
    );
    Failure::new(Exit::Usage, "EXISTS", message).hint("choose another name with --out")
}

fn failed(error: &SigningKeyError) -> Failure {
    Failure::new(Exit::Machine, "KEY_GENERATION", error.to_string())
}
