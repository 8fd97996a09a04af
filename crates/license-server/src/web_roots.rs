//! The certificate authorities of requests that the server sends.

use std::path::Path;
use std::sync::Arc;

use license_cli_support::show_path;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use crate::certificate::certificates;

/// Returns the settings of TLS for requests to hosts whose certificates these authorities signed.
pub(crate) fn tls_config(roots: RootCerts) -> TlsConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .unversioned_rustls_crypto_provider(provider)
        .build()
}

/// Returns the authorities of a file, or the roots of Mozilla.
///
/// # Errors
///
/// Returns the expected and the found content of the file.
pub(crate) fn roots_of(ca_file: Option<&Path>) -> Result<RootCerts, String> {
    let Some(path) = ca_file else {
        return Ok(RootCerts::WebPki);
    };
    let failed = |reason: String| format!("{}: {reason}", show_path(path));
    let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
    authorities(&pem).map_err(|reason| failed(reason.to_owned()))
}

/// Parses the certificates of authorities in PEM.
///
/// # Errors
///
/// Returns the expected content.
pub(crate) fn authorities(pem: &[u8]) -> Result<RootCerts, &'static str> {
    let found = certificates(pem).ok_or("expected certificates in PEM, found other content")?;
    let owned = found
        .iter()
        .map(|one| Certificate::from_der(one).to_owned());
    Ok(RootCerts::new_with_certs(&owned.collect::<Vec<_>>()))
}
