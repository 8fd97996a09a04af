//! The identity providers of the organization, for its administrators.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use license_core::chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::App;
use super::body::{JsonReply, StrictJson};
use super::credentials::Caller;
use super::pages::PageBody;
use super::paths::StrictPath;
use super::problem::Problem;
use crate::domain::{GroupDepartment, GroupRole, IdentityProvider, ProviderSettings, Role};
use crate::services::ClientSecret;

/// The settings of an identity provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = IdentityProviderRequest)]
pub(super) struct ProviderRequest {
    /// The name on pages and in lists.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// The issuer, exactly as ID tokens name it.
    #[schema(min_length = 1, max_length = 512)]
    issuer: String,
    /// The id of this server at the provider.
    #[schema(min_length = 1, max_length = 255)]
    client_id: String,
    /// The client secret. Absent: a stored one stays. `null`: the client has none.
    #[serde(default, deserialize_with = "sent")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 512)]
    client_secret: Option<Option<Zeroizing<String>>>,
    /// The requested scopes.
    #[serde(default = "default_scopes")]
    #[schema(max_items = 20)]
    scopes: Vec<String>,
    /// Further hosts that get requests of the server, such as that of the keys.
    #[serde(default)]
    #[schema(max_items = 10)]
    hosts: Vec<String>,
    /// The authorities of the certificate of the provider, in PEM. Without it, the public ones.
    #[serde(default)]
    ca_certificates: Option<String>,
    /// The claim with the groups of a person.
    #[serde(default = "default_claim")]
    #[schema(min_length = 1, max_length = 256)]
    groups_claim: String,
    /// The roles of groups.
    #[serde(default)]
    #[schema(max_items = 200)]
    roles: Vec<GroupRoleBody>,
    /// The departments of groups.
    #[serde(default)]
    #[schema(max_items = 200)]
    departments: Vec<GroupDepartmentBody>,
    /// The role of a person without a group that has one. Without it, the sign-in is refused.
    #[serde(default)]
    default_role: Option<String>,
    /// The highest role with which a member can sign in. Without it, the highest of the other
    /// roles.
    #[serde(default)]
    highest_role: Option<String>,
    /// Whether a person who signs in for the first time gets an account.
    #[serde(default)]
    creates_people: bool,
    /// Whether a person who signs in for the first time gets the account of the member with the
    /// same verified address.
    #[serde(default)]
    links_members: bool,
    /// The domains of the addresses of people. Empty: all.
    #[serde(default)]
    #[schema(max_items = 50)]
    email_domains: Vec<String>,
    /// The URL to which the provider sends the browser after a logout.
    #[serde(default)]
    after_logout: Option<String>,
    /// Whether people can sign in.
    #[serde(default = "enabled")]
    is_enabled: bool,
}

/// The role of a group.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupRole)]
pub(super) struct GroupRoleBody {
    /// The group, as the provider names it.
    #[schema(min_length = 1, max_length = 256)]
    group: String,
    /// The role.
    role: String,
}

/// The department of a group.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = GroupDepartment)]
pub(super) struct GroupDepartmentBody {
    /// The group, as the provider names it.
    #[schema(min_length = 1, max_length = 256)]
    group: String,
    /// The department.
    #[schema(min_length = 1, max_length = 100)]
    department: String,
}

/// An identity provider, without the client secret.
#[derive(Serialize, ToSchema)]
#[schema(as = IdentityProvider)]
pub(super) struct ProviderBody {
    id: String,
    name: String,
    issuer: String,
    client_id: String,
    /// Whether the server has a client secret, which it never shows.
    has_client_secret: bool,
    scopes: Vec<String>,
    hosts: Vec<String>,
    ca_certificates: Option<String>,
    groups_claim: String,
    roles: Vec<GroupRoleBody>,
    departments: Vec<GroupDepartmentBody>,
    default_role: Option<&'static str>,
    highest_role: Option<&'static str>,
    creates_people: bool,
    links_members: bool,
    email_domains: Vec<String>,
    after_logout: Option<String>,
    is_enabled: bool,
    created_at: DateTime<Utc>,
    changed_at: DateTime<Utc>,
    /// The address at which people begin a sign-in.
    start_url: String,
    /// The redirect URI, for the registration at the provider.
    redirect_uri: String,
    /// The URI for back-channel logout, for the registration at the provider.
    backchannel_logout_uri: String,
}

/// Distinguishes a member that is `null` from an absent one.
fn sent<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::<T>::deserialize(deserializer).map(Some)
}

fn default_scopes() -> Vec<String> {
    ["openid", "email", "profile"].map(str::to_owned).to_vec()
}

fn default_claim() -> String {
    "groups".to_owned()
}

const fn enabled() -> bool {
    true
}

impl ProviderRequest {
    fn into_parts(self) -> Result<(ProviderSettings, ClientSecret), Problem> {
        let secret = match self.client_secret {
            None => ClientSecret::Keep,
            Some(None) => ClientSecret::Remove,
            Some(Some(secret)) => ClientSecret::Set(secret),
        };
        let roles = self.roles.into_iter().map(|rule| {
            let role = role(&rule.role)?;
            let group = rule.group;
            Ok::<_, Problem>(GroupRole { group, role })
        });
        let departments = self.departments.into_iter().map(|rule| GroupDepartment {
            group: rule.group,
            department: rule.department,
        });
        let optional = |name: Option<String>| name.as_deref().map(role).transpose();
        let settings = ProviderSettings {
            name: self.name,
            issuer: self.issuer,
            client_id: self.client_id,
            scopes: self.scopes,
            hosts: self.hosts,
            ca_certificates: self.ca_certificates,
            groups_claim: self.groups_claim,
            roles: roles.collect::<Result<_, _>>()?,
            departments: departments.collect(),
            default_role: optional(self.default_role)?,
            highest_role: optional(self.highest_role)?,
            creates_people: self.creates_people,
            links_members: self.links_members,
            email_domains: self.email_domains,
            after_logout: self.after_logout,
            is_enabled: self.is_enabled,
        };
        Ok((settings, secret))
    }
}

impl ProviderBody {
    fn new(app: &App, provider: IdentityProvider) -> Self {
        let url = |route| app.oidc().url(&provider.id, route);
        let settings = provider.settings;
        let roles = settings.roles.into_iter().map(|rule| GroupRoleBody {
            group: rule.group,
            role: rule.role.as_str().to_owned(),
        });
        let departments = settings.departments.into_iter();
        let departments = departments.map(|rule| GroupDepartmentBody {
            group: rule.group,
            department: rule.department,
        });
        Self {
            start_url: url("start"),
            redirect_uri: url("callback"),
            backchannel_logout_uri: url("logout"),
            id: provider.id,
            name: settings.name,
            issuer: settings.issuer,
            client_id: settings.client_id,
            has_client_secret: provider.secret.is_some(),
            scopes: settings.scopes,
            hosts: settings.hosts,
            ca_certificates: settings.ca_certificates,
            groups_claim: settings.groups_claim,
            roles: roles.collect(),
            departments: departments.collect(),
            default_role: settings.default_role.map(Role::as_str),
            highest_role: settings.highest_role.map(Role::as_str),
            creates_people: settings.creates_people,
            links_members: settings.links_members,
            email_domains: settings.email_domains,
            after_logout: settings.after_logout,
            is_enabled: settings.is_enabled,
            created_at: provider.created_at,
            changed_at: provider.changed_at,
        }
    }
}

/// Lists the identity providers, without their client secrets.
#[utoipa::path(
    get,
    path = "/api/v1/identity-providers",
    tag = "administration",
    security(("bearer" = ["settings:read"])),
    responses((status = 200, description = "All identity providers", body = PageBody<ProviderBody>)),
)]
pub(super) async fn list(
    State(app): State<App>,
    caller: Caller,
) -> JsonReply<PageBody<ProviderBody>> {
    let found = caller.services().identity_providers.list().await?;
    let body = |provider| ProviderBody::new(&app, provider);
    Ok(Json(PageBody::complete(found, body)))
}

/// Creates an identity provider.
#[utoipa::path(
    post,
    path = "/api/v1/identity-providers",
    tag = "administration",
    request_body = ProviderRequest,
    security(("bearer" = ["settings:manage"])),
    responses((status = 201, description = "The identity provider", body = ProviderBody)),
)]
pub(super) async fn create(
    State(app): State<App>,
    caller: Caller,
    StrictJson(body): StrictJson<ProviderRequest>,
) -> Result<(StatusCode, Json<ProviderBody>), Problem> {
    let (settings, secret) = body.into_parts()?;
    let providers = &caller.services().identity_providers;
    let created = providers
        .create(caller.principal(), settings, secret)
        .await?;
    Ok((StatusCode::CREATED, Json(ProviderBody::new(&app, created))))
}

/// Returns an identity provider, without its client secret.
#[utoipa::path(
    get,
    path = "/api/v1/identity-providers/{provider}",
    tag = "administration",
    params(("provider" = String, Path, description = "The id of the identity provider")),
    security(("bearer" = ["settings:read"])),
    responses((status = 200, description = "The identity provider", body = ProviderBody)),
)]
pub(super) async fn get(
    State(app): State<App>,
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> JsonReply<ProviderBody> {
    let found = caller.services().identity_providers.get(&id).await?;
    Ok(Json(ProviderBody::new(&app, found)))
}

/// Replaces the settings of an identity provider. Absent members get their default, except the
/// client secret, which stays.
#[utoipa::path(
    put,
    path = "/api/v1/identity-providers/{provider}",
    tag = "administration",
    params(("provider" = String, Path, description = "The id of the identity provider")),
    request_body = ProviderRequest,
    security(("bearer" = ["settings:manage"])),
    responses((status = 200, description = "The identity provider", body = ProviderBody)),
)]
pub(super) async fn change(
    State(app): State<App>,
    caller: Caller,
    StrictPath(id): StrictPath<String>,
    StrictJson(body): StrictJson<ProviderRequest>,
) -> JsonReply<ProviderBody> {
    let (settings, secret) = body.into_parts()?;
    let providers = &caller.services().identity_providers;
    let changed = providers.change(caller.principal(), &id, settings, secret);
    Ok(Json(ProviderBody::new(&app, changed.await?)))
}

/// Deletes an identity provider, and ends the sessions of people who signed in through it.
#[utoipa::path(
    delete,
    path = "/api/v1/identity-providers/{provider}",
    tag = "administration",
    params(("provider" = String, Path, description = "The id of the identity provider")),
    security(("bearer" = ["settings:manage"])),
    responses((status = 204, description = "The identity provider is deleted")),
)]
pub(super) async fn delete(
    caller: Caller,
    StrictPath(id): StrictPath<String>,
) -> Result<StatusCode, Problem> {
    let providers = &caller.services().identity_providers;
    providers.delete(caller.principal(), &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn role(name: &str) -> Result<Role, Problem> {
    Role::parse(name).ok_or_else(|| {
        Problem::malformed("a role is unknown")
            .values("the name of a role", "another text")
            .hint("the guide to the server lists the roles")
    })
}
