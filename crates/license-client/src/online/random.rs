//! Random ids, nonces and secrets.

use license_core::encoding::hex;
use license_core::ids::Nonce;
use license_core::telemetry::TelemetryId;

use super::error::OnlineError;

fn bytes<const N: usize>() -> Result<[u8; N], OnlineError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| OnlineError::Random)
}

pub(super) fn nonce() -> Result<Nonce, OnlineError> {
    bytes().map(Nonce::from_random)
}

/// Returns the id of a process in a session: `inst_` and 32 hexadecimal digits.
pub(super) fn instance() -> Result<String, OnlineError> {
    Ok(format!("inst_{}", hex::encode(&bytes::<16>()?)))
}

/// Returns a new `Idempotency-Key`.
pub(super) fn idempotency_key() -> Result<String, OnlineError> {
    Ok(hex::encode(&bytes::<16>()?))
}

/// Returns the id of a new installation or event.
pub(super) fn telemetry_id() -> Result<TelemetryId, OnlineError> {
    bytes().map(TelemetryId)
}

/// Returns the 256 bits of a new secret.
pub(super) fn secret() -> Result<[u8; 32], OnlineError> {
    bytes()
}

/// Returns a random number from 0 to 255, or 128 if the system provides no random bytes.
pub(super) fn jitter() -> u8 {
    bytes::<1>().map_or(128, |[byte]| byte)
}
