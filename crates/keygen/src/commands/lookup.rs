//! Lookup of ledgers, and of licenses and keys in them.

use std::path::Path;

use license_cli_support::{Exit, Failure, Source, show_name};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::license::VerifiedLicensesError;
use license_core::{
    FeatureMatrix, License, LicenseKey, TrustSet, Unverified, VerifiedLicenses, with_causes,
};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::{LedgerFile, LedgerLocation, SqliteLedger};
use license_issuer::ledger::{LedgerReader, LicenseFilter, RecordedLicense};

use crate::inputs::now;
use crate::{failures, output};

const NO_LEDGER_HINT: &str = "omit --no-ledger, or choose a ledger with --ledger";

/// Opens an existing ledger for reading. Changes nothing, because the ledger may come from someone
/// who is not trusted.
pub(crate) fn open(location: &LedgerLocation) -> Result<SqliteLedger, Failure> {
    match location {
        LedgerLocation::File(path) => {
            let opened = SqliteLedger::open_read_only(path);
            opened.map_err(|error| failures::ledger_not_opened(path, &error))
        }
        LedgerLocation::None => {
            Err(Failure::usage("this command needs a ledger").hint(NO_LEDGER_HINT))
        }
        LedgerLocation::Unknown => Err(failures::ledger_not_opened(
            Path::new("?"),
            &LedgerError::Missing,
        )),
    }
}

/// Returns the file of the ledger for a command or option that needs one. Refuses `--no-ledger`.
pub(crate) fn require_ledger(location: &LedgerLocation, what: &str) -> Result<LedgerFile, Failure> {
    output::ledger_file(location)?
        .ok_or_else(|| Failure::usage(format!("{what} needs a ledger")).hint(NO_LEDGER_HINT))
}

/// Returns a license by its id, with its status.
pub(crate) fn license_of(
    ledger: &dyn LedgerReader,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Option<RecordedLicense>, Failure> {
    ledger
        .license(subject, now)
        .map_err(failures::ledger_not_read(ledger))
}

/// Returns the subject that an id or key names.
pub(crate) fn resolve(ledger: &dyn LedgerReader, id: &str) -> Result<Option<String>, Failure> {
    let failed = failures::ledger_not_read(ledger);
    let id = id.trim();
    let mut candidates = vec![id.to_owned(), id.to_ascii_lowercase()];
    // The ledger has at most one of the readings of a key with long dashes.
    let key = LicenseKey::parse(id).ok();
    for key in key.iter().flat_map(LicenseKey::readings) {
        candidates.extend(key.license_id().map(|id| id.as_str().to_owned()));
        candidates.push(key.to_string());
        let filter = LicenseFilter {
            text: Some(key.to_string()),
            ..LicenseFilter::default()
        };
        let named = rows(ledger, &filter)?;
        candidates.extend(named.into_iter().map(|row| row.entry.subject));
    }
    for candidate in candidates {
        if ledger.contains(&candidate).map_err(failed)? {
            return Ok(Some(candidate));
        }
    }
    Ok(None)
}

/// Returns the license that an id or key names, with its status.
pub(crate) fn find_license(
    ledger: &dyn LedgerReader,
    named: &str,
    now: DateTime<Utc>,
) -> Result<Option<RecordedLicense>, Failure> {
    match resolve(ledger, named)? {
        Some(subject) => license_of(ledger, &subject, now),
        None => Ok(None),
    }
}

/// Returns the license that an id, a key or a license file names, with its status.
pub(crate) fn find_named(
    ledger: &dyn LedgerReader,
    named: &str,
    now: DateTime<Utc>,
) -> Result<RecordedLicense, Failure> {
    if let Some(found) = find_license(ledger, named, now)? {
        return Ok(found);
    }
    let id = license_in(ledger, &Source::File(named.into()))?;
    license_of(ledger, &id, now)?.ok_or_else(|| not_found(&id))
}

/// Returns the id of the recorded license in a file or standard input. A key in the ledger must
/// have signed the license.
pub(crate) fn license_in(ledger: &dyn LedgerReader, source: &Source) -> Result<String, Failure> {
    if let Source::File(path) = source
        && path.symlink_metadata().is_err()
    {
        return Err(no_such_license(path));
    }
    let text = source.read_text(MAX_FILE_BYTES, decode_text)?;
    if LicenseKey::parse(&text).is_ok() {
        return resolve(ledger, &text)?.ok_or_else(|| not_found(&text));
    }
    let id = id_in_artifact(source, &text, &TrustSet::default(), Some(ledger))?;
    resolve(ledger, &id)?.ok_or_else(|| not_found(&id))
}

/// Returns the id of the license in a file or token, which a trusted key must have signed.
///
/// Otherwise a forged file could name the license of another customer.
pub(crate) fn id_in_artifact(
    source: &Source,
    text: &str,
    trust: &TrustSet,
    ledger: Option<&dyn LedgerReader>,
) -> Result<String, Failure> {
    let recorded = ledger.map(signing_keys).transpose()?.unwrap_or_default();
    let trust = trust.joined(&recorded);
    // Only an enterprise key, which is looked up as a key, depends on the product.
    let verified = VerifiedLicenses::verify(text, &trust, FeatureMatrix::built_in());
    let refused = |error: VerifiedLicensesError| failures::not_verifiable(source, &error);
    match verified.map_err(refused)?.licenses() {
        [license] => Ok(license.id().to_string()),
        [] => Err(refused(VerifiedLicensesError::NoLicense)),
        several => Err(Failure::usage(format!(
            "{source}: expected one license, found {}",
            several.len()
        ))
        .hint("name each license by its id, which `keygen inspect FILE` shows")),
    }
}

/// Hint for an id or key that the ledger does not contain.
pub(crate) const FIND_HINT: &str =
    "search for part of an id, key or name with `keygen ledger find TEXT`";

/// Returns the failure of an id or key that the ledger does not contain.
pub(crate) fn not_found(id: &str) -> Failure {
    let message = format!("the ledger has no entry {}", show_name(id));
    Failure::new(Exit::Usage, "NOT_FOUND", message).hint(FIND_HINT)
}

/// Returns the failure of an argument that is neither a file nor an id or key in the ledger.
fn no_such_license(path: &Path) -> Failure {
    let named = path.to_string_lossy();
    if path.extension().is_none_or(|extension| extension != "lic") {
        return not_found(&named);
    }
    let message = format!("expected a license, found no file {}", show_name(&named));
    Failure::new(Exit::Usage, "NOT_FOUND", message)
        .hint("correct the name of the file, or use the id or key of the license, which `keygen ledger find TEXT` shows")
}

/// Returns the licenses that match a filter.
pub(crate) fn rows(
    ledger: &dyn LedgerReader,
    filter: &LicenseFilter,
) -> Result<Vec<RecordedLicense>, Failure> {
    let mut rows = Vec::new();
    ledger
        .visit_licenses(filter, now(), &mut |row| rows.push(row))
        .map_err(failures::ledger_not_read(ledger))?;
    Ok(rows)
}

/// Returns the signing keys that the ledger contains.
pub(crate) fn signing_keys(ledger: &dyn LedgerReader) -> Result<TrustSet, Failure> {
    ledger
        .signing_keys()
        .map_err(failures::ledger_not_read(ledger))
}

/// Verifies the token of a license in the ledger.
pub(crate) fn verified(recorded: &RecordedLicense, keys: &TrustSet) -> Result<License, Failure> {
    let failed = |error: &dyn std::error::Error| {
        let subject = &recorded.entry.subject;
        let message = format!("license {subject} in the ledger: {}", with_causes(error));
        Failure::malformed(message).hint("find changed entries with `keygen ledger verify`")
    };
    let token = Unverified::parse(&recorded.entry.artifact).map_err(|error| failed(&error))?;
    token.verify(keys).map_err(|error| failed(&error))
}
