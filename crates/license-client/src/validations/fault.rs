//! The reasons for refusing a token of a customer's own license server.

use license_core::Code;
use license_core::chrono::{DateTime, Utc};
use license_core::time::rfc3339;
use thiserror::Error;

/// The reason why a validation token of a customer's own license server is not accepted.
///
/// ```
/// use license_client::{InstallationError, ServerTokenFault};
///
/// /// Returns whether the clock of the license server may be wrong.
/// fn is_clock_wrong(error: &InstallationError) -> bool {
///     matches!(error, InstallationError::ServerToken(ServerTokenFault::Future { .. }))
/// }
/// # assert!(!is_clock_wrong(&InstallationError::NoMachine));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerTokenFault {
    /// The token is too large.
    #[error(
        "expected a validation token of the license server of at most {limit} bytes, found {found}"
    )]
    TooLong {
        /// The maximum size in bytes.
        limit: usize,
        /// The size of the token in bytes.
        found: usize,
    },
    /// The date of the token is more than a day ahead of the time of this machine.
    #[error(
        "expected a validation token of the license server that is dated at most a day after {}, found {}",
        rfc3339(*now), rfc3339(*found)
    )]
    Future {
        /// The time of this machine, to which signatures of the vendor contribute.
        now: DateTime<Utc>,
        /// The date of the token.
        found: DateTime<Utc>,
    },
}

impl ServerTokenFault {
    /// Returns the reason code.
    ///
    /// ```
    /// use license_client::ServerTokenFault;
    ///
    /// let fault = ServerTokenFault::TooLong { limit: 16_384, found: 60_000 };
    /// assert_eq!(fault.code().as_str(), "MALFORMED");
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::TooLong { .. } => Code::Malformed,
            Self::Future { .. } => Code::NotYetValid,
        }
    }
}
