//! Private keys in files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use license_core::issue::{SigningKey, SigningKeyError};
use license_terminal::{Exit, Failure, Terminal, escape};
use zeroize::Zeroizing;

use crate::cli::KeyArgs;
use crate::passphrase::PassphraseSource;
use crate::{private_file, sealed};

/// A sealed key of 8192 bits has under 10,000 bytes.
const MAX_BYTES: u64 = 64 * 1024;

/// Opens the key that the command line names, asking for its passphrase if it has one.
pub(crate) fn load(arguments: &KeyArgs, terminal: &Terminal) -> Result<SigningKey, Failure> {
    let pem = read(&arguments.key)?;
    let source = match &arguments.passphrase_file {
        Some(path) => PassphraseSource::File(path.clone()),
        None => PassphraseSource::Prompt,
    };
    let der = sealed::open(&pem, || {
        warn_of_exposure(&source, terminal);
        source.read_existing()
    })?;
    SigningKey::from_pkcs8(&der, arguments.alg).map_err(|error| unusable(&arguments.key, &error))
}

pub(crate) fn warn_of_exposure(source: &PassphraseSource, terminal: &Terminal) {
    if let Some(warning) = source.exposure() {
        terminal.warning("INSECURE_FILE", &warning);
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let failed = |error| Failure::io("read", path, &error);
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if private_file::is_exposed(&found) && !private_file::is_descriptor(path) {
        return Err(exposed(path));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(8192));
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| {
        Failure::malformed(format!("{}: expected a PEM private key", shown(path)))
            .hint("`openssl pkcs8 -topk8 -inform DER -in KEY -out NEW.key` makes PEM of DER")
    })?;
    Ok(Zeroizing::new(text.to_owned()))
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
    escape(&path.to_string_lossy()).into_owned()
}
