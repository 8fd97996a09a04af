//! Private keys in files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use license_core::issue::{SigningKey, SigningKeyError};
use license_terminal::{Exit, Failure, show_path};
use zeroize::Zeroizing;

use super::{Wanted, warn_of_exposure};
use crate::commands::system_random;
use crate::passphrase::PassphraseSource;
use crate::private_file::is_stdin;
use crate::{private_file, sealed};

/// A sealed key of 8192 bits has under 10,000 bytes.
const MAX_BYTES: usize = 64 * 1024;

/// Opens the key in this file, asking for its passphrase if it has one.
pub(super) fn open(path: &Path, wanted: &Wanted<'_>) -> Result<SigningKey, Failure> {
    if wanted.passphrase_file.is_some_and(is_stdin) && is_stdin(path) {
        return Err(both_from_stdin());
    }
    let source = wanted.passphrase(PassphraseSource::Prompt);
    let der = sealed::open(&read(path)?, || {
        warn_of_exposure(&source, wanted.terminal);
        source.read_existing()
    });
    let der = der.map_err(|failure| failure.about(&shown(path)))?;
    SigningKey::from_pkcs8(&der, wanted.algorithm, system_random)
        .map_err(|error| unusable(path, &error))
}

/// Reads the key in this file if that takes no passphrase; of a sealed one, that it is there and well formed. What comes from standard
/// input is left there.
pub(super) fn look(path: &Path, wanted: &Wanted<'_>) -> Result<Option<SigningKey>, Failure> {
    if wanted.passphrase_file.is_some_and(is_stdin) && is_stdin(path) {
        return Err(both_from_stdin());
    }
    if is_stdin(path) || private_file::is_descriptor(path) {
        return Ok(None);
    }
    let mut sealed = false;
    let opened = sealed::open(&read(path)?, || {
        sealed = true;
        Err(Failure::usage("the passphrase is not asked for"))
    });
    match opened {
        Err(_) if sealed => check_passphrase_file(wanted.passphrase_file).map(|()| None),
        Err(failure) => Err(failure.about(&shown(path))),
        Ok(der) => SigningKey::from_pkcs8(&der, wanted.algorithm, system_random)
            .map(Some)
            .map_err(|error| unusable(path, &error)),
    }
}

/// That it is there, unread.
fn check_passphrase_file(file: Option<&Path>) -> Result<(), Failure> {
    match file.filter(|file| !is_stdin(file) && !private_file::is_descriptor(file)) {
        Some(file) => File::open(file)
            .map(drop)
            .map_err(|error| Failure::io("read", file, &error)),
        None => Ok(()),
    }
}

fn both_from_stdin() -> Failure {
    Failure::usage("the key and its passphrase can't both come from standard input")
        .hint("add --passphrase-file FILE; /dev/fd/N reads it from a descriptor")
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let bytes = match is_stdin(path) {
        true => read_all(std::io::stdin().lock()),
        false => read_file(path)?,
    };
    let bytes = bytes.map_err(|error| Failure::io("read", path, &error))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::malformed(format!("{}: expected a PEM private key", shown(path)))
            .hint("`openssl pkcs8 -topk8 -inform DER -in KEY -out NEW.key` makes PEM of DER")
    })?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn read_file(path: &Path) -> Result<std::io::Result<Zeroizing<Vec<u8>>>, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if private_file::is_exposed(&found) && !private_file::is_descriptor(path) {
        return Err(exposed(path));
    }
    Ok(read_all(file))
}

/// Into room that never has to grow: growing would leave copies of the key behind.
fn read_all(reader: impl Read) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    let most = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX);
    reader.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn exposed(path: &Path) -> Failure {
    let shown = shown(path);
    let message =
        format!("private key {shown}: expected mode 0600, found that others may use it too");
    Failure::new(Exit::Usage, "INSECURE_FILE", message).hint(format!("chmod 600 {shown}"))
}

fn unusable(path: &Path, error: &SigningKeyError) -> Failure {
    let failure = Failure::malformed(format!("{}: {error}", shown(path)));
    failure.hint(match error {
        SigningKeyError::PssOnly => "leave out --alg, or use a key made without `--alg PS256`",
        _ => "use a key made by `keygen new-key`",
    })
}

fn shown(path: &Path) -> String {
    if is_stdin(path) {
        "standard input".to_owned()
    } else {
        show_path(path)
    }
}
