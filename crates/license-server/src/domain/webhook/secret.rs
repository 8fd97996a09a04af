//! The secrets that sign deliveries.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The start of each secret, which Standard Webhooks defines.
const PREFIX: &str = "whsec_";

/// A secret that signs deliveries to an endpoint.
///
/// An HMAC needs the secret itself, so the database has it in a sealed form, and not only a digest
/// of it. The secret is shown once, when it is created.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

impl WebhookSecret {
    /// Creates a secret of random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes.to_vec()))
    }

    /// Returns the secret with the bytes of an opened one.
    pub(crate) fn from_opened(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    /// Returns the bytes, to seal them.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }

    /// Returns the text that the receiver needs: `whsec_` and the bytes in Base64.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", STANDARD.encode(&*self.0)))
    }

    /// Signs a message as Standard Webhooks defines: `v1,` and the HMAC-SHA256 of the id, the time
    /// in Unix seconds and the body, with dots between them, in Base64.
    pub fn sign(&self, id: &str, timestamp: i64, body: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.0);
        let mut context = hmac::Context::with_key(&key);
        context.update(format!("{id}.{timestamp}.").as_bytes());
        context.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(context.sign()))
    }
}

/// Omits the secret.
impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        // Computed with `hmac` and `hashlib` of Python.
        let secret = WebhookSecret::new(std::array::from_fn(|index| u8::try_from(index).unwrap()));
        let text = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
        assert_eq!(secret.to_text().as_str(), text);
        let signature = secret.sign("msg_1", 1_800_000_000, r#"{"type":"ping"}"#);
        assert_eq!(signature, "v1,h9DJW3uPPji/2RYhQOUYH9YKELrxVW0mF2/bVudyTeU=");
        assert!(!format!("{secret:?}").contains("AAEC"));
    }
}
