//! The parts that all services share.

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, Utc};
use license_core::{
    Code, Context, FeatureMatrix, License, LicenseFile, LicenseId, LicenseKey, TokenKind, TrustSet,
    Unverified, with_causes,
};
use serde_json::Value;

use super::ServicesConfig;
use super::assigned_users::AssignedUsers;
use super::cache::Cache;
use super::content::Content;
use super::licenses::InstalledLicense;
use super::metering::MeteringSettings;
use super::people::PeopleTools;
use super::roots::TrustRoots;
use super::sightings::Sightings;
use super::signer::ServerSigner;
use super::vendor::{self, ServerRole, VendorLedger};
use super::verdict::Verdict;
use crate::billing::BillingProvider;
use crate::clock::{ServerClock, SteadyClock};
use crate::domain::{
    Actor, LicenseRecord, NewAuditEntry, Refusal, RefusalKind, ServerCode, TenantId,
};
use crate::log_limit;
use crate::store::ServerStore;

/// The number of credentials in each generation of the cache.
const CACHED_CREDENTIALS: usize = 10_000;

/// The parts that all services share.
pub(super) struct Site {
    pub(super) store: Arc<dyn ServerStore>,
    /// The clock for decisions, which does not follow sudden jumps.
    pub(super) clock: SteadyClock,
    pub(super) signer: Arc<dyn ServerSigner>,
    pub(super) tenant: TenantId,
    pub(super) matrix: Arc<FeatureMatrix>,
    pub(super) issuer: String,
    pub(super) people: Arc<PeopleTools>,
    pub(super) metering: Arc<MeteringSettings>,
    /// The billing provider of a vendor's server.
    pub(super) billing: Option<Arc<dyn BillingProvider>>,
    /// Whether the server is a vendor's, which takes its content from the ledger.
    pub(super) is_vendor: bool,
    /// The ledger and the key of the vendor. A command at the console of a vendor's server has
    /// none.
    pub(super) vendor: Option<Arc<VendorLedger>>,
    roots: Arc<dyn TrustRoots>,
    content: RwLock<Arc<Content>>,
    /// The licenses by the credential that named them, with the number of the content.
    credentials: Cache<Box<str>, (u64, Arc<InstalledLicense>)>,
    /// The users who are assigned to licenses.
    pub(super) assigned: AssignedUsers,
    /// The uses of machines that the next tick stores.
    pub(super) sightings: Sightings,
}

impl Site {
    /// Reads the content of the store.
    pub(super) async fn open(config: ServicesConfig) -> Result<Self, Refusal> {
        let is_vendor = !matches!(config.role, ServerRole::Site);
        let vendor = match config.role {
            ServerRole::Vendor(vendor) => Some(Arc::new(VendorLedger::open(*vendor)?)),
            ServerRole::Site | ServerRole::VendorConsole => None,
        };
        let roots = config.roots.read().await?;
        let roots = with_keys_of(vendor.as_deref(), roots);
        let content = read_content(&*config.store, &config.tenant, roots).await?;
        Ok(Self {
            store: config.store,
            clock: SteadyClock::new(config.clock),
            signer: config.signer,
            tenant: config.tenant,
            matrix: config.matrix,
            issuer: config.issuer,
            people: config.people,
            metering: config.metering,
            billing: config.billing,
            is_vendor,
            vendor,
            roots: config.roots,
            content: RwLock::new(Arc::new(content)),
            credentials: Cache::new(CACHED_CREDENTIALS),
            assigned: AssignedUsers::default(),
            sightings: Sightings::default(),
        })
    }

    /// Returns the trusted keys and revocation lists.
    pub(super) fn content(&self) -> Arc<Content> {
        Arc::clone(&self.content.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the current time, which does not follow sudden jumps.
    pub(super) fn wall(&self) -> DateTime<Utc> {
        self.clock.wall()
    }

    /// Returns the current time in whole seconds.
    pub(super) fn now(&self) -> DateTime<Utc> {
        let seconds = license_core::time::unix_seconds(self.wall());
        license_core::time::from_unix_seconds(seconds).unwrap_or(license_core::time::MAX)
    }

    /// Reads the content again if it has changed. Returns whether it has.
    pub(super) async fn refresh(&self) -> Result<bool, Refusal> {
        let version = self.store.content_version(&self.tenant).await?;
        let content = self.content();
        if version == content.version {
            // A trust set that was missing can come back without a change of the database.
            let is_missing = content.roots.is_empty();
            if !is_missing
                || self
                    .roots
                    .read()
                    .await
                    .map_or(true, |roots| roots.is_empty())
            {
                return Ok(false);
            }
        }
        self.reload().await?;
        Ok(true)
    }

    /// Reads the content, and forgets everything that was derived from the old content.
    pub(super) async fn reload(&self) -> Result<(), Refusal> {
        let roots = self.current_roots().await;
        let content = read_content(&*self.store, &self.tenant, roots).await?;
        *self.content.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(content);
        self.credentials.clear();
        Ok(())
    }

    /// Returns the vendor's keys of now. Keys that cannot be used change nothing.
    async fn current_roots(&self) -> TrustSet {
        let is_own = |roots: &TrustSet| {
            let keys = self.signer.keys();
            keys.iter()
                .any(|key| roots.get(key.id().as_str()).is_some())
        };
        let roots = self.roots.read().await;
        match roots.map(|roots| with_keys_of(self.vendor.as_deref(), roots)) {
            Ok(roots) if !is_own(&roots) => roots,
            Ok(_) => {
                tracing::warn!("the trust set is ignored, because it has the key of this server");
                self.content().roots.clone()
            }
            Err(refusal) => {
                tracing::warn!(
                    reason = refusal.detail,
                    "the trust set cannot be read again"
                );
                self.content().roots.clone()
            }
        }
    }

    /// Returns an audit entry of now.
    pub(super) fn audit(
        &self,
        actor: &Actor,
        action: &'static str,
        subject: impl Into<String>,
        details: Value,
    ) -> NewAuditEntry {
        NewAuditEntry {
            actor: actor.clone(),
            action,
            subject: subject.into(),
            before: None,
            details,
            at: self.wall(),
        }
    }

    /// Returns the installed license that a license key or a token names.
    pub(super) async fn resolve(&self, credential: &str) -> Result<Arc<InstalledLicense>, Refusal> {
        let credential = credential.trim();
        let version = self.content().version;
        match self.credentials.get(credential) {
            Some((of, found)) if of == version => return Ok(found),
            _ => {}
        }
        let found = match self.find(credential).await {
            // The copy may have changed since the search, even if this call copies nothing.
            Err(refusal) if is_unknown(&refusal) && self.is_vendor => {
                vendor::copy_changes(self).await?;
                self.find(credential).await?
            }
            found => found?,
        };
        let hint = if self.is_vendor {
            "renew or upgrade the license with the vendor's server, which certifies its current key"
        } else {
            "ask the administrator of the license server to run `license-server status`, which shows the reason"
        };
        self.check_certified(&found.license, hint)?;
        let renewal = self.renewal(&found).await?;
        let found = Arc::new(InstalledLicense { renewal, ..found });
        let cached = (version, Arc::clone(&found));
        self.credentials.insert(credential.into(), cached);
        Ok(found)
    }

    async fn find(&self, credential: &str) -> Result<InstalledLicense, Refusal> {
        if LicenseKey::is_likely(credential) {
            self.find_by_key(credential).await
        } else {
            self.find_by_token(credential).await
        }
    }

    /// Refuses a license for which the server could not sign anything.
    pub(super) fn check_certified(&self, license: &License, hint: &str) -> Result<(), Refusal> {
        if self.is_certified(license) {
            return Ok(());
        }
        let certified = license.confirmation_key();
        let actual = certified.map_or_else(
            || "a license without a server key".to_owned(),
            |key| format!("a license for the server key {}", key.id()),
        );
        let id = license.id();
        let detail = format!("license {id} does not certify the key of this server");
        let own = self.signer.public().id();
        Err(
            Refusal::new(RefusalKind::Conflict, ServerCode::NotCertified, detail)
                .values(format!("a license for the server key {own}"), actual)
                .hint(hint),
        )
    }

    /// Returns whether a license certifies a key of this server.
    pub(super) fn is_certified(&self, license: &License) -> bool {
        let certified = license.confirmation_key();
        certified.is_some_and(|key| self.signer.keys().contains(&key))
    }

    async fn find_by_key(&self, text: &str) -> Result<InstalledLicense, Refusal> {
        let key = LicenseKey::parse(text).map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
                .hint("copy the whole license key")
        })?;
        let name = match &key {
            LicenseKey::Enterprise(key) => key.short().to_string(),
            key => key.to_string(),
        };
        let records = self.store.licenses_by_key(&self.tenant, &name).await?;
        let mut refused = None;
        let installed = records.into_iter().filter_map(|record| {
            // A renewal can have the key of a license whose signing key the vendor has retired.
            let verified = self.verified(record);
            verified.map_err(|refusal| refused = Some(refusal)).ok()
        });
        let newest = installed.max_by_key(|found| found.license.issued_at());
        match (newest, refused) {
            (Some(found), _) => Ok(found),
            (None, Some(refusal)) => Err(refusal),
            (None, None) => Err(self.unknown(&key.to_string()).await),
        }
    }

    /// Finds the license of a token. A token of a license that is installed proves the possession
    /// of the license, so another token of the same license must verify.
    async fn find_by_token(&self, text: &str) -> Result<InstalledLicense, Refusal> {
        let file = LicenseFile::parse(text).map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
                .hint("send a license key or the token of the license file")
        })?;
        let block = file.blocks_of_kind(TokenKind::License).next();
        let token = &block.ok_or_else(no_license_token)?.token;
        let claims = token.unverified_license_claims().map_err(|error| {
            let detail = with_causes(&error).to_string();
            Refusal::of_license(RefusalKind::BadRequest, error.code(), detail)
        })?;
        let Some(record) = self.store.license(&self.tenant, &claims.id).await? else {
            return Err(self.unknown(claims.id.as_str()).await);
        };
        if record.token != token.as_str() {
            let verified = token.verify(self.content().keys()).map_err(|error| {
                let detail = with_causes(&error).to_string();
                Refusal::of_license(RefusalKind::Unauthorized, error.code(), detail)
            })?;
            if verified.id() != &record.id {
                return Err(self.unknown(verified.id().as_str()).await);
            }
        }
        self.verified(record)
    }

    /// Returns the refusal of a license that is not installed.
    async fn unknown(&self, name: &str) -> Refusal {
        if self.is_vendor {
            let detail = "the ledger does not have the license";
            return Refusal::new(
                RefusalKind::Unauthorized,
                ServerCode::UnknownLicense,
                detail,
            )
            .values("a license of this vendor", name)
            .hint("check the license key; an enterprise key is valid without a server");
        }
        match self.store.had_license(&self.tenant).await {
            Ok(false) => Refusal::new(
                RefusalKind::Unavailable,
                ServerCode::NotReady,
                "the server has no license yet",
            )
            .hint("install the license on the server with `license-server install FILE`"),
            Err(error) => error.into(),
            Ok(true) => Refusal::new(
                RefusalKind::Unauthorized,
                ServerCode::UnknownLicense,
                "the license is not installed on this server",
            )
            .values("a license that is installed on this server", name)
            .hint("an administrator installs licenses with `license-server install FILE`"),
        }
    }

    /// Verifies the token of a stored license.
    pub(super) fn verified(&self, record: LicenseRecord) -> Result<InstalledLicense, Refusal> {
        let content = self.content();
        let token = Unverified::parse(&record.token).map_err(|error| {
            Refusal::of_license(
                RefusalKind::Conflict,
                error.code(),
                with_causes(&error).to_string(),
            )
        })?;
        let license = token.verify(content.keys()).map_err(|error| {
            Refusal::of_license(
                RefusalKind::Conflict,
                error.code(),
                with_causes(&error).to_string(),
            )
            .hint(if content.keys().is_empty() {
                "the trust set of the server is missing; ask its administrator to run \
                 `license-server install trust.jwks`"
            } else {
                "ask the vendor for a license that a current key has signed"
            })
        })?;
        if let Some(at) = license.issued_at() {
            self.clock.record_signed(at);
        }
        Ok(InstalledLicense {
            record,
            license,
            renewal: None,
        })
    }

    /// Returns the newest license that replaces this one.
    async fn renewal(
        &self,
        installed: &InstalledLicense,
    ) -> Result<Option<Arc<InstalledLicense>>, Refusal> {
        if !installed.record.is_superseded {
            return Ok(None);
        }
        let id = &installed.record.id;
        let successors = self.store.successors(&self.tenant, id).await?;
        let verified = successors
            .into_iter()
            .filter_map(|record| self.verified(record).ok());
        let newest = verified.max_by_key(|found| found.license.issued_at());
        Ok(newest.map(Arc::new))
    }

    /// Decides whether a program may use a license. See [`Verdict`].
    pub(super) fn decide(&self, license: &License, context: &Context<'_>) -> Verdict {
        let content = self.content();
        let context = context.clone().revocations(&content.lists);
        Verdict::new(license.explain(&self.matrix, &context), &[])
    }

    /// Decides whether a program may use a license, whether the machine is activated or not.
    pub(super) fn decide_without_activation(
        &self,
        license: &License,
        context: &Context<'_>,
    ) -> Verdict {
        let content = self.content();
        let context = context.clone().revocations(&content.lists);
        let mut results = license.explain(&self.matrix, &context);
        results.retain(|result| result.outcome.code() != Some(Code::NotActivated));
        Verdict::new(results, &[])
    }

    /// Decides whether a license is in effect, for every program.
    pub(super) fn decide_for_all(&self, license: &License) -> Verdict {
        let content = self.content();
        let context = Context::at(self.now()).revocations(&content.lists);
        let results = license.explain(&self.matrix, &context);
        Verdict::new(results, &Verdict::ABOUT_PROGRAM)
    }

    /// Returns a new id, which increases with time.
    pub(super) fn new_id(&self) -> Result<LicenseId, Refusal> {
        Ok(LicenseId::from_random(self.wall(), &random()?))
    }
}

/// Adds the keys with which a vendor's server signs licenses.
fn with_keys_of(vendor: Option<&VendorLedger>, roots: TrustSet) -> TrustSet {
    match vendor {
        Some(vendor) => roots.joined(&vendor.keys()),
        None => roots,
    }
}

/// Returns whether a license is unknown, which can be because the ledger has changed.
fn is_unknown(refusal: &Refusal) -> bool {
    refusal.code == ServerCode::UnknownLicense.as_str()
}

/// Returns random bytes.
pub(super) fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    license_issuer::random::bytes().map_err(|error| {
        if let Some(repeated) = log_limit::pass("random") {
            tracing::error!(error = %with_causes(&error), repeated, "no random bytes");
        }
        Refusal::new(
            RefusalKind::Internal,
            ServerCode::SigningFailed,
            "the operating system provides no random bytes",
        )
    })
}

fn no_license_token() -> Refusal {
    Refusal::of_license(
        RefusalKind::BadRequest,
        Code::NeedsLicenseFile,
        "expected a license token, found another token",
    )
    .hint("send a license key or the token of the license file")
}

async fn read_content(
    store: &dyn ServerStore,
    tenant: &TenantId,
    roots: TrustSet,
) -> Result<Content, Refusal> {
    // The version is read first. A change in between makes the content newer than its version, and
    // the next refresh reads it once more.
    let version = store.content_version(tenant).await?;
    let statements = store.statements(tenant).await?;
    let lists = store.revocations(tenant).await?;
    Ok(Content::new(version, roots, &statements, &lists))
}
