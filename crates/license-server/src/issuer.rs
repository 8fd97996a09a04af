//! Issuers of OpenID providers.

use std::net::IpAddr;

use ureq::http::Uri;

/// The longest issuer in bytes.
const MAX_BYTES: usize = 512;

/// Where the provider of an issuer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IssuerScheme {
    /// Anywhere, over HTTPS.
    Https,
    /// On this machine, over HTTP.
    LocalHttp,
}

/// Parses an issuer, which is compared with tokens exactly.
///
/// # Errors
///
/// Returns the expected form.
pub(crate) fn parse_issuer(text: &str) -> Result<IssuerScheme, &'static str> {
    const EXPECTED: &str = "expected a URL such as https://login.example.com, or http for this \
                            machine, without a query";
    let uri: Uri = text.parse().map_err(|_| EXPECTED)?;
    let authority = uri.authority().map(|authority| authority.as_str());
    let authority = authority
        .filter(|authority| !authority.contains('@'))
        .ok_or(EXPECTED)?;
    let host = uri.host().unwrap_or(authority);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: Option<IpAddr> = host.parse().ok();
    let is_local = host == "localhost" || address.is_some_and(|address| address.is_loopback());
    let scheme = match uri.scheme_str() {
        Some("https") => IssuerScheme::Https,
        Some("http") if is_local => IssuerScheme::LocalHttp,
        _ => return Err(EXPECTED),
    };
    let is_accepted = uri.query().is_none() && !text.contains('#') && text.len() <= MAX_BYTES;
    is_accepted.then_some(scheme).ok_or(EXPECTED)
}
