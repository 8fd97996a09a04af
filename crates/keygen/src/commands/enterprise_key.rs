//! `keygen enterprise-key`.

mod report;

use license_cli_support::{Failure, Terminal};
use license_core::issue::{CheckedKey, Sign};
use license_core::{Algorithm, EnterpriseTerms, KeyExpiry};
use license_issuer::services::enterprise_keys::{EnterpriseKeyOrder, SignedEnterpriseKey};
use license_issuer::services::issue::DraftContext;

use super::context::AppContext;
use super::issuing::Issuing;
use super::signer::KeyFile;
use crate::args::{Dry, EnterpriseKey};
use crate::inputs::{matrix, now};

pub(crate) fn run(arguments: &Dry<EnterpriseKey>, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { terminal, .. } = app;
    let Dry { order, dry_run } = arguments;
    let matrix = matrix(order.product_file.as_ref())?;
    let terms = EnterpriseTerms {
        product: order.product.unwrap_or(matrix.product()),
        company: order.company,
        seats: order.seats,
        expiry: order.expires.unwrap_or(KeyExpiry::Perpetual),
    };
    let issuing = Issuing::new(app, &order.out, *dry_run);
    let signer = KeyFile::new(&order.key, terminal);
    let issued = issuing.run(
        &signer,
        &|context: &DraftContext<'_, CheckedKey>| {
            let algorithm = context.signer.map(|key| key.public().algorithm());
            check_algorithm(order, algorithm.or(order.key.alg))?;
            Ok(EnterpriseKeyOrder {
                terms,
                matrix: &matrix,
                short: order.short,
            })
        },
        &|_| warn(terms, terminal),
        &|_, signed: &SignedEnterpriseKey| {
            let text = match (issuing.is_in_report(), order.short) {
                (true, _) => Terminal::json_text(&report::to_json(terms, Some(signed), order)),
                (false, true) => format!("{}\n", signed.key.short()),
                (false, false) => format!("{}\n", signed.key),
            };
            Ok(text.into_bytes())
        },
    )?;
    match issued.signed {
        Some(_) if issuing.is_in_report() => Ok(()),
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
