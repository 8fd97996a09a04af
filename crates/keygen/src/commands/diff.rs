//! `keygen diff`: shows what changes for the customer from one license to another.

mod report;

use license_cli_support::{Failure, Source, Terminal};
use license_core::TrustSet;
use license_core::diff::{Difference, Succession};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::{LedgerLocation, SqliteLedger};

use super::compared_license::{ComparedLicense, LicenseText};
use super::context::AppContext;
use super::lookup;
use crate::args::Diff;
use crate::failures;
use crate::inputs::{add_keys, matrix, one_stdin};

pub(crate) fn run(arguments: &Diff, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext {
        location, terminal, ..
    } = app;
    let sources = [&arguments.before, &arguments.after].into_iter();
    let sources = sources.chain(&arguments.trust);
    one_stdin(0, sources.chain(&arguments.product_file))?;
    let matrix = matrix(app.settings, arguments.product_file.as_ref())?;
    let ledger = open_if_exists(location)?;
    let trust = trust(&arguments.trust, ledger.as_deref())?;
    let read = |source| {
        let text = LicenseText::find(source, None, ledger.as_deref())?;
        ComparedLicense::read(&text, trust.as_ref(), &matrix)
    };
    let (before, after) = (read(&arguments.before)?, read(&arguments.after)?);
    if trust.is_none() {
        let message = "the licenses are not verified, because there are no public keys; add public keys with --trust FILE";
        terminal.warning("UNVERIFIED", message);
    }
    let keys = [before.key_id(), after.key_id()];
    let difference = Difference::from_claims(before.claims(), after.claims(), &matrix);
    let difference = difference.signing_keys(keys);
    warn(difference.succession(), terminal);
    let report = report::DiffReport {
        before: &before,
        after: &after,
        difference: &difference,
        verified: trust.is_some(),
    };
    report.print(terminal)
}

/// Opens the ledger if it exists.
pub(super) fn open_if_exists(
    location: &LedgerLocation,
) -> Result<Option<Box<dyn LedgerReader>>, Failure> {
    match location {
        LedgerLocation::File(path) => match SqliteLedger::open_read_only(path) {
            Ok(ledger) => Ok(Some(Box::new(ledger))),
            Err(LedgerError::Missing) => Ok(None),
            Err(error) => Err(failures::ledger_not_opened(path, &error)),
        },
        LedgerLocation::None | LedgerLocation::Unknown => Ok(None),
    }
}

/// Returns the keys in the files, or those of the ledger if no file is given.
fn trust(files: &[Source], ledger: Option<&dyn LedgerReader>) -> Result<Option<TrustSet>, Failure> {
    if files.is_empty() {
        let keys = ledger.map(lookup::signing_keys).transpose()?;
        return Ok(keys.filter(|keys| !keys.is_empty()));
    }
    let mut keys = TrustSet::default();
    add_keys(&mut keys, files)?;
    Ok(Some(keys))
}

fn warn(succession: Succession, terminal: &Terminal) {
    match succession {
        Succession::SideBySide => terminal.warning(
            "NOT_SUPERSEDED",
            "the second license does not supersede the first: if both are installed, the license that allows more is used",
        ),
        Succession::ReplacedBy => terminal.warning(
            "WRONG_ORDER",
            "the first license supersedes the second: swap the two arguments",
        ),
        Succession::Same | Succession::Replaces | Succession::Unrelated => {}
    }
}
