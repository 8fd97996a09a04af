//! Signatures of events (`Stripe-Signature`).

use std::fmt;

use aws_lc_rs::hmac;
use chrono::{DateTime, Utc};
use license_core::encoding::hex;
use zeroize::Zeroizing;

use crate::billing::provider::EventFault;

/// The largest difference between the time of a signature and that of the server, in seconds.
pub(super) const TOLERANCE: i64 = 300;

/// The largest header with signatures, in bytes.
const MAX_HEADER: usize = 4096;

/// The secret of a webhook endpoint, such as `whsec_…`.
#[derive(Clone)]
pub struct WebhookKey(Zeroizing<String>);

impl WebhookKey {
    /// Parses a secret. Returns `None` for a text that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let secret = text.strip_prefix("whsec_")?;
        let is_accepted = secret.len() >= 16 && secret.bytes().all(|byte| byte.is_ascii_graphic());
        is_accepted.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    fn verifies(&self, signed: &[&[u8]], signature: &[u8]) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.as_bytes());
        let mut context = hmac::Context::with_key(&key);
        for part in signed {
            context.update(part);
        }
        // The comparison takes the same time for each signature.
        aws_lc_rs::constant_time::verify_slices_are_equal(context.sign().as_ref(), signature)
            .is_ok()
    }
}

/// Omits the secret.
impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey(..)")
    }
}

/// Verifies that one of the keys has signed the bytes of a body. Any of several `v1` signatures
/// counts, because Stripe signs with two secrets while they are changed.
pub(super) fn verify(
    keys: &[WebhookKey],
    header: Option<&str>,
    body: &[u8],
    now: DateTime<Utc>,
) -> Result<(), EventFault> {
    let header = header.filter(|header| header.len() <= MAX_HEADER);
    let header = header.ok_or(EventFault::NoSignature)?;
    let (mut time, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) if time.is_none() => time = Some(text),
            // Two times would leave open which one was signed.
            Some(("t", _)) => return Err(EventFault::NoSignature),
            Some(("v1", text)) => signatures.extend(hex::decode::<32>(text)),
            _ => {}
        }
    }
    let time = time.ok_or(EventFault::NoSignature)?;
    if signatures.is_empty() {
        return Err(EventFault::NoSignature);
    }
    let signed: [&[u8]; 3] = [time.as_bytes(), b".", body];
    let mut is_signed = false;
    for key in keys {
        for signature in &signatures {
            is_signed |= key.verifies(&signed, signature);
        }
    }
    if !is_signed {
        return Err(EventFault::WrongSignature);
    }
    let seconds: i64 = time.parse().map_err(|_| EventFault::NoSignature)?;
    let difference = now.timestamp().saturating_sub(seconds);
    if difference.unsigned_abs() > TOLERANCE.unsigned_abs() {
        return Err(EventFault::WrongTime);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
