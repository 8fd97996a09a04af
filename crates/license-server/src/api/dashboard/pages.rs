//! The routes of pages, and who may open them.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;

use super::context::PageContext;
use super::form;
use super::reply::clear_toast;
use crate::api::credentials::admit;
use crate::api::observe::ToAdministrator;
use crate::api::peer::Peer;
use crate::api::permissions::NeededPermission;
use crate::api::person::person;
use crate::api::problem::Problem;
use crate::api::{App, person as people};
use crate::domain::Permission;

/// Who may open a page.
#[derive(Clone, Copy)]
enum PageAccess {
    /// A person with a permission in the organization.
    Permission(NeededPermission),
    /// A person who has signed in, for what belongs to this person.
    Own,
}

/// The routes of pages.
pub(super) struct Pages {
    app: App,
    router: Router<App>,
    /// The paths, with the names of their parameters in braces.
    #[cfg(test)]
    paths: Vec<String>,
}

impl Pages {
    pub(super) fn new(app: &App) -> Self {
        Self {
            app: app.clone(),
            router: Router::new(),
            #[cfg(test)]
            paths: Vec::new(),
        }
    }

    /// Adds a page for people with a permission.
    pub(super) fn page(self, path: &str, permission: Permission, methods: Methods) -> Self {
        let needed = NeededPermission {
            permission,
            is_for_groups: false,
        };
        self.guarded(path, PageAccess::Permission(needed), methods)
    }

    /// Adds a page for people with a permission, and for administrators of groups, to whom the
    /// handler shows their own groups only.
    pub(super) fn group_page(self, path: &str, permission: Permission, methods: Methods) -> Self {
        let needed = NeededPermission {
            permission,
            is_for_groups: true,
        };
        self.guarded(path, PageAccess::Permission(needed), methods)
    }

    /// Adds a page for people who have signed in.
    pub(super) fn own(self, path: &str, methods: Methods) -> Self {
        self.guarded(path, PageAccess::Own, methods)
    }

    /// Adds a page for everyone. Its forms must come from a page of this server.
    pub(super) fn open(mut self, path: &str, methods: Methods) -> Self {
        let methods = methods.layer(axum::middleware::from_fn(form::require_own_page));
        self.add(path, methods);
        self
    }

    /// Returns the routes.
    pub(super) fn finish(self) -> Router<App> {
        self.router
    }

    fn guarded(mut self, path: &str, access: PageAccess, methods: Methods) -> Self {
        let state = (self.app.clone(), access);
        let methods = methods.layer(from_fn_with_state(state, require));
        self.add(path, methods);
        self
    }

    fn add(&mut self, path: &str, methods: Methods) {
        self.router = std::mem::take(&mut self.router).route(path, methods);
        #[cfg(test)]
        self.paths.push(path.to_owned());
    }

    /// Returns the paths, with the names of their parameters in braces.
    #[cfg(test)]
    pub(super) fn paths(self) -> Vec<String> {
        self.paths
    }
}

/// The handlers of a path.
pub(super) type Methods = MethodRouter<App>;

/// Lets people pass who may open the page, and gives the handler its [`PageContext`].
async fn require(
    State((app, access)): State<(App, PageAccess)>,
    request: Request,
    next: Next,
) -> Response {
    let (mut parts, body) = request.into_parts();
    let context = match context(&app, access, &parts).await {
        Ok(context) => context,
        Err(problem) => return problem.into_response(),
    };
    let shows_toast = context.has_toast() && parts.method.is_safe();
    parts.extensions.insert(context.clone());
    let mut response = next.run(Request::from_parts(parts, body)).await;
    if shows_toast {
        clear_toast(&mut response);
    }
    // A page of an error has the navigation of the person.
    response.extensions_mut().insert(context);
    response.extensions_mut().insert(ToAdministrator);
    response
}

async fn context(app: &App, access: PageAccess, request: &Parts) -> Result<PageContext, Problem> {
    let peer = request.extensions.get::<Peer>().copied();
    // The token of a form is checked below: a form cannot send the header of the API.
    let method = &axum::http::Method::GET;
    let found = person(app, method, &request.headers, peer).await?;
    let person = found.ok_or_else(people::no_session)?;
    form::check(request, person.csrf_token())?;
    let context = PageContext::new(app, person, request).await?;
    let mut admitted = context.principal();
    if let Some(principal) = &mut admitted {
        principal.actor = principal.actor.clone().at_some(peer.map(Peer::address));
    }
    match access {
        PageAccess::Own => Ok(context),
        PageAccess::Permission(needed) => {
            let principal = admitted.ok_or_else(crate::api::credentials::no_organization)?;
            let caller = admit(app, principal, Some(needed)).await?;
            Ok(context.with_caller(caller))
        }
    }
}
