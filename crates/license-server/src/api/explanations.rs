//! Explanations and QR codes of licenses.

use axum::Json;
use axum::http::header;
use axum::response::IntoResponse;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::body::JsonReply;
use super::credentials::Caller;
use super::licenses::{LicenseBody, license};
use super::pages::StrictQuery;
use super::paths::StrictPath;
use super::problem::Problem;
use crate::services::{CodeContent, ExplainedRule, InstalledLicense, LicenseExplanation, Services};

/// Everything that the server knows about a license.
#[derive(Serialize, ToSchema)]
#[schema(as = LicenseExplanation)]
pub(super) struct ExplanationBody {
    license: LicenseBody,
    /// The claims, in the order of the token.
    claims: Vec<ClaimBody>,
    /// The result of each rule, in the order of evaluation.
    rules: Vec<RuleBody>,
    /// The licenses that replace each other, in the order of installation.
    chain: Vec<ChainBody>,
}

/// A claim of a license.
#[derive(Serialize, ToSchema)]
#[schema(as = Claim)]
struct ClaimBody {
    name: String,
    /// The value as it is signed.
    #[schema(value_type = Value)]
    value: Value,
    /// Whether the server understands the claim.
    is_known: bool,
}

/// The result of a rule.
#[derive(Serialize, ToSchema)]
#[schema(as = RuleResult)]
struct RuleBody {
    rule: &'static str,
    /// `passed`, `grace`, `denied` or `not applicable`.
    outcome: &'static str,
    /// The reason code, or null if the rule has passed or does not apply.
    code: Option<&'static str>,
    /// To what the rule applies: `license`, `program` for rules about the machine, the user and the
    /// version, or `server` for rules that the server does not apply.
    scope: &'static str,
    /// The expected value.
    expected: String,
    /// The actual value.
    actual: String,
}

impl From<ExplainedRule> for RuleBody {
    fn from(rule: ExplainedRule) -> Self {
        let result = rule.result;
        Self {
            rule: result.rule.as_str(),
            outcome: result.outcome.as_str(),
            code: result.outcome.code().map(|code| code.as_str()),
            scope: rule.scope.as_str(),
            expected: result.evidence.expected(),
            actual: result.evidence.actual(),
        }
    }
}

/// A license of a chain.
#[derive(Serialize, ToSchema)]
#[schema(as = ChainedLicense)]
struct ChainBody {
    id: String,
    /// The licenses that the license replaces.
    supersedes: Vec<String>,
    /// Whether another license of the chain replaces the license.
    is_superseded: bool,
    installed_at: DateTime<Utc>,
    /// The first instant of the license.
    starts_at: Option<DateTime<Utc>>,
    /// The end of the license, or null if it is perpetual.
    expires_at: Option<DateTime<Utc>>,
}

impl From<InstalledLicense> for ChainBody {
    fn from(found: InstalledLicense) -> Self {
        let (record, license) = (found.record, found.license);
        Self {
            starts_at: license.not_before().or(license.issued_at()),
            expires_at: license.expires_at(),
            id: record.id.to_string(),
            supersedes: record.supersedes.iter().map(ToString::to_string).collect(),
            is_superseded: record.is_superseded,
            installed_at: record.installed_at,
        }
    }
}

impl ExplanationBody {
    fn new(services: &Services, found: LicenseExplanation) -> Self {
        let claims = found.claims.into_iter().map(|claim| ClaimBody {
            is_known: claim.is_known(),
            name: claim.name,
            value: claim.value,
        });
        Self {
            claims: claims.collect(),
            rules: found.rules.into_iter().map(RuleBody::from).collect(),
            chain: found.chain.into_iter().map(ChainBody::from).collect(),
            license: LicenseBody::new(services, found.license),
        }
    }
}

/// Explains the state of a license: every claim, the result of each rule, and its renewals.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}/explanation",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license")),
    security(("bearer" = ["licenses:read"])),
    responses((status = 200, description = "The explanation", body = ExplanationBody)),
)]
pub(super) async fn explain(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
) -> JsonReply<ExplanationBody> {
    let services = caller.services();
    let found = services.licenses.explain(&license(&path)?).await?;
    Ok(Json(ExplanationBody::new(services, found)))
}

/// The content of a QR code.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum CodeContentName {
    /// The license itself.
    #[default]
    License,
    /// The license key.
    Key,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct CodeQuery {
    /// `license` for the license itself, or `key` for the license key. The default is `license`.
    #[serde(default)]
    #[param(inline)]
    content: CodeContentName,
}

/// Returns a QR code of a license or of its key, as a picture in SVG.
#[utoipa::path(
    get,
    path = "/api/v1/licenses/{license}/qr-code",
    tag = "administration",
    params(("license" = String, Path, description = "The id of the license"), CodeQuery),
    security(("bearer" = ["licenses:read"])),
    responses((
        status = 200,
        description = "The QR code",
        content_type = "image/svg+xml",
        body = String,
    )),
)]
pub(super) async fn code(
    caller: Caller,
    StrictPath(path): StrictPath<String>,
    StrictQuery(query): StrictQuery<CodeQuery>,
) -> Result<impl IntoResponse, Problem> {
    let content = match query.content {
        CodeContentName::License => CodeContent::License,
        CodeContentName::Key => CodeContent::Key,
    };
    let licenses = &caller.services().licenses;
    let svg = licenses.qr_code(&license(&path)?, content).await?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg))
}
