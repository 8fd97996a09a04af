//! Queries of requests: each route states its parameters in the document, and has no others.

use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::RefOr;
use utoipa::openapi::path::{Operation, ParameterIn};

use super::caching::not_stored;
use super::permissions::route;
use super::problem::Problem;
use super::routes::{Declared, Documents, RouteKey};
use crate::domain::{Refusal, RefusalKind, ServerCode};

/// The route to which identity providers send browsers. They add parameters of their own, which a
/// client ignores (RFC 6749, section 4.1.2).
const OPEN: &str = "/api/v1/oidc/{provider}/callback";

/// The longest name of an unknown parameter that an answer repeats, in characters.
const MAX_SHOWN: usize = 40;

/// The names of the parameters of each route.
pub(super) struct QueryParameters(Declared<Vec<String>>);

impl QueryParameters {
    /// Reads the parameters that the documentation of routes states.
    pub(super) fn of(documents: Documents) -> Self {
        Self(Declared::new(documents, |operation| Some(names(operation))))
    }

    /// Refuses the first parameter of a query that the route does not have, or that occurs twice.
    fn check(&self, route: &RouteKey, query: &str) -> Result<(), Problem> {
        if route.1 == OPEN {
            return Ok(());
        }
        let known = self.0.get(route).map(Vec::as_slice).unwrap_or_default();
        let mut seen = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let name = pair.split('=').next().unwrap_or_default();
            if !known.iter().any(|one| one == name) {
                return Err(unknown(name, known));
            }
            if seen.contains(&name) {
                let detail = format!("the query has the parameter `{name}` twice");
                return Err(bad_request(detail)
                    .values("each parameter once", "two values")
                    .into());
            }
            seen.push(name);
        }
        Ok(())
    }
}

fn names(operation: &Operation) -> Vec<String> {
    let parameters = operation.parameters.iter().flatten();
    let parameters = parameters.filter_map(|one| match one {
        RefOr::T(parameter) => Some(parameter),
        // The document has no references to parameters.
        RefOr::Ref(_) => None,
    });
    let queries = parameters.filter(|one| one.parameter_in == ParameterIn::Query);
    queries.map(|one| one.name.clone()).collect()
}

/// Refuses a query with a parameter that the route does not have, and keeps responses out of caches
/// unless they say otherwise.
pub(super) async fn refuse_unknown(
    State(parameters): State<Arc<QueryParameters>>,
    request: Request,
    next: Next,
) -> Response {
    // Most requests have no query, and need no search.
    let query = request.uri().query().zip(route(&request));
    match query.map_or(Ok(()), |(query, route)| parameters.check(&route, query)) {
        Ok(()) => not_stored(next.run(request).await),
        Err(problem) => not_stored(problem.into_response()),
    }
}

/// Returns the refusal of a value. The value is not repeated.
pub(super) fn wrong_value(rejection: &QueryRejection) -> Problem {
    let name = parameter(rejection);
    let detail = name.map_or_else(
        || "the query of the request is not acceptable".to_owned(),
        |name| format!("the parameter `{name}` of the query is not acceptable"),
    );
    bad_request(detail).into()
}

/// Returns the name of the parameter whose value was refused.
fn parameter(rejection: &QueryRejection) -> Option<String> {
    type RefusedParameter = serde_path_to_error::Error<serde::de::value::Error>;
    let mut cause = std::error::Error::source(rejection);
    while let Some(error) = cause {
        if let Some(refused) = error.downcast_ref::<RefusedParameter>() {
            let path = refused.path().to_string();
            return (path != ".").then_some(path);
        }
        cause = error.source();
    }
    None
}

fn unknown(name: &str, known: &[String]) -> Problem {
    // The name can be a text of any length, and can contain anything but control characters.
    let shown: String = name.chars().take(MAX_SHOWN).collect();
    let expected = match known {
        [] => "no parameters".to_owned(),
        known => known.join(", "),
    };
    bad_request(format!("the route has no parameter `{shown}`"))
        .values(expected, shown)
        .into()
}

fn bad_request(detail: String) -> Refusal {
    Refusal::new(RefusalKind::BadRequest, ServerCode::BadRequest, detail)
        .hint("see the parameters of the route in /api/v1/openapi.json")
}
