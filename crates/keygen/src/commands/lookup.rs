//! Finds ledgers, licenses and keys by the names that arguments give them.

use license_cli_support::{Exit, Failure, escape};
use license_core::{LicenseKey, Timestamp, TrustSet};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::sqlite::{LedgerLocation, SqliteLedger};
use license_issuer::ledger::{LedgerReader, LicenseFilter, RecordedLicense};

use crate::failures;
use crate::inputs::now;

/// Opens a ledger that exists.
pub(crate) fn open(place: &LedgerLocation) -> Result<SqliteLedger, Failure> {
    match place {
        LedgerLocation::File(path) => {
            let ledger = SqliteLedger::open_existing(path)
                .map_err(|error| failures::ledger_not_opened(path, &error));
            let mut ledger = ledger?;
            // If this fails, the next command that writes recovers, or reports why it cannot.
            let _ = ledger.recover_if_idle(now());
            Ok(ledger)
        }
        LedgerLocation::None => Err(Failure::usage("--no-ledger leaves nothing to look into")
            .hint("leave it away, or name a ledger with --ledger")),
        LedgerLocation::Unknown => Err(failures::ledger_not_opened(
            std::path::Path::new("?"),
            &LedgerError::Missing,
        )),
    }
}

/// Refuses to continue without a ledger, which has to know something.
pub(crate) fn required(place: &LedgerLocation, what: &str) -> Result<(), Failure> {
    match place {
        LedgerLocation::None => Err(Failure::usage(format!(
            "the ledger knows {what}, and --no-ledger leaves none"
        ))
        .hint("leave --no-ledger away")),
        _ => Ok(()),
    }
}

/// Returns a license by its id, with its status.
pub(crate) fn license_of(
    ledger: &dyn LedgerReader,
    subject: &str,
    now: Timestamp,
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
    if let Ok(key) = LicenseKey::parse(id) {
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
    now: Timestamp,
) -> Result<Option<RecordedLicense>, Failure> {
    match resolve(ledger, named)? {
        Some(subject) => license_of(ledger, &subject, now),
        None => Ok(None),
    }
}

/// Returns the failure of an id or key that the ledger does not contain.
pub(crate) fn not_found(id: &str) -> Failure {
    let shown: String = id.chars().take(64).collect();
    let message = format!(
        "expected an id or key in the ledger, found none like `{}`",
        escape(&shown)
    );
    let hint = match std::path::Path::new(id).is_file() {
        true => "a file is not taken here: `keygen inspect FILE` shows its license id (jti)",
        false => "`keygen ledger find TEXT` looks for parts of ids, keys and names",
    };
    Failure::new(Exit::Usage, "NOT_FOUND", message).hint(hint)
}

/// Returns the licenses of a selection.
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
