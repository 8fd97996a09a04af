//! Anomalies, which a person looks at.

use axum::Json;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::{PageBody, PageQuery, StrictQuery};
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{Anomaly, AnomalyState};

/// An anomaly. It locks nothing.
#[derive(Serialize, ToSchema)]
#[schema(as = Anomaly)]
pub(super) struct AnomalyBody {
    id: String,
    /// `machines`, `networks` or `usage_conflict`.
    kind: &'static str,
    license: String,
    /// The largest number of machines, networks or contradictions that was found.
    seen: u64,
    /// The smallest number that is an anomaly.
    threshold: u64,
    first_at: DateTime<Utc>,
    last_at: DateTime<Utc>,
    /// `open` or `dismissed`.
    state: &'static str,
    dismissed_at: Option<DateTime<Utc>>,
    dismissed_by: Option<String>,
    /// Why the anomaly was dismissed.
    note: Option<String>,
}

impl From<Anomaly> for AnomalyBody {
    fn from(anomaly: Anomaly) -> Self {
        Self {
            id: anomaly.id,
            kind: anomaly.kind.as_str(),
            license: anomaly.license.to_string(),
            seen: anomaly.seen,
            threshold: anomaly.threshold,
            first_at: anomaly.first_at,
            last_at: anomaly.last_at,
            state: anomaly.state.as_str(),
            dismissed_at: anomaly.dismissed_at,
            dismissed_by: anomaly.dismissed_by,
            note: anomaly.note,
        }
    }
}

/// The states of a list of anomalies.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AnomalyQuery {
    /// `open` or `dismissed`. The default is both.
    state: Option<String>,
    /// The `next` of the page before.
    #[param(min_length = 1, max_length = 256)]
    cursor: Option<String>,
    /// The maximum number of items, from 1 to 500. The default is 50.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

/// Lists anomalies, the newest first.
#[utoipa::path(
    get,
    path = "/api/v1/anomalies",
    tag = "administration",
    params(AnomalyQuery),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "A page of anomalies", body = PageBody<AnomalyBody>)),
)]
pub(super) async fn list(
    caller: Caller,
    StrictQuery(query): StrictQuery<AnomalyQuery>,
) -> JsonReply<PageBody<AnomalyBody>> {
    let page = PageQuery::new(query.cursor, query.limit).request()?;
    let state = query.state.as_deref().map(|text| {
        AnomalyState::parse(text).ok_or_else(|| {
            Problem::malformed("the state is unknown").values("open or dismissed", "another text")
        })
    });
    let anomalies = &caller.services().anomalies;
    let found = anomalies.list(state.transpose()?, &page).await?;
    Ok(Json(PageBody::new(found, AnomalyBody::from)))
}

/// Why an anomaly is dismissed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AnomalyDismissal)]
pub(super) struct DismissalBody {
    /// The reason, in 1 to 200 characters.
    #[schema(min_length = 1, max_length = 200)]
    note: String,
}

/// Dismisses an anomaly. One that was dismissed before stays as it is.
#[utoipa::path(
    post,
    path = "/api/v1/anomalies/{anomaly}/dismiss",
    tag = "administration",
    params(("anomaly" = String, Path, description = "The id of the anomaly")),
    request_body = DismissalBody,
    security(("bearer" = ["licenses:issue"])),
    responses((status = 200, description = "The anomaly", body = AnomalyBody)),
)]
pub(super) async fn dismiss(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<DismissalBody>,
) -> JsonReply<AnomalyBody> {
    let anomalies = &caller.services().anomalies;
    let anomaly = anomalies.dismiss(caller.actor(), &id, &body.note).await?;
    Ok(Json(anomaly.into()))
}
