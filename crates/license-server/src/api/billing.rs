//! Billing: plans, subscriptions and customers of a payment provider, and pages for customers.

mod bodies;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, HeaderName, StatusCode};

use self::bodies::{
    BillingEventBody, BillingPlanBody, BillingReceiptBody, CheckoutBody, CustomerBody,
    PaymentLinkBody, PlanOrderBody, PortalBody, ReconciledBody, SubscriptionBody,
};
use super::App;
use super::body::{JsonReply, ReceivedBody, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use crate::services::RequestId;

pub(super) use self::bodies::{EventQuery, SubscriptionQuery};

const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// Receives an event of Stripe. The header `Stripe-Signature` proves its origin.
///
/// The event is stored when the answer is sent, and processed afterwards. A repetition has no
/// effect. The body has up to 1 MiB, and the signature covers each of its bytes.
#[utoipa::path(
    post,
    path = "/api/v1/billing/stripe/events",
    tag = "clients",
    request_body(content = Object, content_type = "application/json"),
    params(("Stripe-Signature" = String, Header, description = "The time and the signatures")),
    responses((status = 200, description = "The event is stored", body = BillingReceiptBody)),
)]
pub(super) async fn receive(
    State(app): State<App>,
    headers: HeaderMap,
    Extension(ReceivedBody(body)): Extension<ReceivedBody>,
) -> JsonReply<BillingReceiptBody> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    let receipt = app.services().billing.receive(signature, &body).await?;
    Ok(Json(receipt.into()))
}

/// Lists the plans: the licenses that prices buy.
#[utoipa::path(
    get,
    path = "/api/v1/billing/plans",
    tag = "administration",
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "All plans", body = PageBody<BillingPlanBody>)),
)]
pub(super) async fn plans(caller: Caller) -> JsonReply<PageBody<BillingPlanBody>> {
    let plans = caller.services().billing.plans().await?;
    Ok(Json(PageBody::complete(plans, BillingPlanBody::from)))
}

/// Stores the license that a price buys.
#[utoipa::path(
    put,
    path = "/api/v1/billing/plans/{price}",
    tag = "administration",
    params(("price" = String, Path, description = "The id of the price at the provider")),
    request_body = PlanOrderBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The plan", body = BillingPlanBody)),
)]
pub(super) async fn put_plan(
    caller: Caller,
    StrictPath(price): StrictPath<String>,
    StrictJson(body): StrictJson<PlanOrderBody>,
) -> JsonReply<BillingPlanBody> {
    let billing = &caller.services().billing;
    let plan = billing
        .put_plan(caller.actor(), &price, body.into())
        .await?;
    Ok(Json(plan.into()))
}

/// Deletes the plan of a price. Licenses stay as they are.
#[utoipa::path(
    delete,
    path = "/api/v1/billing/plans/{price}",
    tag = "administration",
    params(("price" = String, Path, description = "The id of the price at the provider")),
    security(("bearer" = ["billing:manage"])),
    responses((status = 204, description = "The plan is deleted")),
)]
pub(super) async fn delete_plan(
    caller: Caller,
    StrictPath(price): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let billing = &caller.services().billing;
    billing.delete_plan(caller.actor(), &price).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Creates a page on which a customer subscribes.
#[utoipa::path(
    post,
    path = "/api/v1/billing/checkout",
    tag = "administration",
    request_body = CheckoutBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 201, description = "The page", body = PaymentLinkBody)),
)]
pub(super) async fn checkout(
    caller: Caller,
    request: Option<Extension<RequestId>>,
    StrictJson(body): StrictJson<CheckoutBody>,
) -> Result<(StatusCode, Json<PaymentLinkBody>), Problem> {
    let id = request.map(|Extension(id)| id);
    let billing = &caller.services().billing;
    let link = billing.checkout(caller.actor(), body.into(), id).await?;
    Ok((StatusCode::CREATED, Json(link.into())))
}

/// Creates a page on which a customer changes the subscription and the means of payment.
#[utoipa::path(
    post,
    path = "/api/v1/billing/portal",
    tag = "administration",
    request_body = PortalBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 201, description = "The page", body = PaymentLinkBody)),
)]
pub(super) async fn portal(
    caller: Caller,
    request: Option<Extension<RequestId>>,
    StrictJson(body): StrictJson<PortalBody>,
) -> Result<(StatusCode, Json<PaymentLinkBody>), Problem> {
    let id = request.map(|Extension(id)| id);
    let billing = &caller.services().billing;
    let link = billing.portal(caller.actor(), body.into(), id).await?;
    Ok((StatusCode::CREATED, Json(link.into())))
}

/// Lists the subscriptions, the last change first.
#[utoipa::path(
    get,
    path = "/api/v1/billing/subscriptions",
    tag = "administration",
    params(SubscriptionQuery),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "A page of subscriptions", body = PageBody<SubscriptionBody>)),
)]
pub(super) async fn subscriptions(
    caller: Caller,
    StrictQuery(query): StrictQuery<SubscriptionQuery>,
) -> JsonReply<PageBody<SubscriptionBody>> {
    let (filter, page) = (query.filter()?, query.page()?);
    let found = caller.services().billing.subscriptions(&filter, &page);
    Ok(Json(PageBody::new(found.await?, SubscriptionBody::from)))
}

/// Returns a subscription.
#[utoipa::path(
    get,
    path = "/api/v1/billing/subscriptions/{subscription}",
    tag = "administration",
    params(("subscription" = String, Path, description = "The id of the subscription at the provider")),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "The subscription", body = SubscriptionBody)),
)]
pub(super) async fn subscription(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> JsonReply<SubscriptionBody> {
    let found = caller.services().billing.subscription(&id).await?;
    Ok(Json(found.into()))
}

/// Lists the customers of the provider, by id.
#[utoipa::path(
    get,
    path = "/api/v1/billing/customers",
    tag = "administration",
    params(PageQuery),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "A page of customers", body = PageBody<CustomerBody>)),
)]
pub(super) async fn customers(
    caller: Caller,
    StrictQuery(query): StrictQuery<PageQuery>,
) -> JsonReply<PageBody<CustomerBody>> {
    let page = query.request()?;
    let found = caller.services().billing.customers(&page).await?;
    Ok(Json(PageBody::new(found, CustomerBody::from)))
}

/// Returns a customer of the provider.
#[utoipa::path(
    get,
    path = "/api/v1/billing/customers/{customer}",
    tag = "administration",
    params(("customer" = String, Path, description = "The id of the customer at the provider")),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "The customer", body = CustomerBody)),
)]
pub(super) async fn customer(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> JsonReply<CustomerBody> {
    let found = caller.services().billing.customer(&id).await?;
    Ok(Json(found.into()))
}

/// Lists the events of the provider without their bodies, the newest receipt first.
#[utoipa::path(
    get,
    path = "/api/v1/billing/events",
    tag = "administration",
    params(EventQuery),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "A page of events", body = PageBody<BillingEventBody>)),
)]
pub(super) async fn events(
    caller: Caller,
    StrictQuery(query): StrictQuery<EventQuery>,
) -> JsonReply<PageBody<BillingEventBody>> {
    let (state, page) = (query.state()?, query.page()?);
    let found = caller.services().billing.events(state, &page).await?;
    Ok(Json(PageBody::new(found, BillingEventBody::from)))
}

/// Compares all subscriptions with the provider, which the server also does once a day.
#[utoipa::path(
    post,
    path = "/api/v1/billing/reconcile",
    tag = "administration",
    security(("bearer" = ["billing:manage"])),
    responses((status = 202, description = "The comparison is queued", body = ReconciledBody)),
)]
pub(super) async fn reconcile(
    caller: Caller,
) -> Result<(StatusCode, Json<ReconciledBody>), Problem> {
    let report = caller.services().billing.reconcile().await?;
    Ok((StatusCode::ACCEPTED, Json(report.into())))
}
