//! The public keys that are embedded in this program. A program with embedded keys accepts no
//! others.

use license_cli_support::{Exit, Failure};
use license_core::{TrustSet, with_causes};

/// The embedded keys as a JWK Set. Empty if the program was built without keys.
const JWKS: &str = include_str!(concat!(env!("OUT_DIR"), "/trust.jwks"));

/// The output of `--version` after the program's name: the version and the embedded keys.
pub(crate) const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

/// Whether this program has embedded keys.
pub(crate) const PRESENT: bool = !JWKS.is_empty();

/// Returns `with` if this program has embedded keys, else `without`.
pub(crate) const fn text(with: &'static str, without: &'static str) -> &'static str {
    if PRESENT { with } else { without }
}

/// Returns the embedded keys, or `None` if this program accepts given and installed keys.
///
/// # Errors
///
/// Returns a failure if the embedded keys cannot be parsed. They are never ignored.
pub(crate) fn trust() -> Result<Option<TrustSet>, Failure> {
    if !PRESENT {
        return Ok(None);
    }
    TrustSet::parse(JWKS).map(Some).map_err(|error| {
        let reason = with_causes(&error);
        let message = format!("cannot use the keys embedded in this program: {reason}");
        Failure::new(Exit::System, "EMBEDDED_KEYS", message)
            .hint("ask the vendor for another build of this program")
    })
}

/// Returns the failure of a program with embedded keys that is called with `--trust`.
pub(crate) fn trust_not_accepted() -> Failure {
    Failure::usage("--trust cannot be used: this program accepts only the vendor's keys that are embedded in it")
        .hint("omit --trust; `license --version` lists the embedded keys")
}
