//! Keys of license servers, which a vendor certifies in the claim `cnf` of licenses.

use std::collections::{BTreeMap, BTreeSet};

use license_core::encoding::TextKind;
use license_core::issue::Confirmation;
use license_core::jose::ParseError;
use license_core::requests::ServerRequest;
use license_core::trust::{KeyId, TrustError, TrustedKey, VerifyError};
use license_core::{Code, LicenseFile, ProductCode, TrustSet};

use crate::errors::LedgerError;
use crate::folding::folded;
use crate::ledger::LedgerReader;
use crate::services::warnings::IssueWarning;

/// The public key of a customer's license server.
///
/// ```
/// use license_core::ProductCode;
/// use license_core::issue::LicenseDraft;
/// use license_issuer::services::server_keys::{CertifiedServer, ServerKeyError};
///
/// /// Certifies the key in the file that the operator of a license server sent.
/// fn certify(text: &str, draft: &mut LicenseDraft) -> Result<(), ServerKeyError> {
///     let server = CertifiedServer::parse(text, draft.product)?;
///     println!("{} has key {}", server.name().unwrap_or("the server"), server.key().id());
///     draft.confirmation = Some(server.confirmation().clone());
///     Ok(())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct CertifiedServer {
    key: Confirmation,
    request: Option<ServerRequest>,
}

impl CertifiedServer {
    /// Reads the request of a license server, or a public key in PEM or as a JWK.
    ///
    /// # Errors
    ///
    /// Returns [`ServerKeyError`] if the text is neither, if the request does not verify or is for
    /// another product, or if a verifier would not trust the key.
    pub fn parse(text: &str, product: ProductCode) -> Result<Self, ServerKeyError> {
        match TextKind::detect(text) {
            Some(TextKind::License) => Self::from_request(text, product),
            _ => Self::from_public_key(text),
        }
    }

    fn from_request(text: &str, product: ProductCode) -> Result<Self, ServerKeyError> {
        let file = LicenseFile::parse(text).map_err(ServerKeyError::File)?;
        let request = match file.blocks() {
            [block] => block.token.verify_server_request(),
            blocks => {
                let found = blocks.len();
                return Err(ServerKeyError::Several { found });
            }
        };
        let request = request.map_err(ServerKeyError::Request)?;
        if request.product() != product {
            return Err(ServerKeyError::OtherProduct {
                expected: product,
                found: request.product(),
            });
        }
        Ok(Self {
            key: request.confirmation().clone(),
            request: Some(request),
        })
    }

    fn from_public_key(text: &str) -> Result<Self, ServerKeyError> {
        let keys = TrustSet::parse(text).map_err(ServerKeyError::Key)?;
        let mut jwks = keys.iter().map(TrustedKey::to_jwk);
        match (jwks.next(), jwks.next()) {
            (Some(jwk), None) => Ok(Self {
                key: Confirmation::try_from(jwk).map_err(ServerKeyError::Key)?,
                request: None,
            }),
            _ => Err(ServerKeyError::Several { found: keys.len() }),
        }
    }

    /// Returns the claim `cnf` of the license.
    pub fn confirmation(&self) -> &Confirmation {
        &self.key
    }

    /// Returns the public key.
    pub fn key(&self) -> &TrustedKey {
        self.key.key()
    }

    /// Returns the name that the operator gave to the server, if a request contains it.
    pub fn name(&self) -> Option<&str> {
        self.request.as_ref().map(ServerRequest::name)
    }

    /// Returns whether the sender has proven that they have the private key. A public key alone
    /// proves nothing.
    pub fn is_possession_proven(&self) -> bool {
        self.request.is_some()
    }
}

/// Refuses the key of a license server with which the vendor signs licenses.
///
/// # Errors
///
/// Returns [`ServerKeyError::VendorKey`] if the vendor's keys contain the key.
pub fn refuse_vendor_key(
    server: &TrustedKey,
    vendor_keys: &TrustSet,
) -> Result<(), ServerKeyError> {
    match vendor_keys.get(server.id().as_str()) {
        Some(key) => Err(ServerKeyError::VendorKey {
            key: key.id().clone(),
        }),
        None => Ok(()),
    }
}

/// The customers whose licenses name the keys of license servers.
#[derive(Clone, Debug, Default)]
pub struct ServerKeyHolders(BTreeMap<String, BTreeSet<String>>);

impl ServerKeyHolders {
    /// Reads the holders from the ledger.
    ///
    /// # Errors
    ///
    /// Returns an error if the ledger cannot be read.
    pub fn read(ledger: &dyn LedgerReader) -> Result<Self, LedgerError> {
        let mut holders = Self::default();
        ledger.visit_server_keys(&mut |key, customer| holders.add(key, customer))?;
        Ok(holders)
    }

    /// Adds a license of a customer that names this key.
    pub fn add(&mut self, key: &str, customer: &str) {
        let customers = self.0.entry(key.to_owned()).or_default();
        customers.insert(customer.to_owned());
    }

    /// Returns the customers that have licenses with this key, without one of them. Names that
    /// [fold](crate::folding::folded()) to the same text are one customer.
    pub fn others(&self, key: &KeyId, customer: &str) -> BTreeSet<String> {
        let own = folded(customer);
        let customers = self.0.get(key.as_str()).into_iter().flatten();
        let others = customers.filter(|name| folded(name) != own);
        others.cloned().collect()
    }
}

/// Returns the warnings about a license of this customer that names the key of a license server.
#[must_use]
pub fn warnings(
    server: &CertifiedServer,
    customer: &str,
    holders: &ServerKeyHolders,
) -> Vec<IssueWarning> {
    let key = server.key().id();
    let others = holders.others(key, customer);
    let shared = (!others.is_empty()).then(|| IssueWarning::ServerKeyShared {
        key: key.clone(),
        customers: others,
    });
    let is_proven = server.is_possession_proven();
    let not_proven = (!is_proven).then(|| IssueWarning::ServerKeyNotProven { key: key.clone() });
    not_proven.into_iter().chain(shared).collect()
}

/// The reason why a text is not the key of a license server.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerKeyError {
    /// The text is not a request.
    #[error("expected the request of a license server, or a public key")]
    File(#[source] ParseError),
    /// The request does not verify, or is of another kind.
    #[error("expected the request of a license server")]
    Request(#[source] VerifyError),
    /// The text is not a public key that a verifier trusts.
    #[error("expected the request of a license server, or a public key")]
    Key(#[source] TrustError),
    /// The text has more than one request or key.
    #[error("expected one request or public key, found {found}")]
    Several {
        /// The number of requests or keys.
        found: usize,
    },
    /// The request is for another product.
    #[error("expected a request for {expected}, found one for {found}")]
    OtherProduct {
        /// The product of the license.
        expected: ProductCode,
        /// The product of the request.
        found: ProductCode,
    },
    /// The key can sign licenses.
    #[error("key {key} signs licenses, so it cannot be the key of a license server")]
    VendorKey {
        /// The key.
        key: KeyId,
    },
}

impl ServerKeyError {
    /// Returns the reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Request(error) => error.code(),
            Self::Key(error) => error.code(),
            Self::Several { .. } => Code::Malformed,
            Self::OtherProduct { .. } => Code::ProductMismatch,
            Self::VendorKey { .. } => Code::ServerKeyTrusted,
        }
    }
}
