//! The name, the product and the public keys that are embedded in this program at build time.
//!
//! A program with embedded keys accepts no other keys, and a program with an embedded product no
//! other product.

use std::sync::OnceLock;

use license_cli_support::{Exit, Failure};
use license_core::{FeatureMatrix, ProductCode, TrustSet, with_causes};

/// A command of this program as a literal for messages, such as "`license status`".
macro_rules! command {
    ($arguments:literal) => {
        concat!("`", env!("BUILD_PROGRAM"), " ", $arguments, "`")
    };
}

pub(crate) use command;

/// The name of this program.
pub(crate) const PROGRAM: &str = env!("BUILD_PROGRAM");

/// The embedded keys as a JWK Set. Empty if the program was built without keys.
const JWKS: &str = include_str!(concat!(env!("OUT_DIR"), "/trust.jwks"));

/// The embedded product file. Empty if the program was built without one.
const PRODUCT: &str = include_str!(concat!(env!("OUT_DIR"), "/product.toml"));

/// The output of `--version` after the program's name: the version, the product and the embedded
/// keys.
pub(crate) const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

/// Whether this program has embedded keys.
pub(crate) const HAS_KEYS: bool = !JWKS.is_empty();

/// Whether this program has an embedded product.
pub(crate) const HAS_PRODUCT: bool = !PRODUCT.is_empty();

/// The code of the product, which the names of environment variables contain.
static PRODUCT_CODE: OnceLock<ProductCode> = OnceLock::new();

/// Returns `with` if this program has embedded keys, else `without`.
pub(crate) const fn text(with: &'static str, without: &'static str) -> &'static str {
    if HAS_KEYS { with } else { without }
}

/// Returns `with` if this program has an embedded product, else `without`.
pub(crate) const fn product_text(with: &'static str, without: &'static str) -> &'static str {
    if HAS_PRODUCT { with } else { without }
}

/// Returns the embedded keys, or `None` if this program accepts given and installed keys.
///
/// # Errors
///
/// Returns a failure if the embedded keys cannot be parsed. They are never ignored.
pub(crate) fn trust() -> Result<Option<TrustSet>, Failure> {
    if !HAS_KEYS {
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
/// Returns a failure if the embedded product file cannot be parsed. It is never ignored.
pub(crate) fn product() -> Result<FeatureMatrix, Failure> {
    if !HAS_PRODUCT {
        return Ok(FeatureMatrix::built_in().clone());
    }
    FeatureMatrix::parse(PRODUCT)
        .map_err(|error| unusable("EMBEDDED_PRODUCT", "product", &with_causes(&error)))
}

fn unusable(code: &'static str, what: &str, reason: &str) -> Failure {
    let message = format!("cannot use the {what} embedded in this program: {reason}");
    Failure::new(Exit::System, code, message)
        .hint("ask the vendor for another build of this program")
}

/// Returns the failure of a program with embedded keys that is called with `--trust`.
pub(crate) fn trust_not_accepted() -> Failure {
    Failure::usage("--trust cannot be used: this program accepts only the vendor's keys that are embedded in it")
        .hint(concat!("omit --trust; ", command!("--version"), " lists the embedded keys"))
}

/// Returns the failure of a program with an embedded product that is called with
/// `--product-file`.
pub(crate) fn product_not_accepted() -> Failure {
    Failure::usage(
        "--product-file cannot be used: this program is for the product that is embedded in it",
    )
    .hint(concat!(
        "omit --product-file; ",
        command!("--version"),
        " names the product"
    ))
}

/// Sets the product whose environment variables [`variable`] names. A process has one product, so
/// only the first call counts.
pub(crate) fn set_product_code(product: ProductCode) {
    PRODUCT_CODE.get_or_init(|| product);
}

/// Returns the name of an environment variable of the product, such as `CODITECT_HOME` for `HOME`.
pub(crate) fn variable(name: &str) -> String {
    let product = PRODUCT_CODE.get();
    let product = product.map_or(env!("BUILD_PRODUCT_CODE"), ProductCode::as_str);
    format!("{product}_{name}")
}
