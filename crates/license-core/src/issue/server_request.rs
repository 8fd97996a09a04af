//! Drafts of server requests.

use chrono::{DateTime, Utc};

use super::{Signer, SigningError, sign_token};
use crate::claims::{ServerRequestClaims, TokenClaims};
use crate::ids::ProductCode;
use crate::jose::TokenKind;
use crate::machine::MachineDigest;
use crate::trust::Jwk;

/// Draft of the request of a license server to certify its key.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/vendor.rs")); }
/// # let key = fixture::key()?;
/// use license_core::issue::{ServerRequestDraft, Signer};
/// use license_core::{ProductCode, Unverified, time};
///
/// let draft = ServerRequestDraft {
///     product: ProductCode::parse("CODITECT")?,
///     name: "licenses.acme.example".to_owned(),
///     issued_at: time::parse_instant("2027-03-01")?,
///     machine: None,
/// };
/// let token = draft.sign(&key)?;
/// let token = Unverified::parse(&token)?;
/// // The operator sends this text to the vendor.
/// println!("{}", token.to_armor());
/// assert_eq!(token.verify_server_request()?.key(), key.public());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerRequestDraft {
    /// The product whose licenses the server manages.
    pub product: ProductCode,
    /// The name of the server, 1 to 128 characters.
    pub name: String,
    /// The time of creation.
    pub issued_at: DateTime<Utc>,
    /// The machine on which the server runs, if the license is to be locked to it.
    pub machine: Option<MachineDigest>,
}

impl ServerRequestDraft {
    /// Signs the request with the key of the server and returns its token.
    ///
    /// # Errors
    ///
    /// Returns [`SigningError::Refused`] if a verifier would refuse the request,
    /// [`SigningError::Json`] if the time is not from 1970 to 9999, and the error of the signer if
    /// the key fails to sign.
    pub fn sign(&self, key: &(impl Signer + ?Sized)) -> Result<String, SigningError> {
        let claims = ServerRequestClaims {
            product: self.product,
            issued_at: self.issued_at,
            name: self.name.clone(),
            jwk: Some(Jwk::from(key.public())),
            machine: self.machine,
            critical: Vec::new(),
        };
        let payload = serde_json::to_vec(&claims).map_err(|_| SigningError::Json)?;
        ServerRequestClaims::from_payload(&payload).map_err(|error| SigningError::Refused {
            source: error.into(),
        })?;
        sign_token(TokenKind::ServerRequest, &claims, key)
    }
}
