//! TLS for connections to the database.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::Socket;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::PostgresConfig;
use crate::store::ServerStoreError;

/// The client of TLS.
pub(super) type Connector = MakeRustlsConnect;

/// An encrypted or plain connection.
pub(super) type Stream = <Connector as MakeTlsConnect<Socket>>::Stream;

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
    Ok(MakeRustlsConnect::new(tls))
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
