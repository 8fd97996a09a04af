//! The permissions that routes of administrators need.
//!
//! Each of these routes declares one permission in the documentation of its handler:
//! `security(("bearer" = ["licenses:read"]))`. The document is the only place, so that the router
//! enforces what the document states.
//!
//! A route with the alternative `("session" = ["group"])` also admits the administrators of groups.
//! Its handler shows them their own groups only.

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use utoipa::openapi::path::Operation;

use super::routes::{Declared, Documents, RouteKey};
use crate::domain::Permission;

/// The name of the administrators of groups in the declaration of a route.
const GROUP: &str = "group";

/// The permission that a request needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NeededPermission {
    /// The permission.
    pub(super) permission: Permission,
    /// Whether an administrator of a group needs no permission.
    pub(super) is_for_groups: bool,
}

/// The permissions that routes declare in their documentation.
pub(super) struct RoutePermissions(Declared<NeededPermission>);

impl RoutePermissions {
    /// Reads the declarations. A route without exactly one known permission is left out, so that
    /// its requests are refused.
    pub(super) fn of(documents: Documents) -> Self {
        Self(Declared::new(documents, declared))
    }

    /// Returns what a request needs.
    pub(super) fn needed(&self, request: &Request) -> Option<NeededPermission> {
        self.0.get(&route(request)?).copied()
    }
}

/// Returns the route of a request.
pub(super) fn route(request: &Request) -> Option<RouteKey> {
    // The router answers HEAD like GET.
    let method = match request.method() {
        &Method::HEAD => Method::GET,
        method => method.clone(),
    };
    let route = request.extensions().get::<MatchedPath>()?;
    Some((method, route.as_str().to_owned()))
}

/// Returns what an operation declares.
fn declared(operation: &Operation) -> Option<NeededPermission> {
    // The requirements cannot be read except as JSON.
    let security = serde_json::to_value(operation.security.as_ref()?).ok()?;
    let alternatives = security.as_array()?.iter();
    let mut sessions = alternatives.filter_map(|names| names.get("session")?.as_array());
    let permission = match security.get(0)?.get("bearer")?.as_array()?.as_slice() {
        [name] => Permission::parse(name.as_str()?)?,
        _ => return None,
    };
    Some(NeededPermission {
        permission,
        is_for_groups: sessions.any(|names| names.iter().any(|name| name == GROUP)),
    })
}
