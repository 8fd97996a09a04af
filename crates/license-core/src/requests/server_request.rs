//! Requests of license servers, which the vendor answers with a license.

use std::fmt;

use chrono::{DateTime, Utc};

use crate::claims::{Confirmation, ServerRequestClaims, TokenClaims};
use crate::encoding::quoted::printable;
use crate::ids::ProductCode;
use crate::jose::{TokenKind, Unverified};
use crate::machine::MachineDigest;
use crate::trust::{TrustedKey, VerifyError};

/// A request of a license server to certify its key in claim `cnf` of a license.
///
/// The server signs the request with its own key. The signature proves that the sender has the
/// private key, and does not prove who the sender is.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # const TEXT: &str = fixture::SERVER_REQUEST;
/// use license_core::Unverified;
///
/// let request = Unverified::parse(TEXT)?.verify_server_request()?;
/// println!("{} has key {}", request.name(), request.key().id());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct ServerRequest {
    token: Unverified<'static>,
    claims: ServerRequestClaims,
    key: Confirmation,
}

impl Unverified<'_> {
    /// Verifies the request of a license server with the key that the request contains.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const TEXT: &str = fixture::SERVER_REQUEST;
    /// use license_core::Unverified;
    ///
    /// let request = Unverified::parse(TEXT)?.verify_server_request()?;
    /// assert_eq!(request.name(), "licenses.acme.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`VerifyError`] if the token is of another kind, a claim has a value that is not
    /// accepted, a license must not name the key, another key signed the request, or the signature
    /// does not verify.
    pub fn verify_server_request(&self) -> Result<ServerRequest, VerifyError> {
        let kind = TokenKind::ServerRequest;
        let payload = self.readable_reading().unverified_payload(kind)?;
        let key = ServerRequestClaims::from_payload(&payload)?.key()?;
        let other_key = |found: &str| VerifyError::OtherServerKey {
            expected: key.id().clone(),
            found: printable(found.chars()),
        };
        if self.unverified_key_id() != key.id().as_str() {
            return Err(other_key(self.unverified_key_id()));
        }
        let verified = self.verify_token_with_key(kind, &key)?;
        let claims = ServerRequestClaims::from_payload(&verified.payload)?;
        // The signed reading of a token with long dashes may contain another key.
        let signed = claims.key()?;
        if signed != key {
            return Err(other_key(signed.id().as_str()));
        }
        Ok(ServerRequest {
            token: self.copy_signed_by(Some(&key)),
            claims,
            key: key.into(),
        })
    }
}

impl ServerRequest {
    /// Returns the product code.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert_eq!(request.product().as_str(), "CODITECT");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn product(&self) -> ProductCode {
        self.claims.product
    }

    /// Returns the name that the operator gave to the server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert_eq!(request.name(), "licenses.acme.example");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(&self) -> &str {
        &self.claims.name
    }

    /// Returns the public key of the server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert_eq!(request.key().bits(), 2048);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn key(&self) -> &TrustedKey {
        self.key.key()
    }

    /// Returns the public key of the server as the claim `cnf` of a license.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert_eq!(request.confirmation().key(), request.key());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn confirmation(&self) -> &Confirmation {
        &self.key
    }

    /// Returns the time of creation, by the clock of the server.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert_eq!(request.issued_at().date_naive().to_string(), "2027-01-15");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn issued_at(&self) -> DateTime<Utc> {
        self.claims.issued_at
    }

    /// Returns the machine on which the server runs, if the request names it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert!(request.machine().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn machine(&self) -> Option<MachineDigest> {
        self.claims.machine
    }

    /// Returns the token as an armor block.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let request = fixture::server_request()?;
    /// assert!(request.to_armor().starts_with("-----BEGIN LICENSE SERVER REQUEST-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        self.token.to_armor()
    }
}

/// Omits the token.
impl fmt::Debug for ServerRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerRequest")
            .field("product", &self.product())
            .field("name", &self.name())
            .field("key", self.key())
            .field("issued_at", &self.issued_at())
            .finish_non_exhaustive()
    }
}
