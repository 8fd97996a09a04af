//! Random bytes from the operating system.

use license_core::LicenseId;

use crate::clock::Clock;

/// The error of an operating system that provides no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system provides no random bytes")]
pub struct SystemRandomError(#[source] getrandom::Error);

/// Fills a buffer with random bytes. This is the random source for keys in memory.
///
/// ```
/// use license_issuer::random;
///
/// let mut nonce = [0; 16];
/// random::fill(&mut nonce)?;
/// assert_ne!(nonce, [0; 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns an error if the operating system provides no random bytes.
pub fn fill(bytes: &mut [u8]) -> Result<(), license_core::issue::RandomError> {
    getrandom::fill(bytes).map_err(license_core::issue::RandomError::new)
}

/// Returns `N` random bytes.
///
/// ```
/// use license_issuer::random;
///
/// let nonce: [u8; 16] = random::bytes()?;
/// assert_ne!(nonce, [0; 16]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`SystemRandomError`] if the operating system provides no random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], SystemRandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(SystemRandomError)?;
    Ok(bytes)
}

/// Returns a new license id (a UUID of version 7, RFC 9562).
///
/// ```
/// use license_issuer::clock::SystemClock;
/// use license_issuer::random;
///
/// let id = random::license_id(&SystemClock)?;
/// assert_eq!(id.as_str().len(), 36);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`SystemRandomError`] if the operating system provides no random bytes.
pub fn license_id(clock: &(impl Clock + ?Sized)) -> Result<LicenseId, SystemRandomError> {
    Ok(LicenseId::from_random(clock.now_in_millis(), &bytes()?))
}
