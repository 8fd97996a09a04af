//! Service accounts, which prove their identity with a signed assertion (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use license_core::issue::{Signer, VerifyingSigner};
use license_core::jose::Algorithm;
use serde_json::json;
use zeroize::Zeroizing;

use super::super::private_key::{PrivateKeyError, StoredKey};
use super::credentials::TokenServer;

/// The only service that the access token is for.
const SCOPE: &str = "https://www.googleapis.com/auth/cloudkms";
/// The lifetime of an assertion in seconds, which is the maximum that Google accepts.
const LIFETIME: u64 = 3600;

/// A service account with its private key, which never leaves this process.
pub(super) struct ServiceAccount {
    pub(super) email: String,
    /// The id of the private key, which selects the public key at Google.
    pub(super) key_id: Option<String>,
    pub(super) signer: VerifyingSigner,
    pub(super) server: TokenServer,
}

impl ServiceAccount {
    /// Loads the private key from PEM.
    pub(super) fn load_key(pem: &str) -> Result<VerifyingSigner, PrivateKeyError> {
        match StoredKey::parse(pem)? {
            StoredKey::Plain(der) => StoredKey::load(&der, Some(Algorithm::Rs256)),
            // Google does not encrypt the keys of service accounts.
            StoredKey::Encrypted(_) => Err(PrivateKeyError::WrongPassphrase),
        }
    }

    /// Returns an assertion that is valid for an hour from `now`, in seconds since 1970. Returns
    /// `None` if the key cannot sign.
    pub(super) fn assertion(&self, now: u64) -> Option<Zeroizing<String>> {
        let mut header = json!({ "alg": "RS256", "typ": "JWT" });
        if let (Some(id), Some(header)) = (&self.key_id, header.as_object_mut()) {
            header.insert("kid".to_owned(), id.as_str().into());
        }
        let claims = json!({
            "iss": self.email,
            "scope": SCOPE,
            "aud": self.server.url(),
            "iat": now,
            "exp": now.saturating_add(LIFETIME),
        });
        let mut assertion = Zeroizing::new(String::with_capacity(2048));
        BASE64URL.encode_string(header.to_string(), &mut assertion);
        assertion.push('.');
        BASE64URL.encode_string(claims.to_string(), &mut assertion);
        let signature = self.signer.sign(assertion.as_bytes()).ok()?;
        assertion.push('.');
        BASE64URL.encode_string(signature, &mut assertion);
        Some(assertion)
    }
}
