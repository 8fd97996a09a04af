//! Certificate authorities for tests.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

/// A certificate authority.
pub(in crate::store) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its private key, in PEM.
pub(in crate::store) struct IssuedCertificate {
    pub(in crate::store) certificate: String,
    pub(in crate::store) key: String,
}

impl Authority {
    pub(in crate::store) fn new(name: &str) -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(parameters, key).unwrap())
    }

    /// Returns the certificate of the authority in PEM.
    pub(in crate::store) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Issues a certificate for a server or a client.
    pub(in crate::store) fn issue(&self, name: &str) -> IssuedCertificate {
        let parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        IssuedCertificate {
            certificate: parameters.signed_by(&key, &self.0).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }
}

/// The files of a client: the parameters of a URL name them.
pub(in crate::store) struct ClientFiles {
    directory: tempfile::TempDir,
}

impl ClientFiles {
    /// Writes the certificate of the authority, that of another one, and a certificate of a client
    /// with its key.
    pub(in crate::store) fn new(authority: &Authority) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let client = authority.issue("license-server");
        for (name, text) in [
            ("ca.pem", authority.pem()),
            ("other.pem", Authority::new("other").pem()),
            ("client.pem", client.certificate),
            ("client.key", client.key),
        ] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        Self { directory }
    }

    pub(in crate::store) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the parameters that name an authority.
    pub(in crate::store) fn authority(&self, name: &str) -> String {
        format!("sslrootcert={}", self.path().join(name).display())
    }

    /// Returns the parameters that name the authority and the certificate of the client.
    pub(in crate::store) fn client(&self) -> String {
        let (authority, path) = (self.authority("ca.pem"), self.path().display());
        format!("{authority}&sslcert={path}/client.pem&sslkey={path}/client.key")
    }
}
