//! Changes of trials.

use chrono::{DateTime, Utc};
use license_core::LicenseId;

use super::{ReminderDays, Trial, TrialState};

/// A change of a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialChange {
    /// The license was issued.
    Start {
        /// The license.
        license: LicenseId,
        /// The end of the license.
        ends_at: DateTime<Utc>,
    },
    /// The user was reminded this number of days before the end.
    Remind(u32),
    /// The user wants no more reminders.
    StopReminders,
    /// Another trial license with a later end replaces that of the trial.
    Extend {
        /// The new license.
        license: LicenseId,
        /// The end of the new license.
        ends_at: DateTime<Utc>,
    },
    /// A paid license replaces the trial.
    Convert(LicenseId),
    /// The end has passed.
    End,
}

impl TrialChange {
    /// Returns the trial after the change. Returns `None` if its state does not permit the change,
    /// or already is the result of it.
    pub fn apply(&self, trial: &Trial, days: &ReminderDays, now: DateTime<Utc>) -> Option<Trial> {
        let mut changed = trial.clone();
        let is_issued = trial.is_running() || trial.state == TrialState::Ended;
        let is_permitted = match self {
            Self::Start { license, ends_at } => {
                changed.state = TrialState::Started;
                changed.started_at = Some(now);
                changed.license = Some(license.clone());
                changed.ends_at = Some(*ends_at);
                trial.state == TrialState::Issuing
            }
            Self::Remind(days) => {
                changed.state = TrialState::Reminded;
                changed.reminded = Some(*days);
                trial.is_running() && trial.reminded.is_none_or(|last| *days < last)
            }
            Self::StopReminders => {
                changed.stopped_at = Some(now);
                trial.is_running() && trial.stopped_at.is_none()
            }
            Self::Extend { license, ends_at } => {
                changed.state = TrialState::Started;
                changed.license = Some(license.clone());
                changed.ends_at = Some(*ends_at);
                changed.reminded = None;
                changed.closed_at = None;
                is_issued && trial.license.as_ref() != Some(license)
            }
            Self::Convert(paid) => {
                changed.state = TrialState::Converted;
                changed.paid = Some(paid.clone());
                changed.closed_at = Some(now);
                is_issued
            }
            Self::End => {
                changed.state = TrialState::Ended;
                changed.closed_at = Some(now);
                trial.is_running() && trial.ends_at.is_some_and(|end| end <= now)
            }
        };
        changed.next_at = days.next(&changed, now);
        is_permitted.then_some(changed)
    }
}
