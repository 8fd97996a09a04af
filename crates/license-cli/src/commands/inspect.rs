//! `license inspect`.

use std::ffi::OsStr;

use license_cli_support::{Exit, Failure, Terminal};
use license_core::TrustSet;
use license_core::encoding::TextKind;
use license_core::inspect::{UNVERIFIED, inspect};
use license_core::trust::{TrustError, TrustedKey};
use serde_json::json;

use crate::context::LicenseInput;
use crate::embedded::command;
use crate::output::failure;

/// The first line of the request of a license server.
const SERVER_REQUEST: &str = "-----BEGIN LICENSE SERVER REQUEST-----";

/// Prints the content of the input without verifying it. With `is_pem`, prints public keys as PEM.
///
/// # Errors
///
/// Returns the failure that ends the program.
pub(crate) fn run(license: &OsStr, is_pem: bool, terminal: &Terminal) -> Result<Exit, Failure> {
    let input = LicenseInput::read(license)?;
    if is_pem {
        return print_pem(&input, terminal);
    }
    let shown = inspect(&input.text).map_err(|error| failure::inspection(&input.name, &error))?;
    if terminal.is_json() {
        terminal.json(&shown)?;
    } else {
        let heading = if input.text.contains(SERVER_REQUEST) {
            format!("{UNVERIFIED}; the vendor checks it")
        } else {
            format!("{UNVERIFIED}; check it with {}", command!("verify FILE"))
        };
        terminal.outline(&heading, &shown)?;
    }
    Ok(Exit::Success)
}

/// Prints each key after a comment with its id. Programs that read PEM skip the comments.
fn print_pem(input: &LicenseInput, terminal: &Terminal) -> Result<Exit, Failure> {
    let trust = TrustSet::parse(&input.text).map_err(|error| no_keys(&input.name, &error))?;
    let pem = |key: &TrustedKey| {
        key.to_pem()
            .map_err(|error| failure::invalid_trust(&input.name, &error))
    };
    if terminal.is_json() {
        let object = |key: &TrustedKey| {
            let object = json!({
                "kid": key.id().as_str(),
                "alg": key.algorithm().as_str(),
                "bits": key.bits(),
                "pem": pem(key)?,
            });
            Ok::<_, Failure>(object)
        };
        let keys = trust.iter().map(object).collect::<Result<Vec<_>, _>>()?;
        terminal.json(&json!({ "verified": false, "kind": "public keys", "keys": keys }))?;
        return Ok(Exit::Success);
    }
    let mut text = String::new();
    for key in trust.iter() {
        let (id, algorithm, bits) = (key.id(), key.algorithm(), key.bits());
        let separator = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!(
            "{separator}# kid {id}, {algorithm}, {bits} bits\n{}",
            pem(key)?
        ));
    }
    terminal.data(&text)?;
    Ok(Exit::Success)
}

/// Returns the failure of an input from which no public keys can be printed.
fn no_keys(name: &str, error: &TrustError) -> Failure {
    let failure = failure::invalid_trust(name, error);
    let is_license = match error {
        TrustError::PemLabel { found } => found.starts_with("LICENSE"),
        TrustError::OtherKind { found } => matches!(found, TextKind::License),
        TrustError::Pem => true,
        _ => false,
    };
    if is_license {
        failure.hint("name a file with public keys, such as trust.jwks; for a license, omit --pem")
    } else {
        failure
    }
}
