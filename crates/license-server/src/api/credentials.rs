//! Credentials: API tokens of administrators, licenses of clients, and enrollment.
//!
//! | route | credentials |
//! |---|---|
//! | administration | `Authorization: Bearer TOKEN` or a session, with a permission |
//! | people | the cookie of a session, or none to sign in and to use a link |
//! | seats | `Authorization: License KEY_OR_TOKEN`, and `X-Enrollment-Token` if it is configured |
//! | acquire a seat | those of seats, and `X-Login-Token` if a login is configured |
//! | usage reports | `Authorization: License KEY_OR_TOKEN` of an installed license |
//! | validate, check-ins | `license_key` in the body, and `X-Login-Token` for assigned users |
//! | events of Stripe | `Stripe-Signature`, over the body |
//! | telemetry | none to send, `X-Deletion-Secret` to delete |

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use super::App;
use super::login;
use super::observe::ToAdministrator;
use super::peer::Peer;
use super::permissions::{NeededPermission, RoutePermissions};
use super::person::{Person, person};
use super::problem::Problem;
use crate::domain::{Actor, GroupId, Permission, Principal, Refusal, RefusalKind, ServerCode};
use crate::services::Services;

const ENROLLMENT_TOKEN: HeaderName = HeaderName::from_static("x-enrollment-token");

/// The longest credential: a license token.
const MAX_CREDENTIAL: usize = 64 * 1024;

/// Lets callers pass that have the permission of the route.
pub(super) async fn require_permission(
    State((app, permissions)): State<(App, Arc<RoutePermissions>)>,
    mut request: Request,
    next: Next,
) -> Response {
    let needed = permissions.needed(&request);
    let peer = request.extensions().get::<Peer>().copied();
    match caller(&app, request.method(), request.headers(), peer, needed).await {
        Ok((caller, person)) => {
            request.extensions_mut().insert(caller);
            if let Some(person) = person {
                request.extensions_mut().insert(person);
            }
            let mut response = next.run(request).await;
            response.extensions_mut().insert(ToAdministrator);
            response
        }
        Err(problem) => problem.into_response(),
    }
}

async fn caller(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<Peer>,
    needed: Option<NeededPermission>,
) -> Result<(Caller, Option<Person>), Problem> {
    let (mut principal, person) = principal(app, method, headers, peer).await?;
    principal.actor = principal.actor.at_some(peer.map(Peer::address));
    Ok((admit(app, principal, needed).await?, person))
}

/// Returns whether the credentials of an earlier request still name the same caller in the same
/// organization, with a permission.
pub(super) async fn is_still(
    app: &App,
    earlier: &Caller,
    headers: &HeaderMap,
    peer: Option<Peer>,
    permission: Permission,
) -> bool {
    let needed = Some(NeededPermission {
        permission,
        is_for_groups: false,
    });
    let found = caller(app, &Method::GET, headers, peer, needed).await;
    found.is_ok_and(|(caller, _)| {
        let (now, then) = (caller.principal(), earlier.principal());
        now.tenant == then.tenant && now.actor.identity() == then.actor.identity()
    })
}

/// Returns the caller of a route, if the principal may use it.
pub(super) async fn admit(
    app: &App,
    principal: Principal,
    needed: Option<NeededPermission>,
) -> Result<Caller, Problem> {
    // A route that declares no permission is refused for everyone.
    let needed = needed.ok_or_else(|| not_permitted(&principal, None))?;
    let services = app.tenants().of(&principal.tenant).await?;
    let groups = if principal.allows(needed.permission) {
        None
    } else {
        let own = administered_groups(&services, &principal, needed).await?;
        Some(own.ok_or_else(|| not_permitted(&principal, Some(needed.permission)))?)
    };
    Ok(Caller {
        principal: Arc::new(principal),
        services,
        groups,
    })
}

/// Returns the groups that a person without the permission of a route administers, if the route is
/// for administrators of groups. `None`: the person administers none.
async fn administered_groups(
    services: &Services,
    principal: &Principal,
    needed: NeededPermission,
) -> Result<Option<Arc<[GroupId]>>, Problem> {
    let Actor::Account(account) = principal.actor.identity() else {
        return Ok(None);
    };
    if !needed.is_for_groups {
        return Ok(None);
    }
    let groups = services.groups.administered_by(account).await?;
    Ok((!groups.is_empty()).then(|| groups.into()))
}

/// Returns the caller that the credentials of a request name, and the person if it is one. A
/// request with a token and a cookie has the permissions of the token only.
async fn principal(
    app: &App,
    method: &Method,
    headers: &HeaderMap,
    peer: Option<Peer>,
) -> Result<(Principal, Option<Person>), Problem> {
    if let Some(person) = person(app, method, headers, peer).await? {
        let principal = person.signed_in().principal();
        return Ok((principal.ok_or_else(no_organization)?, Some(person)));
    }
    let token = credential(headers, "Bearer").ok_or_else(no_token)?;
    let found = app.tenants().authenticate(token).await;
    let principal = found.map_err(|refusal| match refusal.kind {
        RefusalKind::Unauthorized => app.count_failure(peer, refusal),
        _ => refusal.into(),
    })?;
    Ok((principal, None))
}

fn not_permitted(principal: &Principal, needed: Option<Permission>) -> Problem {
    let detail = "the caller does not have the permission that the request needs";
    let needed = needed.map_or("a route that declares a permission", Permission::as_str);
    Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
        .values(needed, principal.permissions)
        .hint("ask an administrator for a role with this permission, or use a token that has it")
        .into()
}

fn no_token() -> Refusal {
    let detail = "the request has no API token and no session";
    Refusal::new(RefusalKind::Unauthorized, ServerCode::Unauthorized, detail)
        .hint("send Authorization: Bearer TOKEN; `license-server token create` creates a token")
}

pub(super) fn no_organization() -> Refusal {
    let detail = "the person is not a member of the organization of the session";
    Refusal::new(RefusalKind::Forbidden, ServerCode::Forbidden, detail)
        .hint("choose another organization with PATCH /api/v1/session, or accept an invitation")
}

/// The caller of a route of administrators, who has the permission of the route.
#[derive(Clone)]
pub(super) struct Caller {
    principal: Arc<Principal>,
    services: Arc<Services>,
    /// The groups to which the caller is limited. `None`: the permission is for all groups.
    groups: Option<Arc<[GroupId]>>,
}

impl Caller {
    /// Returns the caller for decisions about its permissions.
    pub(super) fn principal(&self) -> &Principal {
        &self.principal
    }

    /// Refuses a request that needs a further permission because of its body.
    ///
    /// # Errors
    ///
    /// Returns `FORBIDDEN`.
    pub(super) fn require(&self, permission: Permission) -> Result<(), Problem> {
        if self.principal.allows(permission) {
            return Ok(());
        }
        Err(not_permitted(&self.principal, Some(permission)))
    }

    /// Returns the originator of changes.
    pub(super) fn actor(&self) -> &Actor {
        &self.principal.actor
    }

    /// Returns the groups to which the caller is limited, in the order of their ids. `None`: the
    /// caller has the permission of the route, for the whole organization.
    pub(super) fn groups(&self) -> Option<&[GroupId]> {
        self.groups.as_deref()
    }

    /// Returns whether the caller may know of a group.
    pub(super) fn sees_group(&self, group: &GroupId) -> bool {
        self.groups().is_none_or(|groups| groups.contains(group))
    }

    /// Returns the services of the tenant of the caller.
    pub(super) fn services(&self) -> &Services {
        &self.services
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.ok_or_else(no_token)?)
    }
}

/// Returns the request of a machine that may use seats, with the user of its login.
///
/// # Errors
///
/// Returns `NETWORK_NOT_ALLOWED`, `NOT_ENROLLED` and the refusals of logins.
pub(super) async fn enrolled(app: &App, mut request: Request) -> Result<Request, Problem> {
    check_enrollment(app, &request)?;
    let sent = login::sent(app, &request)?;
    let user = login::verify(app, sent).await?;
    request.extensions_mut().insert(user);
    Ok(request)
}

fn check_enrollment(app: &App, request: &Request) -> Result<(), Problem> {
    let peer = request.extensions().get::<Peer>().copied();
    if peer.is_some_and(|peer| !app.allows_network(peer)) {
        let detail = "seats are not available in this network";
        return Err(
            Problem::new(StatusCode::FORBIDDEN, ServerCode::NetworkNotAllowed, detail)
                .hint("ask the administrator of the server to add the network to allowed_networks"),
        );
    }
    let Some(expected) = app.enrollment_token() else {
        return Ok(());
    };
    let sent = request.headers().get(ENROLLMENT_TOKEN);
    let digest = Sha256::digest(sent.map_or(&b""[..], |value| value.as_bytes()));
    if verify_slices_are_equal(&digest, expected).is_ok() {
        return Ok(());
    }
    let detail = "the enrollment token is missing or wrong";
    let refusal = Refusal::new(RefusalKind::Unauthorized, ServerCode::NotEnrolled, detail)
        .hint("send the header X-Enrollment-Token; the administrator of the server has the token");
    Err(app.count_failure(peer, refusal))
}

/// The license key or token of a client.
pub(super) struct LicenseCredential(pub(super) String);

impl FromRequestParts<App> for LicenseCredential {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text = license_in(&parts.headers).ok_or_else(|| {
            let detail = "the request has no license";
            Refusal::new(RefusalKind::Unauthorized, ServerCode::Unauthorized, detail)
                .hint("send Authorization: License KEY, with a license key or token")
        })?;
        app.limit_license(text)?;
        Ok(Self(text.to_owned()))
    }
}

/// Returns the license key or token in the headers of a client.
pub(super) fn license_in(headers: &HeaderMap) -> Option<&str> {
    credential(headers, "License")
}

/// Returns the credential of a scheme.
fn credential<'a>(headers: &'a HeaderMap, scheme: &str) -> Option<&'a str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (found, text) = value.split_once(' ')?;
    let text = text.trim();
    let is_usable = found.eq_ignore_ascii_case(scheme) && !text.is_empty();
    Some(text).filter(|text| is_usable && text.len() <= MAX_CREDENTIAL)
}

/// Returns the problem of a caller that sends too many requests.
pub(super) fn limited(after: Duration, subject: &str) -> Problem {
    let detail = format!("too many requests {subject}");
    Problem::new(
        StatusCode::TOO_MANY_REQUESTS,
        ServerCode::RateLimited,
        detail,
    )
    .hint("repeat the request after the time in Retry-After")
    .retry_after(after)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_needs_its_scheme() {
        for (value, expected) in [
            ("Bearer lsv_x", Some("lsv_x")),
            ("bearer  lsv_x ", Some("lsv_x")),
            ("Bearer", None),
            ("Bearer ", None),
            ("License lsv_x", None),
            ("Basic lsv_x", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            assert_eq!(credential(&headers, "Bearer"), expected, "{value}");
        }
        assert_eq!(credential(&HeaderMap::new(), "Bearer"), None);
    }
}
