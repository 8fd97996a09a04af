//! Issues one license at a time, with the issue service.

use license_cli_support::{Failure, Terminal};
use license_core::Matrix;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::DraftContext;
pub(super) use license_issuer::services::licenses::LicenseOrder as Order;
use license_issuer::services::licenses::SignedLicense;

use super::issuing::Issuing;
use super::signer::KeyFile;
use super::terms::Terms;
use crate::args::KeyArgs;
use crate::failures;

/// Issues the license of an order, or checks in a dry run that it can be issued.
pub(super) fn run<'m>(
    issuing: Issuing<'_>,
    key: &KeyArgs,
    matrix: &Matrix,
    order: impl Fn(Option<&dyn LedgerReader>) -> Result<Order<'m>, Failure>,
) -> Result<(), Failure> {
    let (out, terminal) = (&issuing.out.out, issuing.app.terminal);
    let report = issuing.run(
        &KeyFile::new(key, terminal),
        &|context: &DraftContext<'_, _>| order(context.ledger),
        &|order: &Order<'_>| announce(order, matrix, terminal),
        &|order: &Order<'_>, signed: &SignedLicense| {
            let text = match issuing.is_in_report() {
                true => {
                    let terms = Terms {
                        claims: signed.license.claims(),
                        matrix,
                        signed: Some(signed),
                        losses: order.losses.as_deref(),
                    };
                    Terminal::json_text(&terms.to_report(out)?)
                }
                false => signed.file.clone(),
            };
            Ok(text.into_bytes())
        },
    )?;
    let signed = report.signed.as_ref();
    if signed.is_some() && issuing.is_in_report() {
        return Ok(());
    }
    let claims = report.draft.claims();
    let claims = claims.map_err(|error| failures::not_signed(&error))?;
    let terms = Terms {
        claims: signed.map_or(&claims, |signed| signed.license.claims()),
        matrix,
        signed,
        losses: report.draft.losses.as_deref(),
    };
    terms.tell(out, terminal)
}

/// Prints the remarks about an order. A draft that no verifier would accept is refused before.
fn announce(order: &Order<'_>, matrix: &Matrix, terminal: &Terminal) {
    if let Ok(claims) = order.claims() {
        super::terms::warn(&claims, matrix, terminal);
    }
    for loss in order.losses.iter().flatten() {
        terminal.warning("LOSS", loss);
    }
    order.notes.iter().for_each(|note| terminal.note(note));
}
