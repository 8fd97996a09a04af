//! The routes of the main listener.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower::ServiceExt;

use super::permissions::RoutePermissions;
use super::query::QueryParameters;
use super::routes::{Routes, routes};
use super::{
    App, account, activations, anomalies, audit, billing, body, check_ins, credentials, dashboard,
    events, explanations, groups, health, idempotency, identity_providers, invitations, invoices,
    ledger, licenses, members, metering, named_users, observe, oidc, openapi, organization,
    overview, paths, person, pools, query, queue, registrations, revocations, seat_history, seats,
    sessions, setup, telemetry, tokens, trials, trust, usage, usage_reports, validate, vendor,
    webhooks,
};

/// Returns the router of the main listener.
///
/// Most servers of a site answer applications only. The other routes are built for their first
/// request, which takes a few milliseconds longer.
pub(crate) fn router(app: &App) -> Router {
    let (applications, _) = refusing_unknown_parameters(for_applications(app)).into_parts();
    let others = LazyRouter::new(app, all_routes);
    entered(applications, app).fallback(move |request| others.answer(request))
}

/// Returns the router of all documented routes, with the pages behind it.
fn all_routes(app: &App) -> Router {
    let (documented, documents) = api(app).into_parts();
    let document = axum::routing::get(openapi::served(documents));
    let documented = documented.route("/api/v1/openapi.json", document);
    let pages = LazyRouter::new(app, |app| {
        dashboard::router(app)
            .layer(from_fn_with_state(app.clone(), observe::enter))
            .with_state(app.clone())
    });
    entered(documented, app).fallback(move |request| pages.answer(request))
}

/// Adds what all routes of the API have.
fn entered(router: Router<App>, app: &App) -> Router {
    router
        .merge(health::router())
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn_with_state(app.clone(), observe::enter))
        .with_state(app.clone())
}

/// A router that is built for its first request.
#[derive(Clone)]
struct LazyRouter {
    app: App,
    build: fn(&App) -> Router,
    built: Arc<OnceLock<Router>>,
}

impl LazyRouter {
    fn new(app: &App, build: fn(&App) -> Router) -> Self {
        Self {
            app: app.clone(),
            build,
            built: Arc::default(),
        }
    }

    async fn answer(self, request: Request) -> Response {
        let router = self.built.get_or_init(|| (self.build)(&self.app));
        let Ok(response) = router.clone().oneshot(request).await;
        response
    }
}

/// Returns the documented routes without their credentials and limits, for the document.
pub(super) fn documented() -> Routes {
    Routes::new()
        .merge(application_routes())
        .merge(client_routes())
        .merge(telemetry_routes())
        .merge(provider_routes())
        .merge(browser_routes())
        .merge(reporting_routes())
        .merge(seat_routes())
        .merge(administration_routes())
        .merge(visitor_routes())
        .merge(person_routes())
        .merge(upload_routes())
}

/// Returns the documented routes, with their credentials and limits.
fn api(app: &App) -> Routes {
    refusing_unknown_parameters(for_applications(app).merge(for_others(app)))
}

/// Refuses queries with parameters that the routes do not have.
fn refusing_unknown_parameters(router: Routes) -> Routes {
    let parameters = Arc::new(QueryParameters::of(router.documents()));
    router.route_layer(from_fn_with_state(parameters, query::refuse_unknown))
}

/// Returns the routes that running applications use most. Their paths are not those of
/// other routes, because a request whose path one router knows does not reach the next one.
fn for_applications(app: &App) -> Routes {
    let clients = |router: Routes| router.route_layer(from_fn_with_state(app.clone(), enter));
    let seats = |router: Routes| router.route_layer(from_fn_with_state(app.clone(), enter_seats));
    Routes::new()
        .merge(clients(application_routes()))
        .merge(seats(seat_routes()))
}

/// Returns the other routes.
///
/// A small body is received before the credentials are checked, because a client may not read a
/// response that comes earlier. A large body is received from an administrator only, and a usage
/// report from a machine with an installed license only.
fn for_others(app: &App) -> Routes {
    let clients = |router: Routes| router.route_layer(from_fn_with_state(app.clone(), enter));
    let reports = |router: Routes| {
        router
            .route_layer(from_fn_with_state(app.clone(), body::receive_report))
            .route_layer(from_fn_with_state(
                app.clone(),
                usage_reports::require_license,
            ))
    };
    let large =
        |router: Routes| router.route_layer(from_fn_with_state(app.clone(), body::receive_large));
    let events =
        |router: Routes| router.route_layer(from_fn_with_state(app.clone(), body::receive_report));
    let administration = |router: Routes| {
        let permissions = Arc::new(RoutePermissions::of(router.documents()));
        router.route_layer(from_fn_with_state(
            (app.clone(), permissions),
            credentials::require_permission,
        ))
    };
    let persons = |router: Routes| {
        router.route_layer(from_fn_with_state(app.clone(), person::require_session))
    };
    let administrators = administration(replay(app, administration_routes()));
    Routes::new()
        .merge(clients(client_routes()))
        .merge(small(app, telemetry_routes()))
        .merge(reports(replay(app, reporting_routes())))
        .merge(events(provider_routes()))
        .merge(small(app, browser_routes()))
        .merge(small(app, administrators))
        .merge(small(app, visitor_routes()))
        .merge(small(app, persons(person_routes())))
        .merge(administration(large(replay(app, upload_routes()))))
}

/// Receives small bodies.
fn small(app: &App, router: Routes) -> Routes {
    router.route_layer(from_fn_with_state(app.clone(), body::receive))
}

/// Answers repeated requests.
fn replay(app: &App, router: Routes) -> Routes {
    router.route_layer(from_fn_with_state(app.clone(), idempotency::replay))
}

/// Receives the body of a client, and answers a repeated request. Machines send many requests, and
/// each layer copies the layers inside it, so this is one layer.
async fn enter(State(app): State<App>, request: Request, next: Next) -> Response {
    let answer = |request| idempotency::replay(State(app.clone()), request, next);
    body::received(&app, request, body::MAX_BODY, answer).await
}

/// Does the same for the machines that may use seats.
async fn enter_seats(State(app): State<App>, request: Request, next: Next) -> Response {
    let answer = async |request| match credentials::enrolled(&app, request).await {
        Ok(request) => idempotency::replay(State(app.clone()), request, next).await,
        Err(problem) => problem.into_response(),
    };
    body::received(&app, request, body::MAX_BODY, answer).await
}

/// Routes for running applications, except those for seats.
fn application_routes() -> Routes {
    Routes::new()
        .routes(routes!(validate::validate))
        .routes(routes!(check_ins::check_in))
}

/// Routes for the machines of a site.
fn client_routes() -> Routes {
    Routes::new()
        .routes(routes!(activations::request))
        .routes(routes!(activations::deactivate))
        .routes(routes!(revocations::newest))
        .routes(routes!(trust::list))
        .routes(routes!(metering::own))
        .routes(routes!(setup::complete))
}

/// Routes for anonymous installations. A stored `Idempotency-Key` would have the address of its
/// caller, so it is not read: the ids of the events have its effect.
fn telemetry_routes() -> Routes {
    Routes::new()
        .routes(routes!(telemetry::submit))
        .routes(routes!(telemetry::delete))
}

/// Routes for payment providers. The id of an event has the effect of an `Idempotency-Key`.
fn provider_routes() -> Routes {
    Routes::new().routes(routes!(billing::receive))
}

/// Routes that browsers and identity providers open. Their values count once, so an
/// `Idempotency-Key` has no further effect.
fn browser_routes() -> Routes {
    Routes::new()
        .routes(routes!(oidc::start))
        .routes(routes!(oidc::callback))
        .routes(routes!(oidc::log_out))
}

fn reporting_routes() -> Routes {
    Routes::new().routes(routes!(usage_reports::submit))
}

fn seat_routes() -> Routes {
    Routes::new()
        .routes(routes!(seats::acquire))
        .routes(routes!(seats::heartbeat))
        .routes(routes!(seats::release))
        .routes(routes!(seats::borrow))
        .routes(routes!(seats::return_seat))
        .routes(routes!(queue::wait, queue::cancel))
}

fn administration_routes() -> Routes {
    Routes::new()
        .routes(routes!(overview::get))
        .routes(routes!(seat_history::all))
        .routes(routes!(seat_history::of_pool))
        .routes(routes!(seat_history::plan))
        .routes(routes!(pools::list))
        .routes(routes!(pools::get))
        .routes(routes!(pools::leases))
        .routes(routes!(pools::queue))
        .routes(routes!(pools::end))
        .routes(routes!(pools::policy, pools::set_policy))
        .routes(routes!(licenses::get, licenses::remove))
        .routes(routes!(licenses::machines))
        .routes(routes!(licenses::all_machines))
        .routes(routes!(explanations::explain))
        .routes(routes!(explanations::code))
        .routes(routes!(named_users::list, named_users::assign))
        .routes(routes!(named_users::unassign))
        .routes(routes!(groups::list, groups::create))
        .routes(routes!(groups::get, groups::change, groups::delete))
        .routes(routes!(groups::members))
        .routes(routes!(groups::put_member, groups::remove_member))
        .routes(routes!(groups::leases))
        .routes(routes!(groups::end_lease))
        .routes(routes!(vendor::issue))
        .routes(routes!(vendor::renew))
        .routes(routes!(vendor::upgrade))
        .routes(routes!(vendor::reassign))
        .routes(routes!(vendor::revoke))
        .routes(routes!(vendor::reinstate))
        .routes(routes!(vendor::file))
        .routes(routes!(ledger::verify))
        .routes(routes!(ledger::export))
        .routes(routes!(ledger::file))
        .routes(routes!(activations::list))
        .routes(routes!(activations::get))
        .routes(routes!(activations::import))
        .routes(routes!(usage_reports::list, usage_reports::delete))
        .routes(routes!(usage_reports::export))
        .routes(routes!(telemetry::list, telemetry::delete_all))
        .routes(routes!(telemetry::summary))
        .routes(routes!(metering::meters))
        .routes(routes!(metering::customers))
        .routes(routes!(metering::summary))
        .routes(routes!(metering::totals))
        .routes(routes!(metering::adjust))
        .routes(routes!(metering::set_anchor))
        .routes(routes!(metering::export))
        .routes(routes!(metering::sendings))
        .routes(routes!(metering::decide))
        .routes(routes!(anomalies::list))
        .routes(routes!(anomalies::dismiss))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(members::list))
        .routes(routes!(members::change, members::remove))
        .routes(routes!(members::reset_password))
        .routes(routes!(members::end_codes))
        .routes(routes!(invitations::list, invitations::create))
        .routes(routes!(invitations::withdraw))
        .routes(routes!(organization::rename, organization::delete))
        .routes(routes!(
            identity_providers::list,
            identity_providers::create
        ))
        .routes(routes!(
            identity_providers::get,
            identity_providers::change,
            identity_providers::delete
        ))
        .routes(routes!(invoices::entities))
        .routes(routes!(invoices::list, invoices::create))
        .routes(routes!(invoices::get, invoices::update, invoices::delete))
        .routes(routes!(invoices::issue))
        .routes(routes!(invoices::pay))
        .routes(routes!(invoices::send))
        .routes(routes!(invoices::activate))
        .routes(routes!(invoices::void))
        .routes(routes!(invoices::credit))
        .routes(routes!(invoices::pdf))
        .routes(routes!(trials::list, trials::start))
        .routes(routes!(trials::get))
        .routes(routes!(trials::extend))
        .routes(routes!(trials::convert))
        .routes(routes!(audit::list))
        .routes(routes!(audit::verify))
        .routes(routes!(events::list))
        .routes(routes!(webhooks::list, webhooks::create))
        .routes(routes!(webhooks::get, webhooks::update, webhooks::delete))
        .routes(routes!(webhooks::rotate_secret))
        .routes(routes!(webhooks::test))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::replay))
        .routes(routes!(webhooks::replay_failed))
        .merge(billing_routes())
}

fn billing_routes() -> Routes {
    Routes::new()
        .routes(routes!(billing::plans))
        .routes(routes!(billing::put_plan, billing::delete_plan))
        .routes(routes!(billing::checkout))
        .routes(routes!(billing::portal))
        .routes(routes!(billing::subscriptions))
        .routes(routes!(billing::subscription))
        .routes(routes!(billing::customers))
        .routes(routes!(billing::customer))
        .routes(routes!(billing::events))
        .routes(routes!(billing::reconcile))
}

/// Routes for people who have not signed in. They do not read `Idempotency-Key`: their bodies
/// contain passwords and secrets, of which the database must keep nothing.
fn visitor_routes() -> Routes {
    Routes::new()
        .routes(routes!(sessions::sign_in))
        .routes(routes!(registrations::request))
        .routes(routes!(registrations::confirm))
        .routes(routes!(registrations::request_reset))
        .routes(routes!(registrations::confirm_reset))
        .routes(routes!(account::confirm_email))
        .routes(routes!(invitations::accept))
        .routes(routes!(trials::request))
        .routes(routes!(trials::confirm))
        .routes(routes!(trials::stop_reminders))
}

/// Routes for people who have signed in. They do not read `Idempotency-Key` either.
fn person_routes() -> Routes {
    Routes::new()
        .routes(routes!(sessions::current, sessions::choose))
        .routes(routes!(sessions::list))
        .routes(routes!(sessions::end))
        .routes(routes!(account::get, account::change, account::delete))
        .routes(routes!(organization::create))
        .routes(routes!(organization::leave))
        .routes(routes!(account::export::export))
        .routes(routes!(account::password))
        .routes(routes!(account::totp::begin, account::totp::end))
        .routes(routes!(account::totp::confirm))
        .routes(routes!(account::totp::recovery_codes))
        .routes(routes!(account::request_email))
        .routes(routes!(trials::start_for))
        .routes(routes!(usage::machines))
        .routes(routes!(usage::seats))
}

/// Routes that take files of the vendor.
fn upload_routes() -> Routes {
    Routes::new()
        .routes(routes!(licenses::list, licenses::install))
        .routes(routes!(revocations::import))
        .routes(routes!(ledger::import))
        .routes(routes!(trust::import))
}

async fn method_not_allowed() -> Response {
    paths::method_not_allowed().into_response()
}
