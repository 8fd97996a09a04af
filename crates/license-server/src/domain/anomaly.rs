//! Anomalies: what a person should look at. An anomaly never locks anything.

use chrono::{DateTime, Utc};
use license_core::LicenseId;
use serde_json::{Value, json};

/// The kind of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnomalyKind {
    /// Many machines used a license for the first time within a day.
    Machines,
    /// A license was used from many networks within a day.
    Networks,
    /// Two usage reports contradict each other.
    UsageConflict,
}

impl AnomalyKind {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::Machines, Self::Networks, Self::UsageConflict];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Machines => "machines",
            Self::Networks => "networks",
            Self::UsageConflict => "usage_conflict",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The state of an anomaly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnomalyState {
    /// The anomaly waits for a person.
    Open,
    /// A person has dismissed the anomaly.
    Dismissed,
}

impl AnomalyState {
    /// All states.
    pub const ALL: [Self; 2] = [Self::Open, Self::Dismissed];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Dismissed => "dismissed",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// An observation that is larger than expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnomalyReport {
    /// The id of the anomaly, if the observation starts one.
    pub id: String,
    /// The kind.
    pub kind: AnomalyKind,
    /// The license.
    pub license: LicenseId,
    /// The number that was found.
    pub seen: u64,
    /// The smallest number that is an anomaly.
    pub threshold: u64,
    /// The time.
    pub at: DateTime<Utc>,
}

/// An anomaly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// The id, such as `anm_0190…`. It starts with the time.
    pub id: String,
    /// The kind.
    pub kind: AnomalyKind,
    /// The license.
    pub license: LicenseId,
    /// The largest number that was found.
    pub seen: u64,
    /// The smallest number that is an anomaly.
    pub threshold: u64,
    /// The time of the first observation.
    pub first_at: DateTime<Utc>,
    /// The time of the last observation.
    pub last_at: DateTime<Utc>,
    /// The state.
    pub state: AnomalyState,
    /// The time of the dismissal.
    pub dismissed_at: Option<DateTime<Utc>>,
    /// The originator of the dismissal, as the audit trail records it.
    pub dismissed_by: Option<String>,
    /// The reason of the dismissal.
    pub note: Option<String>,
}

impl Anomaly {
    /// Returns what an observation means for this anomaly, which is the latest of its kind and
    /// license.
    pub fn follow_up(&self, report: &AnomalyReport) -> AnomalyFollowUp {
        if self.state == AnomalyState::Open {
            return AnomalyFollowUp::Extend;
        }
        // The person who dismissed the anomaly knows about it. It is worth another look when it has
        // doubled, or when it starts again after a week.
        let has_doubled = report.seen >= self.seen.saturating_mul(2);
        let quiet = report.at.signed_duration_since(self.last_at);
        if has_doubled || quiet > chrono::TimeDelta::days(7) {
            AnomalyFollowUp::Raise
        } else {
            AnomalyFollowUp::Extend
        }
    }

    /// Returns the state for the audit trail.
    pub fn audited(&self) -> Value {
        json!({ "kind": self.kind.as_str(), "license": self.license.as_str(), "state": self.state.as_str() })
    }
}

/// The effect of an observation on the latest anomaly of its kind and license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnomalyFollowUp {
    /// The observation belongs to the anomaly.
    Extend,
    /// The observation starts another anomaly.
    Raise,
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use license_core::time;

    use super::*;

    #[test]
    fn a_dismissed_anomaly_is_raised_again_if_it_doubles_or_returns_after_a_week() {
        let at = time::parse_instant("2027-01-01").unwrap();
        let license = LicenseId::from_random(at, &[1; 10]);
        let open = Anomaly {
            id: "anm_1".to_owned(),
            kind: AnomalyKind::Machines,
            license: license.clone(),
            seen: 20,
            threshold: 10,
            first_at: at,
            last_at: at,
            state: AnomalyState::Open,
            dismissed_at: None,
            dismissed_by: None,
            note: None,
        };
        let dismissed = Anomaly {
            state: AnomalyState::Dismissed,
            ..open.clone()
        };
        let report = |seen, after| AnomalyReport {
            id: "anm_2".to_owned(),
            kind: AnomalyKind::Machines,
            license: license.clone(),
            seen,
            threshold: 10,
            at: at + after,
        };
        let (extend, raise) = (AnomalyFollowUp::Extend, AnomalyFollowUp::Raise);
        let (hour, week) = (TimeDelta::hours(1), TimeDelta::days(7));
        assert_eq!(open.follow_up(&report(100, week * 2)), extend);
        assert_eq!(dismissed.follow_up(&report(39, hour)), extend);
        assert_eq!(dismissed.follow_up(&report(40, hour)), raise);
        assert_eq!(dismissed.follow_up(&report(11, week)), extend);
        assert_eq!(dismissed.follow_up(&report(11, week + hour)), raise);
    }
}
