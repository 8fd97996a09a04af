//! The TLS certificate: one of the operator, or one that the server creates.

mod content;

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use license_cli_support::{Audience, Destination, Exit, Failure, Overwrite, Terminal, show_path};
use license_core::chrono::{DateTime, Utc};
use license_core::encoding::hex;
use rcgen::{CertificateParams, DnType, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use sha2::{Digest, Sha256};

use self::content::CertificateContent;
use crate::clock::{ServerClock, SystemServerClock};
use crate::config::Tls;
use crate::data_dir::DataDir;

/// The maximum size of a file with certificates.
const MAX_BYTES: u64 = 256 * 1024;

/// The files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CertificateFiles {
    pub(crate) cert: PathBuf,
    pub(crate) key: PathBuf,
}

/// A certificate that can be used.
pub(crate) struct Certificate {
    pub(crate) config: Arc<ServerConfig>,
    /// The SHA-256 of the certificate in DER, as 32 pairs of hexadecimal digits.
    pub(crate) fingerprint: String,
    content: CertificateContent,
}

impl Certificate {
    /// Returns the end of the certificate.
    pub(crate) fn ends_at(&self) -> DateTime<Utc> {
        self.content.ends_at
    }

    /// Returns the reasons why clients will refuse the certificate.
    pub(crate) fn problems(&self, tls: &Tls) -> Vec<String> {
        let names = match tls {
            Tls::SelfSigned { names } => names.as_slice(),
            _ => &[],
        };
        // The host name of a container changes with each start.
        let host = crate::config::host_name();
        let names = names.iter().filter(|name| **name != host).cloned();
        let names: Vec<String> = names.collect();
        self.content.problems(SystemServerClock.wall(), &names)
    }

    /// Warns about each reason why clients will refuse the certificate.
    pub(crate) fn warn(&self, tls: &Tls, terminal: &Terminal) {
        for problem in self.problems(tls) {
            terminal.warning("TLS_CERTIFICATE", &problem);
        }
    }
}

impl CertificateFiles {
    /// Returns the files of the configured certificate, or `None` without TLS. Creates the
    /// certificate of the data directory if it is missing.
    ///
    /// # Errors
    ///
    /// Returns `TLS_CERTIFICATE` if no certificate can be created, and `IO` if it cannot be
    /// written.
    pub(crate) fn prepare(tls: &Tls, directory: &DataDir) -> Result<Option<Self>, Failure> {
        let files = Self::of(tls, directory);
        if let (Some(files), Tls::SelfSigned { names }) = (&files, tls)
            && !files.cert.exists()
        {
            files.create(names)?;
        }
        Ok(files)
    }

    /// Returns the files of the configured certificate, unless the server has yet to create it.
    pub(crate) fn existing(tls: &Tls, directory: &DataDir) -> Option<Self> {
        let is_created = |files: &Self| matches!(tls, Tls::Files { .. }) || files.cert.exists();
        Self::of(tls, directory).filter(is_created)
    }

    fn of(tls: &Tls, directory: &DataDir) -> Option<Self> {
        match tls {
            Tls::Off => None,
            Tls::Files { cert, key } => Some(Self {
                cert: cert.clone(),
                key: key.clone(),
            }),
            Tls::SelfSigned { .. } => {
                let (cert, key) = directory.certificate();
                Some(Self { cert, key })
            }
        }
    }

    fn create(&self, names: &[String]) -> Result<(), Failure> {
        let refused = |error: rcgen::Error| {
            let message = format!("cannot create a certificate: {error}");
            Failure::new(Exit::System, "TLS_CERTIFICATE", message)
                .hint("correct --tls-names, or name a certificate with --tls-cert and --tls-key")
        };
        let mut params = CertificateParams::new(names.to_vec()).map_err(refused)?;
        let subject = names.first().map_or("license-server", String::as_str);
        params.distinguished_name.push(DnType::CommonName, subject);
        let key = KeyPair::generate().map_err(refused)?;
        let certificate = params.self_signed(&key).map_err(refused)?;
        // A key without its certificate is left by a crash, and belongs to no certificate.
        let write = |path: &Path, text: &str, overwrite, audience| {
            Destination::File(path.to_owned()).write(text.as_bytes(), overwrite, audience)
        };
        write(
            &self.key,
            &key.serialize_pem(),
            Overwrite::Force,
            Audience::OwnerOnly,
        )?;
        write(
            &self.cert,
            &certificate.pem(),
            Overwrite::Refuse,
            Audience::AllUsers,
        )
    }

    /// Loads the certificate.
    ///
    /// # Errors
    ///
    /// Returns `IO` if a file cannot be read, and `TLS_CERTIFICATE` if the files do not contain a
    /// certificate with its private key.
    pub(crate) fn load(&self) -> Result<Certificate, Failure> {
        let chain = read(&self.cert)?;
        let chain = certificates(&chain).unwrap_or_default();
        let leaf = chain
            .first()
            .ok_or_else(|| refused(&self.cert, "expected a certificate in PEM, found none"))?;
        let fingerprint = fingerprint(leaf);
        let content = CertificateContent::parse(leaf)
            .ok_or_else(|| refused(&self.cert, "expected a certificate, found other data"))?;
        let key = zeroize::Zeroizing::new(read(&self.key)?);
        let key = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|_| refused(&self.key, "expected a private key in PEM, found none"))?;
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_no_client_auth())
            .and_then(|builder| builder.with_single_cert(chain, key))
            .map_err(|error| refused(&self.cert, &error.to_string()))?;
        let mut config = config;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Certificate {
            config: Arc::new(config),
            fingerprint,
            content,
        })
    }
}

/// Parses certificates in PEM. Returns `None` if there is none, or if one is damaged.
pub(crate) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    found.ok().filter(|found| !found.is_empty())
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let found = path
        .metadata()
        .map_err(|error| Failure::io("read", path, &error))?;
    if found.len() > MAX_BYTES {
        let message = format!("expected at most {MAX_BYTES} bytes, found {}", found.len());
        return Err(refused(path, &message));
    }
    fs::read(path).map_err(|error| Failure::io("read", path, &error))
}

fn refused(path: &Path, reason: &str) -> Failure {
    let message = format!("{}: {reason}", show_path(path));
    Failure::new(Exit::Indeterminate, "TLS_CERTIFICATE", message).hint(
        "name a certificate chain with --tls-cert, and its private key with --tls-key, both in PEM",
    )
}

/// Returns the SHA-256 of a certificate as browsers and OpenSSL print it: `AB:CD:…`.
fn fingerprint(certificate: &CertificateDer<'_>) -> String {
    let digest = hex::encode(&Sha256::digest(certificate)).to_uppercase();
    let mut text = String::new();
    for (index, digit) in digest.chars().enumerate() {
        let separator = if index > 0 && index % 2 == 0 { ":" } else { "" };
        // Writing to memory does not fail.
        let _ = write!(text, "{separator}{digit}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory() -> (tempfile::TempDir, DataDir) {
        let parent = tempfile::tempdir().unwrap();
        let (directory, _) = DataDir::create(&parent.path().join("data")).unwrap();
        (parent, directory)
    }

    #[test]
    fn a_certificate_is_created_once_and_can_be_loaded() {
        let (_parent, directory) = directory();
        let names = vec!["licenses.example.com".to_owned(), "192.0.2.1".to_owned()];
        let tls = Tls::SelfSigned { names };
        let files = CertificateFiles::prepare(&tls, &directory)
            .unwrap()
            .unwrap();
        let first = files.load().unwrap().fingerprint;
        assert_eq!((first.len(), first.matches(':').count()), (95, 31));
        let again = CertificateFiles::prepare(&tls, &directory)
            .unwrap()
            .unwrap();
        assert_eq!(again.load().unwrap().fingerprint, first);
        assert_eq!(
            CertificateFiles::prepare(&Tls::Off, &directory).unwrap(),
            None
        );
    }

    #[test]
    fn files_that_do_not_belong_together_are_refused() {
        let (_parent, directory) = directory();
        let tls = Tls::SelfSigned {
            names: vec!["localhost".to_owned()],
        };
        let files = CertificateFiles::prepare(&tls, &directory)
            .unwrap()
            .unwrap();
        let other = KeyPair::generate().unwrap().serialize_pem();
        fs::write(&files.key, other).unwrap();
        let refused = |files: &CertificateFiles| files.load().map(|_| ()).unwrap_err();
        assert_eq!(refused(&files).code(), "TLS_CERTIFICATE");
        fs::write(&files.key, "no key").unwrap();
        assert_eq!(refused(&files).code(), "TLS_CERTIFICATE");
        fs::write(&files.cert, "no certificate").unwrap();
        assert_eq!(refused(&files).code(), "TLS_CERTIFICATE");
        fs::remove_file(&files.cert).unwrap();
        assert_eq!(refused(&files).code(), "IO");
    }
}
