//! Licenses of every kind, with a check-in by the vendor every twelve hours for two years.

use std::sync::{LazyLock, OnceLock};

use license_core::License;
use license_core::chrono::{DateTime, Utc};
use license_core::claims::Status;
use license_core::license::Validation;

use crate::device::{DAY, HOUR, InSeconds};
use crate::support::{VENDOR, at, draft, id, issue, issued, sign_validation, validation_draft};

const STEP: u64 = 12 * HOUR;

/// Returns the latest end of the simulated histories.
pub(crate) fn horizon() -> DateTime<Utc> {
    at("2029-01-05")
}

/// A license with the check-ins of the vendor.
pub(crate) struct Product {
    pub(crate) license: License,
    check_ins: Vec<OnceLock<Validation>>,
}

impl Product {
    fn new(number: u64, tier: &str, end: Option<&str>, trial: bool) -> Self {
        let mut draft = draft(tier, id(number));
        draft.expires_at = end.map(at);
        draft.trial = trial;
        if trial {
            (draft.check_in, draft.renewal) = (None, None);
        }
        let steps = horizon().seconds_since(issued()) / STEP;
        Self {
            license: issue(&draft),
            check_ins: (0..=steps).map(|_| OnceLock::new()).collect(),
        }
    }

    /// Returns the newest check-in that was signed up to this time.
    pub(crate) fn check_in(&self, by: DateTime<Utc>) -> Validation {
        let step = by.seconds_since(issued()) / STEP;
        let cell = &self.check_ins[usize::try_from(step).unwrap()];
        let sign = || {
            let at = issued().plus(step * STEP);
            let draft = validation_draft(&self.license, Status::Active, at);
            sign_validation(&draft, &VENDOR, &self.license).unwrap()
        };
        cell.get_or_init(sign).clone()
    }

    pub(crate) fn needs_check_in(&self) -> bool {
        self.license.check_in().is_some()
    }

    /// Returns the end of the license, including the renewal grace period.
    pub(crate) fn end(&self) -> Option<DateTime<Utc>> {
        let renewal = self.license.renewal().unwrap_or_default();
        Some(self.license.expires_at()? + renewal.grace())
    }
}

pub(crate) static PRODUCTS: LazyLock<Vec<Product>> = LazyLock::new(|| {
    vec![
        Product::new(1, "PRO", None, false),
        Product::new(2, "PRO", Some("2027-06-30"), false),
        Product::new(3, "TEAM", Some("2028-02-29"), false),
        Product::new(4, "TEAM", Some("2028-12-31"), false),
        Product::new(5, "ENT", None, false),
        Product::new(6, "ENT", Some("2028-01-01"), false),
        Product::new(7, "PRO", Some("2027-01-15"), true),
    ]
});

/// Returns a license that expires and needs no check-in.
pub(crate) fn enterprise() -> &'static Product {
    &PRODUCTS[5]
}

/// Returns the latest start of a history with this license.
pub(crate) fn last_start(product: &Product) -> DateTime<Utc> {
    product
        .end()
        .map_or(issued().plus(365 * DAY), |end| end.minus(DAY))
}
