//! Routes with their documentation, which is built only when it is read.
//!
//! `OpenApiRouter` of `utoipa-axum` builds the documentation of each route with the route. This
//! takes longer than everything else that the server does before its first answer.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::OnceLock;

use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, Route};
use tower::{Layer, Service};
use utoipa::openapi::path::Operation;
use utoipa::openapi::{HttpMethod, OpenApi};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::App;

/// Builds the documentation of the handlers of one path, with the schemas of their bodies.
type Documentation = fn() -> UtoipaMethodRouter<App>;

/// Builds the operations of the handlers of one path, without schemas.
type Operations = fn() -> Vec<(Vec<HttpMethod>, Operation)>;

/// The handlers of one path. [`routes!`] creates it.
pub(super) struct Endpoint {
    pub(super) path: String,
    pub(super) handlers: MethodRouter<App>,
    pub(super) documentation: Documentation,
    pub(super) operations: Operations,
}

/// Returns the [`Endpoint`] of handlers that have the same path, such as `routes!(pools::policy,
/// pools::set_policy)`. The rule `@path` of `utoipa_axum::routes!` names the documentation of a
/// handler.
macro_rules! routes {
    ($first:path $(, $handler:path)* $(,)?) => {
        utoipa_axum::paste! {{
            let handlers = $crate::api::routes::on(
                utoipa_axum::routes!(@path [methods()] of $first),
                $first,
                axum::routing::MethodRouter::new(),
            );
            $(
                let handlers = $crate::api::routes::on(
                    utoipa_axum::routes!(@path [methods()] of $handler),
                    $handler,
                    handlers,
                );
            )*
            $crate::api::routes::Endpoint {
                path: utoipa_axum::routes!(@path [path()] of $first),
                handlers,
                documentation: || utoipa_axum::routes!($first $(, $handler)*),
                operations: || vec![
                    (
                        utoipa_axum::routes!(@path [methods()] of $first),
                        utoipa_axum::routes!(@path [operation()] of $first),
                    ),
                    $((
                        utoipa_axum::routes!(@path [methods()] of $handler),
                        utoipa_axum::routes!(@path [operation()] of $handler),
                    ),)*
                ],
            }
        }}
    };
}

pub(super) use routes;

/// Adds a handler for these methods.
pub(super) fn on<H, T>(
    methods: Vec<HttpMethod>,
    handler: H,
    router: MethodRouter<App>,
) -> MethodRouter<App>
where
    H: axum::handler::Handler<T, App>,
    T: 'static,
{
    use utoipa_axum::PathItemExt;

    methods.into_iter().fold(router, |router, method| {
        router.on(method.to_method_filter(), handler.clone())
    })
}

/// Routes, and what builds their documentation.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<App>,
    documents: Documents,
}

impl Routes {
    /// Creates an empty set of routes.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// Adds the handlers of a path.
    pub(super) fn routes(mut self, endpoint: Endpoint) -> Self {
        self.documents.0.push(PathDocument {
            path: endpoint.path.clone(),
            documentation: endpoint.documentation,
            operations: endpoint.operations,
        });
        Self {
            router: self.router.route(&endpoint.path, endpoint.handlers),
            ..self
        }
    }

    /// Adds other routes.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.documents.0.extend(other.documents.0);
        Self {
            router: self.router.merge(other.router),
            ..self
        }
    }

    /// Adds a layer in front of the handlers.
    pub(super) fn route_layer<L>(self, layer: L) -> Self
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Error: Into<Infallible>, Response: IntoResponse, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        Self {
            router: self.router.route_layer(layer),
            ..self
        }
    }

    /// Returns what builds the documentation.
    pub(super) fn documents(&self) -> Documents {
        self.documents.clone()
    }

    /// Returns the routes, and what builds their documentation.
    pub(super) fn into_parts(self) -> (Router<App>, Documents) {
        (self.router, self.documents)
    }
}

/// Builds the documentation of one path.
#[derive(Clone)]
struct PathDocument {
    path: String,
    documentation: Documentation,
    operations: Operations,
}

/// Builds the documentation of routes.
#[derive(Clone, Default)]
pub(super) struct Documents(Vec<PathDocument>);

impl Documents {
    /// Builds the documentation of the handlers.
    pub(super) fn build(&self) -> OpenApi {
        let documented = self.0.iter().map(|path| (path.documentation)());
        let documented = documented.fold(OpenApiRouter::new(), OpenApiRouter::routes);
        documented.into_openapi()
    }
}

/// The declarations in the documentation of each route, which are read at their first use.
pub(super) struct Declared<T> {
    documents: Documents,
    read: fn(&Operation) -> Option<T>,
    values: OnceLock<HashMap<RouteKey, T>>,
}

impl<T> Declared<T> {
    /// Creates the values that `read` returns for the operations. A route whose operation has no
    /// value is left out.
    pub(super) fn new(documents: Documents, read: fn(&Operation) -> Option<T>) -> Self {
        Self {
            documents,
            read,
            values: OnceLock::new(),
        }
    }

    /// Returns the value of a route.
    pub(super) fn get(&self, route: &RouteKey) -> Option<&T> {
        self.values.get_or_init(|| self.read_all()).get(route)
    }

    /// Builds the operations of one path after the other. The documentation of all paths with their
    /// schemas takes several megabytes, which the allocator would keep.
    fn read_all(&self) -> HashMap<RouteKey, T> {
        let mut values = HashMap::new();
        for document in &self.documents.0 {
            for (methods, operation) in (document.operations)() {
                for method in &methods {
                    let value = (self.read)(&operation);
                    let key = (method_of(method), document.path.clone());
                    values.extend(value.map(|value| (key, value)));
                }
            }
        }
        values
    }
}

fn method_of(method: &HttpMethod) -> Method {
    match method {
        HttpMethod::Get => Method::GET,
        HttpMethod::Post => Method::POST,
        HttpMethod::Put => Method::PUT,
        HttpMethod::Delete => Method::DELETE,
        HttpMethod::Options => Method::OPTIONS,
        HttpMethod::Head => Method::HEAD,
        HttpMethod::Patch => Method::PATCH,
        HttpMethod::Trace => Method::TRACE,
    }
}

/// The method and the path of a route, with the names of parameters.
pub(super) type RouteKey = (Method, String);
