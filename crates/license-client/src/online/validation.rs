//! The flow of a validation: ask a server, verify its token, store the token.

use license_core::chrono::{DateTime, TimeDelta, Utc};
use license_core::evaluate::{Evidence, Outcome};
use license_core::license::Validation;
use license_core::machine::Machine;
use license_core::policy::NAMED_USERS;
use license_core::{
    Context, Decision, FeatureMatrix, LicenseId, Unverified, VerifiedLicenses, with_causes,
};
use serde_json::json;
use ureq::http::Method;
use zeroize::Zeroizing;

use super::caller::{self, Installed};
use super::error::{OnlineError, one_line};
use super::login::RequestLogin;
use super::random;
use super::transport::{Call, Limit, Route, Transport};
use super::verdict::{OnlineStatus, ServerVerdict, ValidateReply};
use crate::installation::{Candidate, Replace};
use crate::manager::{LicenseManager, Moment};

/// The age of a validation from which a server is asked again. A license whose check-in is due
/// earlier is validated when it is due.
const FRESH: TimeDelta = TimeDelta::hours(24);

const PATH: &str = "/api/v1/licenses/validate";

/// A validation of the license of one machine.
pub(super) struct ValidationFlow<'v> {
    pub(super) transport: &'v Transport,
    pub(super) login: &'v RequestLogin,
    pub(super) manager: &'v LicenseManager,
    pub(super) matrix: &'v FeatureMatrix,
    pub(super) context: &'v Context<'v>,
    pub(super) limit: Limit,
}

impl ValidationFlow<'_> {
    /// Validates the license, if it needs a check-in and its last validation is not recent.
    pub(super) fn refresh(&self) -> OnlineStatus {
        let Some(installed) = Installed::read(self.manager, self.matrix, self.context) else {
            return OnlineStatus::NotRequired;
        };
        let decision = &installed.decision;
        let Some(check_in) = installed.license.check_in() else {
            return OnlineStatus::NotRequired;
        };
        if let Some(validated_at) = last_validation(decision)
            && decision.outcome() != Outcome::Denied
            && decision.evaluated_at() - validated_at < FRESH.min(check_in.every())
        {
            return OnlineStatus::Cached { validated_at };
        }
        let valid_for = valid_for(decision);
        // A program that starts does not wait for the provider of logins.
        match self.validate_installed(&installed, RequestLogin::stored_token) {
            Ok(verdict) if verdict.is_signed => OnlineStatus::Validated(verdict),
            Ok(verdict) => OnlineStatus::Refused { verdict, valid_for },
            Err(error) => OnlineStatus::Unavailable { error, valid_for },
        }
    }

    /// Validates the license, whatever the age of its last validation.
    pub(super) fn validate(&self) -> Result<ServerVerdict, OnlineError> {
        let installed = Installed::read(self.manager, self.matrix, self.context);
        let installed = installed.ok_or(OnlineError::NoLicense)?;
        self.validate_installed(&installed, |login| login.token().ok().flatten())
    }

    fn validate_installed(
        &self,
        installed: &Installed,
        login: impl FnOnce(&RequestLogin) -> Option<Zeroizing<String>>,
    ) -> Result<ServerVerdict, OnlineError> {
        installed.check_context(self.matrix, self.context)?;
        let license = &installed.license;
        let machine = caller::machine(self.manager, license)?;
        let nonce = random::nonce()?.to_string();
        let mut body = json!({
            "license_key": caller::license_key(license)?,
            "machine_id": machine.to_string(),
            "nonce": nonce,
        });
        // The user matters only for a license with named users. The login proves to the server who
        // the user is, if the server assigns the users.
        let is_assigned = license.entitlements().quota(NAMED_USERS).is_some();
        let is_for_users = is_assigned || license.users().is_some();
        let login = is_assigned.then(|| login(self.login)).flatten();
        if let (Some(user), Some(members)) = (self.context.named_user(), body.as_object_mut())
            && is_for_users
        {
            members.insert("user".to_owned(), user.into());
        }
        let call = Call {
            method: Method::POST,
            path: PATH,
            body: Some(Zeroizing::new(body.to_string())),
            license: None,
            deletion_secret: None,
            idempotency_key: Some(&random::idempotency_key()?),
        };
        let login = login.as_deref().map(String::as_str);
        let answer = self
            .transport
            .send_as(&call, login, Route::Any, self.limit)?;
        let url = self.transport.url(answer.server);
        let reply: ValidateReply = answer.parse(url)?;
        let unverified = |reason: String| OnlineError::Unverified {
            server: url.to_owned(),
            reason: one_line(&reason),
        };
        let token = match &reply.validation {
            Some(token) => {
                let token = check(token, installed, &machine, &nonce).map_err(unverified)?;
                if reply.valid == token.status().is_denial() {
                    let status = token.status();
                    let reason = format!("its status {status} contradicts the answer");
                    return Err(unverified(reason));
                }
                self.store(&token, installed)?;
                Some(token)
            }
            None if reply.valid => {
                let reason = "expected a validation token, found none".to_owned();
                return Err(unverified(reason));
            }
            None if !self.transport.is_authenticated(answer.server) => {
                let server = url.to_owned();
                return Err(OnlineError::Unauthenticated { server });
            }
            None => None,
        };
        let renewal = reply.renewal.as_deref();
        let renewal = renewal.and_then(|renewal| self.install_renewal(renewal, installed));
        Ok(ServerVerdict {
            is_valid: reply.valid,
            code: one_line(&reply.code),
            license: license.id().clone(),
            tier: one_line(&reply.tier),
            expires_at: reply.expires_at(),
            features: reply.features.iter().map(|name| one_line(name)).collect(),
            quotas: reply.quotas,
            expected: one_line(&reply.expected),
            actual: one_line(&reply.actual),
            is_signed: token.is_some(),
            server: url.to_owned(),
            renewal,
        })
    }

    /// Stores a validation token where `license install` stores it.
    fn store(&self, token: &Validation, installed: &Installed) -> Result<(), OnlineError> {
        let (trust, licenses) = (&installed.trust, installed.licenses());
        let text = token.to_armor();
        let verified = VerifiedLicenses::verify_with_licenses(&text, trust, self.matrix, licenses);
        let Ok(verified) = verified else {
            return Err(OnlineError::NoLicense);
        };
        let candidate = Candidate {
            verified: &verified,
            trust,
            matrix: self.matrix,
        };
        let replace = Replace::UnlessWorse;
        let stored = self
            .manager
            .install(&candidate, self.context, replace, Moment::Now);
        stored
            .map(drop)
            .map_err(|error| OnlineError::NotStored(Box::new(error)))
    }

    /// Installs the renewal of a license in the directory of the user. A renewal that cannot be
    /// installed has no effect: the user still has the license.
    fn install_renewal(&self, token: &str, installed: &Installed) -> Option<LicenseId> {
        let trust = &installed.trust;
        let verified = VerifiedLicenses::verify(token, trust, self.matrix).ok()?;
        let [renewal] = verified.licenses() else {
            return None;
        };
        let known = installed.licenses();
        let is_new = !known.iter().any(|license| license.id() == renewal.id());
        let replaces = renewal.supersedes().contains(installed.license.id())
            && renewal.product() == installed.license.product();
        // A file with several licenses has more than the renewal replaces.
        if !(is_new && replaces && known.len() == 1) {
            return None;
        }
        let candidate = Candidate {
            verified: &verified,
            trust,
            matrix: self.matrix,
        };
        let replace = Replace::UnlessWorse;
        let report = self
            .manager
            .install(&candidate, self.context, replace, Moment::Now);
        report.ok().map(|_| renewal.id().clone())
    }
}

/// Returns the status of a license that no server could judge.
pub(super) fn unavailable(
    manager: &LicenseManager,
    matrix: &FeatureMatrix,
    context: &Context<'_>,
    error: OnlineError,
) -> OnlineStatus {
    match Installed::read(manager, matrix, context) {
        Some(installed) if installed.license.check_in().is_some() => {
            let valid_for = valid_for(&installed.decision);
            OnlineStatus::Unavailable { error, valid_for }
        }
        _ => OnlineStatus::NotRequired,
    }
}

/// Verifies a validation token, and checks that it answers the request.
fn check(
    token: &str,
    installed: &Installed,
    machine: &Machine,
    nonce: &str,
) -> Result<Validation, String> {
    let token = Unverified::parse(token).map_err(|error| with_causes(&error))?;
    let token = token
        .verify_validation(&installed.trust, &installed.license)
        .map_err(|error| with_causes(&error))?;
    if token.nonce() != Some(nonce) {
        return Err("it has the nonce of another request".to_owned());
    }
    let is_for_here = |named: &Machine| named.matches(machine) || machine.matches(named);
    if !token.machine().is_some_and(is_for_here) {
        return Err("it is for another machine".to_owned());
    }
    Ok(token)
}

/// Returns the last validation of the license.
fn last_validation(decision: &Decision) -> Option<DateTime<Utc>> {
    match decision.check_in() {
        Some(Evidence::CheckIn {
            last_validated_at, ..
        }) => *last_validated_at,
        _ => None,
    }
}

/// Returns how long the license stays valid without a validation, if it is valid now.
fn valid_for(decision: &Decision) -> Option<TimeDelta> {
    if decision.outcome() == Outcome::Denied {
        return None;
    }
    match decision.check_in() {
        Some(Evidence::CheckIn {
            grace_until, now, ..
        }) => Some(*grace_until - *now),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
