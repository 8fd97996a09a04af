//! Issues one license with the issue service.

use license_cli_support::{Failure, Terminal};
use license_core::FeatureMatrix;
use license_core::issue::VerifyingSigner;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::issue::DraftContext;
use license_issuer::services::licenses::{LicenseOrder, SignedLicense};

use super::context::AppContext;
use super::issuance::{Issuance, print_warning};
use super::license_report::{self, LicenseReport};
use super::server_key::refuse_vendor_key;
use super::signer::KeyFile;
use crate::args::SigningArgs;
use crate::failures;

/// Issues the license of an order, or checks in a dry run that it can be issued.
pub(super) fn issue<'m>(
    app: AppContext<'_>,
    arguments: &SigningArgs,
    matrix: &FeatureMatrix,
    order: impl Fn(Option<&dyn LedgerReader>) -> Result<LicenseOrder<'m>, Failure>,
) -> Result<(), Failure> {
    let signer = KeyFile::new(app, &arguments.key)?;
    let issuance = Issuance::from_args(app, arguments);
    let output = issuance.output;
    let report = issuance.run(
        &signer,
        &|context: &DraftContext<'_, VerifyingSigner>| {
            let order = order(context.ledger)?;
            refuse_vendor_key(&order.draft, context.ledger, context.signer)?;
            Ok(order)
        },
        &|order: &LicenseOrder<'_>| announce(order, matrix, app.terminal),
        &|order: &LicenseOrder<'_>, signed: &SignedLicense| {
            let text = if issuance.is_in_report() {
                let report = LicenseReport {
                    claims: signed.license.claims(),
                    matrix,
                    signed: Some(signed),
                    losses: order.losses.as_deref(),
                    server_name: server_name(order),
                };
                Terminal::json_text(&report.to_json(output)?)
            } else {
                signed.file.clone()
            };
            Ok(text.into_bytes())
        },
    )?;
    let signed = report.signed.as_ref();
    if signed.is_some() && issuance.is_in_report() {
        return Ok(());
    }
    let claims = report.draft.claims();
    let claims = claims.map_err(|error| failures::not_signed(&error))?;
    let report = LicenseReport {
        claims: signed.map_or(&claims, |signed| signed.license.claims()),
        matrix,
        signed,
        losses: report.draft.losses.as_deref(),
        server_name: server_name(&report.draft),
    };
    report.print(output, app.terminal)
}

/// Returns the name of the license server whose key the license names, if its request is given.
fn server_name<'o>(order: &'o LicenseOrder<'_>) -> Option<&'o str> {
    order.members.get("server_name")?.as_str()
}

/// Prints the warnings and notes about an order. An invalid draft was already refused.
fn announce(order: &LicenseOrder<'_>, matrix: &FeatureMatrix, terminal: &Terminal) {
    if let Ok(claims) = order.claims() {
        for (code, message) in license_report::warnings(&claims, matrix) {
            terminal.warning(code, &message);
        }
    }
    for warning in &order.warnings {
        print_warning(warning, terminal);
    }
    for loss in order.losses.iter().flatten() {
        terminal.warning("LOSS", loss);
    }
    order.notes.iter().for_each(|note| terminal.note(note));
}
