//! The dashboard: pages for people in a browser.
//!
//! Each subject has a module with a function `pages`, which adds its pages to [`Pages`]. A page
//! states who may open it, and its handler gets a [`PageContext`]. Handlers call the services that
//! the API calls, and return blocks of the crate `license-dashboard`.

mod account;
mod anomalies;
mod audit;
mod billing;
mod context;
mod errors;
mod events;
mod form;
mod form_errors;
mod form_number;
mod form_values;
mod groups;
mod identity_providers;
mod invoices;
mod ledger;
mod licenses;
mod links;
mod list;
mod listing;
mod machines;
mod metering;
mod named_users;
mod names;
mod navigation;
mod overview;
mod pages;
mod people;
mod programs;
mod reply;
mod seat_charts;
mod seat_planning;
mod seat_policy;
mod seats;
mod settings;
mod setup;
mod sign_in;
mod tokens;
mod trials;
mod usage;
mod webhooks;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use license_dashboard::Asset;

use super::App;
use super::caching::no_store;
use super::paths;
use pages::Pages;

/// Returns the pages and their assets. Requests for another path get the page of an error.
pub(super) fn router(app: &App) -> Router<App> {
    pages(app)
        .finish()
        .merge(assets())
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(from_fn(errors::as_pages))
        .layer(from_fn(no_store))
        .layer(from_fn_with_state(app.clone(), form::receive))
}

/// Returns the paths of all pages, with the names of their parameters in braces.
#[cfg(test)]
pub(super) fn paths(app: &App) -> Vec<String> {
    pages(app).paths()
}

/// Returns the pages of all subjects.
fn pages(app: &App) -> Pages {
    let pages = Pages::new(app);
    let pages = overview::pages(pages);
    let pages = licenses::pages(pages);
    let pages = machines::pages(pages);
    let pages = ledger::pages(pages);
    let pages = seats::pages(pages);
    let pages = seat_policy::pages(pages);
    let pages = usage::pages(pages);
    let pages = seat_planning::pages(pages);
    let pages = sign_in::pages(pages);
    let pages = metering::pages(pages);
    let pages = anomalies::pages(pages);
    let pages = billing::pages(pages);
    let pages = setup::pages(links::pages(pages));
    let pages = account::pages(pages);
    let pages = groups::pages(people::pages(pages));
    let pages = named_users::pages(pages);
    let pages = events::pages(audit::pages(pages));
    let pages = webhooks::pages(tokens::pages(pages));
    let pages = settings::pages(identity_providers::pages(pages));
    let pages = trials::pages(pages);
    invoices::pages(pages)
}

/// Returns the routes of the assets. Their paths change with their content.
fn assets() -> Router<App> {
    const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
    Asset::all().iter().fold(Router::new(), |router, asset| {
        let media_type = HeaderValue::from_static(asset.media_type);
        let headers = [
            (header::CONTENT_TYPE, media_type),
            (header::CACHE_CONTROL, FOR_EVER),
        ];
        let answer = async move || (headers, asset.content).into_response();
        router.route(&asset.path, get(answer))
    })
}

async fn not_found() -> axum::response::Response {
    paths::not_found("resource").into_response()
}

async fn method_not_allowed() -> axum::response::Response {
    paths::method_not_allowed().into_response()
}
