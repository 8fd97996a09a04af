//! Changes of a seat.

use std::fmt;
use std::sync::Arc;

use license_core::with_causes;

use super::super::error::OnlineError;

/// A change of a seat that its holder should know.
///
/// ```
/// use license_client::SeatEvent;
///
/// /// Returns whether the application should save the work and ask the user.
/// fn is_serious(event: &SeatEvent) -> bool {
///     matches!(event, SeatEvent::Lost { .. })
/// }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum SeatEvent {
    /// The lease has ended, because no server renewed it in time. The server keeps the seat for its
    /// session until another session needs it, and the client still tries to renew it.
    Late {
        /// The last error, if there was one. After a suspend, there is none yet.
        error: Option<Arc<OnlineError>>,
    },
    /// A late lease was renewed.
    Recovered,
    /// The seat is lost. It never becomes valid again: acquire another one.
    Lost {
        /// The reason code, such as `LEASE_LOST`.
        code: String,
        /// When and why the lease ended, in one sentence.
        detail: String,
    },
    /// The lease could not be stored for child processes. They keep the lease before, which ends
    /// earlier. The client tries again.
    NotShared {
        /// The reason.
        error: Arc<OnlineError>,
    },
}

impl fmt::Display for SeatEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late { error: None } => f.write_str("the seat is late"),
            Self::Late { error: Some(error) } => {
                write!(f, "the seat is late: {}", with_causes(&**error))
            }
            Self::Recovered => f.write_str("the seat is valid again"),
            Self::Lost { detail, .. } => write!(f, "the seat is lost: {detail}"),
            Self::NotShared { error } => write!(
                f,
                "the lease could not be stored for child processes: {}",
                with_causes(&**error)
            ),
        }
    }
}
