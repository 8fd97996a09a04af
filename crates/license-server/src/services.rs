//! The services of the server, below HTTP.
//!
//! [`Services`] owns one service for each subject. A service answers with a value or with a
//! [`Refusal`], which explains itself.

mod activations;
mod anomalies;
mod assigned_users;
mod audit;
mod billing;
mod cache;
mod check_ins;
mod clean_up;
mod content;
mod csv;
mod events;
mod explanation;
mod groups;
mod idempotency;
mod identity_providers;
mod ids;
mod invoices;
mod license_search;
mod licenses;
mod live;
mod metering;
mod named_users;
mod outbox;
mod overview;
mod people;
mod pool_search;
mod pool_terms;
mod pools;
mod readiness;
mod revocations;
mod roots;
mod seat_history;
mod seat_tokens;
mod seats;
mod setup;
mod shared_tokens;
mod sightings;
mod sign_ins;
mod signer;
mod site;
mod telemetry;
mod tenants;
mod tokens;
mod trials;
mod trust;
mod usage;
mod validate;
mod vendor;
mod verdict;
mod webhooks;

use std::sync::{Arc, OnceLock};

use license_core::{FeatureMatrix, SignatureCache};

pub use activations::{ActivationReply, ActivationService};
pub use anomalies::AnomalyService;
pub use audit::AuditService;
pub use billing::{
    BillingService, BillingSetup, CheckoutRequest, EventReceipt, PlanOrder, PortalRequest,
    ReconcileReport,
};
pub use check_ins::{CheckInReply, CheckInService};
pub use csv::csv_line;
pub use events::EventService;
pub use explanation::{CodeContent, ExplainedRule, LicenseExplanation, RuleScope};
pub use groups::{GroupLease, GroupPool, GroupService, MemberGroup};
pub use idempotency::{IdempotencyService, RequestStart, RunningRequest};
pub use identity_providers::{ClientSecret, IdentityProviderService};
pub use invoices::{
    InvoiceOrder, InvoicePdf, InvoiceService, InvoiceSettings, NewInvoice, NewPayment,
};
pub use license_search::LicenseSearch;
pub use licenses::{
    InstalledLicense, LentSeats, LicenseInstallReport, LicenseService, LicenseState,
};
pub use metering::{
    MeterSummary, MeterTotal, MeteringService, MeteringSettings, PeriodState, UsageAdjustment,
    UsageSummary, UsageTotals,
};
pub use named_users::{NamedUserList, NamedUserService, NamedUserView};
pub use outbox::OutboxService;
pub use overview::{EndingLicense, EndingLicenses, OverviewService, SeatOverview, ServerHealth};
#[cfg(test)]
pub(crate) use people::totp_code;
pub use people::{
    AccountExport, AccountName, AccountService, AccountView, ClientInfo, ConfirmedTotp, HashCost,
    LicenseUse, Mail, MailFailure, MailQueue, MailedPdf, MemberService, NewInvitation, NewJoiner,
    NewSession, NewTotp, Password, PeopleSettings, PeopleTools, Reauthentication, RecoveryCodes,
    Registration, ResetLink, Sealer, csrf_token, is_alike,
};
pub use pool_search::FullestPools;
pub use pools::{EndReply, LeaseView, PoolService, PoolStatus, TicketView};
pub use readiness::Readiness;
pub use revocations::RevocationService;
pub use roots::TrustRoots;
pub(crate) use roots::{has_all, other_keys};
pub use seat_history::{
    HISTORY_DAYS, HistoryItem, HistoryRange, HistoryStep, SeatHistory, SeatHistoryService, SeatPlan,
};
pub use seats::{
    AcquireReply, AcquireRequest, BorrowRequest, CancelRequest, GrantedSeat, HeartbeatRequest,
    PollReply, PollRequest, QueueState, ReleaseReply, ReleaseRequest, ReturnRequest, SeatService,
};
pub use setup::SetupService;
pub use sign_ins::SignInService;
pub use signer::ServerSigner;
pub use telemetry::{TelemetryReceipt, TelemetryService};
pub use tenants::{OrganizationDeletion, TenantServices};
pub use tokens::{NewToken, TokenService};
pub use trials::{ChangedTrial, IssuedTrial, NewTrial, TrialService, TrialSettings};
pub use trust::TrustService;
pub use usage::{UsageReceipt, UsageService};
pub use validate::{ValidateReply, ValidateRequest, ValidateService};
pub use vendor::{
    ContentChanges, IssueOrder, IssuedLicense, LedgerCopyFile, LedgerImport, LedgerLines,
    LedgerReport, LedgerState, ReassignOrder, ReinstateOrder, ReinstatementResult, RenewOrder,
    RequestId, RevocationResult, RevokeOrder, ServerRole, UpgradeOrder, VendorConfig,
    VendorService,
};
pub use webhooks::{NewWebhook, WebhookOrder, WebhookService, WebhookUpdate};

use crate::clock::ServerClock;
pub use crate::domain::{IdempotencyKey, IdempotencyState, StoredResponse};
use crate::domain::{Refusal, TenantId};
use crate::network::DestinationPolicy;
use crate::store::ServerStore;
use overview::LastTick;
use site::Site;

/// After how many ticks the server looks for anomalies. A multiple of [`CLEAN_UP_TICKS`].
const ANOMALY_TICKS: u64 = 300;

/// After how many ticks old rows are deleted.
const CLEAN_UP_TICKS: u64 = 60;

/// The parts that the services need.
pub struct ServicesConfig {
    /// The database.
    pub store: Arc<dyn ServerStore>,
    /// The clocks.
    pub clock: Arc<dyn ServerClock>,
    /// The key of the server.
    pub signer: Arc<dyn ServerSigner>,
    /// The tenant.
    pub tenant: TenantId,
    /// The vendor's public keys. Trust statements in the database change this set.
    pub roots: Arc<dyn TrustRoots>,
    /// The signatures of licenses that were verified, of all tenants. A cache of all licenses of a
    /// vendor would take too much memory.
    pub signatures: Arc<SignatureCache>,
    /// The feature matrix of the product.
    pub matrix: Arc<FeatureMatrix>,
    /// The operator of the server, as tokens name it in the claim `iss`.
    pub issuer: String,
    /// The role of the server.
    pub role: ServerRole,
    /// The number of days for which telemetry is kept. 0: none is accepted.
    pub telemetry_days: u32,
    /// The parts that the services of people share.
    pub people: Arc<PeopleTools>,
    /// The addresses to which webhooks may lead.
    pub(crate) webhooks: Arc<DestinationPolicy>,
    /// The settings of trials. Only the tenant of a vendor's server starts trials.
    pub trials: TrialSettings,
    /// The settings of invoices. Only the tenant of a vendor's server issues invoices.
    pub invoices: InvoiceSettings,
    /// The meters of the product, and the settings of metering.
    pub metering: Arc<MeteringSettings>,
    /// The payment provider. `None`: the server sells nothing.
    pub billing: Option<BillingSetup>,
}

/// All services of a tenant.
pub struct Services {
    /// Installed licenses.
    pub licenses: LicenseService,
    /// Groups.
    pub groups: GroupService,
    /// Users who are assigned to licenses.
    pub named_users: NamedUserService,
    /// Licenses of the vendor's ledger.
    pub vendor: VendorService,
    /// Validation of licenses.
    pub validate: ValidateService,
    /// Check-ins.
    pub check_ins: CheckInService,
    /// Floating seats, for clients.
    pub seats: SeatService,
    /// Floating seats, for administrators.
    pub pools: PoolService,
    /// The history of floating seats.
    pub seat_history: SeatHistoryService,
    /// The overview for administrators.
    pub overview: OverviewService,
    /// Activations.
    pub activations: ActivationService,
    /// Usage reports.
    pub usage: UsageService,
    /// Anomalies.
    pub anomalies: AnomalyService,
    /// Metering.
    pub metering: MeteringService,
    /// Amounts for the billing provider.
    pub outbox: OutboxService,
    /// Telemetry.
    pub telemetry: TelemetryService,
    /// Revocation lists.
    pub revocations: RevocationService,
    /// Trials of a vendor's server.
    pub trials: TrialService,
    /// Invoices of a vendor's server.
    pub invoices: InvoiceService,
    /// Trust statements.
    pub trust: TrustService,
    /// The one-time link.
    pub setup: SetupService,
    /// API tokens.
    pub tokens: TokenService,
    /// Members and invitations.
    pub members: MemberService,
    /// Identity providers, for administrators.
    pub identity_providers: IdentityProviderService,
    /// Sign-ins through identity providers.
    pub sign_ins: SignInService,
    /// The audit trail.
    pub audit: AuditService,
    /// Events.
    pub events: EventService,
    /// Webhooks, which receive events.
    pub webhooks: WebhookService,
    /// Subscriptions of a payment provider.
    pub billing: BillingService,
    /// Requests that may be repeated.
    pub idempotency: IdempotencyService,
    site: Arc<Site>,
    ticks: std::sync::atomic::AtomicU64,
    last_tick: Arc<LastTick>,
    /// The readings of the lease clock and of the boot-time clock at the first tick.
    start: OnceLock<(u64, u64)>,
}

/// The result of a tick, for metrics.
#[derive(Clone, Debug)]
pub struct TickReport {
    /// The stored reading of the lease clock in milliseconds.
    pub lease_clock_ms: u64,
    /// By how many milliseconds the lease clock has advanced less than the time since the first
    /// tick.
    pub lease_clock_lag_ms: u64,
    /// The pools that had work to do.
    pub due_pools: usize,
    /// Whether Redis answers renewals. `None`: the server has no Redis.
    pub redis_is_on: Option<bool>,
    /// Whether licenses, lists or policies have changed since the last tick.
    pub has_new_content: bool,
}

impl Services {
    /// Creates the services, and reads trust statements and revocation lists from the store.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read.
    pub async fn open(config: ServicesConfig) -> Result<Arc<Self>, Refusal> {
        let telemetry_days = config.telemetry_days;
        let webhooks = Arc::clone(&config.webhooks);
        let (trials, invoices) = (config.trials.clone(), config.invoices.clone());
        let billing = config.billing.clone();
        let site = Arc::new(Site::open(config).await?);
        vendor::copy_changes(&site).await?;
        let licenses = LicenseService::new(Arc::clone(&site));
        let validate = ValidateService::new(Arc::clone(&site));
        let seats = SeatService::new(Arc::clone(&site));
        let vendor = VendorService::new(Arc::clone(&site));
        let trials = TrialService::new(Arc::clone(&site), trials);
        let pools = PoolService::new(Arc::clone(&site), seats.clone());
        let last_tick = Arc::<LastTick>::default();
        let overview = OverviewService::new(
            Arc::clone(&site),
            pools.clone(),
            licenses.clone(),
            Arc::clone(&last_tick),
        );
        Ok(Arc::new(Self {
            licenses,
            groups: GroupService::new(Arc::clone(&site), seats.clone()),
            named_users: NamedUserService::new(Arc::clone(&site)),
            vendor: vendor.clone(),
            check_ins: CheckInService::new(validate.clone()),
            validate,
            overview,
            pools,
            seat_history: SeatHistoryService::new(Arc::clone(&site), seats.clone()),
            seats,
            activations: ActivationService::new(Arc::clone(&site)),
            usage: UsageService::new(Arc::clone(&site)),
            anomalies: AnomalyService::new(Arc::clone(&site)),
            metering: MeteringService::new(Arc::clone(&site)),
            outbox: OutboxService::new(Arc::clone(&site)),
            telemetry: TelemetryService::new(Arc::clone(&site), telemetry_days),
            revocations: RevocationService::new(Arc::clone(&site)),
            invoices: InvoiceService::new(Arc::clone(&site), invoices, vendor, trials.clone()),
            trials,
            trust: TrustService::new(Arc::clone(&site)),
            setup: SetupService::new(Arc::clone(&site)),
            tokens: TokenService::new(Arc::clone(&site)),
            members: MemberService::new(Arc::clone(&site)),
            identity_providers: IdentityProviderService::new(Arc::clone(&site)),
            sign_ins: SignInService::new(Arc::clone(&site)),
            audit: AuditService::new(Arc::clone(&site)),
            events: EventService::new(Arc::clone(&site)),
            webhooks: WebhookService::new(Arc::clone(&site), webhooks),
            billing: BillingService::new(Arc::clone(&site), billing),
            idempotency: IdempotencyService::new(Arc::clone(&site)),
            site,
            ticks: std::sync::atomic::AtomicU64::new(0),
            last_tick,
            start: OnceLock::new(),
        }))
    }

    /// Does the periodic work: reads changed content, serves queues, stores uses of machines, and
    /// deletes old rows. The server calls it once a second. Correctness does not depend on it.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn tick(&self) -> Result<TickReport, Refusal> {
        let has_new_content = self.site.refresh().await?;
        let due_pools = self.seats.tick().await?;
        self.site.store_uses().await?;
        let number = self
            .ticks
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.seat_history.tick(number).await?;
        if number.is_multiple_of(CLEAN_UP_TICKS) {
            self.clean_up().await?;
            self.metering.tick().await?;
            if number.is_multiple_of(ANOMALY_TICKS) {
                self.anomalies.check().await?;
            }
        }
        let lease_clock = self.site.store.lease_clock(&self.site.tenant).await?;
        let (lease_ms, boot_ms) = (lease_clock.as_millis(), self.site.clock.boot_ms());
        let (lease_start, boot_start) = *self.start.get_or_init(|| (lease_ms, boot_ms));
        let passed = boot_ms.saturating_sub(boot_start);
        let report = TickReport {
            lease_clock_ms: lease_ms,
            lease_clock_lag_ms: passed.saturating_sub(lease_ms.saturating_sub(lease_start)),
            due_pools,
            redis_is_on: self.site.store.redis_is_on(),
            has_new_content,
        };
        self.last_tick.put(&report, boot_ms);
        Ok(report)
    }

    /// Stores what the next ticks would store. The server calls it before it stops.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails.
    pub async fn finish(&self) -> Result<(), Refusal> {
        self.site.store_uses().await?;
        self.seat_history.store().await
    }

    /// Copies what is new in the ledger of a vendor's server, and signs a revocation list if one is
    /// due. The server calls it once a second, apart from [`tick`](Self::tick), because it can wait
    /// for the ledger.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the ledger or the store cannot be used. The next call continues.
    pub async fn copy_ledger(&self) -> Result<bool, Refusal> {
        vendor::refresh(&self.site).await
    }

    /// Does the work of trials and invoices: reminders, and ends. The server calls it once a
    /// minute, apart from [`tick`](Self::tick), because it can wait for a mail server.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store fails. The next call continues.
    pub async fn work_on_sales(&self) -> Result<(), Refusal> {
        self.trials.work().await?;
        self.invoices.work().await
    }

    /// Returns the tenant.
    pub fn tenant(&self) -> &TenantId {
        &self.site.tenant
    }

    /// Returns the number of the content, which changes with licenses, signed lists and policies.
    fn content_version(&self) -> u64 {
        self.site.content().version
    }

    /// Returns the current time, which does not follow sudden jumps.
    pub fn now(&self) -> chrono::DateTime<chrono::Utc> {
        self.site.wall()
    }

    /// Returns whether the server is a vendor's.
    pub fn is_vendor(&self) -> bool {
        self.site.is_vendor
    }

    /// Returns whether the server can serve clients. A vendor's server can, before it has issued a
    /// license.
    ///
    /// # Errors
    ///
    /// Returns a refusal if the store cannot be read and written.
    pub async fn readiness(&self) -> Result<Readiness, Refusal> {
        self.site.store.check().await?;
        if self.site.is_vendor {
            return Ok(Readiness::Ready);
        }
        readiness::of_site(&self.site).await
    }
}

#[cfg(test)]
pub(crate) mod tests;
