//! Invoices and credit notes.

mod bodies;

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::problem::Problem;
use crate::domain::{InvoiceId, InvoiceState, Permission};
use crate::services::{NewInvoice, NewPayment};

use bodies::{EntityBody, InvoiceBody, NewInvoiceBody, PaymentBody, ReasonBody};

/// The query of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct InvoiceQuery {
    /// `draft`, `issued`, `overdue`, `paid`, `void` or `credited`.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists the legal entities that issue invoices.
#[utoipa::path(
    get,
    path = "/api/v1/invoice-entities",
    tag = "administration",
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "All entities", body = PageBody<EntityBody>)),
)]
pub(super) async fn entities(caller: Caller) -> JsonReply<PageBody<EntityBody>> {
    let entities = caller.services().invoices.entities().to_vec();
    Ok(Json(PageBody::complete(entities, EntityBody::from)))
}

/// Lists invoices and credit notes, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/invoices",
    tag = "administration",
    params(InvoiceQuery),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "A page of invoices", body = PageBody<InvoiceBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<InvoiceQuery>,
) -> JsonReply<PageBody<InvoiceBody>> {
    let state = query.state.as_deref().map(state).transpose()?;
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let found = caller.services().invoices.list(state, &page).await?;
    Ok(Json(PageBody::new(found, InvoiceBody::from)))
}

/// Drafts an invoice. A license in it also needs the permission `licenses:issue`.
#[utoipa::path(
    post,
    path = "/api/v1/invoices",
    tag = "administration",
    request_body = NewInvoiceBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 201, description = "The draft", body = InvoiceBody)),
)]
pub(super) async fn create(
    caller: Caller,
    StrictJson(body): StrictJson<NewInvoiceBody>,
) -> Result<(StatusCode, Json<InvoiceBody>), Problem> {
    let new = checked(&caller, body.into())?;
    let created = caller
        .services()
        .invoices
        .create(caller.actor(), new)
        .await?;
    Ok((StatusCode::CREATED, Json(created.into())))
}

/// Returns the draft of a body. Only who may issue licenses can order one.
pub(super) fn checked(caller: &Caller, new: NewInvoice) -> Result<NewInvoice, Problem> {
    if new.order.is_some() {
        caller.require(Permission::IssueLicenses)?;
    }
    Ok(new)
}

/// Returns an invoice or a credit note.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{invoice}",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    security(("bearer" = ["billing:read"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<InvoiceBody> {
    let found = caller.services().invoices.get(&invoice(&path)?).await?;
    Ok(Json(found.into()))
}

/// Replaces the content of a draft.
#[utoipa::path(
    put,
    path = "/api/v1/invoices/{invoice}",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    request_body = NewInvoiceBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The draft", body = InvoiceBody)),
)]
pub(super) async fn update(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<NewInvoiceBody>,
) -> JsonReply<InvoiceBody> {
    let (id, new) = (invoice(&path)?, checked(&caller, body.into())?);
    let invoices = &caller.services().invoices;
    Ok(Json(
        invoices.update(caller.actor(), &id, new).await?.into(),
    ))
}

/// Deletes a draft.
#[utoipa::path(
    delete,
    path = "/api/v1/invoices/{invoice}",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    security(("bearer" = ["billing:manage"])),
    responses((status = 204, description = "The draft is deleted")),
)]
pub(super) async fn delete(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let invoices = &caller.services().invoices;
    invoices.delete(caller.actor(), &invoice(&path)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Issues a draft today, with the next number of its legal entity and year. It never changes again.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/issue",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn issue(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<InvoiceBody> {
    let invoices = &caller.services().invoices;
    let issued = invoices.issue(caller.actor(), &invoice(&path)?).await?;
    Ok(Json(issued.into()))
}

/// Records a payment of an invoice. The payment that completes the total issues the license. The
/// same payment again changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/payment",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    request_body = PaymentBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn pay(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<PaymentBody>,
) -> JsonReply<InvoiceBody> {
    let (invoices, id) = (&caller.services().invoices, invoice(&path)?);
    let payment = NewPayment {
        on: body.paid_on,
        reference: body.reference,
        amount: body.amount,
    };
    let paid = invoices.pay(caller.actor(), &id, payment);
    Ok(Json(paid.await?.into()))
}

/// Sends the PDF of an invoice or of a credit note to the address of the buyer. The answer comes
/// after the mail server has accepted the mail.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/send",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn send(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<InvoiceBody> {
    let invoices = &caller.services().invoices;
    let sent = invoices.send(caller.actor(), &invoice(&path)?).await?;
    Ok(Json(sent.into()))
}

/// Issues the license of an invoice before the payment. Needs the permission `licenses:issue` too.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/activate",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    request_body = ReasonBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn activate(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<ReasonBody>,
) -> JsonReply<InvoiceBody> {
    caller.require(Permission::IssueLicenses)?;
    let (invoices, id) = (&caller.services().invoices, invoice(&path)?);
    let activated = invoices.activate(caller.actor(), &id, &body.reason);
    Ok(Json(activated.await?.into()))
}

/// Marks an invoice as issued by mistake, before the customer got it. Its number stays.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/void",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    request_body = ReasonBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn void(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<ReasonBody>,
) -> JsonReply<InvoiceBody> {
    let (invoices, id) = (&caller.services().invoices, invoice(&path)?);
    let voided = invoices.void(caller.actor(), &id, &body.reason).await?;
    Ok(Json(voided.into()))
}

/// Cancels an invoice with a credit note, which gets a number of its own. The license stays.
#[utoipa::path(
    post,
    path = "/api/v1/invoices/{invoice}/credit",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    request_body = ReasonBody,
    security(("bearer" = ["billing:manage"])),
    responses((status = 200, description = "The invoice", body = InvoiceBody)),
)]
pub(super) async fn credit(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictJson(body): StrictJson<ReasonBody>,
) -> JsonReply<InvoiceBody> {
    let (invoices, id) = (&caller.services().invoices, invoice(&path)?);
    let credited = invoices.credit(caller.actor(), &id, &body.reason).await?;
    Ok(Json(credited.into()))
}

/// Returns an invoice or a credit note as PDF.
#[utoipa::path(
    get,
    path = "/api/v1/invoices/{invoice}/pdf",
    tag = "administration",
    params(("invoice" = String, Path, description = "The id of the invoice")),
    security(("bearer" = ["billing:read"])),
    responses((
        status = 200,
        description = "The document",
        body = Vec<u8>,
        content_type = "application/pdf",
    )),
)]
pub(super) async fn pdf(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> Result<Response, Problem> {
    document(&caller, &path).await
}

/// Answers with the PDF of an invoice.
pub(super) async fn document(caller: &Caller, path: &str) -> Result<Response, Problem> {
    let pdf = caller.services().invoices.pdf(&invoice(path)?).await?;
    let disposition = format!("inline; filename=\"{}\"", pdf.name);
    let disposition = HeaderValue::try_from(disposition).map_err(|_| not_found("invoice"))?;
    let headers: [(HeaderName, HeaderValue); 2] = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/pdf"),
        ),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    Ok((headers, pdf.content).into_response())
}

/// Parses a state of the query.
pub(super) fn state(text: &str) -> Result<InvoiceState, Problem> {
    InvoiceState::parse(text).ok_or_else(|| {
        Problem::malformed("the state is unknown").values(
            "draft, issued, overdue, paid, void or credited",
            "another text",
        )
    })
}

/// Parses the id of an invoice in a path.
pub(super) fn invoice(text: &str) -> Result<InvoiceId, Problem> {
    InvoiceId::parse(text).ok_or_else(|| not_found("invoice"))
}
