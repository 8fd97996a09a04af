//! The answer of a license server about a license.

use std::collections::BTreeMap;

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{humanize_more, parse_instant, rfc3339};
use license_core::{LicenseId, with_causes};
use serde::{Deserialize, Serialize, Serializer};

use super::error::OnlineError;

/// The judgment of a license server about the installed license.
///
/// A signed judgment is stored and counts from then on. A judgment without a signature, which is
/// always *invalid*, changes nothing: the license keeps what is left of its grace period.
///
/// ```
/// use license_client::ServerVerdict;
///
/// fn report(verdict: &ServerVerdict) -> String {
///     match verdict.is_valid {
///         true => format!("{} is valid, by {}", verdict.license, verdict.server),
///         false => format!("expected {}, found {}", verdict.expected, verdict.actual),
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ServerVerdict {
    /// Whether the license is valid on this machine.
    pub is_valid: bool,
    /// The reason code, such as `VALID` or `REVOKED`.
    pub code: String,
    /// The license.
    pub license: LicenseId,
    /// The tier that is in effect.
    pub tier: String,
    /// The end of the license, or `None` if it is perpetual.
    #[serde(serialize_with = "rfc3339_text")]
    pub expires_at: Option<DateTime<Utc>>,
    /// The features that are in effect.
    pub features: Vec<String>,
    /// The quotas that are in effect. -1 means unlimited.
    pub quotas: BTreeMap<String, i64>,
    /// The expected value of the rule that decided.
    pub expected: String,
    /// The actual value of the rule that decided.
    pub actual: String,
    /// Whether the judgment is a signed token, which is stored.
    pub is_signed: bool,
    /// The URL of the server.
    pub server: String,
    /// The renewal of the license that the server sent and that was installed.
    pub renewal: Option<LicenseId>,
}

/// The state of the online validation after a refresh.
///
/// ```
/// use license_client::OnlineStatus;
///
/// /// Shows the user what to know about the license server.
/// fn show(status: &OnlineStatus) {
///     if let Some(warning) = status.warning() {
///         eprintln!("{warning}");
///     }
/// }
/// # show(&OnlineStatus::NotRequired);
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum OnlineStatus {
    /// No server was asked: no license is installed, or the license needs no check-in.
    NotRequired,
    /// No server was asked, because the last validation is recent.
    Cached {
        /// The last validation.
        validated_at: DateTime<Utc>,
    },
    /// A server judged the license, and signed its judgment.
    Validated(ServerVerdict),
    /// A server calls the license invalid without a signature. The last validation stays in effect.
    Refused {
        /// The judgment.
        verdict: ServerVerdict,
        /// How long the license stays valid without another validation.
        valid_for: Option<TimeDelta>,
    },
    /// No server judged the license. The last validation stays in effect.
    Unavailable {
        /// The reason.
        error: OnlineError,
        /// How long the license stays valid without another validation.
        valid_for: Option<TimeDelta>,
    },
}

impl OnlineStatus {
    /// Returns a warning for the user, in one or two sentences.
    ///
    /// ```
    /// use license_client::OnlineStatus;
    ///
    /// assert_eq!(OnlineStatus::NotRequired.warning(), None);
    /// ```
    pub fn warning(&self) -> Option<String> {
        let (reason, valid_for) = match self {
            Self::NotRequired | Self::Cached { .. } | Self::Validated(_) => return None,
            Self::Refused { verdict, valid_for } => {
                let (code, expected, actual) = (&verdict.code, &verdict.expected, &verdict.actual);
                let reason = format!(
                    "The license server calls the license invalid ({code}: expected {expected}, \
                     found {actual})."
                );
                (reason, valid_for)
            }
            Self::Unavailable { valid_for, .. } => {
                ("Cloud validation unavailable.".to_owned(), valid_for)
            }
        };
        Some(match valid_for {
            Some(left) => {
                let left = humanize_more(*left);
                format!("{reason} Using the cached license, valid for {left}.")
            }
            None => format!("{reason} The cached license is no longer valid."),
        })
    }

    /// Returns the reason why no server judged the license, in one line with its causes.
    ///
    /// ```
    /// use license_client::OnlineStatus;
    ///
    /// assert_eq!(OnlineStatus::NotRequired.reason(), None);
    /// ```
    pub fn reason(&self) -> Option<String> {
        self.error().map(|error| with_causes(error))
    }

    /// Returns the error because of which no server judged the license.
    ///
    /// ```
    /// use license_client::OnlineStatus;
    ///
    /// assert!(OnlineStatus::NotRequired.error().is_none());
    /// ```
    pub fn error(&self) -> Option<&OnlineError> {
        match self {
            Self::Unavailable { error, .. } => Some(error),
            _ => None,
        }
    }
}

/// The answer to a validation.
#[derive(Deserialize)]
pub(super) struct ValidateReply {
    pub(super) valid: bool,
    pub(super) code: String,
    pub(super) tier: String,
    /// A date as RFC 3339 states it.
    expires_at: Option<String>,
    pub(super) features: Vec<String>,
    pub(super) quotas: BTreeMap<String, i64>,
    pub(super) validation: Option<String>,
    #[serde(default)]
    pub(super) expected: String,
    #[serde(default)]
    pub(super) actual: String,
    pub(super) renewal: Option<String>,
}

impl ValidateReply {
    /// Returns the end of the license. A date that is not well formed counts as absent, because the
    /// value is for display only.
    pub(super) fn expires_at(&self) -> Option<DateTime<Utc>> {
        parse_instant(self.expires_at.as_deref()?).ok()
    }
}

fn rfc3339_text<S: Serializer>(
    date: &Option<DateTime<Utc>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = date.map(|date| rfc3339(date).to_string());
    text.serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unavailable(valid_for: Option<TimeDelta>) -> Option<String> {
        let error = OnlineError::NoServer;
        OnlineStatus::Unavailable { error, valid_for }.warning()
    }

    #[test]
    fn the_warning_says_for_how_long_the_cached_license_is_valid() {
        assert_eq!(
            unavailable(Some(TimeDelta::days(5))).unwrap(),
            "Cloud validation unavailable. Using the cached license, valid for 5 more days."
        );
        assert_eq!(
            unavailable(None).unwrap(),
            "Cloud validation unavailable. The cached license is no longer valid."
        );
    }
}
