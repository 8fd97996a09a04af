//! TLS of connections to PostgreSQL and Redis: the files that a URL names, and failed handshakes.

#[cfg(test)]
pub(super) mod authority;

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{CertificateError, ClientConfig, RootCertStore};
use zeroize::Zeroizing;

/// The files that the parameters of a URL name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TlsFiles {
    /// The authorities that can sign the certificate of the service. `None` means those of the
    /// system.
    authorities: Option<PathBuf>,
    /// The certificate with which the server logs in to the service.
    certificate: Option<PathBuf>,
    /// The private key of this certificate.
    key: Option<PathBuf>,
}

/// The content of the files, in PEM.
pub(super) struct TlsContent {
    pub(super) authorities: Option<Vec<u8>>,
    /// The certificate chain of the server, and its private key.
    pub(super) client: Option<(Vec<u8>, Zeroizing<Vec<u8>>)>,
}

/// The reason why files cannot be used.
#[derive(Debug)]
pub(super) struct TlsFault {
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) hint: &'static str,
}

const HINT: &str = "correct sslrootcert, sslcert and sslkey in the URL, which name files in PEM";

impl TlsFiles {
    /// Returns the files of the parameters of a URL, and the other parameters.
    ///
    /// # Errors
    ///
    /// Returns what was found instead of the files.
    pub(super) fn parse(parameters: &str) -> Result<(Self, Vec<&str>), String> {
        let mut files = Self::default();
        let mut others = Vec::new();
        for parameter in parameters.split('&').filter(|text| !text.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let file = match name {
                "sslrootcert" => &mut files.authorities,
                "sslcert" => &mut files.certificate,
                "sslkey" => &mut files.key,
                _ => {
                    others.push(parameter);
                    continue;
                }
            };
            let path = percent_decode_str(value).decode_utf8();
            let path = path.map_err(|_| format!("{name} that is not in UTF-8"))?;
            *file = Some(PathBuf::from(path.as_ref()));
        }
        match (&files.certificate, &files.key) {
            (Some(_), None) => Err("sslcert without sslkey".to_owned()),
            (None, Some(_)) => Err("sslkey without sslcert".to_owned()),
            _ => Ok((files, others)),
        }
    }

    /// Returns whether the URL names no file.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the files.
    ///
    /// # Errors
    ///
    /// Returns an error if a file cannot be read.
    pub(super) fn read(&self) -> Result<TlsContent, TlsFault> {
        let authorities = self.authorities.as_deref().map(read).transpose()?;
        let client = match (&self.certificate, &self.key) {
            (Some(certificate), Some(key)) => Some((read(certificate)?, read(key)?.into())),
            _ => None,
        };
        Ok(TlsContent {
            authorities,
            client,
        })
    }
}

impl TlsContent {
    /// Returns the client of TLS, which verifies the certificate and the name of the service.
    ///
    /// # Errors
    ///
    /// Returns an error if a file has other content, or if the system has no certificates and the
    /// URL names none.
    pub(super) fn client(&self) -> Result<ClientConfig, TlsFault> {
        let mut roots = RootCertStore::empty();
        let authorities = match &self.authorities {
            Some(pem) => certificates(pem, "sslrootcert")?,
            None => rustls_native_certs::load_native_certs().certs,
        };
        for certificate in authorities {
            // Systems have certificates that rustls does not accept.
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(TlsFault {
                expected: "a certificate authority that can sign the certificate of the service"
                    .to_owned(),
                found: "none".to_owned(),
                hint: "give a file with certificates in PEM: add sslrootcert=FILE to the URL",
            });
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.map_err(|error| TlsFault {
            expected: "TLS 1.2 or 1.3".to_owned(),
            found: error.to_string(),
            hint: "this is a defect of license-server",
        })?;
        let builder = builder.with_root_certificates(roots);
        let Some((chain, key)) = &self.client else {
            return Ok(builder.with_no_client_auth());
        };
        let chain = certificates(chain, "sslcert")?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key = key.map_err(|_| other_content("a private key in PEM in the file of sslkey"))?;
        let config = builder.with_client_auth_cert(chain, key);
        config.map_err(|error| TlsFault {
            expected: "the private key of sslcert in the file of sslkey".to_owned(),
            found: error.to_string(),
            hint: HINT,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    std::fs::read(path).map_err(|error| TlsFault {
        expected: format!("a file that can be read at {}", path.display()),
        found: error.to_string(),
        hint: HINT,
    })
}

/// Returns the certificates of a file, at least one.
fn certificates(pem: &[u8], parameter: &str) -> Result<Vec<CertificateDer<'static>>, TlsFault> {
    crate::certificate::certificates(pem)
        .ok_or_else(|| other_content(&format!("certificates in PEM in the file of {parameter}")))
}

fn other_content(expected: &str) -> TlsFault {
    TlsFault {
        expected: expected.to_owned(),
        found: "other content".to_owned(),
        hint: HINT,
    }
}

/// Returns the next step of the operator if a connection failed because of TLS.
pub(super) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use CertificateError as Fault;
    Some(match cause(error)? {
        // Two authorities can have one name.
        rustls::Error::InvalidCertificate(Fault::UnknownIssuer | Fault::BadSignature) => {
            "name the authority of the certificate in the URL: add sslrootcert=FILE, or correct \
             the file"
        }
        rustls::Error::InvalidCertificate(
            Fault::NotValidForName | Fault::NotValidForNameContext { .. },
        ) => {
            "name a host in the URL that the certificate has, or replace the certificate with one \
             for this host"
        }
        rustls::Error::InvalidCertificate(
            Fault::Expired
            | Fault::ExpiredContext { .. }
            | Fault::NotValidYet
            | Fault::NotValidYetContext { .. },
        ) => "renew the certificate, or correct the clock of this machine",
        rustls::Error::InvalidCertificate(_) => {
            "replace the certificate of the service; the certificate of an authority (CA:TRUE) \
             cannot be one of a server"
        }
        rustls::Error::AlertReceived(_) => {
            "check the TLS settings of the service; if it asks for a certificate of its clients, \
             add sslcert=FILE and sslkey=FILE to the URL"
        }
        rustls::Error::InvalidMessage(_) => {
            "the service does not use TLS at this port: turn it on, or name the port with TLS"
        }
        _ => "check the TLS settings of the service, which must support TLS 1.2 or 1.3",
    })
}

/// Returns the error of TLS among the causes of an error.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    type Shared = Arc<dyn Error + Send + Sync>;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // Both types pass over the error that they contain when they are asked for the cause.
        let inner = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(found) = inner.and_then(|inner| inner.downcast_ref()) {
            return Some(found);
        }
        next = match error.downcast_ref::<Shared>() {
            Some(shared) => Some(&**shared),
            None => error.source(),
        };
    }
    None
}

#[cfg(test)]
mod tests {
    use super::authority::{Authority, IssuedCertificate};
    use super::*;

    #[test]
    fn a_url_names_files() {
        let parameters = "sslrootcert=%2Fetc%2Fca%20file.pem&a=b&sslcert=c&&sslkey=k&sslmode=x";
        let (files, others) = TlsFiles::parse(parameters).unwrap();
        let path = |path: &str| Some(PathBuf::from(path));
        let expected = TlsFiles {
            authorities: path("/etc/ca file.pem"),
            certificate: path("c"),
            key: path("k"),
        };
        assert_eq!((files, others), (expected, vec!["a=b", "sslmode=x"]));
        let (files, others) = TlsFiles::parse("").unwrap();
        assert!(files.is_empty() && others.is_empty());
        for (parameters, found) in [
            ("sslrootcert=%ff", "sslrootcert that is not in UTF-8"),
            ("sslcert=c", "sslcert without sslkey"),
            ("sslkey=k", "sslkey without sslcert"),
        ] {
            assert_eq!(TlsFiles::parse(parameters).unwrap_err(), found);
        }
    }

    #[test]
    fn files_with_other_content_are_refused() {
        let authority = Authority::new("site");
        let IssuedCertificate {
            certificate,
            key: own,
        } = authority.issue("client");
        let other = authority.issue("other").key;
        let client = |authorities: &str, chain: &str, key: String| {
            let content = TlsContent {
                authorities: Some(authorities.as_bytes().to_vec()),
                client: Some((chain.as_bytes().to_vec(), key.into_bytes().into())),
            };
            content.client().map(drop).map_err(|fault| fault.expected)
        };
        let expected = |text: &str| Err(text.to_owned());
        assert_eq!(client(&certificate, &certificate, own.clone()), Ok(()));
        assert_eq!(
            client("none", &certificate, own.clone()),
            expected("certificates in PEM in the file of sslrootcert")
        );
        assert_eq!(
            client(&certificate, &own, own.clone()),
            expected("certificates in PEM in the file of sslcert")
        );
        assert_eq!(
            client(&certificate, &certificate, certificate.clone()),
            expected("a private key in PEM in the file of sslkey")
        );
        assert_eq!(
            client(&certificate, &certificate, other),
            expected("the private key of sslcert in the file of sslkey")
        );
        let missing = TlsFiles {
            authorities: Some(PathBuf::from("missing.pem")),
            ..TlsFiles::default()
        };
        let fault = missing.read().err().unwrap();
        assert_eq!(fault.expected, "a file that can be read at missing.pem");
    }
}
