//! `keygen enterprise-key`.

mod report;

use license_core::issue::{CheckedKey, Sign};
use license_core::{Algorithm, EnterpriseTerms, KeyExpiry};
use license_issuer::ledger::sqlite::LedgerLocation;
use license_issuer::services::enterprise_keys::{EnterpriseKeyOrder, SignedEnterpriseKey};
use license_issuer::services::issue::{DraftContext, IssueRequest, IssueService, Mode};
use license_terminal::{Failure, Terminal};

use super::signer::KeyFile;
use super::{matrix, now};
use crate::args::{Dry, EnterpriseKey};
use crate::{failures, output};

pub(crate) fn run(
    arguments: &Dry<EnterpriseKey>,
    place: &LedgerLocation,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.product_file.as_ref())?;
    let terms = EnterpriseTerms {
        product: order.product.unwrap_or(matrix.product()),
        company: order.company,
        seats: order.seats,
        expiry: order.expires.unwrap_or(KeyExpiry::Perpetual),
    };
    let in_report = terminal.is_json() && order.out.is_stdout();
    let mut service = IssueService::new(output::ledger_file(place)?);
    let mut delivery = output::delivery(&order.out);
    let request = IssueRequest {
        draft: &|context: &DraftContext<'_, CheckedKey>| {
            let algorithm = context.signer.map(|key| key.public().algorithm());
            check_algorithm(order, algorithm.or(order.key.alg))?;
            Ok(EnterpriseKeyOrder {
                terms,
                matrix: &matrix,
                short: order.short,
            })
        },
        signer: &KeyFile {
            arguments: &order.key,
            terminal,
        },
        destination: output::destination(&order.out)?,
        delivery: &mut *delivery,
        render: &|_, signed: &SignedEnterpriseKey| {
            let text = match (in_report, order.short) {
                (true, _) => Terminal::json_text(&report::to_json(terms, Some(signed), order)),
                (false, true) => format!("{}\n", signed.key.short()),
                (false, false) => format!("{}\n", signed.key),
            };
            Ok(text.into_bytes())
        },
    };
    let mode = match dry_run {
        true => Mode::DryRun,
        false => Mode::Commit,
    };
    let report = service.issue(request, mode);
    let report = report.map_err(|error| failures::not_issued(error, place))?;
    warn(terms, terminal);
    match report.signed {
        Some(_) if in_report => Ok(()),
        signed => report::tell(terms, signed.as_ref(), order, terminal),
    }
}

/// Refuses the short form of a PS256 key. RS256 gives the same signature each time; with PS256 the
/// short form would match no key that was issued before.
fn check_algorithm(order: &EnterpriseKey, algorithm: Option<Algorithm>) -> Result<(), Failure> {
    if order.short && algorithm == Some(Algorithm::Ps256) {
        return Err(Failure::usage(
            "a PS256 signature differs each time, and so would its short form",
        )
        .hint("mint the key without --short, then `keygen inspect -` shows its short form"));
    }
    Ok(())
}

fn warn(terms: EnterpriseTerms, terminal: &Terminal) {
    if let Some(end) = terms.expiry.ends_at().filter(|end| *end <= now()) {
        terminal.warning("EXPIRED", &format!("the key ended at {end}"));
    }
}
