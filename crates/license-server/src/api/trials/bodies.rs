//! The bodies of requests and answers about trials.

use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::vendor::IssuedBody;
use crate::domain::Trial;
use crate::services::{ChangedTrial, IssuedTrial};

/// Somebody who wants a trial.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrialRequest)]
pub(in crate::api) struct TrialRequestBody {
    #[schema(min_length = 3, max_length = 254)]
    pub(super) email: String,
    /// The name of the customer: a company, or a person.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) customer: String,
    /// The machine, as `license machine` prints it.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) machine: String,
}

/// The secret of a link.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrialConfirmation)]
pub(in crate::api) struct ConfirmationBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) token: String,
}

/// The code of a reminder.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReminderStop)]
pub(in crate::api) struct StopBody {
    /// The text after `#` in the link.
    #[schema(min_length = 1, max_length = 256)]
    pub(super) code: String,
}

/// The trial of a person who has signed in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountTrial)]
pub(in crate::api) struct AccountTrialBody {
    /// The name of the customer: a company, or a person.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) customer: String,
    /// The machine, as `license machine` prints it.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) machine: String,
}

/// The trial of a customer.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTrial)]
pub(in crate::api) struct NewTrialBody {
    #[schema(min_length = 3, max_length = 254)]
    pub(super) email: String,
    /// The name of the customer: a company, or a person.
    #[schema(min_length = 1, max_length = 100)]
    pub(super) customer: String,
    /// The machine, as `license machine` prints it. Without it, the trial is for any machine.
    #[serde(default)]
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) machine: Option<String>,
    /// Whether the customer, the address and the machine may have had another trial.
    #[serde(default)]
    pub(super) again: bool,
}

/// An extension of a trial.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TrialExtension)]
pub(in crate::api) struct ExtensionBody {
    /// The number of days, which count from the end of the trial, or from now if it has ended.
    #[schema(minimum = 1, maximum = 365)]
    pub(super) days: u32,
    /// The reason, which the audit trail keeps.
    #[schema(min_length = 1, max_length = 1000)]
    pub(super) reason: String,
    /// Whether the extension is only checked.
    #[serde(default)]
    pub(super) dry_run: bool,
}

/// A trial whose license was issued.
#[derive(Serialize, ToSchema)]
#[schema(as = StartedTrial)]
pub(in crate::api) struct StartedTrialBody {
    /// The id of the trial.
    id: String,
    /// The id of the license.
    license: Option<String>,
    ends_at: Option<DateTime<Utc>>,
    /// The license file, for `license install`.
    file: String,
}

impl From<IssuedTrial> for StartedTrialBody {
    fn from(started: IssuedTrial) -> Self {
        let trial = started.trial;
        Self {
            id: trial.id.to_string(),
            license: trial.license.as_ref().map(LicenseId::to_string),
            ends_at: trial.ends_at,
            file: started.file,
        }
    }
}

/// A trial.
#[derive(Serialize, ToSchema)]
#[schema(as = Trial)]
pub(in crate::api) struct TrialBody {
    id: String,
    /// `issuing`, `started`, `reminded`, `converted` or `ended`.
    state: &'static str,
    /// The address, or null for a trial of `keygen`, or 90 days after the trial was closed.
    email: Option<String>,
    customer: String,
    /// The machine, or null if the trial is for any machine, or 90 days after it was closed.
    machine: Option<String>,
    /// Whether an administrator permitted the trial in addition to another one.
    is_exception: bool,
    /// The program that issued the license: `server` or `keygen`.
    issued_by: &'static str,
    /// The originator: `request`, an account or an API token, or `ledger` for a trial of `keygen`.
    started_by: String,
    requested_at: DateTime<Utc>,
    started_at: Option<DateTime<Utc>>,
    ends_at: Option<DateTime<Utc>>,
    /// The id of the license. An extension has another one.
    license: Option<String>,
    /// The reason code of the state of the newest license now, such as `VALID` or `REVOKED`, or
    /// null while there is none.
    license_code: Option<&'static str>,
    /// The number of days before the end for which the last reminder was sent.
    reminded_days: Option<u32>,
    /// Whether the user gets reminders.
    has_reminders: bool,
    /// The id of the paid license that replaces the trial.
    paid_license: Option<String>,
    /// When the trial was converted, or was found ended.
    closed_at: Option<DateTime<Utc>>,
}

impl TrialBody {
    pub(in crate::api) fn new(trial: Trial, license_code: Option<&'static str>) -> Self {
        let issued_by = if trial.is_from_ledger() {
            "keygen"
        } else {
            "server"
        };
        let user = trial.user;
        Self {
            id: trial.id.to_string(),
            state: trial.state.as_str(),
            email: user.email.map(|email| email.to_string()),
            customer: user.customer,
            machine: user.machine.map(|machine| machine.to_string()),
            is_exception: trial.is_exception,
            issued_by,
            started_by: trial.started_by,
            requested_at: trial.requested_at,
            started_at: trial.started_at,
            ends_at: trial.ends_at,
            license: trial.license.as_ref().map(LicenseId::to_string),
            license_code,
            reminded_days: trial.reminded,
            has_reminders: trial.stopped_at.is_none(),
            paid_license: trial.paid.as_ref().map(LicenseId::to_string),
            closed_at: trial.closed_at,
        }
    }
}

/// A trial after a change, with its new license.
#[derive(Serialize, ToSchema)]
#[schema(as = ChangedTrial)]
pub(in crate::api) struct ChangedTrialBody {
    trial: TrialBody,
    license: IssuedBody,
}

impl ChangedTrialBody {
    pub(super) fn new(changed: ChangedTrial, license_code: Option<&'static str>) -> Self {
        Self {
            trial: TrialBody::new(changed.trial, license_code),
            license: changed.license.into(),
        }
    }
}
