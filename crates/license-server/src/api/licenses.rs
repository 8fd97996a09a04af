//! Installed licenses and the machines that use them.

use axum::Json;
use axum::http::StatusCode;
use license_core::LicenseId;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::activations::FileBody;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::problem::Problem;
use crate::domain::{BillingSubscription, MachineRecord};
use crate::services::{InstalledLicense, LicenseInstallReport, LicenseSearch, Services};

/// An installed license.
#[derive(Serialize, ToSchema)]
#[schema(as = License)]
pub(super) struct LicenseBody {
    id: String,
    pool: String,
    product: String,
    customer: String,
    tier: String,
    /// The number of floating seats that the server lends, or null without a limit or without
    /// floating seats.
    seats: Option<u64>,
    /// The time of issue.
    issued_at: Option<DateTime<Utc>>,
    /// Whether the license is a trial.
    is_trial: bool,
    /// The end of the license, or null if it is perpetual.
    expires_at: Option<DateTime<Utc>>,
    installed_at: DateTime<Utc>,
    /// Whether the server can use the license now.
    is_valid: bool,
    /// The reason code of the state now.
    code: &'static str,
    /// The id of the installed license that replaces this one.
    replaced_by: Option<String>,
}

impl LicenseBody {
    pub(super) fn new(services: &Services, installed: InstalledLicense) -> Self {
        let state = services.licenses.state(&installed.license);
        let replaced_by = installed
            .renewal
            .as_ref()
            .map(|renewal| renewal.record.id.to_string());
        let seats = installed.seats().limit();
        Self {
            id: installed.record.id.to_string(),
            pool: installed.record.pool.as_str().to_owned(),
            product: installed.record.product,
            customer: installed.record.customer,
            tier: installed.license.tier().to_string(),
            seats,
            issued_at: installed.license.issued_at(),
            is_trial: installed.license.is_trial(),
            expires_at: installed.license.expires_at(),
            installed_at: installed.record.installed_at,
            is_valid: state.is_valid,
            code: state.code,
            replaced_by,
        }
    }
}

/// A license with the subscription that pays for it.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseDetail)]
pub(super) struct LicenseDetailBody {
    #[serde(flatten)]
    license: LicenseBody,
    /// The subscription, or null if none pays for the license.
    subscription: Option<LicenseSubscriptionBody>,
}

/// Why a subscription lets a license be as it is.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseSubscription)]
struct LicenseSubscriptionBody {
    /// The id at the provider.
    id: String,
    /// The provider, such as `stripe`.
    provider: String,
    /// `pending`, `active`, `in_grace`, `suspended`, `ended` or `revoked`.
    state: &'static str,
    /// The reason of the state, such as `canceled`.
    reason: &'static str,
    /// Until when the payments entitle to a license, or null if they do not.
    until: Option<DateTime<Utc>>,
    /// When the subscription will end, or null if it continues.
    cancel_at: Option<DateTime<Utc>>,
    /// Why the license does not follow the subscription, or null if it does.
    fault: Option<String>,
}

impl From<BillingSubscription> for LicenseSubscriptionBody {
    fn from(found: BillingSubscription) -> Self {
        Self {
            id: found.id,
            provider: found.provider,
            state: found.state.as_str(),
            reason: found.reason.as_str(),
            until: found.until,
            cancel_at: found.cancel_at,
            fault: found.fault,
        }
    }
}

/// The result of an installation.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseInstallReport)]
pub(super) struct InstallBody {
    licenses: Vec<LicenseBody>,
    /// The numbers of imported revocation lists.
    revocations: Vec<u64>,
    /// The number of licenses that the server did not have before.
    new_licenses: u64,
    /// The number of new trust statements.
    statements: u64,
    /// The ids of the vendor's public keys, if the file has the first ones of the server.
    keys: Vec<String>,
}

impl InstallBody {
    fn new(services: &Services, report: LicenseInstallReport) -> Self {
        let count = |count| u64::try_from(count).unwrap_or(u64::MAX);
        let licenses = report.licenses.into_iter();
        Self {
            licenses: licenses
                .map(|license| LicenseBody::new(services, license))
                .collect(),
            new_licenses: count(report.new_licenses),
            revocations: report.revocations,
            statements: count(report.statements),
            keys: report.keys,
        }
    }
}

/// A machine that used a license.
#[derive(Serialize, ToSchema)]
#[schema(as = Machine)]
pub(super) struct MachineBody {
    license: String,
    machine: String,
    version: Option<String>,
    first_seen: DateTime<Utc>,
    last_seen: DateTime<Utc>,
}

impl From<MachineRecord> for MachineBody {
    fn from(record: MachineRecord) -> Self {
        Self {
            license: record.license.to_string(),
            machine: record.machine,
            version: record.version,
            first_seen: record.first_seen,
            last_seen: record.last_seen,
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct LicenseQuery {
    /// The beginnings of words in the name of the customer or company.
    customer: Option<String>,
    /// The beginnings of words of the customer, the company and the users, an id, or a key.
    text: Option<String>,
    /// The tier.
    tier: Option<String>,
    /// `active`, `future`, `expired`, `superseded` or `revoked`.
    status: Option<String>,
    /// The number of days from now in which an active license ends, from 1 to 3660.
    #[param(minimum = 1, maximum = 3660)]
    expires_within: Option<u32>,
    /// The order: `installed`, `customer`, `expires` or `issued`. The default is `installed`.
    sort: Option<String>,
    /// Whether the order is reversed.
    #[serde(default)]
    descending: bool,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the licenses. A vendor's server lists those of its ledger.
#[utoipa::path(
    get,
    path = "/api/v1/licenses",
    tag = "administration",
    params(LicenseQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of licenses", body = PageBody<LicenseBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<LicenseQuery>,
) -> JsonReply<PageBody<LicenseBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let search = LicenseSearch {
        customer: query.customer,
        text: query.text,
        tier: query.tier,
        status: query.status,
        expires_within: query.expires_within,
        sort: query.sort,
        is_descending: query.descending,
    };
    let services = caller.services();
    let found = services.licenses.search(&search, &page).await?;
    Ok(Json(PageBody::new(found, |license| {
        LicenseBody::new(services, license)
    })))
}

/// Installs the licenses, revocation lists and trust statements of a file.
#[utoipa::path(
    post,
    path = "/api/v1/licenses",
    tag = "administration",
    request_body = FileBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "What the file contained", body = InstallBody)),
)]
pub(super) async fn install(
    caller: Caller,
    StrictJson(body): StrictJson<FileBody>,
) -> JsonReply<InstallBody> {
    let report = caller
        .services()
        .licenses
        .install(caller.actor(), &body.file)
        .await?;
    Ok(Json(InstallBody::new(caller.services(), report)))
}

/// Returns a license.
///
/// The answer has the state of the subscription that pays for the license, with the reason.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "The license", body = LicenseDetailBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<LicenseDetailBody> {
    let services = caller.services();
    let found = services.licenses.get(&license(&path)?).await?;
    let subscription = services.billing.subscription_of(&found.record.pool).await?;
    Ok(Json(LicenseDetailBody {
        license: LicenseBody::new(services, found),
        subscription: subscription.map(LicenseSubscriptionBody::from),
    }))
}

/// Removes a license. Its sessions keep their seats until their leases end.
#[utoipa::path(
    delete,
    path = "/api/v1/licenses/{license}",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    security(("bearer" = ["licenses:revoke"])),
    responses((status = 204, description = "The license is removed")),
)]
pub(super) async fn remove(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    caller
        .services()
        .licenses
        .remove(caller.actor(), &license(&path)?)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lists the machines that used a license.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}/machines",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license"), PageQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of machines", body = PageBody<MachineBody>)),
)]
pub(super) async fn machines(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<MachineBody>> {
    let (license, page) = (license(&path)?, query.request()?);
    let found = caller.services().licenses.machines(&license, &page).await?;
    Ok(Json(PageBody::new(found, MachineBody::from)))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct MachineQuery {
    /// The beginning of the digest of a machine. Without it, the machines are sorted by their
    /// latest use, the newest first.
    machine: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the machines that used any license.
#[utoipa::path(
    get,
    path = "/api/v1/machines",
    tag = "administration",
    params(MachineQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of machines", body = PageBody<MachineBody>)),
)]
pub(super) async fn all_machines(
    caller: Caller,
    StrictQuery(query): StrictQuery<MachineQuery>,
) -> JsonReply<PageBody<MachineBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let licenses = &caller.services().licenses;
    let found = licenses.all_machines(query.machine.as_deref(), &page);
    Ok(Json(PageBody::new(found.await?, MachineBody::from)))
}

pub(super) fn license(text: &str) -> Result<LicenseId, Problem> {
    text.parse().map_err(|_| not_found("license"))
}
