//! TLS for connections to the database.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::PostgresConfig;
use crate::store::ServerStoreError;

/// The client of TLS.
#[derive(Clone)]
pub(super) struct Connector(Arc<ClientConfig>);

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        Ok(Handshake {
            connector: Arc::clone(&self.0).into(),
            host: host.to_owned(),
        })
    }
}

/// A handshake with a host.
pub(super) struct Handshake {
    connector: TlsConnector,
    host: String,
}

impl TlsConnect<Socket> for Handshake {
    type Stream = Stream;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let invalid = |error| io::Error::new(io::ErrorKind::InvalidInput, error);
            let name = ServerName::try_from(self.host).map_err(invalid)?;
            let stream = self.connector.connect(name, socket).await?;
            Ok(Stream(stream))
        })
    }
}

/// An encrypted connection.
pub(super) struct Stream(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Stream {
    /// Binds the login to the certificate (`tls-server-end-point`, RFC 5929, section 4.1).
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        let digest = certificate.and_then(|certificate| end_point_digest(certificate));
        digest.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

/// Returns the digest of a certificate, by the hash function of its signature. SHA-256 takes the
/// place of MD5 and SHA-1. Other signatures, such as Ed25519, have no such digest.
fn end_point_digest(certificate: &[u8]) -> Option<Vec<u8>> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    let algorithm = &parsed.signature_algorithm.algorithm;
    let is_one_of = |algorithms: &[oid::Oid<'static>]| algorithms.contains(algorithm);
    if is_one_of(&[
        oid::OID_PKCS1_MD5WITHRSAENC,
        oid::OID_PKCS1_SHA1WITHRSA,
        oid::OID_PKCS1_SHA256WITHRSA,
        oid::OID_SIG_ECDSA_WITH_SHA256,
    ]) {
        Some(Sha256::digest(certificate).to_vec())
    } else if is_one_of(&[oid::OID_PKCS1_SHA384WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA384]) {
        Some(Sha384::digest(certificate).to_vec())
    } else if is_one_of(&[oid::OID_PKCS1_SHA512WITHRSA, oid::OID_SIG_ECDSA_WITH_SHA512]) {
        Some(Sha512::digest(certificate).to_vec())
    } else {
        None
    }
}

/// Returns the client of TLS, which verifies the certificate and the name of the database.
///
/// # Errors
///
/// Returns an error if the file of `sslrootcert` cannot be read or has no certificate, or if the
/// system has no certificates.
pub(super) fn connector(config: &PostgresConfig) -> Result<Connector, ServerStoreError> {
    let mut roots = RootCertStore::empty();
    if config.is_encrypted() {
        for certificate in root_certificates(config)? {
            // Systems have certificates that rustls does not accept.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(ServerStoreError::Setting {
                expected: "a certificate authority that can sign the database's certificate"
                    .to_owned(),
                found: "none".to_owned(),
                hint: "give a file with certificates in PEM: add sslrootcert=FILE to the URL",
            });
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let tls = builder.map_err(|error| ServerStoreError::Setting {
        expected: "TLS 1.2 or 1.3".to_owned(),
        found: error.to_string(),
        hint: "this is a defect of license-server",
    })?;
    let tls = tls.with_root_certificates(roots).with_no_client_auth();
    Ok(Connector(Arc::new(tls)))
}

fn root_certificates(
    config: &PostgresConfig,
) -> Result<Vec<CertificateDer<'static>>, ServerStoreError> {
    let Some(path) = &config.root_certificates else {
        return Ok(rustls_native_certs::load_native_certs().certs);
    };
    let pem = std::fs::read(path).map_err(|error| ServerStoreError::io(path, error))?;
    let found = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    found.map_err(|_| ServerStoreError::Setting {
        expected: format!("certificates in PEM in {}", path.display()),
        found: "other content".to_owned(),
        hint: "correct the file of sslrootcert",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> Vec<u8> {
        let key = rcgen::KeyPair::generate_for(algorithm).unwrap();
        let names = vec!["db.example".to_owned()];
        let parameters = rcgen::CertificateParams::new(names).unwrap();
        parameters.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn the_signature_of_a_certificate_names_the_hash_function_of_its_digest() {
        let found = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        let expected = Sha256::digest(&found).to_vec();
        assert_eq!(end_point_digest(&found), Some(expected));
        let found = certificate(&rcgen::PKCS_ECDSA_P384_SHA384);
        let expected = Sha384::digest(&found).to_vec();
        assert_eq!(end_point_digest(&found), Some(expected));
        assert_eq!(end_point_digest(&certificate(&rcgen::PKCS_ED25519)), None);
        assert_eq!(end_point_digest(b"no certificate"), None);
    }
}
