//! Trials that people start on a vendor's server, and what administrators do with them.

mod changes;
pub(super) mod mails;
mod work;

use std::net::IpAddr;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{from_unix_seconds, saturating_add};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use changes::ChangedTrial;
pub(super) use changes::issued_license;

use super::people::{bad_request, checked_name, link_ended, not_found};
use super::site::{Site, random};
use super::tokens::new_secret;
use super::vendor::{self, IssuedLicense, RequestId};
use crate::domain::{
    Actor, EmailAddress, Page, PageRequest, Refusal, RefusalKind, ReminderDays, SecretDigest,
    ServerCode, SignedIn, Trial, TrialChange, TrialClaim, TrialId, TrialState, TrialUser,
    is_unsafe,
};
use crate::store::TrialRequest;

/// How long a link of a request is valid.
const REQUEST_VALIDITY: TimeDelta = TimeDelta::hours(24);

/// The largest number of open requests of one address.
const MAX_REQUESTS: u32 = 3;

/// The longest reason of an administrator, in characters.
const MAX_REASON: usize = 1000;

/// The purpose of the code that stops reminders.
const REMINDERS: &str = "trial-reminders";

/// The settings of trials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrialSettings {
    /// Whether people can start trials themselves.
    pub is_open: bool,
    /// When users are reminded of the end.
    pub reminders: ReminderDays,
}

/// A person who wants a trial, as a request states it.
#[derive(Clone, Debug)]
pub struct NewTrial {
    /// The address, which gets the license and the reminders.
    pub email: EmailAddress,
    /// The name of the customer: a company, or a person.
    pub customer: String,
    /// The machine, as `license machine` prints it.
    pub machine: Option<String>,
}

/// A trial whose license was issued.
#[derive(Clone, Debug)]
pub struct IssuedTrial {
    /// The trial.
    pub trial: Trial,
    /// The license file.
    pub file: String,
}

/// Starts, extends and converts trials, and reminds their users of the end.
#[derive(Clone)]
pub struct TrialService {
    site: Arc<Site>,
    settings: Arc<TrialSettings>,
}

impl TrialService {
    pub(super) fn new(site: Arc<Site>, settings: TrialSettings) -> Self {
        Self {
            site,
            settings: Arc::new(settings),
        }
    }

    /// Sends a link that starts a trial to its address. An address with too many open requests gets
    /// none, and the answer is the same.
    ///
    /// # Errors
    ///
    /// Returns `TRIALS_OFF` if the server starts no trials, `MAIL_OFF` if it cannot send mail, and
    /// `BAD_REQUEST` for a name or a machine that is not accepted.
    pub async fn request(&self, new: NewTrial) -> Result<(), Refusal> {
        self.require_open()?;
        if !self.site.people.has_mail() {
            return Err(Refusal::new(
                RefusalKind::Conflict,
                ServerCode::MailOff,
                "the server cannot send mail",
            )
            .hint("ask the vendor for a trial"));
        }
        let trial = self.new_trial(&new, TrialState::Requested, "request".to_owned())?;
        let secret = new_secret()?;
        let request = TrialRequest {
            digest: SecretDigest::new(&secret),
            until: saturating_add(trial.requested_at, REQUEST_VALIDITY),
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let stored = store.request_trial(tenant, trial, request, MAX_REQUESTS);
        if stored.await? {
            mails::request(&self.site, &new.email, &secret);
        }
        Ok(())
    }

    /// Starts the trial of a link. The same link returns the license again until the link ends.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a link that cannot be used, `TRIAL_USED` if the customer, the
    /// address or the machine had a trial, and the errors of the ledger.
    pub async fn confirm(
        &self,
        secret: &str,
        address: Option<IpAddr>,
    ) -> Result<IssuedTrial, Refusal> {
        self.require_open()?;
        let (site, digest) = (&self.site, SecretDigest::new(secret));
        let claim = site.store.claim_trial(&site.tenant, digest, site.wall());
        let trial = granted(claim.await?)?;
        let actor = Actor::Trial(trial.id.clone()).at_some(address);
        self.complete(trial, &actor).await
    }

    /// Starts the trial of a person who has signed in, and whose address is verified.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN` without a verified address, and the errors of
    /// [`confirm`](Self::confirm).
    pub async fn start_for(
        &self,
        person: &SignedIn,
        customer: String,
        machine: String,
    ) -> Result<IssuedTrial, Refusal> {
        self.require_open()?;
        let account = &person.account;
        let email = account
            .email
            .clone()
            .filter(|_| account.verified_at.is_some());
        let email = email.ok_or_else(|| {
            let detail = "the account has no verified e-mail address";
            Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
                .hint("verify the address with POST /api/v1/account/email")
        })?;
        let new = NewTrial {
            email,
            customer,
            machine: Some(machine),
        };
        self.reserve(&new, false, &person.actor()).await
    }

    /// Starts a trial for an administrator. An exception is granted although the customer, the
    /// address or the machine had another trial.
    ///
    /// # Errors
    ///
    /// Returns `WRONG_ROLE` on a site server, and the errors of [`confirm`](Self::confirm).
    pub async fn start(
        &self,
        actor: &Actor,
        new: NewTrial,
        is_exception: bool,
    ) -> Result<IssuedTrial, Refusal> {
        vendor::ledger(&self.site)?;
        self.reserve(&new, is_exception, actor).await
    }

    /// Describes the license of a trial that [`start`](Self::start) would issue.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`start`](Self::start).
    pub async fn preview_start(
        &self,
        actor: &Actor,
        new: &NewTrial,
        is_exception: bool,
    ) -> Result<IssuedLicense, Refusal> {
        vendor::ledger(&self.site)?;
        let trial = self.new_trial(new, TrialState::Issuing, actor.to_string())?;
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        if !is_exception && store.is_trial_used(tenant, trial.user.keys()).await? {
            return Err(vendor::trial_used());
        }
        vendor::issue_trial(&self.site, actor, &trial.user, is_exception, None).await
    }

    async fn reserve(
        &self,
        new: &NewTrial,
        is_exception: bool,
        actor: &Actor,
    ) -> Result<IssuedTrial, Refusal> {
        let trial = self.new_trial(new, TrialState::Issuing, actor.to_string())?;
        let trial = Trial {
            is_exception,
            next_at: Some(work::issuing_again(trial.requested_at)),
            ..trial
        };
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let trial = granted(store.reserve_trial(tenant, trial).await?)?;
        self.complete(trial, actor).await
    }

    /// Returns a trial that is not stored.
    fn new_trial(
        &self,
        new: &NewTrial,
        state: TrialState,
        started_by: String,
    ) -> Result<Trial, Refusal> {
        let machine = new.machine.as_deref();
        let machine = machine.map(|machine| vendor::machine(machine, &self.site.matrix));
        let now = self.site.wall();
        Ok(Trial {
            id: TrialId::new(now, random()?),
            state,
            user: TrialUser {
                email: Some(new.email.clone()),
                customer: checked_name("customer", &new.customer)?,
                machine: machine.transpose()?,
            },
            is_exception: false,
            started_by,
            requested_at: now,
            started_at: None,
            ends_at: None,
            license: None,
            reminded: None,
            stopped_at: None,
            paid: None,
            closed_at: None,
            next_at: None,
        })
    }

    /// Issues the license of a trial, unless it was issued before.
    ///
    /// The id of the trial is the number of the order in the ledger. A server that is killed after
    /// the ledger has the license, and before the database has it, therefore finds it again.
    async fn complete(&self, trial: Trial, actor: &Actor) -> Result<IssuedTrial, Refusal> {
        let site = &self.site;
        if let Some(license) = &trial.license {
            let license = trial.paid.as_ref().unwrap_or(license);
            let file = vendor::file(site, license).await?;
            return Ok(IssuedTrial { trial, file });
        }
        let request = RequestId(Sha256::digest(format!("trial {}", trial.id)).into());
        let (user, is_exception) = (&trial.user, trial.is_exception);
        let issued = vendor::issue_trial(site, actor, user, is_exception, Some(request)).await;
        let issued = match issued {
            Ok(issued) => issued,
            Err(refusal) => {
                let is_final = matches!(
                    refusal.kind,
                    RefusalKind::BadRequest | RefusalKind::Forbidden
                ) || refusal.code == ServerCode::TrialUsed.as_str();
                if is_final {
                    site.store.drop_trial(&site.tenant, &trial.id).await?;
                }
                return Err(refusal);
            }
        };
        let file = issued.file.clone().unwrap_or_default();
        let start = TrialChange::Start {
            ends_at: end_of(&issued),
            license: issued.id,
        };
        let details = json!({ "by": trial.started_by });
        let started = self.change(actor, "trial.start", &trial.id, start, details);
        match started.await? {
            Some(trial) => {
                mails::started(site, &trial, &file);
                Ok(IssuedTrial { trial, file })
            }
            // Another request has started the trial meanwhile.
            None => {
                let trial = self.get(&trial.id).await?;
                Ok(IssuedTrial { trial, file })
            }
        }
    }

    /// Returns a trial.
    ///
    /// # Errors
    ///
    /// Returns `NOT_FOUND` if there is none.
    pub async fn get(&self, id: &TrialId) -> Result<Trial, Refusal> {
        let found = self.site.store.trial(&self.site.tenant, id).await?;
        let found = found.filter(|trial| trial.state.is_used());
        found.ok_or_else(|| not_found("trial"))
    }

    /// Returns trials, the newest first.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn list(
        &self,
        state: Option<TrialState>,
        page: &PageRequest,
    ) -> Result<Page<Trial>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.trials(tenant, state, page).await?)
    }

    /// Stops the reminders of a trial, with the code of a mail.
    ///
    /// # Errors
    ///
    /// Returns `LINK_ENDED` for a code that no mail has.
    pub async fn stop_reminders(&self, code: &str, address: Option<IpAddr>) -> Result<(), Refusal> {
        let id = mails::trial_of_code(&self.site, code).ok_or_else(link_ended)?;
        let actor = Actor::Trial(id.clone()).at_some(address);
        let change = TrialChange::StopReminders;
        // A repetition has no further effect.
        self.change(&actor, "trial.stop_reminders", &id, change, json!({}))
            .await?;
        Ok(())
    }

    async fn change(
        &self,
        actor: &Actor,
        action: &'static str,
        id: &TrialId,
        change: TrialChange,
        details: Value,
    ) -> Result<Option<Trial>, Refusal> {
        let site = &self.site;
        let audit = site.audit(actor, action, id.as_str(), details);
        let days = self.settings.reminders.clone();
        let changed = site
            .store
            .change_trial(&site.tenant, id, change, days, audit);
        Ok(changed.await?)
    }

    fn require_open(&self) -> Result<(), Refusal> {
        if self.settings.is_open && self.site.vendor.is_some() {
            return Ok(());
        }
        Err(Refusal::new(
            RefusalKind::Forbidden,
            ServerCode::TrialsOff,
            "the server starts no trials",
        )
        .hint("ask the vendor for a trial; its server has the setting trials"))
    }
}

fn granted(claim: TrialClaim) -> Result<Trial, Refusal> {
    match claim {
        TrialClaim::Granted(trial) => Ok(*trial),
        TrialClaim::Unknown => Err(link_ended()),
        TrialClaim::Used => Err(vendor::trial_used()),
    }
}

/// Checks the reason of an administrator, and returns it without spaces around it.
pub(super) fn checked_reason(text: &str) -> Result<String, Refusal> {
    let text = text.trim();
    let is_accepted =
        (1..=MAX_REASON).contains(&text.chars().count()) && !text.chars().any(is_unsafe);
    if is_accepted {
        return Ok(text.to_owned());
    }
    Err(bad_request("the reason is not accepted")
        .about("reason")
        .values(
            format!("1 to {MAX_REASON} characters without control characters"),
            "another text",
        ))
}

/// Returns the end of a license that was issued.
fn end_of(issued: &IssuedLicense) -> DateTime<Utc> {
    let seconds = issued.claims.get("exp").and_then(Value::as_u64);
    let end = seconds.and_then(from_unix_seconds);
    end.unwrap_or(license_core::time::MAX)
}

#[cfg(test)]
pub(in crate::services) mod tests;
