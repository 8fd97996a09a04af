//! Trials: started by their users, and listed, extended and converted by administrators.

mod bodies;

use std::collections::HashMap;

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::{StrictPath, not_found};
use super::peer::Peer;
use super::person::{Person, Visitor};
use super::problem::Problem;
use super::registrations::{LinkBody, SENT, email};
use crate::domain::{RefusalKind, Trial, TrialId, TrialState};
use crate::services::{InstalledLicense, IssueOrder, LicenseState, NewTrial, RequestId, Services};

pub(super) use bodies::TrialBody;
use bodies::{
    AccountTrialBody, ChangedTrialBody, ConfirmationBody, ExtensionBody, NewTrialBody,
    StartedTrialBody, StopBody, TrialRequestBody,
};

/// The query of the list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrialQuery {
    /// `issuing`, `started`, `reminded`, `converted` or `ended`.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Sends a link that starts a trial on a machine. The answer is the same whether the address gets a
/// link or not.
#[utoipa::path(
    post,
    path = "/api/v1/trial-requests",
    tag = "people",
    request_body = TrialRequestBody,
    responses((status = 202, description = "The request is accepted", body = LinkBody)),
)]
pub(super) async fn request(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<TrialRequestBody>,
) -> Result<(StatusCode, Json<LinkBody>), Problem> {
    let email = email(&body.email)?;
    app.limit_link(&visitor, &email)?;
    let new = NewTrial {
        email,
        customer: body.customer,
        machine: Some(body.machine),
    };
    app.services().trials.request(new).await?;
    Ok((StatusCode::ACCEPTED, Json(SENT)))
}

/// Starts the trial of a link, and returns its license. A repetition within 24 hours returns the
/// same license.
#[utoipa::path(
    post,
    path = "/api/v1/trial-requests/confirm",
    tag = "people",
    request_body = ConfirmationBody,
    responses((status = 200, description = "The trial with its license", body = StartedTrialBody)),
)]
pub(super) async fn confirm(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<ConfirmationBody>,
) -> JsonReply<StartedTrialBody> {
    app.limit_visitor(&visitor)?;
    let address = visitor.peer.map(Peer::address);
    let started = app.services().trials.confirm(&body.token, address).await?;
    Ok(Json(started.into()))
}

/// Stops the reminders of a trial.
#[utoipa::path(
    post,
    path = "/api/v1/trial-reminders/stop",
    tag = "people",
    request_body = StopBody,
    responses((status = 204, description = "The user gets no more reminders")),
)]
pub(super) async fn stop_reminders(
    State(app): State<App>,
    visitor: Visitor,
    StrictJson(body): StrictJson<StopBody>,
) -> Result<StatusCode, Problem> {
    app.limit_visitor(&visitor)?;
    let address = visitor.peer.map(Peer::address);
    let trials = &app.services().trials;
    trials.stop_reminders(&body.code, address).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Starts a trial of a person whose address is verified, and returns its license.
#[utoipa::path(
    post,
    path = "/api/v1/account/trials",
    tag = "people",
    request_body = AccountTrialBody,
    security(("session" = [])),
    responses((status = 200, description = "The trial with its license", body = StartedTrialBody)),
)]
pub(super) async fn start_for(
    State(app): State<App>,
    person: Person,
    StrictJson(body): StrictJson<AccountTrialBody>,
) -> JsonReply<StartedTrialBody> {
    let trials = &app.services().trials;
    let started = trials.start_for(person.signed_in(), body.customer, body.machine);
    Ok(Json(started.await?.into()))
}

/// Lists the trials, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/trials",
    tag = "administration",
    params(TrialQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of trials", body = PageBody<TrialBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<TrialQuery>,
) -> JsonReply<PageBody<TrialBody>> {
    let state = query.state.as_deref().map(state).transpose()?;
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let services = caller.services();
    let found = services.trials.list(state, &page).await?;
    let mut codes = HashMap::new();
    for trial in &found.items {
        codes.insert(trial.id.to_string(), license_code(services, trial).await?);
    }
    let code = |trial: &Trial| codes.get(trial.id.as_str()).copied().flatten();
    Ok(Json(PageBody::new(found, |trial| {
        let code = code(&trial);
        TrialBody::new(trial, code)
    })))
}

/// Starts a trial for a customer. Only a vendor's server does.
#[utoipa::path(
    post,
    path = "/api/v1/trials",
    tag = "administration",
    request_body = NewTrialBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The trial with its license", body = StartedTrialBody)),
)]
pub(super) async fn start(
    caller: Caller,
    StrictJson(body): StrictJson<NewTrialBody>,
) -> JsonReply<StartedTrialBody> {
    let new = NewTrial {
        email: email(&body.email)?,
        customer: body.customer,
        machine: body.machine,
    };
    let trials = &caller.services().trials;
    let started = trials.start(caller.actor(), new, body.again).await?;
    Ok(Json(started.into()))
}

/// Returns a trial.
#[utoipa::path(
    get,
    path = "/api/v1/trials/{trial}",
    tag = "administration",
    params(("trial" = String, Path, description = "The id of the trial")),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "The trial", body = TrialBody)),
)]
pub(super) async fn get(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<TrialBody> {
    let services = caller.services();
    let trial = services.trials.get(&trial(&path)?).await?;
    let code = license_code(services, &trial).await?;
    Ok(Json(TrialBody::new(trial, code)))
}

/// Extends a trial. The user gets another license by mail.
#[utoipa::path(
    post,
    path = "/api/v1/trials/{trial}/extend",
    tag = "administration",
    params(("trial" = String, Path, description = "The id of the trial")),
    request_body = ExtensionBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The trial with its license", body = ChangedTrialBody)),
)]
pub(super) async fn extend(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    request: Option<Extension<RequestId>>,
    StrictJson(body): StrictJson<ExtensionBody>,
) -> JsonReply<ChangedTrialBody> {
    let request = request.map(|Extension(id)| id);
    let (services, actor, id) = (caller.services(), caller.actor(), trial(&path)?);
    let (trials, days, reason) = (&services.trials, body.days, body.reason.as_str());
    let extended = if body.dry_run {
        trials.preview_extension(actor, &id, days, reason).await?
    } else {
        trials.extend(actor, &id, days, reason, request).await?
    };
    let code = license_code(services, &extended.trial).await?;
    Ok(Json(ChangedTrialBody::new(extended, code)))
}

/// Converts a trial to a paid license, whose days count from the end of the trial. The order needs
/// no customer.
#[utoipa::path(
    post,
    path = "/api/v1/trials/{trial}/convert",
    tag = "administration",
    params(("trial" = String, Path, description = "The id of the trial")),
    request_body = IssueOrder,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The trial with its license", body = ChangedTrialBody)),
)]
pub(super) async fn convert(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    request: Option<Extension<RequestId>>,
    StrictJson(order): StrictJson<IssueOrder>,
) -> JsonReply<ChangedTrialBody> {
    let request = request.map(|Extension(id)| id);
    let (services, id) = (caller.services(), trial(&path)?);
    let converted = services.trials.convert(caller.actor(), &id, order, request);
    let converted = converted.await?;
    let code = license_code(services, &converted.trial).await?;
    Ok(Json(ChangedTrialBody::new(converted, code)))
}

/// Returns the newest license of a trial with its state. `None`: the server has no license yet.
pub(super) async fn newest_license(
    services: &Services,
    trial: &Trial,
) -> Result<Option<(InstalledLicense, LicenseState)>, Problem> {
    let Some(id) = trial.paid.as_ref().or(trial.license.as_ref()) else {
        return Ok(None);
    };
    match services.licenses.get(id).await {
        Ok(installed) => {
            let state = services.licenses.state(&installed.license);
            Ok(Some((installed, state)))
        }
        // The copy of the ledger follows.
        Err(refusal) if refusal.kind == RefusalKind::NotFound => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Returns the reason code of the state of the newest license of a trial.
pub(super) async fn license_code(
    services: &Services,
    trial: &Trial,
) -> Result<Option<&'static str>, Problem> {
    let newest = newest_license(services, trial).await?;
    Ok(newest.map(|(_, state)| state.code))
}

/// Parses a state of the query.
pub(super) fn state(text: &str) -> Result<TrialState, Problem> {
    let state = TrialState::parse(text).filter(|state| state.is_used());
    state.ok_or_else(|| {
        Problem::malformed("the state is unknown").values(
            "issuing, started, reminded, converted or ended",
            "another text",
        )
    })
}

/// Parses the id of a trial in a path.
pub(super) fn trial(text: &str) -> Result<TrialId, Problem> {
    TrialId::parse(text).ok_or_else(|| not_found("trial"))
}
