//! Validation of licenses.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use license_core::claims::Status;
use license_core::evaluate::Evidence;
use license_core::issue::ValidationDraft;
use license_core::license::Activation;
use license_core::machine::Machine;
use license_core::policy::Entitlements;
use license_core::{Code, Context, License, LicenseFile, LicenseId, Version, with_causes};
use serde::Serialize;

use super::assigned_users::{Unassigned, UserStanding};
use super::cache::Cache;
use super::licenses::InstalledLicense;
use super::shared_tokens;
use super::site::Site;
use super::vendor::{self, Standing};
use super::verdict::Verdict;
use crate::domain::{ActivationState, PageRequest, Refusal, RefusalKind, ServerCode};
use crate::log_limit;

/// The number of tokens in each generation of the cache.
const CACHED_TOKENS: usize = 20_000;

/// The longest name of a machine, in bytes.
const MAX_MACHINE: usize = 1024;

/// The longest nonce, in bytes.
const MAX_NONCE: usize = 128;

/// A request of a client to validate a license.
#[derive(Clone, PartialEq, Eq)]
pub struct ValidateRequest {
    /// The license key or token.
    pub credential: String,
    /// The fingerprint or digest of the machine.
    pub machine: String,
    /// The user, for licenses with named users.
    pub user: Option<String>,
    /// The refusal of a request without the login that the server requires. It counts only for a
    /// license whose users the server assigns.
    pub missing_login: Option<Refusal>,
    /// The version of the application.
    pub version: Option<String>,
    /// The day on which the application was built, for licenses that end with a build date.
    pub build_date: Option<NaiveDate>,
    /// A random text that the token repeats. A request with a nonce always gets a new token.
    pub nonce: Option<String>,
}

/// Omits the credential.
impl std::fmt::Debug for ValidateRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ValidateRequest")
            .field("machine", &self.machine)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The answer to a validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidateReply {
    /// Whether the license may be used.
    pub valid: bool,
    /// The reason code.
    pub code: &'static str,
    /// The license.
    pub license: LicenseId,
    /// The tier that is in effect.
    pub tier: String,
    /// The end of the license, without its grace period.
    pub expires_at: Option<DateTime<Utc>>,
    /// The features that are in effect.
    pub features: Vec<String>,
    /// The quotas that are in effect. -1 means unlimited.
    pub quotas: BTreeMap<String, i64>,
    /// The validation token. An invalid license has none.
    pub validation: Option<String>,
    /// The expected value of the rule that decided.
    pub expected: String,
    /// The actual value of the rule that decided.
    pub actual: String,
    /// The next step of a user who is not assigned to the license.
    pub hint: Option<&'static str>,
    /// The token of the license that replaces this one, if it is installed.
    pub renewal: Option<String>,
}

/// The parts of a request that decide the answer.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
struct CacheKey {
    license: LicenseId,
    machine: String,
    user: Option<String>,
    version: Option<String>,
    build_date: Option<NaiveDate>,
    /// The minute in which the token was signed.
    minute: i64,
    /// The content from which the answer follows.
    content: u64,
}

/// Validates licenses and signs validation tokens.
#[derive(Clone)]
pub struct ValidateService {
    site: Arc<Site>,
    replies: Arc<Cache<CacheKey, Arc<ValidateReply>>>,
}

impl ValidateService {
    pub(super) fn new(site: Arc<Site>) -> Self {
        Self {
            site,
            replies: Arc::new(Cache::new(CACHED_TOKENS)),
        }
    }

    /// Validates a license. The answer to a license that is not valid is a reply too. Within a
    /// minute, requests without a nonce for the same license and machine get the same token.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the request is malformed, if the license is not installed, or if the
    /// key cannot sign.
    pub async fn validate(&self, request: ValidateRequest) -> Result<Arc<ValidateReply>, Refusal> {
        let machine = parse_machine(&request.machine)?;
        let version = request.version.as_deref().map(parse_version).transpose()?;
        check_nonce(request.nonce.as_deref())?;
        let installed = self.site.resolve(&request.credential).await?;
        let standing = self.user_standing(&installed, &request).await?;
        let now = self.site.now();
        let assigned = match &standing {
            UserStanding::Assigned(email) => Some(email),
            UserStanding::Open | UserStanding::Denied(_) => None,
        };
        let used = (assigned, request.version.as_deref());
        let id = &installed.record.id;
        self.site.record_use(id, &machine, used, now);
        let key = CacheKey {
            license: installed.record.id.clone(),
            machine: machine.to_string(),
            user: assigned.map_or(request.user, |email| Some(email.to_string())),
            version: request.version,
            build_date: request.build_date,
            minute: shared_tokens::minute_of(now),
            content: self.site.content().version,
        };
        // A denied user neither gets nor leaves a reply in the cache.
        let is_denied = matches!(standing, UserStanding::Denied(_));
        let is_cacheable = request.nonce.is_none() && !is_denied;
        let cached = is_cacheable.then(|| self.replies.get(&key)).flatten();
        if let Some(reply) = cached {
            return Ok(reply);
        }
        let user = key.user.as_deref();
        let verdict = self
            .decide(
                &installed.license,
                &machine,
                user,
                (version, key.build_date),
                now,
            )
            .await?;
        // A machine that activates now must not wait for the next minute.
        let is_cached = is_cacheable && verdict.code != Code::NotActivated;
        let renewal = self.renewal(&installed);
        if let (true, UserStanding::Denied(unassigned)) = (verdict.is_valid, standing) {
            return Ok(Arc::new(
                self.unassigned_reply(&installed.license, unassigned),
            ));
        }
        let nonce = request.nonce.as_deref();
        let validation = match status_of(&verdict) {
            None => None,
            Some(status) => {
                let draft = self.draft(&installed.license, &machine, status, nonce, now)?;
                Some(shared_tokens::token(&self.site, &key, &draft).await?)
            }
        };
        let reply = self.reply(&installed.license, &verdict, validation, renewal);
        let reply = Arc::new(reply);
        if is_cached {
            self.replies.insert(key, Arc::clone(&reply));
        }
        Ok(reply)
    }

    async fn decide(
        &self,
        license: &License,
        machine: &Machine,
        user: Option<&str>,
        (version, build_date): (Option<Version>, Option<NaiveDate>),
        now: DateTime<Utc>,
    ) -> Result<Verdict, Refusal> {
        let standing = vendor::standing(&self.site, license, machine).await?;
        let denial = standing.as_ref().and_then(|standing| standing.denial);
        let activations = match standing {
            Some(Standing { activations, .. }) => activations,
            None if license.must_activate() => self.activations(license).await?,
            None => Vec::new(),
        };
        let mut context = Context::at(now).machine(machine).activations(&activations);
        if let Some(user) = user {
            context = context.user(user);
        }
        if let Some(date) = build_date {
            context = context.build_date(date.and_time(NaiveTime::MIN).and_utc());
        }
        context = match version {
            Some(version) => context.app_version(version),
            None => context.for_any_version(),
        };
        if let Some(usage_type) = license.usage_type() {
            context = context.usage_type(usage_type);
        }
        let verdict = self.site.decide(license, &context);
        Ok(match denial {
            Some(code) if verdict.code != Code::Revoked => Verdict {
                code,
                is_valid: false,
                evidence: Evidence::Nothing,
            },
            _ => verdict,
        })
    }

    /// Returns whether the user of a request may use a license, as far as assigned users decide it.
    async fn user_standing(
        &self,
        installed: &InstalledLicense,
        request: &ValidateRequest,
    ) -> Result<UserStanding, Refusal> {
        let user = request.user.as_deref();
        let standing = self.site.user_standing(installed, user).await?;
        match &request.missing_login {
            Some(refusal) if standing != UserStanding::Open => Err(refusal.clone()),
            _ => Ok(standing),
        }
    }

    /// Returns the reply to a user who is not assigned to a license that is valid otherwise.
    fn unassigned_reply(&self, license: &License, unassigned: Unassigned) -> ValidateReply {
        let denied = Verdict {
            code: Code::UserMismatch,
            is_valid: false,
            evidence: Evidence::Nothing,
        };
        ValidateReply {
            code: Unassigned::CODE,
            expected: unassigned.expected,
            actual: unassigned.actual,
            hint: Some(unassigned.hint),
            ..self.reply(license, &denied, None, None)
        }
    }

    /// Returns the activations of a license that the vendor has sent to this server.
    async fn activations(&self, license: &License) -> Result<Vec<Activation>, Refusal> {
        let (store, tenant) = (&self.site.store, &self.site.tenant);
        let content = self.site.content();
        let mut activations = Vec::new();
        let mut page = PageRequest::new(None, Some(PageRequest::MAX_LIMIT));
        loop {
            let answered = Some(ActivationState::Answered);
            let found = store.activations(tenant, answered, &page).await?;
            let of_license = found
                .items
                .iter()
                .filter(|found| &found.license == license.id());
            let answers = of_license.filter_map(|found| found.answer.as_deref());
            activations.extend(answers.filter_map(|armor| {
                let file = LicenseFile::parse(armor).ok()?;
                let token = &file.blocks().first()?.token;
                token.verify_activation(content.keys()).ok()
            }));
            if found.next.is_none() {
                return Ok(activations);
            }
            page = PageRequest::new(found.next, Some(PageRequest::MAX_LIMIT));
        }
    }

    /// Returns the token of the license that replaces this one, if it is in effect.
    fn renewal(&self, installed: &InstalledLicense) -> Option<String> {
        let renewal = installed.renewal.as_ref();
        let valid = renewal.filter(|found| self.site.decide_for_all(&found.license).is_valid);
        valid.map(|found| found.record.token.clone())
    }

    fn reply(
        &self,
        license: &License,
        verdict: &Verdict,
        validation: Option<String>,
        renewal: Option<String>,
    ) -> ValidateReply {
        let base = self.site.matrix.base_tier().entitlements();
        let entitlements: &Entitlements = if verdict.is_valid {
            license.entitlements()
        } else {
            base
        };
        let quotas = entitlements.quotas();
        ValidateReply {
            valid: verdict.is_valid,
            code: verdict.code.as_str(),
            license: license.id().clone(),
            tier: entitlements.tier().as_str().to_owned(),
            expires_at: license.expires_at(),
            features: entitlements.features().map(str::to_owned).collect(),
            quotas: quotas
                .map(|(name, quota)| (name.to_owned(), quota.to_number()))
                .collect(),
            validation,
            expected: verdict.evidence.expected(),
            actual: verdict.evidence.actual(),
            hint: None,
            renewal,
        }
    }

    fn draft<'a>(
        &self,
        license: &'a License,
        machine: &Machine,
        status: Status,
        nonce: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<ValidationDraft<'a>, Refusal> {
        let id = self.site.new_id()?;
        let issuer = self.site.issuer.clone();
        let mut draft = ValidationDraft::for_license(license, issuer, id, now);
        let digest = machine.digest().map(|digest| digest.to_string());
        draft.machine = Some(digest.unwrap_or_else(|| machine.to_string()));
        draft.nonce = nonce.map(str::to_owned);
        draft.status = status;
        Ok(draft)
    }
}

/// Returns the status in the validation token, or `None` if the server signs no token.
///
/// A token with the status `active` would count as a check-in, so only valid licenses get it. A
/// token with another status ends the license on the machine, which only the vendor's own list
/// justifies.
fn status_of(verdict: &Verdict) -> Option<Status> {
    match verdict.code {
        _ if verdict.is_valid => Some(Status::Active),
        Code::Revoked => Some(Status::Revoked),
        // Only the ledger of a vendor has these states.
        Code::Suspended => Some(Status::Suspended),
        Code::Canceled => Some(Status::Canceled),
        _ => None,
    }
}

/// Parses the identification of a machine, with or without a product in front.
pub(super) fn parse_machine(text: &str) -> Result<Machine, Refusal> {
    let (_, text) = Machine::split_product(text);
    let is_accepted = text.len() <= MAX_MACHINE && !text.chars().any(char::is_control);
    let machine = Machine::parse(text);
    let machine = machine.filter(|machine| is_accepted && !machine.is_like_fingerprint());
    machine.ok_or_else(|| {
        Refusal::new(
            RefusalKind::BadRequest,
            ServerCode::BadRequest,
            "`machine_id` does not identify a machine",
        )
        .values(
            "a fingerprint or digest, as `license machine` prints it, or another name",
            abbreviated(text),
        )
        .hint("send the output of `license machine`")
    })
}

fn parse_version(text: &str) -> Result<Version, Refusal> {
    Version::parse(text).map_err(|_| {
        Refusal::new(
            RefusalKind::BadRequest,
            ServerCode::BadRequest,
            "`version` is not a version",
        )
        .values("a semantic version such as `1.4.2`", abbreviated(text))
    })
}

fn check_nonce(nonce: Option<&str>) -> Result<(), Refusal> {
    let is_accepted = |nonce: &str| {
        !nonce.is_empty() && nonce.len() <= MAX_NONCE && nonce.bytes().all(|b| b.is_ascii_graphic())
    };
    match nonce {
        Some(nonce) if !is_accepted(nonce) => Err(Refusal::new(
            RefusalKind::BadRequest,
            ServerCode::BadRequest,
            "`nonce` is not accepted",
        )
        .values(
            "1 to 128 printable ASCII characters",
            format!("{} bytes", nonce.len()),
        )),
        _ => Ok(()),
    }
}

/// Returns the beginning of a text of a client, for a message.
fn abbreviated(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(64).collect()
}

/// Converts the error of the server's key.
pub(super) fn signing_failed(error: &license_core::issue::SigningError) -> Refusal {
    if let Some(repeated) = log_limit::pass("sign") {
        tracing::error!(error = %with_causes(error), repeated, "cannot sign");
    }
    Refusal::new(
        RefusalKind::Internal,
        ServerCode::SigningFailed,
        "the key of the server cannot sign",
    )
    .hint("the log of the server has the cause")
}
