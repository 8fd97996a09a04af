//! The reasons why a client cannot answer.

use license_core::session::ProjectError;
use license_core::{Code, ContextValue, LicenseId, MissingContext, ProductCode};
use thiserror::Error;

use crate::store::StoreError;

/// The reason why a [`Client`](super::Client) cannot answer.
///
/// A license that is missing, damaged, expired or denied is never an error: it is a decision with
/// the base tier. The first three variants are mistakes in the program, which its developer sees at
/// the first call. A program that must not stop can treat them as a refusal.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// An installed license restricts a value that the program has not set. With the value, the
    /// license could be valid.
    #[error(
        "license {license} restricts `{value}`, which the program has not set; \
         call `{value}` on the builder of the client, or on the context"
    )]
    MissingContext {
        /// The missing value.
        value: ContextValue,
        /// The license.
        license: LicenseId,
    },
    /// No tier of the product has the feature, and the installed license does not have it.
    #[error("product {product} has no feature {feature:?}")]
    UnknownFeature {
        /// The feature.
        feature: String,
        /// The product.
        product: ProductCode,
    },
    /// No tier of the product has the quota, and the installed license does not have it.
    #[error("product {product} has no quota {quota:?}")]
    UnknownQuota {
        /// The quota.
        quota: String,
        /// The product.
        product: ProductCode,
    },
    /// The quota counters cannot be used, because other processes held the lock for ten seconds.
    #[error("cannot use the quota counters")]
    Counters(#[source] StoreError),
    /// The session has no project.
    #[error("cannot open a session")]
    Project(#[source] ProjectError),
}

impl ClientError {
    /// Returns the reason code of the license that is denied for this reason, if there is one.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::MissingContext { value, .. } => Some(value.code()),
            _ => None,
        }
    }
}

impl From<MissingContext> for ClientError {
    fn from(missing: MissingContext) -> Self {
        Self::MissingContext {
            value: missing.value,
            license: missing.license,
        }
    }
}
