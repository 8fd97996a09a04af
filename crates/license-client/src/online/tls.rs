//! Certificates: trusted authorities, and the certificate of this client.

use std::fs;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig, TlsProvider};
use zeroize::Zeroizing;

use super::error::OnlineError;
use super::setting::OnlineSetting;
use super::settings::{Resolved, invalid};

/// Returns the configuration of TLS connections to a license server.
pub(super) fn config(settings: &Resolved) -> Result<TlsConfig, OnlineError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let roots = match read(settings, OnlineSetting::CaFile)? {
        Some(pem) => RootCerts::new_with_certs(&authorities(settings, &pem)?),
        None => RootCerts::WebPki,
    };
    let certificate = read(settings, OnlineSetting::ClientCertificate)?;
    let key = read(settings, OnlineSetting::ClientKey)?;
    let client = match (certificate, key) {
        (Some(certificate), Some(key)) => Some(client(settings, &certificate, &key, &provider)?),
        (Some(_), None) => return Err(needs(OnlineSetting::ClientKey, settings)),
        (None, Some(_)) => return Err(needs(OnlineSetting::ClientCertificate, settings)),
        (None, None) => None,
    };
    Ok(TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots)
        .client_cert(client)
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

/// Returns the configurations of TLS connections to a server that may have a certificate of
/// `ca-file` or of a public authority. They have no certificate of this client.
pub(super) fn with_public_authorities(settings: &Resolved) -> Result<Vec<TlsConfig>, OnlineError> {
    let mut all = Vec::new();
    if let Some(pem) = read(settings, OnlineSetting::CaFile)? {
        all.push(RootCerts::new_with_certs(&authorities(settings, &pem)?));
    }
    all.push(RootCerts::WebPki);
    let provider = Arc::new(aws_lc_rs::default_provider());
    let configuration = |roots| {
        TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(roots)
            .unversioned_rustls_crypto_provider(Arc::clone(&provider))
            .build()
    };
    Ok(all.into_iter().map(configuration).collect())
}

fn read(
    settings: &Resolved,
    setting: OnlineSetting,
) -> Result<Option<Zeroizing<Vec<u8>>>, OnlineError> {
    let Some((path, source)) = settings.get(setting) else {
        return Ok(None);
    };
    match fs::read(path) {
        Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
        Err(error) => Err(invalid(setting, source, format!("{path}: {error}"))),
    }
}

fn unusable(settings: &Resolved, setting: OnlineSetting, reason: &str) -> OnlineError {
    let Some((path, source)) = settings.get(setting) else {
        return OnlineError::NoServer;
    };
    invalid(setting, source, format!("{path}: {reason}"))
}

/// Returns the error of one half of a client certificate without the other.
fn needs(missing: OnlineSetting, settings: &Resolved) -> OnlineError {
    let other = if missing == OnlineSetting::ClientKey {
        OnlineSetting::ClientCertificate
    } else {
        OnlineSetting::ClientKey
    };
    unusable(settings, other, &format!("a file without `{missing}`"))
}

fn authorities(settings: &Resolved, pem: &[u8]) -> Result<Vec<Certificate<'static>>, OnlineError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.unwrap_or_default();
    // `ureq` skips certificates that are not well formed.
    let mut store = rustls::RootCertStore::empty();
    let (_, refused) = store.add_parsable_certificates(certificates.iter().cloned());
    if certificates.is_empty() || refused > 0 {
        let reason = "a file without certificates, or with damaged ones";
        return Err(unusable(settings, OnlineSetting::CaFile, reason));
    }
    Ok(certificates.iter().map(owned).collect())
}

fn owned(certificate: &CertificateDer<'_>) -> Certificate<'static> {
    Certificate::from_der(certificate).to_owned()
}

/// Returns the certificate of this client. `ureq` panics if the key does not belong to it, so this
/// is checked first.
fn client(
    settings: &Resolved,
    certificate: &[u8],
    key: &[u8],
    provider: &CryptoProvider,
) -> Result<ClientCert, OnlineError> {
    let unusable = |setting, reason| unusable(settings, setting, reason);
    let chain = CertificateDer::pem_slice_iter(certificate).collect::<Result<Vec<_>, _>>();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| {
        let reason = "a file without certificates, or with damaged ones";
        unusable(OnlineSetting::ClientCertificate, reason)
    })?;
    let reason = "a file without a private key that is not encrypted";
    let parsed = PrivateKeyDer::from_pem_slice(key)
        .map_err(|_| unusable(OnlineSetting::ClientKey, reason))?;
    let for_ureq =
        PrivateKey::from_pem(key).map_err(|_| unusable(OnlineSetting::ClientKey, reason))?;
    CertifiedKey::from_der(chain.clone(), parsed, provider).map_err(|_| {
        let reason = "a private key that does not belong to the client certificate";
        unusable(OnlineSetting::ClientKey, reason)
    })?;
    let chain: Vec<Certificate<'static>> = chain.iter().map(owned).collect();
    Ok(ClientCert::new_with_certs(&chain, for_ureq))
}
