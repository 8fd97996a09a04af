//! Metering: meters, the usage of customers by period, and exports.

mod bodies;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use license_core::chrono::NaiveDate;
use serde::Deserialize;
use utoipa::IntoParams;

use self::bodies::{
    AdjustmentBody, AnchorBody, DecisionBody, MeterBody, MeteredCustomerBody, SendingBody,
    SummaryBody, TotalsBody,
};
use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::{Caller, LicenseCredential};
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{SendingState, UsageSending};
use crate::services::{RequestId, UsageAdjustment};

/// The header with the number of the last exported row.
const LAST_ROW: HeaderName = HeaderName::from_static("x-last-row");

/// Lists the meters of the product.
#[utoipa::path(
    get,
    path = "/api/v1/meters",
    tag = "administration",
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "The meters", body = PageBody<MeterBody>)),
)]
pub(super) async fn meters(caller: Caller) -> JsonReply<PageBody<MeterBody>> {
    let meters = caller.services().metering.meters().iter().collect();
    Ok(Json(PageBody::complete(meters, MeterBody::from)))
}

/// Lists the customers with usage. A customer is a license with its renewals.
#[utoipa::path(
    get,
    path = "/api/v1/usage/customers",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["usage:read"])),
    responses((
        status = 200,
        description = "A page of customers",
        body = PageBody<MeteredCustomerBody>,
    )),
)]
pub(super) async fn customers(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<MeteredCustomerBody>> {
    let metering = &caller.services().metering;
    let found = metering.customers(&query.request()?).await?;
    Ok(Json(PageBody::new(found, MeteredCustomerBody::from)))
}

/// The period of a summary.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PeriodQuery {
    /// Any UTC day of the period, at most 400 days ago. The default is today.
    #[param(value_type = Option<String>, format = Date)]
    period: Option<NaiveDate>,
}

/// Returns what a customer has used in a period.
#[utoipa::path(
    get,
    path = "/api/v1/usage/customers/{pool}",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool, or one of its licenses"), PeriodQuery),
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "The amounts by meter", body = SummaryBody)),
)]
pub(super) async fn summary(
    caller: Caller,
    StrictPath(customer): StrictPath<String>,
    StrictQuery(query): StrictQuery<PeriodQuery>,
) -> JsonReply<SummaryBody> {
    let metering = &caller.services().metering;
    let summary = metering.summary(&customer, query.period).await?;
    Ok(Json(summary.into()))
}

/// The customer and the day of a sum.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TotalsQuery {
    /// The name of the customer, as in its licenses. Upper and lower case are equal.
    #[param(min_length = 1)]
    customer: String,
    /// Any UTC day of the periods, at most 400 days ago. The default is today.
    #[param(value_type = Option<String>, format = Date)]
    period: Option<NaiveDate>,
}

/// Returns what a customer has used with all its licenses. Each pool has a period of its own, which
/// contains the day.
#[utoipa::path(
    get,
    path = "/api/v1/usage/totals",
    tag = "administration",
    params(TotalsQuery),
    security(("bearer" = ["usage:read"])),
    responses((status = 200, description = "The amounts by pool and meter", body = TotalsBody)),
)]
pub(super) async fn totals(
    caller: Caller,
    StrictQuery(query): StrictQuery<TotalsQuery>,
) -> JsonReply<TotalsBody> {
    let metering = &caller.services().metering;
    let totals = metering.totals(&query.customer, query.period).await?;
    Ok(Json(totals.into()))
}

/// Returns what the customer of a license has used in a period: the same numbers that the vendor
/// has.
#[utoipa::path(
    get,
    path = "/api/v1/usage/own",
    tag = "clients",
    params(PeriodQuery),
    security(("license" = [])),
    responses((status = 200, description = "The amounts by meter", body = SummaryBody)),
)]
pub(super) async fn own(
    State(app): State<App>,
    LicenseCredential(credential): LicenseCredential,
    StrictQuery(query): StrictQuery<PeriodQuery>,
) -> JsonReply<SummaryBody> {
    let services = app.tenants().of_license(&credential).await?;
    let summary = services
        .metering
        .own_summary(&credential, query.period)
        .await?;
    Ok(Json(summary.into()))
}

/// Adjusts the amount of a meter. The change of a closed period is a correction.
#[utoipa::path(
    post,
    path = "/api/v1/usage/customers/{pool}/adjustments",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool, or one of its licenses")),
    request_body = AdjustmentBody,
    security(("bearer" = ["usage:manage"])),
    responses((status = 204, description = "The adjustment is recorded")),
)]
pub(super) async fn adjust(
    caller: Caller,
    request: Option<Extension<RequestId>>,
    StrictPath(customer): StrictPath<String>,
    StrictJson(body): StrictJson<AdjustmentBody>,
) -> Result<StatusCode, Problem> {
    let order = UsageAdjustment {
        customer,
        meter: body.meter,
        day: body.day,
        quantity: body.quantity,
        reason: body.reason,
    };
    let metering = &caller.services().metering;
    let request = request.map(|Extension(request)| request);
    metering.adjust(caller.actor(), &order, request).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the day from which the periods of a customer are counted. Closed periods stay.
#[utoipa::path(
    put,
    path = "/api/v1/usage/customers/{pool}/anchor",
    tag = "administration",
    params(("pool" = String, Path, description = "The pool, or one of its licenses")),
    request_body = AnchorBody,
    security(("bearer" = ["usage:manage"])),
    responses((status = 204, description = "The day is changed")),
)]
pub(super) async fn set_anchor(
    caller: Caller,
    StrictPath(customer): StrictPath<String>,
    StrictJson(body): StrictJson<AnchorBody>,
) -> Result<StatusCode, Problem> {
    let metering = &caller.services().metering;
    metering
        .set_anchor(caller.actor(), &customer, body.day)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Exports the amounts of closed periods and their corrections as CSV, in the order of recording.
/// Rows never change, so a warehouse continues with the number of the last row as the cursor.
#[utoipa::path(
    get,
    path = "/api/v1/usage/export",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["usage:read"])),
    responses((
        status = 200,
        description = "The rows with a header. The header `X-Last-Row` has the number of the last \
                       one",
        body = String,
        content_type = "text/csv",
    )),
)]
pub(super) async fn export(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> Result<Response, Problem> {
    let metering = &caller.services().metering;
    let (rows, last) = metering.export(&query.request()?).await?;
    let headers = [
        (
            header::CONTENT_TYPE,
            "text/csv; charset=utf-8; header=present".to_owned(),
        ),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"usage.csv\"".to_owned(),
        ),
        (LAST_ROW, last.to_string()),
    ];
    Ok((headers, rows).into_response())
}

/// The states of a list of amounts.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SendingQuery {
    /// `waiting`, `sent`, `uncertain` or `dropped`. The default is all states.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the amounts for the billing provider.
#[utoipa::path(
    get,
    path = "/api/v1/usage/sendings",
    tag = "administration",
    params(SendingQuery),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "A page of amounts", body = PageBody<SendingBody>)),
)]
pub(super) async fn sendings(
    caller: Caller,
    StrictQuery(query): StrictQuery<SendingQuery>,
) -> JsonReply<PageBody<SendingBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let state = query.state.as_deref().map(|text| {
        SendingState::parse(text).ok_or_else(|| {
            Problem::malformed("the state is unknown")
                .values("waiting, sent, uncertain or dropped", "another text")
        })
    });
    let outbox = &caller.services().outbox;
    let found = outbox.list(state.transpose()?, &page).await?;
    Ok(Json(PageBody::new(found, |sending: UsageSending| {
        SendingBody::from(sending)
    })))
}

/// Decides about an amount whose attempt had no answer, after a person has looked it up at the
/// billing provider.
#[utoipa::path(
    post,
    path = "/api/v1/usage/sendings/{sending}/decision",
    tag = "administration",
    params(("sending" = String, Path, description = "The identifier of the amount")),
    request_body = DecisionBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 204, description = "The decision is recorded")),
)]
pub(super) async fn decide(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<DecisionBody>,
) -> Result<StatusCode, Problem> {
    let outbox = &caller.services().outbox;
    let (state, reason) = (body.state(), &body.reason);
    outbox.decide(caller.actor(), &id, state, reason).await?;
    Ok(StatusCode::NO_CONTENT)
}
