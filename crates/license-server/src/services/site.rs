//! The parts that all services share.

mod resolve;

pub(super) use resolve::{is_not_installed, license_name};

use std::sync::{Arc, PoisonError, RwLock};

use chrono::{DateTime, NaiveDate, Utc};
use license_core::{
    Code, Context, FeatureMatrix, License, LicenseId, SignatureCache, TrustSet, with_causes,
};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::ServicesConfig;
use super::assigned_users::AssignedUsers;
use super::cache::Cache;
use super::content::{self, Content};
use super::ids::IdSequence;
use super::licenses::InstalledLicense;
use super::live::LivePools;
use super::metering::MeteringSettings;
use super::people::PeopleTools;
use super::revocations;
use super::roots::{TrustRoots, has_all};
use super::seat_history::SeatCollector;
use super::sightings::Sightings;
use super::signer::ServerSigner;
use super::vendor::{ServerRole, VendorLedger};
use super::verdict::Verdict;
use crate::billing::BillingProvider;
use crate::clock::{ServerClock, SteadyClock};
use crate::domain::{
    Actor, NewAuditEntry, Refusal, RefusalKind, RevokedLicenseIds, ServerCode, TenantId,
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
    /// The first day that is metered.
    pub(super) metering_start: OnceCell<NaiveDate>,
    /// The billing provider of a vendor's server.
    pub(super) billing: Option<Arc<dyn BillingProvider>>,
    /// Whether the server is a vendor's, which takes its content from the ledger.
    pub(super) is_vendor: bool,
    /// Whether the tenant is another organization on the server of a vendor.
    pub(super) is_beside_vendor: bool,
    /// The ledger and the key of the vendor. A command at the console of a vendor's server has
    /// none.
    pub(super) vendor: Option<Arc<VendorLedger>>,
    roots: Arc<dyn TrustRoots>,
    content: RwLock<Arc<Content>>,
    /// The licenses by the credential that named them, with the number of the content.
    credentials: Cache<Box<str>, (u64, Arc<InstalledLicense>)>,
    signatures: Arc<SignatureCache>,
    ids: IdSequence,
    /// The users who are assigned to licenses.
    pub(super) assigned: AssignedUsers,
    /// The uses of machines that the next tick stores.
    pub(super) sightings: Sightings,
    /// The history of seats that is not stored yet.
    pub(super) seat_history: SeatCollector,
    /// Those who watch the pools.
    pub(super) live: LivePools,
}

impl Site {
    /// Reads the content of the store.
    pub(super) async fn open(config: ServicesConfig) -> Result<Self, Refusal> {
        let is_beside_vendor = matches!(config.role, ServerRole::BesideVendor);
        let is_vendor = !matches!(config.role, ServerRole::Site | ServerRole::BesideVendor);
        let vendor = match config.role {
            ServerRole::Vendor(vendor) => Some(Arc::new(VendorLedger::open(*vendor)?)),
            ServerRole::Site | ServerRole::VendorConsole | ServerRole::BesideVendor => None,
        };
        let roots = config.roots.read().await?;
        let roots = with_keys_of(vendor.as_deref(), roots);
        let content = read_content(&*config.store, &config.tenant, roots).await?;
        index_earlier_licenses(&*config.store, &config.tenant, &content).await?;
        Ok(Self {
            store: config.store,
            clock: SteadyClock::new(config.clock),
            signer: config.signer,
            tenant: config.tenant,
            matrix: config.matrix,
            issuer: config.issuer,
            people: config.people,
            metering: config.metering,
            metering_start: OnceCell::new(),
            billing: config.billing.map(|billing| billing.provider),
            is_vendor,
            is_beside_vendor,
            vendor,
            roots: config.roots,
            content: RwLock::new(Arc::new(content)),
            credentials: Cache::new(CACHED_CREDENTIALS),
            signatures: config.signatures,
            ids: IdSequence::default(),
            assigned: AssignedUsers::default(),
            sightings: Sightings::default(),
            seat_history: SeatCollector::default(),
            live: LivePools::default(),
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
        let version = content_version(&*self.store, &self.tenant).await?;
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
        if self.is_other() && content.lists_differ(&self.content()) {
            // The search for licenses has to know the new lists of the server too.
            let lists = revoked_ids(&content);
            self.store.index_licenses(&self.tenant, lists).await?;
        }
        *self.content.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(content);
        self.credentials.clear();
        Ok(())
    }

    /// Stores the first public keys of the vendor, for the organization of the server. Returns their
    /// ids, and none if the server had them.
    pub(super) async fn add_roots(&self, text: &str) -> Result<Vec<String>, Refusal> {
        let refused = |detail: String| {
            Refusal::of_license(RefusalKind::BadRequest, Code::Malformed, detail)
                .hint("install the trust set that the vendor wrote with `keygen trust`")
        };
        let keys = TrustSet::parse(text).map_err(|error| refused(with_causes(&error)))?;
        if self.is_own(&keys) {
            return Err(refused(
                "the trust set has the key of this server".to_owned(),
            ));
        }
        if self.is_other() {
            let detail = "another organization has no public keys of its own";
            return Err(Refusal::new(
                RefusalKind::Forbidden,
                ServerCode::Forbidden,
                detail,
            ));
        }
        if has_all(&self.roots.read().await?, &keys) {
            return Ok(Vec::new());
        }
        self.roots.add(text, &keys).await?;
        Ok(keys.iter().map(|key| key.id().to_string()).collect())
    }

    /// Returns whether the tenant is another organization than that of the server.
    pub(super) fn is_other(&self) -> bool {
        self.tenant != TenantId::site()
    }

    /// Returns whether a trust set has a key of this server.
    fn is_own(&self, roots: &TrustSet) -> bool {
        let keys = self.signer.keys();
        keys.iter()
            .any(|key| roots.get(key.id().as_str()).is_some())
    }

    /// Returns the vendor's keys of now. Keys that cannot be used change nothing.
    async fn current_roots(&self) -> TrustSet {
        let roots = self.roots.read().await;
        match roots.map(|roots| with_keys_of(self.vendor.as_deref(), roots)) {
            Ok(roots) if !self.is_own(&roots) => roots,
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

    /// Returns a new id of a token. Nothing is ordered by it.
    pub(super) fn new_id(&self) -> Result<LicenseId, Refusal> {
        Ok(LicenseId::from_random(self.wall(), &random()?))
    }

    /// Returns a new id of an object, which increases in the order of creation.
    pub(super) fn next_id(&self) -> Result<LicenseId, Refusal> {
        self.ids.next(self.wall())
    }

    /// Returns a new id of an object with a prefix, which increases in the order of creation.
    pub(super) fn next_id_of(&self, prefix: &str) -> Result<String, Refusal> {
        self.ids.next_of(prefix, self.wall())
    }
}

/// Adds the keys with which a vendor's server signs licenses.
fn with_keys_of(vendor: Option<&VendorLedger>, roots: TrustSet) -> TrustSet {
    match vendor {
        Some(vendor) => roots.joined(&vendor.keys()),
        None => roots,
    }
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

/// Prepares the search for licenses and lists that an earlier version stored.
async fn index_earlier_licenses(
    store: &dyn ServerStore,
    tenant: &TenantId,
    content: &Content,
) -> Result<(), Refusal> {
    let lists = revoked_ids(content);
    if !store.is_indexed(tenant, !lists.is_empty()).await? {
        let licenses = store.index_licenses(tenant, lists).await?;
        tracing::info!(licenses, "the search for licenses is prepared");
    }
    Ok(())
}

/// Returns the ids of the revocation lists.
fn revoked_ids(content: &Content) -> Vec<RevokedLicenseIds> {
    let lists = content.lists.iter().filter(|list| !list.is_empty());
    lists
        .map(|list| RevokedLicenseIds {
            product: list.product().as_str().to_owned(),
            issuer: list.issuer().to_owned(),
            ids: revocations::ids(list),
        })
        .collect()
}

/// Returns the number of the content of a tenant, which changes with the content of the server's
/// tenant too. Each of the two numbers only grows.
async fn content_version(store: &dyn ServerStore, tenant: &TenantId) -> Result<u64, Refusal> {
    let (own, version) = (TenantId::site(), store.content_version(tenant).await?);
    if *tenant == own {
        return Ok(version);
    }
    Ok(version.saturating_add(store.content_version(&own).await?))
}

/// Reads the content of a tenant. What the vendor has signed for the server applies to all tenants,
/// so none can keep a revoked license by not importing a list.
async fn read_content(
    store: &dyn ServerStore,
    tenant: &TenantId,
    roots: TrustSet,
) -> Result<Content, Refusal> {
    // The version is read first. A change in between makes the content newer than its version, and
    // the next refresh reads it once more.
    let (own, version) = (TenantId::site(), content_version(store, tenant).await?);
    let mut statements = store.statements(&own).await?;
    let mut lists = store.revocations(&own).await?;
    if *tenant != own {
        statements = content::joined(statements, store.statements(tenant).await?);
        lists = content::newest(lists, store.revocations(tenant).await?);
    }
    Ok(Content::new(version, roots, &statements, &lists))
}
