//! The terms of the server: tenants, actors, records and pages.

mod account;
mod activation;
mod actor;
mod anomaly;
mod api_token;
mod audit;
mod billing;
mod database;
mod email;
mod event;
mod event_kind;
mod group;
mod idempotency;
mod identity_provider;
mod invoice;
mod ledger;
mod license;
mod license_search;
mod machine;
mod member;
mod metering;
mod money;
mod named_user;
mod node;
mod page;
mod pool;
mod principal;
mod refusal;
mod role;
mod seat_history;
mod session;
mod sign_in;
mod signed_list;
mod telemetry;
mod tenant;
mod text;
mod timed_id;
mod trial;
mod usage;
mod webhook;

pub use account::{
    Account, AccountChange, AccountId, AccountLink, LinkPurpose, PasswordHash, SealedSecret,
    SecondFactor, TotpEnrollment,
};
pub use activation::{ActivationRecord, ActivationState};
pub use actor::Actor;
pub use anomaly::{Anomaly, AnomalyFollowUp, AnomalyKind, AnomalyReport, AnomalyState};
pub use api_token::{ApiToken, Scope, Scopes, SecretDigest};
pub(crate) use audit::kind_or_beginning;
pub use audit::{
    AuditCheckpoint, AuditEntry, AuditFault, AuditFilter, AuditLine, AuditLineError, AuditReport,
    NewAuditEntry,
};
pub use billing::{
    BillingCustomer, BillingEvent, BillingEventState, BillingPlan, BillingReason, BillingState,
    BillingSubscription, CurrentLicense, Entitlement, EventOutcome, InvoiceStatus, LicenseStep,
    NewBillingEvent, Pause, PlannedTerms, ProviderInvoice, ProviderSubscription, SoldLicense,
    SubscriptionFilter, SubscriptionItem, SubscriptionStatus, UnmappedPrice, is_provider_id,
};
pub use database::{DatabaseStatus, MoveReport, RedisStatus};
pub use email::EmailAddress;
pub use event::EventRecord;
pub use event_kind::EVENT_KINDS;
pub use group::{
    Group, GroupId, GroupMember, GroupMembership, GroupOutcome, GroupShare, ShareChange,
};
pub use idempotency::{IdempotencyKey, IdempotencyState, StoredResponse};
#[cfg(test)]
pub(crate) use identity_provider::tests::settings as test_settings;
pub use identity_provider::{
    Admission, AdmissionFault, GroupDepartment, GroupRole, IdentityProvider, ProviderPerson,
    ProviderSettings,
};
#[cfg(test)]
pub(crate) use invoice::tests::{invoice as test_invoice, seller as test_seller};
pub use invoice::{
    Invoice, InvoiceBuyer, InvoiceChange, InvoiceContent, InvoiceFault, InvoiceId, InvoiceKind,
    InvoiceLine, InvoicePayment, InvoiceState, InvoiceTax, LegalEntity, PaymentState,
};
pub use ledger::{LedgerCopy, LedgerPosition};
pub use license::LicenseRecord;
pub use license_search::{LicenseOrdering, LicenseSelection, LicenseTerms, RevokedLicenseIds};
pub use machine::{MachineList, MachineRecord, MachineSighting};
pub use member::{
    DeletionOutcome, Invitation, JoinOutcome, Member, MemberOutcome, Membership,
    OrganizationCreation, TenantDeletion, audited_organization, may_delete, may_give,
};
pub use metering::{
    BilledCustomer, FactKind, FactReceipt, Meter, MeterFileError, MeterSet, MeterSource,
    MeteredCustomer, NewSending, OveragePolicy, PeriodAnchor, SendingResult, SendingState,
    UsageDay, UsageFact, UsageNotice, UsagePeriod, UsageSending, UsageSettlement, UsageTotal,
};
pub use money::{Currency, Money};
pub use named_user::{
    AssignOutcome, Assigning, MAX_NAMED_USERS, NamedUser, NamedUserKey, NamedUserTerms,
    NewNamedUser, available_at,
};
pub use node::{NodeId, NodeStatus};
pub use page::{Cursor, Page, PageRequest};
pub(crate) use pool::number_of_quota;
pub use pool::{PoolCapacity, PoolId, SeatPolicy, floating_seats};
pub use principal::Principal;
pub use refusal::{Refusal, RefusalKind, ServerCode};
pub use role::{Permission, Permissions, Role};
pub use seat_history::{
    HistoryDay, HistoryHour, PoolLevel, SeatDemand, SeatHistoryBatch, SeatScope, SeatSums,
    StoredSeatHistory,
};
pub use session::{EndedSessions, MAX_USER_AGENT, SignInSession, SignedIn};
pub use sign_in::{KnownPerson, ProviderOutcome, ProviderSignIn, SignInPlan};
pub use signed_list::{RevocationRecord, StatementRecord};
pub use telemetry::{
    TelemetryDeletion, TelemetryDimension, TelemetryOutcome, TelemetryRange, TelemetryRecord,
    TelemetryRow, TelemetryShare, TelemetrySize,
};
pub use tenant::TenantId;
pub use text::is_unsafe;
#[cfg(test)]
pub(crate) use trial::tests::trial as test_trial;
pub use trial::{
    ReminderDays, Trial, TrialChange, TrialClaim, TrialId, TrialKeys, TrialState, TrialUser,
};
pub use usage::{UsageExtent, UsageLimits, UsageRecord};
pub use webhook::{
    AttemptOutcome, AttemptResult, DisabledReason, DueDelivery, EventFilter, NewDelivery,
    ReplayResult, Webhook, WebhookBacklog, WebhookChange, WebhookDelivery, WebhookDeliveryState,
    WebhookSecret, WebhookUrl,
};
