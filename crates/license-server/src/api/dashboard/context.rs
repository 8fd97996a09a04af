//! The person who opens a page, and the request, for its handler.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use license_dashboard::{Form, Frame, Page, Viewer};

use super::form_errors::refused;
use super::names::organization_label;
use super::navigation::{NavigationReach, navigation};
use super::reply::toast;
use crate::api::App;
use crate::api::credentials::Caller;
use crate::api::person::Person;
use crate::api::person::no_session;
use crate::api::problem::Problem;
use crate::domain::{Actor, Permission, Principal, Role};
use crate::services::Services;

/// The person who opens a page, and what surrounds its content.
#[derive(Clone)]
pub(super) struct PageContext {
    person: Person,
    caller: Option<Caller>,
    request: Arc<RequestFacts>,
}

/// Facts about the request and the person that all pages show.
struct RequestFacts {
    path: String,
    toast: Option<String>,
    organization: String,
    reach: NavigationReach,
}

impl PageContext {
    /// Creates the context of a request.
    ///
    /// # Errors
    ///
    /// Returns a problem if the store cannot be read.
    pub(super) async fn new(app: &App, person: Person, request: &Parts) -> Result<Self, Problem> {
        let signed_in = person.signed_in();
        let view = app.accounts().view(signed_in).await?;
        let tenant = signed_in.session.organization.as_ref();
        let memberships = view.memberships;
        let mut found = memberships.iter();
        let current = found.find(|one| Some(&one.tenant) == tenant);
        let organization = current.map(|one| organization_label(one, &memberships));
        let permissions = signed_in.role.map(Role::permissions).unwrap_or_default();
        let administers_groups = match tenant {
            // A person who sees all groups needs no query.
            Some(tenant) if !permissions.contains(Permission::ReadPeople) => {
                let services = app.tenants().of(tenant).await?;
                let account = &signed_in.account.id;
                !services.groups.administered_by(account).await?.is_empty()
            }
            _ => false,
        };
        let facts = RequestFacts {
            path: request.uri.path().to_owned(),
            toast: toast(&request.headers),
            organization: organization.unwrap_or_else(|| "No organization".to_owned()),
            reach: NavigationReach {
                permissions,
                administers_groups,
                // Another organization of a vendor's server has no ledger.
                is_vendor: app.services().is_vendor() && tenant == Some(app.services().tenant()),
            },
        };
        Ok(Self {
            person,
            caller: None,
            request: Arc::new(facts),
        })
    }

    /// Adds the caller, who has the permission of the page.
    pub(super) fn with_caller(self, caller: Caller) -> Self {
        Self {
            caller: Some(caller),
            ..self
        }
    }

    /// Returns the caller for decisions about permissions. `None`: the person is a member of no
    /// organization.
    pub(super) fn principal(&self) -> Option<Principal> {
        self.person.signed_in().principal()
    }

    /// Returns the person who has signed in.
    pub(super) fn person(&self) -> &Person {
        &self.person
    }

    /// Returns the caller of a page that needs a permission.
    ///
    /// # Errors
    ///
    /// Returns `UNAUTHORIZED` for a page that needs none, which is a mistake in the page.
    pub(super) fn caller(&self) -> Result<&Caller, Problem> {
        Ok(self.caller.as_ref().ok_or_else(no_session)?)
    }

    /// Returns the services of the organization, on a page that needs a permission.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`caller`](Self::caller).
    pub(super) fn services(&self) -> Result<&Services, Problem> {
        Ok(self.caller()?.services())
    }

    /// Returns the originator of changes, on a page that needs a permission.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`caller`](Self::caller).
    pub(super) fn actor(&self) -> Result<&Actor, Problem> {
        Ok(self.caller()?.actor())
    }

    /// Returns whether the person has a permission, so that a page shows no action that would be
    /// refused.
    pub(super) fn may(&self, permission: Permission) -> bool {
        self.request.reach.permissions.contains(permission)
    }

    /// Returns whether this is a vendor's server.
    pub(super) fn is_vendor(&self) -> bool {
        self.request.reach.is_vendor
    }

    pub(super) fn has_toast(&self) -> bool {
        self.request.toast.is_some()
    }

    /// Returns the frame of a page with a title.
    pub(super) fn frame(&self, title: impl Into<String>) -> Frame {
        let signed_in = self.person.signed_in();
        let facts = &self.request;
        Frame {
            navigation: navigation(facts.reach, &facts.path),
            viewer: Some(Viewer {
                name: signed_in.account.name.clone(),
                organization: facts.organization.clone(),
                role: signed_in.role.map(|role| role.as_str().replace('_', " ")),
            }),
            csrf_token: self.person.csrf_token().to_owned(),
            toast: facts.toast.clone(),
            ..Frame::new(title)
        }
    }

    /// Returns an empty page with a title.
    pub(super) fn page(&self, title: impl Into<String>) -> Page {
        Page::new(self.frame(title))
    }

    /// Returns a page below another one, which the page links to.
    pub(super) fn page_below(&self, (label, href): (&str, &str), title: impl Into<String>) -> Page {
        let parent = Some((label.to_owned(), href.to_owned()));
        Page::new(Frame {
            parent,
            ..self.frame(title)
        })
    }

    /// Returns the page of a form that was refused: with the values that the person entered, and
    /// the reason at its field or above the form. The server must not have changed anything.
    pub(super) fn refused(&self, page: Page, form: Form, problem: &Problem) -> Response {
        refused(page, form, problem)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PageContext {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let found = parts.extensions.get::<Self>().cloned();
        Ok(found.ok_or_else(no_session)?)
    }
}
