//! Random source for signing and key generation.

/// A cryptographically secure source of random bytes.
///
/// This crate does not call the operating system. The program passes a random source as an
/// argument. A function with the signature of `system` implements the trait:
///
/// ```
/// use license_core::issue::{RandomError, RandomSource};
///
/// fn system(bytes: &mut [u8]) -> Result<(), RandomError> {
///     getrandom::fill(bytes).map_err(RandomError::new)
/// }
///
/// let mut nonce = [0; 16];
/// system.fill(&mut nonce)?;
/// # Ok::<(), RandomError>(())
/// ```
pub trait RandomSource: Send + Sync {
    /// Fills the whole slice with unpredictable bytes.
    ///
    /// # Errors
    ///
    /// Returns [`RandomError`] if the source fails. The content of the slice is then unspecified.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError>;
}

impl<F> RandomSource for F
where
    F: Fn(&mut [u8]) -> Result<(), RandomError> + Send + Sync,
{
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomError> {
        self(bytes)
    }
}

/// The error of a random source.
///
/// ```
/// use license_core::issue::RandomError;
///
/// let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(RandomError::new);
/// random(&mut [0; 16])?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[error("the random source failed")]
pub struct RandomError {
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl RandomError {
    /// Wraps the error of the source.
    ///
    /// ```
    /// use license_core::issue::RandomError;
    /// use license_core::with_causes;
    ///
    /// let error = RandomError::new("the device is not connected");
    /// assert_eq!(with_causes(&error), "the random source failed: the device is not connected");
    /// ```
    pub fn new(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self {
            source: source.into(),
        }
    }
}
