//! `keygen ledger import`: records artifacts that were issued elsewhere or without a ledger.

use std::collections::BTreeSet;

use license_cli_support::{Failure, Source, Terminal, plural};
use license_core::encoding::decode_text;
use license_core::{Code, TrustSet};
#[cfg(fuzzing)]
pub use license_issuer::services::import::parse_line as read_line;
use license_issuer::services::import::{
    ImportError, ImportReport, ImportVerifier, MAX_EXPORT_BYTES, plan_import,
};
use license_issuer::services::issue::Mode;
use license_issuer::services::record::{MissingLedger, record};
use license_issuer::services::rivals::RivalLicenses;
use serde_json::json;

use super::super::context::AppContext;
use super::super::lookup::{open, require_ledger};
use super::super::rivals;
use crate::failures;
use crate::inputs::{add_keys, matrix, now};

pub(super) fn run(
    files: &[Source],
    trust: &[Source],
    product_file: Option<&Source>,
    AppContext {
        settings,
        location,
        terminal,
        ..
    }: AppContext<'_>,
) -> Result<(), Failure> {
    let mut ledger = require_ledger(location, "an import")?;
    let matrix = matrix(settings, product_file)?;
    let mut keys = TrustSet::default();
    add_keys(&mut keys, trust)?;
    let mut import = ImportVerifier::new(&keys, &matrix);
    // All files are verified before the first entry is recorded.
    for file in files {
        let text = file.read_text(MAX_EXPORT_BYTES, decode_text)?;
        import.read(&text).map_err(|error| refused(file, &error))?;
    }
    let (missing, files) = (MissingLedger::Create, import.into_files());
    let report = record(&mut ledger, missing, Mode::Commit, now(), |ledger| {
        plan_import(files, ledger).map_err(|error| failures::ledger_refused(ledger, &error))
    });
    let report = report.map_err(|error| failures::not_issued(error, location))?;
    let recorded = open(location)?;
    let competitors = report.rivals(&recorded, now());
    let competitors = competitors.map_err(failures::ledger_not_read(&recorded))?;
    warn(&report, terminal);
    rivals::warn(&competitors, terminal);
    if terminal.is_json() {
        let group = |rivals: &RivalLicenses| {
            let licenses = rivals.licenses.iter();
            let ids = licenses.map(|license| license.entry.subject.as_str());
            json!({ "replaced": rivals.replaced, "licenses": ids.collect::<Vec<_>>() })
        };
        return terminal.json(&json!({
            "entered": report.new,
            "known": report.known,
            "revoked_again": report.revoked_again,
            "still_revoked": report.still_revoked,
            "competitors": competitors.iter().map(group).collect::<Vec<_>>(),
        }));
    }
    terminal.data(&format!(
        "recorded {}; already in the ledger: {}",
        plural(report.new, "entry", "entries"),
        report.known
    ))
}

/// Warns about licenses that are revoked although a reinstatement of them is known.
fn warn(report: &ImportReport, terminal: &Terminal) {
    let warn = |licenses: &BTreeSet<String>, reason: &str| {
        if !licenses.is_empty() {
            let ids: Vec<_> = licenses.iter().map(String::as_str).collect();
            let message = format!(
                "{reason}: {}; if a license must be valid, run `keygen revoke LICENSE_ID --undo --reason TEXT`",
                ids.join(", ")
            );
            terminal.warning(Code::Revoked.as_str(), &message);
        }
    };
    warn(
        &report.still_revoked,
        "the ledger has a revocation that the import does not contain, so these licenses stay revoked",
    );
    warn(
        &report.revoked_again,
        "the ledger did not know the imported list, which revokes these licenses, so they are revoked again",
    );
}

/// Maps the reason why a file cannot be imported.
fn refused(file: &Source, error: &ImportError) -> Failure {
    match error {
        ImportError::Verify(error) => failures::not_verifiable(file, error),
        ImportError::Entry(error) => failures::not_verified("license", error),
        ImportError::TooLong { .. } => Failure::malformed(format!("{file}: {error}"))
            .hint("import license files one by one, or an export"),
        ImportError::Mismatch { .. } => Failure::malformed(format!("{file}: {error}")).hint(
            "restore the original line; if the entry is for another product, give the product file of that product with --product-file",
        ),
        _ => {
            let message = format!("{file}: expected a ledger entry in each line, found other text");
            Failure::malformed(message).hint("use a file that `keygen ledger export` wrote")
        }
    }
}
