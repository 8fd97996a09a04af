//! `keygen diff`: what changes for the customer from one license to another.

mod report;

use license_cli_support::{Failure, Source, Terminal};
use license_core::{Difference, Succession, TrustSet};
use license_issuer::errors::LedgerError;
use license_issuer::ledger::LedgerReader;
use license_issuer::ledger::sqlite::{LedgerLocation, SqliteLedger};

use super::context::AppContext;
use super::lookup;
use super::subject::{self, Subject};
use crate::args::Diff;
use crate::failures;
use crate::inputs::{add_keys, matrix, one_stdin};

pub(crate) fn run(arguments: &Diff, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { place, terminal } = app;
    let sources = [&arguments.before, &arguments.after].into_iter();
    let sources = sources.chain(&arguments.trust);
    one_stdin(0, sources.chain(&arguments.product_file))?;
    let matrix = matrix(arguments.product_file.as_ref())?;
    let ledger = existing(place)?;
    let trust = trust(&arguments.trust, ledger.as_deref())?;
    let subjects = [&arguments.before, &arguments.after].map(|source| {
        let text = subject::Text::find(source, None, ledger.as_deref())?;
        Subject::read(&text, trust.as_ref(), &matrix)
    });
    let [before, after] = subjects;
    let [before, after] = [before?, after?];
    if trust.is_none() {
        let message = "anybody can have written what is compared: no public keys are at hand, --trust FILE names them";
        terminal.warning("UNVERIFIED", message);
    }
    let keys = [before.key_id(), after.key_id()];
    let difference = Difference::between(before.claims(), after.claims(), &matrix);
    let difference = difference.with_signing_keys(keys);
    warn(difference.succession(), terminal);
    let report = report::Report {
        before: &before,
        after: &after,
        difference: &difference,
        verified: trust.is_some(),
    };
    report.tell(terminal)
}

/// The ledger, if there is one.
pub(super) fn existing(place: &LedgerLocation) -> Result<Option<Box<dyn LedgerReader>>, Failure> {
    match place {
        LedgerLocation::File(path) => match SqliteLedger::open_existing(path) {
            Ok(ledger) => Ok(Some(Box::new(ledger))),
            Err(LedgerError::Missing) => Ok(None),
            Err(error) => Err(failures::ledger_not_opened(path, &error)),
        },
        LedgerLocation::None | LedgerLocation::Unknown => Ok(None),
    }
}

/// The keys given, else those of the ledger; none if nobody has any.
fn trust(given: &[Source], ledger: Option<&dyn LedgerReader>) -> Result<Option<TrustSet>, Failure> {
    if given.is_empty() {
        let keys = ledger.map(lookup::signing_keys).transpose()?;
        return Ok(keys.filter(|keys| !keys.is_empty()));
    }
    let mut keys = TrustSet::default();
    add_keys(&mut keys, given)?;
    Ok(Some(keys))
}

fn warn(succession: Succession, terminal: &Terminal) {
    match succession {
        Succession::SideBySide => terminal.warning(
            "NOT_SUPERSEDED",
            "the second license does not supersede the first: where both are installed, the one that allows more decides",
        ),
        Succession::ReplacedBy => terminal.warning(
            "WRONG_ORDER",
            "the first license supersedes the second: they are named the other way round",
        ),
        Succession::Same | Succession::Replaces | Succession::Unrelated => {}
    }
}
