//! `POST /licenses/validate`.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::{Extension, Json};
use license_core::chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::login::ValidationLogin;
use super::peer::Peer;
use super::problem::Problem;
use crate::services::{ValidateReply, ValidateRequest};

/// A license and the machine that uses it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ValidateRequest)]
pub(super) struct ValidateBody {
    /// The license key or license token.
    #[schema(min_length = 1, max_length = 65536)]
    license_key: String,
    /// The machine: its digest, its fingerprint or a name.
    #[schema(min_length = 1, max_length = 1024)]
    machine_id: String,
    /// The user, for a license with named users.
    #[serde(default)]
    #[schema(max_length = 256)]
    user: Option<String>,
    /// The version of the application.
    #[serde(default)]
    #[schema(max_length = 100)]
    version: Option<String>,
    /// The day on which the application was built (UTC), for a license that covers builds up to a
    /// date. With a version, such a license needs it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Date)]
    build_date: Option<NaiveDate>,
    /// A random text that the validation token repeats.
    #[serde(default)]
    #[schema(max_length = 128)]
    nonce: Option<String>,
}

impl ValidateBody {
    /// Returns the request of the user of the login, or of the user that the body states.
    pub(super) async fn into_request(
        self,
        app: &App,
        login: ValidationLogin,
    ) -> Result<ValidateRequest, Problem> {
        let (user, missing_login) = login.user(app, self.user).await?;
        Ok(ValidateRequest {
            credential: self.license_key,
            machine: self.machine_id,
            user,
            missing_login,
            version: self.version,
            build_date: self.build_date,
            nonce: self.nonce,
        })
    }

    pub(super) fn license_key(&self) -> &str {
        &self.license_key
    }
}

/// The state of a license.
#[derive(Serialize, ToSchema)]
#[schema(as = ValidateReply)]
pub(super) struct ValidationBody {
    /// Whether the license is valid on the machine.
    valid: bool,
    /// The reason code.
    code: &'static str,
    /// The id of the license.
    license: String,
    tier: String,
    /// The end of the license, or null if it is perpetual.
    expires_at: Option<DateTime<Utc>>,
    features: Vec<String>,
    /// -1 is unlimited.
    quotas: BTreeMap<String, i64>,
    /// The signed validation token, which the client caches. Null if the license is not valid.
    validation: Option<String>,
    /// The expected value of the rule that decided.
    expected: String,
    /// The actual value of the rule that decided.
    actual: String,
    /// The next step of a user who is not assigned to the license.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    /// The token of an installed license that replaces the presented one.
    #[serde(skip_serializing_if = "Option::is_none")]
    renewal: Option<String>,
}

impl From<&ValidateReply> for ValidationBody {
    fn from(reply: &ValidateReply) -> Self {
        Self {
            valid: reply.valid,
            code: reply.code,
            license: reply.license.to_string(),
            tier: reply.tier.clone(),
            expires_at: reply.expires_at,
            features: reply.features.clone(),
            quotas: reply.quotas.clone(),
            validation: reply.validation.clone(),
            expected: reply.expected.clone(),
            actual: reply.actual.clone(),
            hint: reply.hint,
            renewal: reply.renewal.clone(),
        }
    }
}

/// Validates a license on a machine. The status is 200 for valid and invalid licenses.
#[utoipa::path(
    post,
    path = "/api/v1/licenses/validate",
    tag = "clients",
    request_body = ValidateBody,
    params((
        "X-Login-Token" = Option<String>,
        Header,
        description = "The ID token of the user, if the server has a provider of logins and assigns \
                       the users of the license",
    )),
    responses((status = 200, description = "The state of the license", body = ValidationBody)),
)]
pub(super) async fn validate(
    State(app): State<App>,
    login: ValidationLogin,
    peer: Option<Extension<Peer>>,
    StrictJson(body): StrictJson<ValidateBody>,
) -> JsonReply<ValidationBody> {
    app.limit_license(body.license_key())?;
    let request = body.into_request(&app, login).await?;
    let metrics = app.metrics();
    let timer = metrics.validation_durations.start_timer();
    let services = app.tenants().of_license(&request.credential).await;
    let reply = match &services {
        Ok(services) => services.validate.validate(request).await,
        Err(refusal) => Err(refusal.clone()),
    };
    timer.observe_duration();
    let code = match &reply {
        Ok(reply) => reply.code,
        Err(refusal) => refusal.code,
    };
    metrics.validations.with_label_values(&[code]).inc();
    let reply = reply?;
    if let (Ok(services), Some(Extension(peer))) = (services, peer) {
        let anomalies = &services.anomalies;
        anomalies.observe(&reply.license, peer.address());
    }
    Ok(Json((&*reply).into()))
}
