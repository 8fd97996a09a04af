//! Precautions before an artifact is signed or an entry is recorded: the ledger knows the vendor's
//! products and the time.

use std::cell::RefCell;

use license_cli_support::{Exit, Failure, Terminal};
use license_core::chrono::{DateTime, Utc};
use license_core::{Code, FeatureMatrix, ProductCode};
use license_issuer::ledger::LedgerReader;
use license_issuer::services::vendor_clock::{ClockFault, clock_fault};

use crate::failures;

/// The checks of a command that signs or records. With `--force`, each finding is a warning.
pub(super) struct Precautions {
    /// The built-in product, if the command line names no product.
    unnamed: Option<ProductCode>,
    force: bool,
    findings: RefCell<Vec<Failure>>,
}

impl Precautions {
    /// Creates the checks. `is_named` states whether the command line names the product.
    pub(super) fn new(is_named: bool, force: bool) -> Self {
        Self {
            unnamed: (!is_named).then(|| FeatureMatrix::built_in().product()),
            force,
            findings: RefCell::default(),
        }
    }

    /// Creates the check of a command that records without signing, which concerns the clock.
    pub(super) fn clock(force: bool) -> Self {
        Self::new(true, force)
    }

    /// Compares the product and the clock with the ledger. Without a ledger, nothing is known.
    pub(super) fn check(
        &self,
        ledger: Option<&dyn LedgerReader>,
        now: DateTime<Utc>,
    ) -> Result<(), Failure> {
        let mut findings = Vec::new();
        if let Some(ledger) = ledger {
            let fault = clock_fault(ledger, now).map_err(failures::ledger_not_read(ledger))?;
            findings.extend(fault.map(|fault| wrong_clock(&fault)));
            if let Some(product) = self.unnamed {
                findings.extend(unknown_product(product, ledger)?);
            }
        }
        match findings.pop() {
            Some(finding) if !self.force => Err(finding),
            finding => {
                findings.extend(finding);
                self.findings.replace(findings);
                Ok(())
            }
        }
    }

    /// Prints the findings of the last check, which `--force` permitted.
    pub(super) fn warn(&self, terminal: &Terminal) {
        for finding in self.findings.borrow().iter() {
            terminal.warning(finding.code(), finding.message());
        }
    }
}

/// Returns the failure of a product that was not named, if the ledger has only other products.
fn unknown_product(
    product: ProductCode,
    ledger: &dyn LedgerReader,
) -> Result<Option<Failure>, Failure> {
    let failed = failures::ledger_not_read(ledger);
    if ledger.holds_product(product).map_err(failed)? {
        return Ok(None);
    }
    let products = ledger.products().map_err(failed)?;
    // Another process may have recorded the first license of the product since the search.
    if products.is_empty() || products.contains(product.as_str()) {
        return Ok(None);
    }
    let others: Vec<_> = products.into_iter().collect();
    let others = others.join(", ");
    let message =
        format!("the ledger has licenses of {others}, but not of the built-in product, {product}");
    Ok(Some(
        Failure::new(Exit::Usage, Code::ProductMismatch.as_str(), message).hint(format!(
            "add the product file of {others} with --product-file, or add --force to sign for {product}"
        )),
    ))
}

fn wrong_clock(fault: &ClockFault) -> Failure {
    Failure::new(Exit::Usage, "WRONG_CLOCK", fault.to_string())
        .hint("correct the clock; if it is right, add --force")
}
