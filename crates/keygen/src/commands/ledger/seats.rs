//! Seats of recorded licenses.

use license_cli_support::Failure;
use license_core::{FeatureMatrix, Unverified};
use license_issuer::ledger::{LedgerEntry, LedgerReader, LicenseFilter, LicenseStatus};

use super::super::batch::manifest;
use crate::failures;
use crate::inputs::now;

/// Returns the seats of a recorded license as a cell: its own, or those that its tier includes if
/// the license is for this product. Without a limit, the cell is `unlimited`.
pub(super) fn cell(entry: &LedgerEntry, matrix: &FeatureMatrix) -> Option<String> {
    entry.member("seats").or_else(|| included(entry, matrix))
}

/// Returns the seats that the tier of a license includes. The license contains the quota.
fn included(entry: &LedgerEntry, matrix: &FeatureMatrix) -> Option<String> {
    let token = Unverified::parse(&entry.artifact).ok()?;
    let claims = token.unverified_license_claims().ok()?;
    let is_of_product = claims.product == matrix.product();
    is_of_product.then(|| manifest::seats(&claims, matrix))?
}

/// Returns the sum of the seats that tiers include, in the active licenses of the product without
/// seats of their own.
pub(super) fn sum_included(
    ledger: &dyn LedgerReader,
    matrix: &FeatureMatrix,
) -> Result<i64, Failure> {
    let filter = LicenseFilter {
        product: Some(matrix.product().to_string()),
        status: Some(LicenseStatus::Active),
        ..LicenseFilter::default()
    };
    let mut sum: i64 = 0;
    let read = ledger.visit_licenses(&filter, now(), &mut |row| {
        let own = row.entry.member("seats");
        let included = match own {
            Some(_) => None,
            None => included(&row.entry, matrix),
        };
        let seats = included.and_then(|seats| seats.parse().ok());
        sum = sum.saturating_add(seats.unwrap_or(0));
    });
    read.map_err(failures::ledger_not_read(ledger))?;
    Ok(sum)
}
