//! `keygen new-key`.

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal};
use license_core::issue::{KeyBits, Signer, SigningKey, SigningKeyError};
use license_core::trust::TrustedKey;
use license_core::with_causes;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::ledger::{Ledger, LedgerReader};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, RecordPlan, record};
use license_issuer::signer::KeyLocation;
use license_issuer::signer::private_key::{self, EncryptionEntropy, PrivateKeyError};
use license_issuer::{random, records};
use serde_json::json;

use super::context::AppContext;
use crate::args::{KeyArgs, KeySize, NewKey};
use crate::inputs::now;
use crate::passphrase::PassphraseInput;
use crate::{failures, keys, output};

pub(crate) fn run(arguments: &NewKey, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    // A ledger that cannot be opened fails before the key is created.
    let mut ledger = output::ledger_file(location)?;
    if let Some(ledger) = &mut ledger {
        let prepared = ledger.prepare();
        prepared.map_err(|error| failures::ledger_not_opened(ledger.path(), &error))?;
    }
    match (&arguments.key, &arguments.out) {
        (Some(key), _) => create_in_token(key, arguments, app),
        (None, Some(out)) => create_in_file(out, arguments, location, terminal),
        (None, None) => Err(Failure::usage("expected --out or --key, found neither")
            .hint("choose a file with --out, or an HSM with --key")),
    }
}

/// Creates the key in a token. The token does not export the key.
fn create_in_token(
    key_location: &KeyLocation,
    arguments: &NewKey,
    app: AppContext<'_>,
) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let bits = key_bits(arguments.bits);
    let options = KeyArgs {
        key: None,
        passphrase_file: arguments.passphrase_file.clone(),
        alg: Some(arguments.alg),
    };
    let choice = app.settings.other_key(key_location.clone(), &options);
    let created = keys::create(&choice, bits, terminal)?;
    let (key, uri) = (created.key, created.location);
    // A key that cannot sign fails now instead of when the first license is issued.
    key.sign(b"keygen new-key")
        .map_err(|error| failures::draft_refused(&error))?;
    let public = key.public();
    record_key(location, public)?;
    if terminal.is_json() {
        return terminal.json(&json!({
            "kid": public.id().as_str(),
            "alg": public.algorithm().as_str(),
            "bits": public.bits(),
            "key": uri,
        }));
    }
    terminal.data(&format!("kid: {}\nkey: {uri}", public.id()))?;
    terminal.note(&format!(
        "created a {} bit key for {}, which cannot be copied; create a spare key in another token",
        public.bits(),
        public.algorithm(),
    ));
    Ok(())
}

/// Records the public key. If the process crashes before, the first signature records the key.
fn record_key(location: &LedgerLocation, key: &TrustedKey) -> Result<(), Failure> {
    let Some(mut ledger) = output::ledger_file(location)? else {
        return Ok(());
    };
    let plan = |ledger: Option<&dyn LedgerReader>| {
        let entry = records::signing_key(key);
        let is_recorded = match ledger {
            Some(ledger) => ledger
                .has(entry.kind, &entry.subject)
                .map_err(failures::ledger_not_read(ledger))?,
            None => false,
        };
        Ok(RecordPlan {
            content: (),
            entries: (!is_recorded).then_some(entry).into_iter().collect(),
        })
    };
    let recorded = record(
        &mut ledger,
        MissingLedger::Create,
        Mode::Commit,
        now(),
        plan,
    );
    recorded.map_err(|error| failures::not_issued(error, location))
}

fn create_in_file(
    out: &Destination,
    arguments: &NewKey,
    location: &LedgerLocation,
    terminal: &Terminal,
) -> Result<(), Failure> {
    // A destination that cannot be written fails before the passphrase prompt.
    out.check(Overwrite::Refuse).map_err(not_replaced)?;
    let to_stdout = matches!(out, Destination::Stdout);
    if to_stdout && terminal.is_json() {
        let message = "with --json, standard output is used for the JSON object";
        return Err(Failure::usage(message).hint("choose a file for the key with --out"));
    }
    let passphrase = match (&arguments.passphrase_file, arguments.no_passphrase) {
        (_, true) => None,
        (Some(path), false) => Some(PassphraseInput::File(path.clone())),
        (None, false) => Some(PassphraseInput::Prompt),
    };
    let passphrase = passphrase.map(|source| {
        source.warn_if_exposed(terminal);
        source.read_new()
    });
    let passphrase = passphrase.transpose()?;
    terminal.note("creating an RSA key; this takes a moment");
    let der = SigningKey::generate(key_bits(arguments.bits), arguments.alg, &random::fill)
        .map_err(|error| not_generated(&error))?;
    let key =
        SigningKey::from_pkcs8(&der, None, random::fill).map_err(|error| not_generated(&error))?;
    let pem = match &passphrase {
        Some(passphrase) => {
            let entropy = EncryptionEntropy {
                salt: random::bytes().map_err(|error| failures::no_random(&error))?,
                iv: random::bytes().map_err(|error| failures::no_random(&error))?,
            };
            private_key::encrypt(&der, passphrase, &entropy)
        }
        None => private_key::to_plain_pem(&der),
    };
    let pem = pem.map_err(|error| not_stored(&error))?;
    let written = out.write(pem.as_bytes(), Overwrite::Refuse, Audience::OwnerOnly);
    written.map_err(not_replaced)?;
    record_key(location, key.public())?;
    print(out, &key, passphrase.is_some(), terminal)
}

fn print(
    out: &Destination,
    key: &SigningKey,
    encrypted: bool,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let public = key.public();
    if !encrypted {
        let warning =
            "the key has no passphrase: everyone who can read the file can issue licenses";
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
        "wrote {} ({} bits, {}); keep it secret, and keep a backup in a safe place",
        out,
        public.bits(),
        public.algorithm(),
    ));
    Ok(())
}

fn key_bits(size: KeySize) -> KeyBits {
    match size {
        KeySize::B2048 => KeyBits::B2048,
        KeySize::B3072 => KeyBits::B3072,
        KeySize::B4096 => KeyBits::B4096,
    }
}

fn not_replaced(failure: Failure) -> Failure {
    match failure.code() {
        "EXISTS" => {
            failure.hint("choose another name with --out; a signing key never replaces a file")
        }
        _ => failure,
    }
}

fn not_stored(error: &PrivateKeyError) -> Failure {
    let advice = error.advice();
    Failure::new(Exit::System, advice.code, with_causes(error)).hint(advice.hint)
}

fn not_generated(error: &SigningKeyError) -> Failure {
    Failure::new(Exit::System, "KEY_GENERATION", with_causes(error)).hint("run the command again")
}
