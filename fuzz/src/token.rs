//! Tokens that are not signed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use license_core::TokenKind;

/// Returns a token with this payload and a signature of zeros.
pub fn unsigned(kind: TokenKind, payload: &[u8]) -> String {
    let header = serde_json::json!({ "alg": "RS256", "kid": "fuzz", "typ": kind });
    let header = URL_SAFE_NO_PAD.encode(header.to_string());
    let payload = URL_SAFE_NO_PAD.encode(payload);
    let signature = URL_SAFE_NO_PAD.encode([0; 256]);
    format!("{header}.{payload}.{signature}")
}
