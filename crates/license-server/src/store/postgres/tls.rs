//! TLS for connections to the database.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use sha2::{Digest, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;
use x509_parser::oid_registry as oid;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::PostgresConfig;
use crate::store::{ServerStoreError, tls};

/// The error of the client for a database without TLS.
const NO_TLS: &str = "server does not support TLS";

/// The client of TLS. `None` for a database without TLS.
#[derive(Clone)]
pub(super) struct Connector(Option<Arc<ClientConfig>>);

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = Handshake;
    type Error = Infallible;

    fn make_tls_connect(&mut self, host: &str) -> Result<Handshake, Infallible> {
        Ok(Handshake {
            connector: self.0.clone().map(TlsConnector::from),
            host: host.to_owned(),
        })
    }
}

/// A handshake with a host.
pub(super) struct Handshake {
    connector: Option<TlsConnector>,
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
            let connector = self.connector.ok_or(io::ErrorKind::Unsupported)?;
            let stream = connector.connect(name, socket).await?;
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

impl PostgresConfig {
    /// Checks the files of TLS that the URL names.
    ///
    /// # Errors
    ///
    /// Returns [`ServerStoreError::Setting`] if a file cannot be used.
    pub fn check_files(&self) -> Result<(), ServerStoreError> {
        connector(self).map(drop)
    }
}

/// Returns the client of TLS, which verifies the certificate and the name of the database.
///
/// # Errors
///
/// Returns an error if a file that the URL names cannot be used.
pub(super) fn connector(config: &PostgresConfig) -> Result<Connector, ServerStoreError> {
    if !config.is_encrypted() {
        return Ok(Connector(None));
    }
    let client = config.tls.read()?.client()?;
    Ok(Connector(Some(Arc::new(client))))
}

/// Returns the next step of the operator if a connection failed because of TLS.
pub(super) fn hint(error: &tokio_postgres::Error) -> Option<&'static str> {
    let is_plain = || {
        error
            .source()
            .is_some_and(|cause| cause.to_string() == NO_TLS)
    };
    let plain = "turn TLS on in PostgreSQL (ssl = on); for a network that you trust, add \
                 sslmode=disable to the URL";
    tls::hint(error).or_else(|| is_plain().then_some(plain))
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
