//! `keygen enterprise-key`.

mod report;

use std::num::NonZeroU32;

use license_cli_support::{Failure, Terminal};
use license_core::FeatureMatrix;
use license_core::issue::{Signer, SigningError, VerifyingSigner};
use license_core::jose::Algorithm;
use license_core::key::{EnterpriseTerms, KeyExpiry};
use license_core::matrix::TierPolicy;
use license_core::time::rfc3339;
use license_issuer::services::enterprise_keys::{EnterpriseKeyOrder, SignedEnterpriseKey};
use license_issuer::services::issue::DraftContext;

use super::context::AppContext;
use super::issuance::Issuance;
use super::precautions::Precautions;
use super::signer::KeyFile;
use crate::args::EnterpriseKey;
use crate::inputs::{matrix, now};
use crate::settings::Settings;

pub(crate) fn run(arguments: &EnterpriseKey, app: AppContext<'_>) -> Result<(), Failure> {
    let AppContext { terminal, .. } = app;
    let signer = KeyFile::new(app, &arguments.key)?;
    // --product names a product without a file, and takes precedence over a file of the settings.
    let settings = if arguments.product.is_some() {
        &Settings::default()
    } else {
        app.settings
    };
    let matrix = matrix(settings, arguments.product_file.as_ref())?;
    check_seats(arguments.seats, &matrix)?;
    let terms = EnterpriseTerms {
        product: arguments.product.unwrap_or(matrix.product()),
        company: arguments.company,
        seats: arguments.seats,
        expiry: arguments.expires.unwrap_or(KeyExpiry::Perpetual),
    };
    let is_product_named =
        arguments.product.is_some() || settings.names_product(arguments.product_file.as_ref());
    let precautions = Precautions::new(is_product_named, arguments.output.force);
    let issuance = Issuance::new(app, &arguments.output, arguments.dry_run, precautions);
    let issued = issuance.run(
        &signer,
        &|context: &DraftContext<'_, VerifyingSigner>| {
            let algorithm = context.signer.map(|key| key.public().algorithm());
            check_algorithm(arguments, algorithm.or(signer.algorithm()))?;
            Ok(EnterpriseKeyOrder {
                terms,
                matrix: &matrix,
                short: arguments.short,
            })
        },
        &|_| warn(terms, terminal),
        &|_, signed: &SignedEnterpriseKey| {
            let text = match (issuance.is_in_report(), arguments.short) {
                (true, _) => Terminal::json_text(&report::to_json(terms, Some(signed), arguments)),
                (false, true) => format!("{}\n", signed.key.short()),
                (false, false) => format!("{}\n", signed.key),
            };
            Ok(text.into_bytes())
        },
    )?;
    match issued.signed {
        Some(_) if issuance.is_in_report() => Ok(()),
        signed => report::print(terms, signed.as_ref(), arguments, terminal),
    }
}

/// Refuses fewer seats than the tier includes.
///
/// The key does not contain quotas. Programs grant the seats of the tier, or those of the key if
/// they are more.
fn check_seats(seats: NonZeroU32, matrix: &FeatureMatrix) -> Result<(), Failure> {
    let tier = matrix.enterprise_tier().map(TierPolicy::name);
    match tier.and_then(|tier| matrix.included_seats(tier)) {
        Some(included) if included > seats.get().into() => {
            let found = seats.get().into();
            let error = SigningError::Seats { included, found };
            Err(Failure::usage(format!("--seats: {error}"))
                .hint(format!("use --seats {included} or more")))
        }
        _ => Ok(()),
    }
}

/// Refuses the short form of a key that is signed with PS256.
///
/// The short form depends on the signature. PS256 signatures differ each time, so the short form
/// would match no full key that is issued later.
fn check_algorithm(arguments: &EnterpriseKey, algorithm: Option<Algorithm>) -> Result<(), Failure> {
    if arguments.short && algorithm == Some(Algorithm::Ps256) {
        return Err(Failure::usage(
            "--short cannot be used with PS256, whose signatures differ each time",
        )
        .hint("issue the key without --short; `keygen inspect -` shows its short form"));
    }
    Ok(())
}

fn warn(terms: EnterpriseTerms, terminal: &Terminal) {
    if let Some(end) = terms.expiry.ends_at().filter(|end| *end <= now()) {
        terminal.warning("EXPIRED", &format!("the key ended at {}", rfc3339(end)));
    }
}
