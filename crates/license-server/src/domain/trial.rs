//! Trials that people start on a vendor's server.

mod change;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::LicenseId;
use license_core::machine::Machine;
use license_core::time::saturating_sub;
use license_issuer::folding::folded;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use change::TrialChange;

use super::actor::Actor;
use super::email::EmailAddress;
use super::timed_id::timed_id;

timed_id! {
    /// The id of a trial. It stays while the trial is extended and converted.
    TrialId, "trl_"
}

/// The state of a trial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrialState {
    /// Somebody has asked for a trial, and has not confirmed the address.
    Requested,
    /// The address is confirmed, and the license is being issued.
    Issuing,
    /// The license is issued.
    Started,
    /// The user was reminded of the end.
    Reminded,
    /// A paid license replaces the trial.
    Converted,
    /// The trial has ended. It can still be converted or extended.
    Ended,
}

impl TrialState {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Requested,
        Self::Issuing,
        Self::Started,
        Self::Reminded,
        Self::Converted,
        Self::Ended,
    ];

    /// Returns the name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Issuing => "issuing",
            Self::Started => "started",
            Self::Reminded => "reminded",
            Self::Converted => "converted",
            Self::Ended => "ended",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns whether the trial counts for the rule of one trial for each customer. A request that
    /// was not confirmed does not.
    pub const fn is_used(self) -> bool {
        !matches!(self, Self::Requested)
    }
}

/// Who gets a trial. No two trials have an equal customer, address or machine, except those that an
/// administrator permits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialUser {
    /// The address, which gets the license and the reminders. `None`: it was erased.
    pub email: Option<EmailAddress>,
    /// The customer, as the license names it.
    pub customer: String,
    /// The machine, as `license machine` prints it. `None`: the trial is for any machine.
    pub machine: Option<Machine>,
}

impl TrialUser {
    /// Returns the values that no other trial may have.
    pub fn keys(&self) -> TrialKeys {
        let (email, machine) = (self.email.as_ref(), self.machine.as_ref());
        TrialKeys {
            email: email.map(|email| Sha256::digest(email.mailbox()).into()),
            customer: folded(&self.customer),
            machine: machine.and_then(|machine| Some(machine.digest()?.to_string())),
        }
    }
}

/// The values that no two trials share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrialKeys {
    /// The SHA-256 digest of the address without the part after `+`. It stays after the address was
    /// erased.
    pub email: Option<[u8; 32]>,
    /// The customer, folded as the ledger folds it.
    pub customer: String,
    /// The digest of the machine, which does not change with a new network card.
    pub machine: Option<String>,
}

/// A trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The id.
    pub id: TrialId,
    /// The state.
    pub state: TrialState,
    /// Who has the trial.
    pub user: TrialUser,
    /// Whether an administrator permitted the trial although the customer had another one.
    pub is_exception: bool,
    /// The originator.
    pub started_by: String,
    /// The time of the request.
    pub requested_at: DateTime<Utc>,
    /// The start. `None`: the license is not issued yet.
    pub started_at: Option<DateTime<Utc>>,
    /// The end.
    pub ends_at: Option<DateTime<Utc>>,
    /// The license of the trial. An extension has another one.
    pub license: Option<LicenseId>,
    /// The number of days before the end for which the last reminder was sent.
    pub reminded: Option<u32>,
    /// When the user stopped the reminders.
    pub stopped_at: Option<DateTime<Utc>>,
    /// The paid license that replaces the trial.
    pub paid: Option<LicenseId>,
    /// When the trial was converted, or was found ended.
    pub closed_at: Option<DateTime<Utc>>,
    /// When the trial next needs work: a reminder, or its end. `None`: never.
    pub next_at: Option<DateTime<Utc>>,
}

impl Trial {
    /// Returns the state for the audit trail, without the address and the machine.
    pub fn audited(&self) -> Value {
        json!({
            "state": self.state.as_str(),
            "customer": self.user.customer,
            "license": self.license.as_ref().map(LicenseId::as_str),
            "paid": self.paid.as_ref().map(LicenseId::as_str),
            "ends_at": self.ends_at,
            "reminders": self.stopped_at.is_none(),
            "exception": self.is_exception,
        })
    }

    /// Returns whether `keygen` started the trial. It has no address.
    pub fn is_from_ledger(&self) -> bool {
        self.started_by == Actor::Ledger.to_string()
    }

    /// Returns whether the trial is running: neither requested, nor converted, nor ended.
    pub const fn is_running(&self) -> bool {
        matches!(self.state, TrialState::Started | TrialState::Reminded)
    }
}

/// The days before the end of a trial, or after the due date of an invoice, on which somebody is
/// reminded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReminderDays(Vec<u32>);

impl ReminderDays {
    /// Creates a list from numbers of days in any order.
    pub fn new(mut days: Vec<u32>) -> Self {
        days.sort_unstable();
        days.dedup();
        Self(days)
    }

    /// Returns the numbers, the smallest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = u32> {
        self.0.iter().copied()
    }

    /// Returns the reminder that is due at an instant: the number of days before the end. A
    /// reminder that was missed, such as while the server was down, is not sent together with a
    /// later one.
    pub fn due(&self, trial: &Trial, now: DateTime<Utc>) -> Option<u32> {
        let ends_at = trial.ends_at.filter(|end| now < *end)?;
        if !trial.is_running() || trial.stopped_at.is_some() {
            return None;
        }
        // The smallest number comes first.
        let mut days = self.iter();
        let due = days.find(|days| now >= before(ends_at, *days))?;
        trial.reminded.is_none_or(|last| due < last).then_some(due)
    }

    /// Returns when a trial next needs work after an instant: the next reminder, or the end.
    pub fn next(&self, trial: &Trial, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let ends_at = trial.ends_at.filter(|_| trial.is_running())?;
        let reminders = self.iter().map(|days| before(ends_at, days));
        let reminders = reminders.filter(|at| trial.stopped_at.is_none() && *at > now);
        reminders.chain([ends_at]).min()
    }
}

fn before(end: DateTime<Utc>, days: u32) -> DateTime<Utc> {
    saturating_sub(end, TimeDelta::days(days.into()))
}

/// The answer to somebody who wants a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialClaim {
    /// The trial is the caller's: its license can be issued, or was issued before.
    Granted(Box<Trial>),
    /// There is no request for the trial, or it has ended.
    Unknown,
    /// Another trial has the same customer, address or machine.
    Used,
}

#[cfg(test)]
pub(crate) mod tests;
