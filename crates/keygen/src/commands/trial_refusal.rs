//! Failures of trials and of their conversion.

use license_cli_support::{Exit, Failure, escape};
use license_core::time::rfc3339;
use license_core::with_causes;
use license_issuer::ledger::LedgerReader;
use license_issuer::services::trials::TrialError;

use crate::failures;

/// Returns a function that maps the reason why a trial is not issued or not converted.
pub(super) fn trial_refused(
    ledger: &dyn LedgerReader,
) -> impl Fn(TrialError) -> Failure + Copy + '_ {
    move |error| match error {
        TrialError::Ledger(error) => failures::ledger_refused(Some(ledger), &error),
        error => refused(&error),
    }
}

fn refused(error: &TrialError) -> Failure {
    let coded = |code, message: String| Failure::new(Exit::Usage, code, message);
    match error {
        TrialError::Used {
            customer,
            product,
            license,
            issued_at,
            expires_at,
        } => coded(
            "TRIAL_USED",
            format!(
                "customer {} already had a trial of {product}, {license}, from {issued_at} until {expires_at}",
                escape(customer)
            ),
        )
        .hint(format!(
            "convert the trial with `keygen issue --convert {license} --tier TIER --days N`, or allow another trial with --again"
        )),
        TrialError::NotATrial { .. } => Failure::usage(error.to_string()).hint(
            "use --convert with a trial license; `keygen ledger list --json` shows which licenses are trials",
        ),
        TrialError::Revoked { .. } => coded("REVOKED", error.to_string()).hint(
            "omit --convert to issue a license without the remaining days of the trial",
        ),
        TrialError::Converted { by, .. } => {
            let by = by.as_ref().map_or_else(String::new, |by| format!(" by {by}"));
            coded("CONVERTED", format!("{error}{by}"))
                .hint("omit --convert to issue another license")
        }
        TrialError::OtherProduct { found, .. } => Failure::usage(error.to_string()).hint(format!(
            "add the product file of {found} with --product-file"
        )),
        TrialError::OtherCustomer {
            license,
            expected,
            found,
        } => Failure::usage(format!(
            "trial {license} belongs to customer {}, not to {}",
            escape(expected),
            escape(found)
        ))
        .hint("omit --customer, or choose another trial"),
        TrialError::EndsBefore { trial_end, found } => Failure::usage(format!(
            "expected an end after the end of the trial, {}, found {}",
            rfc3339(*trial_end),
            rfc3339(*found)
        ))
        .hint(
            "choose a later day with --expires, or use --days, which counts from the end of the trial",
        ),
        error => Failure::new(Exit::System, "LEDGER", with_causes(error)),
    }
}
