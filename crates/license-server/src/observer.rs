//! Measurements of the store and of the server's key, for metrics.

use std::time::Duration;

use license_seats::PoolEvent;

/// Receives measurements. The methods are called often, so they return at once.
pub trait Observer: Send + Sync {
    /// A transaction ended after this time. Without success, its changes are not stored.
    fn committed(&self, duration: Duration, is_success: bool);

    /// A seat changed, and the change is stored.
    fn seat_changed(&self, event: &PoolEvent);

    /// The key made a signature. The time includes the wait for the key.
    fn signed(&self, duration: Duration);

    /// A mail was sent, or will not be sent.
    fn mailed(&self, _result: MailResult) {}
}

/// The result of sending a mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MailResult {
    /// The mail server has accepted the mail.
    Sent,
    /// The mail server has not accepted the mail.
    Failed,
    /// Too many mails were waiting.
    Dropped,
}

impl MailResult {
    /// All results.
    pub const ALL: [Self; 3] = [Self::Sent, Self::Failed, Self::Dropped];

    /// Returns the name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

/// Ignores all measurements.
impl Observer for () {
    fn committed(&self, _: Duration, _: bool) {}

    fn seat_changed(&self, _: &PoolEvent) {}

    fn signed(&self, _: Duration) {}
}
