//! Conditions that deserve attention although they do not change the decision.

use std::fmt;

use chrono::{DateTime, TimeDelta, Utc};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::rules::Evaluation;
use crate::code::{Code, CodeKind};
use crate::time::serde_rfc3339::Rfc3339;
use crate::time::{self, CLOCK_TOLERANCE, humanize, humanize_more, rfc3339};

/// A condition that deserves attention although it does not change the decision.
///
/// Each variant contains its values, so that an application can show them in its own words. The
/// text form is a sentence for users. The JSON form is an object with `code`, `message` and the
/// values, which `docs/codes.md` documents.
///
/// ```
/// use license_core::{Code, Context, FeatureMatrix, TrustSet, Unverified, time};
/// use license_core::evaluate::Warning;
///
/// # const JWKS: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
/// # ));
/// # const TOKEN: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/tokens/valid-pro.jwt"
/// # ));
/// let license = Unverified::parse(TOKEN)?.verify(&TrustSet::parse(JWKS)?)?;
/// // The license ends on the first day of 2028, and its notice period has begun.
/// let now = time::parse_instant("2027-12-29T00:00:00Z")?;
/// let decision = license.evaluate(FeatureMatrix::built_in(), &Context::at(now));
/// let [warning] = decision.warnings() else {
///     return Err("expected one warning".into());
/// };
/// assert_eq!(warning.code(), Code::ExpiresSoon);
/// let text = match warning {
///     Warning::ExpiresSoon { remaining, .. } => format!("{} days left", remaining.num_days()),
///     other => other.to_string(),
/// };
/// assert_eq!(text, "3 days left");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Warning {
    /// A check-in is due, and the license is in its grace period (`GRACE_OFFLINE`).
    CheckInDue {
        /// The instant at which the license ends.
        holds_until: DateTime<Utc>,
        /// The remaining time until then.
        remaining: TimeDelta,
    },
    /// The license has expired, and is in its grace period (`GRACE_RENEWAL`).
    RenewalDue {
        /// The instant at which the license ends.
        holds_until: DateTime<Utc>,
        /// The remaining time until then.
        remaining: TimeDelta,
    },
    /// The clock is more than 24 hours behind the latest time seen (`CLOCK_BEHIND`).
    ClockBehind {
        /// The time of the clock.
        clock: DateTime<Utc>,
        /// The latest time seen, which is used instead.
        latest: DateTime<Utc>,
        /// The difference.
        behind: TimeDelta,
    },
    /// The revocation list is past its next update (`LIST_OUTDATED`). It still applies.
    ListOutdated {
        /// The number of the list.
        seq: u64,
        /// The instant at which the next list was due.
        next_update: DateTime<Utc>,
        /// The time since then.
        overdue: TimeDelta,
    },
    /// The license ends within its notice period (`EXPIRES_SOON`).
    ExpiresSoon {
        /// The end of the license.
        expires_at: DateTime<Utc>,
        /// The remaining time until then.
        remaining: TimeDelta,
    },
    /// The license is a trial (`TRIAL`).
    Trial {
        /// The end of the license, or `None` if it is perpetual.
        expires_at: Option<DateTime<Utc>>,
        /// The remaining time until then, at least zero.
        remaining: Option<TimeDelta>,
    },
}

impl Warning {
    /// Returns the reason code.
    ///
    /// During a grace period, the first warning of a decision has the code of the decision.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::evaluate::Warning;
    ///
    /// let warning = Warning::Trial { expires_at: None, remaining: None };
    /// assert_eq!(warning.code(), Code::Trial);
    /// assert_eq!(warning.to_string(), "this is a trial license");
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::CheckInDue { .. } => Code::GraceOffline,
            Self::RenewalDue { .. } => Code::GraceRenewal,
            Self::ClockBehind { .. } => Code::ClockBehind,
            Self::ListOutdated { .. } => Code::ListOutdated,
            Self::ExpiresSoon { .. } => Code::ExpiresSoon,
            Self::Trial { .. } => Code::Trial,
        }
    }
}

/// Writes the warning as a sentence.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CheckInDue {
                holds_until,
                remaining,
            } => write_grace(f, "a check-in is due; the license", holds_until, remaining),
            Self::RenewalDue {
                holds_until,
                remaining,
            } => write_grace(f, "the license has expired; it", holds_until, remaining),
            Self::ClockBehind {
                clock,
                latest,
                behind,
            } => write!(
                f,
                "the clock shows {}, {} behind {}, the latest time seen, which is used instead; \
                 correct the clock, or ask the vendor for a clock repair if the clock is right",
                rfc3339(clock),
                humanize(behind),
                rfc3339(latest)
            ),
            Self::ListOutdated {
                seq,
                next_update,
                overdue,
            } => write!(
                f,
                "the update of revocation list {seq} was due at {}, {} ago; the list still \
                 applies; ask the vendor for the latest list",
                rfc3339(next_update),
                humanize(overdue)
            ),
            Self::ExpiresSoon {
                expires_at,
                remaining,
            } => write!(
                f,
                "the license expires in {}, at {}; ask the vendor to renew it",
                humanize(remaining),
                rfc3339(expires_at)
            ),
            Self::Trial {
                remaining: None, ..
            } => f.write_str("this is a trial license"),
            Self::Trial {
                remaining: Some(remaining),
                ..
            } => write!(f, "this is a trial license; {} left", humanize(remaining)),
        }
    }
}

fn write_grace(
    f: &mut fmt::Formatter<'_>,
    start: &str,
    until: DateTime<Utc>,
    remaining: TimeDelta,
) -> fmt::Result {
    let (left, until) = (humanize_more(remaining), rfc3339(until));
    write!(f, "{start} remains valid for {left}, until {until}")
}

/// Writes `code`, `message` and the values of the warning.
impl Serialize for Warning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_map(None)?;
        members.serialize_entry("code", self.code().as_str())?;
        members.serialize_entry("message", &self.to_string())?;
        match *self {
            Self::CheckInDue {
                holds_until,
                remaining,
            }
            | Self::RenewalDue {
                holds_until,
                remaining,
            } => {
                members.serialize_entry("holds_until", &Rfc3339(&holds_until))?;
                members.serialize_entry("remaining_seconds", &remaining.num_seconds())?;
            }
            Self::ClockBehind {
                clock,
                latest,
                behind,
            } => {
                members.serialize_entry("clock", &Rfc3339(&clock))?;
                members.serialize_entry("latest", &Rfc3339(&latest))?;
                members.serialize_entry("behind_seconds", &behind.num_seconds())?;
            }
            Self::ListOutdated {
                seq,
                next_update,
                overdue,
            } => {
                members.serialize_entry("seq", &seq)?;
                members.serialize_entry("next_update", &Rfc3339(&next_update))?;
                members.serialize_entry("overdue_seconds", &overdue.num_seconds())?;
            }
            Self::ExpiresSoon {
                expires_at,
                remaining,
            } => {
                members.serialize_entry("expires_at", &Rfc3339(&expires_at))?;
                members.serialize_entry("remaining_seconds", &remaining.num_seconds())?;
            }
            Self::Trial {
                expires_at,
                remaining,
            } => {
                let seconds = remaining.map(|remaining| remaining.num_seconds());
                members.serialize_entry("expires_at", &Rfc3339(&expires_at))?;
                members.serialize_entry("remaining_seconds", &seconds)?;
            }
        }
        members.end()
    }
}

/// Returns the warnings of an evaluation, those about its result first.
pub(super) fn warnings(
    evaluation: &Evaluation<'_>,
    code: Code,
    valid_until: Option<DateTime<Utc>>,
) -> Vec<Warning> {
    let mut warnings = Vec::new();
    if code.kind() == CodeKind::Grace {
        let until = valid_until.unwrap_or(evaluation.now);
        warnings.push(grace(code, evaluation.now, until));
    }
    warnings.extend(clock_behind(evaluation.context.clock(), evaluation.now));
    warnings.extend(list_outdated(evaluation));
    if code.kind() != CodeKind::Denied {
        warnings.extend(expires_soon(evaluation));
        warnings.extend(trial(evaluation));
    }
    warnings
}

fn grace(code: Code, now: DateTime<Utc>, until: DateTime<Utc>) -> Warning {
    let (holds_until, remaining) = (until, time::duration_since(until, now));
    match code {
        Code::GraceOffline => Warning::CheckInDue {
            holds_until,
            remaining,
        },
        _ => Warning::RenewalDue {
            holds_until,
            remaining,
        },
    }
}

/// Returns a warning if the clock is behind the time of the evaluation.
pub(super) fn clock_behind(clock: DateTime<Utc>, now: DateTime<Utc>) -> Option<Warning> {
    let behind = time::duration_since(now, clock);
    (behind > CLOCK_TOLERANCE).then_some(Warning::ClockBehind {
        clock,
        latest: now,
        behind,
    })
}

/// Returns a warning if all revocation lists are outdated. Among the lists of several keys, only
/// the list with the latest next update matters, because a retired key leaves its last list behind.
fn list_outdated(evaluation: &Evaluation<'_>) -> Option<Warning> {
    let latest = evaluation.lists().max_by_key(|list| list.next_update())?;
    let (next, now) = (latest.next_update(), evaluation.now);
    latest.is_outdated_at(now).then(|| Warning::ListOutdated {
        seq: latest.seq(),
        next_update: next,
        overdue: time::duration_since(now, next),
    })
}

fn expires_soon(evaluation: &Evaluation<'_>) -> Option<Warning> {
    let (license, now) = (evaluation.license, evaluation.now);
    let (end, renewal) = (license.expires_at()?, license.renewal()?);
    let notice = time::saturating_sub(end, renewal.notify());
    if now < notice || now >= end || is_renewed(evaluation) {
        return None;
    }
    Some(Warning::ExpiresSoon {
        expires_at: end,
        remaining: time::duration_since(end, now),
    })
}

/// Returns whether an installed successor continues after the end of this license.
fn is_renewed(evaluation: &Evaluation<'_>) -> bool {
    let mut installed = evaluation.context.all_installed();
    installed.any(|newer| evaluation.license.is_continued_by(newer))
}

fn trial(evaluation: &Evaluation<'_>) -> Option<Warning> {
    let end = evaluation.license.expires_at();
    evaluation.license.is_trial().then(|| Warning::Trial {
        expires_at: end,
        remaining: end.map(|end| time::duration_since(end, evaluation.now)),
    })
}
