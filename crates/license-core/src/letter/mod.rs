//! What a machine without a network sends to its vendor: requests, and receipts of what it has given up.
//!
//! Nobody signs a letter: a machine has no key that a vendor would know. What makes an answer this machine's own is the nonce that it made
//! and the commitment to a secret that it keeps; what makes a receipt true is the secret itself.

#[cfg(feature = "requests")]
mod bytes;
#[cfg(feature = "requests")]
mod error;
#[cfg(feature = "requests")]
mod kinds;
mod proof;
#[cfg(feature = "requests")]
mod secret;
#[cfg(feature = "requests")]
mod text;

#[cfg(all(test, feature = "requests"))]
mod tests;

#[cfg(feature = "requests")]
pub use error::LetterError;
#[cfg(feature = "requests")]
pub use kinds::{ActivationRequest, ClockRequest, Letter, Receipt};
pub use proof::{Commitment, Nonce};
#[cfg(feature = "requests")]
pub use secret::Secret;

/// What a letter is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LetterKind {
    /// A request to activate a license.
    Activation,
    /// A request to repair what a machine remembers of time.
    Clock,
    /// A receipt of a deactivation.
    Deactivation,
}

impl LetterKind {
    const ALL: [Self; 3] = [Self::Activation, Self::Clock, Self::Deactivation];

    /// The label of its armor, as in `-----BEGIN LICENSE ACTIVATION REQUEST-----`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Activation => "LICENSE ACTIVATION REQUEST",
            Self::Clock => "LICENSE CLOCK REQUEST",
            Self::Deactivation => "LICENSE DEACTIVATION",
        }
    }

    /// What it is, for a person.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Activation => "an activation request",
            Self::Clock => "a clock request",
            Self::Deactivation => "a deactivation receipt",
        }
    }

    pub(crate) fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.label() == label)
    }

    /// The byte that says so in the compact form.
    #[cfg(feature = "requests")]
    const fn number(self) -> u8 {
        match self {
            Self::Activation => 1,
            Self::Clock => 2,
            Self::Deactivation => 3,
        }
    }
}
