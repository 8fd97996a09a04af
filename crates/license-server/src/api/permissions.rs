//! The permissions that routes of administrators need.
//!
//! Each of these routes declares one permission beside its handler, in its documentation:
//! `security(("bearer" = ["licenses:read"]))`. The document is the only place, so that the router
//! enforces what the document states.
//!
//! A route with the alternative `("session" = ["group"])` also admits the administrators of groups.
//! Its handler shows them their own groups only.

use std::collections::HashMap;

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use utoipa::openapi::OpenApi;
use utoipa::openapi::path::Operation;

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

/// The permissions that the routes of a document declare.
pub(super) struct RoutePermissions(HashMap<(Method, String), NeededPermission>);

impl RoutePermissions {
    /// Reads the declarations. A route without exactly one known permission is left out, so that
    /// its requests are refused.
    pub(super) fn of(document: &OpenApi) -> Self {
        let mut permissions = HashMap::new();
        for (path, item) in &document.paths.paths {
            for (method, operation) in [
                (Method::GET, &item.get),
                (Method::POST, &item.post),
                (Method::PUT, &item.put),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ] {
                if let Some(permission) = operation.as_ref().and_then(declared) {
                    permissions.insert((method, path.clone()), permission);
                }
            }
        }
        Self(permissions)
    }

    /// Returns what a request needs.
    pub(super) fn needed(&self, request: &Request) -> Option<NeededPermission> {
        // The router answers HEAD like GET.
        let method = match request.method() {
            &Method::HEAD => Method::GET,
            method => method.clone(),
        };
        let route = request.extensions().get::<MatchedPath>()?;
        self.0.get(&(method, route.as_str().to_owned())).copied()
    }
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
