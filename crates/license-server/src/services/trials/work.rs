//! The periodic work of trials: interrupted starts, reminders, ends and conversions by `keygen`.

use chrono::{DateTime, TimeDelta, Utc};
use license_core::time::{saturating_add, saturating_sub};
use serde_json::json;

use super::{TrialService, mails};
use crate::domain::{Actor, Refusal, Trial, TrialChange, TrialState};
use crate::log_limit;

/// How long a reminder waits after a mail that was not sent.
const RETRY: TimeDelta = TimeDelta::minutes(10);

/// How long the address and the machine of a trial are kept after its end or its conversion.
const RETENTION: TimeDelta = TimeDelta::days(90);

/// The number of trials that the store returns at once.
const AT_ONCE: usize = 100;

/// Returns when the license of a trial is issued again after an interruption.
pub(super) fn issuing_again(at: DateTime<Utc>) -> DateTime<Utc> {
    saturating_add(at, TimeDelta::minutes(1))
}

impl TrialService {
    /// Completes interrupted starts, sends reminders, records ends, and follows conversions that
    /// another program made in the ledger. The server calls it once a minute. Correctness of
    /// licenses does not depend on it, because the end of a trial is in its license.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn work(&self) -> Result<(), Refusal> {
        let site = &self.site;
        if site.vendor.is_none() {
            return Ok(());
        }
        self.follow_ledger().await?;
        loop {
            let due = site.store.due_trials(&site.tenant, site.wall()).await?;
            for trial in &due {
                self.work_on(trial).await?;
            }
            if due.len() < AT_ONCE {
                break;
            }
        }
        let now = site.wall();
        let before = saturating_sub(now, RETENTION);
        Ok(site.store.forget_trials(&site.tenant, now, before).await?)
    }

    /// Records the licenses that replace those of trials, such as after `keygen issue --convert`,
    /// or after a server was killed during a conversion.
    async fn follow_ledger(&self) -> Result<(), Refusal> {
        let site = &self.site;
        for (trial, successor) in site.store.superseded_trials(&site.tenant).await? {
            let Some(record) = site.store.license(&site.tenant, &successor).await? else {
                continue;
            };
            let Ok(found) = site.verified(record) else {
                continue;
            };
            let license = found.license;
            let (action, change) = match license.expires_at() {
                Some(ends_at) if license.is_trial() => {
                    let license = successor;
                    ("trial.extend", TrialChange::Extend { license, ends_at })
                }
                _ => ("trial.convert", TrialChange::Convert(successor)),
            };
            let details = json!({ "from": "ledger" });
            self.change(&Actor::Ledger, action, &trial.id, change, details)
                .await?;
        }
        Ok(())
    }

    async fn work_on(&self, trial: &Trial) -> Result<(), Refusal> {
        let now = self.site.wall();
        if trial.state == TrialState::Issuing {
            // The next attempt waits, whatever the result of this one is.
            self.postpone(trial, issuing_again(now)).await?;
            if let Err(refusal) = self.complete(trial.clone(), &Actor::Server).await
                && let Some(repeated) = log_limit::pass("trial")
            {
                let (code, trial) = (refusal.code, trial.id.as_str());
                tracing::warn!(
                    code,
                    trial,
                    repeated,
                    "the license of a trial is issued later"
                );
            }
            return Ok(());
        }
        if trial.ends_at.is_some_and(|end| end <= now) {
            let change = TrialChange::End;
            self.change(&Actor::Server, "trial.end", &trial.id, change, json!({}))
                .await?;
            return Ok(());
        }
        let reminders = &self.settings.reminders;
        match reminders.due(trial, now) {
            Some(days) => self.remind(trial, days).await,
            // The settings have changed since the time was stored.
            None => match reminders.next(trial, now) {
                Some(next) => self.postpone(trial, next).await,
                None => Ok(()),
            },
        }
    }

    /// Reminds a user. The reminder is recorded after the mail server has accepted the mail, so
    /// that none is lost. A server without mail records it too, for those who follow its events.
    async fn remind(&self, trial: &Trial, days: u32) -> Result<(), Refusal> {
        let sent = mails::remind(&self.site, trial).await;
        if sent == Some(false) {
            let later = saturating_add(self.site.wall(), RETRY);
            return self.postpone(trial, later).await;
        }
        let details = json!({ "days": days, "mailed": sent == Some(true) });
        let change = TrialChange::Remind(days);
        self.change(&Actor::Server, "trial.remind", &trial.id, change, details)
            .await?;
        Ok(())
    }

    async fn postpone(&self, trial: &Trial, until: DateTime<Utc>) -> Result<(), Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        Ok(store.postpone_trial(tenant, &trial.id, until).await?)
    }
}
