//! `keygen new-key`.

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal};
use license_core::TrustedKey;
use license_core::issue::{KeyBits, Sign, SigningKey, SigningKeyError};
use license_issuer::ledger::Ledger;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::random;
use license_issuer::records;
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, RecordPlan, record};
use license_issuer::signer::KeyLocation;
use license_issuer::signer::private_key::{self, EncryptionEntropy, PrivateKeyError};
use serde_json::json;

use super::context::AppContext;
use crate::args::{Bits, KeyArgs, NewKey};
use crate::inputs::now;
use crate::passphrase::PassphraseInput;
use crate::{failures, keys, output};

pub(crate) fn run(arguments: &NewKey, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    // Before a key is created.
    let mut ledger = output::ledger_file(place)?;
    if let Some(ledger) = &mut ledger {
        let prepared = ledger.prepare();
        prepared.map_err(|error| failures::ledger_not_opened(ledger.path(), &error))?;
    }
    match (&arguments.key, &arguments.out) {
        (Some(name), _) => elsewhere(name, arguments, place, terminal),
        (None, Some(out)) => in_file(out, arguments, place, terminal),
        (None, None) => Err(Failure::usage("expected where the key goes, found nothing")
            .hint("name a file with --out, or an HSM's token with --key")),
    }
}

/// Creates the key in a token, which never releases it.
fn elsewhere(
    location: &KeyLocation,
    arguments: &NewKey,
    place: &LedgerLocation,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let bits = bits(arguments.bits);
    let arguments = KeyArgs {
        key: location.clone(),
        passphrase_file: arguments.passphrase_file.clone(),
        alg: Some(arguments.alg),
    };
    let created = keys::create(&arguments, bits, terminal)?;
    let (key, name) = (created.key, created.location);
    // A key that cannot sign is found now, not when the first customer waits.
    key.sign(b"keygen new-key")
        .map_err(|error| failures::draft_refused(&error))?;
    let public = key.public();
    record_key(place, public)?;
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

/// Records the public half of a key. After a crash, the first signature records it.
fn record_key(place: &LedgerLocation, key: &TrustedKey) -> Result<(), Failure> {
    let Some(mut ledger) = output::ledger_file(place)? else {
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
    recorded.map_err(|error| failures::not_issued(error, place))
}

fn in_file(
    out: &Destination,
    arguments: &NewKey,
    place: &LedgerLocation,
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
        (Some(path), false) => Some(PassphraseInput::File(path.clone())),
        (None, false) => Some(PassphraseInput::Prompt),
    };
    let passphrase = passphrase.map(|source| {
        source.warn_if_exposed(terminal);
        source.read_new()
    });
    let passphrase = passphrase.transpose()?;
    terminal.note("making an RSA key; this takes a moment");
    let der = SigningKey::generate(bits(arguments.bits), arguments.alg, &random::fill)
        .map_err(|error| failed(&error))?;
    let key = SigningKey::from_pkcs8(&der, None, random::fill).map_err(|error| failed(&error))?;
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
    written.map_err(never_replaced)?;
    record_key(place, key.public())?;
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

fn not_stored(error: &PrivateKeyError) -> Failure {
    let advice = error.advice();
    Failure::new(Exit::Machine, advice.code, error.to_string()).hint(advice.hint)
}

fn failed(error: &SigningKeyError) -> Failure {
    Failure::new(Exit::Machine, "KEY_GENERATION", error.to_string()).hint("run the command again")
}
