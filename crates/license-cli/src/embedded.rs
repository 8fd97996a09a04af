//! The keys that this program was built with, if it was: then they are the only ones that count.

use license_cli_support::{Exit, Failure};
use license_core::TrustSet;

/// A JWK Set; nothing in a program that was built without keys.
const JWKS: &str = include_str!(concat!(env!("OUT_DIR"), "/trust.jwks"));

/// What `--version` says after the program's name: the version, and which keys are inside.
pub(crate) const VERSION: &str = include_str!(concat!(env!("OUT_DIR"), "/version.txt"));

/// Whether this program has keys of its own.
pub(crate) const PRESENT: bool = !JWKS.is_empty();

/// Of two texts the one for this program: with or without keys of its own.
pub(crate) const fn or(with: &'static str, without: &'static str) -> &'static str {
    if PRESENT { with } else { without }
}

/// The keys inside; none where those given or installed count.
///
/// # Errors
/// If the keys can't be loaded. That is never taken for there being none.
pub(crate) fn trust() -> Result<Option<TrustSet>, Failure> {
    if !PRESENT {
        return Ok(None);
    }
    TrustSet::parse(JWKS).map(Some).map_err(|error| {
        let message = format!("the keys embedded in this program can't be used: {error}");
        Failure::new(Exit::Machine, "EMBEDDED_KEYS", message)
            .hint("ask the vendor for another build of this program")
    })
}

/// The refusal of keys from outside.
pub(crate) fn no_other_keys() -> Failure {
    Failure::usage("--trust: this program has the vendor's keys embedded, and takes no others")
        .hint("leave --trust out; `license --version` lists the keys that count")
}
