//! The product and the public keys that are embedded in this program at build time.
//!
//! The settings `trust` and `product_file` take precedence over them.

use license_cli_support::{Exit, Failure};
use license_core::{FeatureMatrix, TrustSet, with_causes};

/// The embedded keys as a JWK Set. Empty if the program was built without keys.
const JWKS: &str = include_str!(concat!(env!("OUT_DIR"), "/trust.jwks"));

/// The embedded product file. Empty if the program was built without one.
const PRODUCT: &str = include_str!(concat!(env!("OUT_DIR"), "/product.toml"));

/// The source of the vendor's public keys without the setting `trust`.
pub(crate) const TRUST_SOURCE: &str = if JWKS.is_empty() {
    "trust.jwks in the data directory"
} else {
    "the embedded keys"
};

/// The source of the product without the setting `product_file`.
pub(crate) const PRODUCT_SOURCE: &str = if PRODUCT.is_empty() {
    "the built-in product"
} else {
    "the embedded product"
};

/// Returns the embedded keys, or `None` if the program was built without keys.
///
/// # Errors
///
/// Returns `EMBEDDED_KEYS` if the embedded keys cannot be parsed. They are never ignored.
pub(crate) fn trust() -> Result<Option<TrustSet>, Failure> {
    if JWKS.is_empty() {
        return Ok(None);
    }
    TrustSet::parse(JWKS)
        .map(Some)
        .map_err(|error| unusable("EMBEDDED_KEYS", "keys", &with_causes(&error)))
}

/// Returns the embedded product, or the built-in product if this program has no other.
///
/// # Errors
///
/// Returns `EMBEDDED_PRODUCT` if the embedded product file cannot be parsed. It is never ignored.
pub(crate) fn product() -> Result<FeatureMatrix, Failure> {
    if PRODUCT.is_empty() {
        return Ok(FeatureMatrix::built_in().clone());
    }
    FeatureMatrix::parse(PRODUCT)
        .map_err(|error| unusable("EMBEDDED_PRODUCT", "product", &with_causes(&error)))
}

fn unusable(code: &'static str, subject: &str, reason: &str) -> Failure {
    let message = format!("cannot use the {subject} embedded in this program: {reason}");
    Failure::new(Exit::System, code, message)
        .hint("ask the vendor for another build of this program")
}
