//! Activation requests and their answers.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use serde_json::{Value, json};

/// The state of an activation request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ActivationState {
    /// The request waits for an answer of the vendor.
    Waiting,
    /// The vendor has answered the request.
    Answered,
    /// The machine has deactivated the license.
    Deactivated,
}

impl ActivationState {
    /// All states.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Answered, Self::Deactivated];

    /// Returns the name of the state.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Answered => "answered",
            Self::Deactivated => "deactivated",
        }
    }

    /// Parses the name of a state.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An activation request that the server stores, with its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationRecord {
    /// The nonce of the request, which identifies the request.
    pub nonce: String,
    /// The license.
    pub license: LicenseId,
    /// The digest of the machine, as text.
    pub machine: String,
    /// The request in armor.
    pub request: String,
    /// The time at which the server received the request.
    pub requested_at: DateTime<Utc>,
    /// The activation of the vendor in armor.
    pub answer: Option<String>,
    /// The time at which the server received the answer.
    pub answered_at: Option<DateTime<Utc>>,
    /// The deactivation receipt in armor, which the vendor needs to free the device.
    pub receipt: Option<String>,
    /// The state.
    pub state: ActivationState,
}

impl ActivationRecord {
    /// Returns the state for the audit trail.
    pub fn audited(&self) -> Value {
        json!({ "state": self.state.as_str(), "answered_at": self.answered_at })
    }
}
