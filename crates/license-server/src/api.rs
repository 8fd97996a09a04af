//! The HTTP interface: routes, credentials, limits and errors.

mod account;
mod activations;
mod anomalies;
mod audit;
mod billing;
mod body;
mod caching;
mod check_ins;
mod cookies;
mod credentials;
mod dashboard;
mod etag;
mod events;
mod explanations;
mod groups;
mod health;
mod host;
mod idempotency;
mod identity_providers;
mod invitations;
mod invoices;
mod ledger;
mod licenses;
mod live;
mod login;
mod members;
mod metering;
mod named_users;
mod numbers;
mod observe;
mod oidc;
mod openapi;
mod organization;
mod overview;
mod pages;
mod paths;
mod peer;
mod people;
mod permissions;
mod person;
mod pools;
mod problem;
mod query;
mod queue;
mod rate;
mod registrations;
mod revocations;
mod router;
mod routes;
mod seat_bodies;
mod seat_history;
mod seats;
mod sessions;
mod setup;
mod starting;
mod telemetry;
mod tokens;
mod trials;
mod trust;
mod usage;
mod usage_reports;
mod validate;
mod vendor;
mod webhooks;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::config::{Limits, ShownSetting};
use crate::domain::Refusal;
use crate::login::LoginVerifier;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::oidc::OidcService;
use crate::services::{AccountService, Services, TenantServices};

pub(crate) use health::metrics_router;
pub(crate) use openapi::document;
pub(crate) use router::router;
pub(crate) use starting::StartingRouter;

use credentials::limited;
use live::StreamSlots;
use peer::Peer;
use people::PeopleLimits;
use problem::Problem;
use rate::RateTable;

/// Wrong credentials that a peer may send in a minute.
const FAILURES_PER_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(29);

/// The state of the HTTP interface.
#[derive(Clone)]
pub(crate) struct App(Arc<AppState>);

struct AppState {
    tenants: Arc<TenantServices>,
    metrics: Arc<Metrics>,
    settings: AppSettings,
    login: Option<Arc<LoginVerifier>>,
    oidc: OidcService,
    peers: RateTable,
    licenses: RateTable,
    failures: RateTable,
    people: PeopleLimits,
    /// The open streams of people who watch the seats.
    streams: StreamSlots,
    stopping: watch::Receiver<bool>,
}

/// The settings of the HTTP interface.
#[derive(Clone, Debug)]
pub(crate) struct AppSettings {
    pub(crate) limits: Limits,
    pub(crate) trusted_proxies: Vec<Network>,
    /// Networks whose machines may use seats. Empty: all.
    pub(crate) allowed_networks: Vec<Network>,
    /// The SHA-256 of the token that clients of seats send.
    pub(crate) enrollment_token: Option<[u8; 32]>,
    /// The settings in effect, for the page of settings.
    pub(crate) shown: Vec<ShownSetting>,
    /// The request of the server for its vendor, which contains no secret.
    pub(crate) server_request: Option<String>,
    /// The address of the server for its clients.
    pub(crate) url: String,
}

impl App {
    /// Creates the state. `stopping` becomes true when the server stops, which ends long polls.
    pub(crate) fn new(
        tenants: Arc<TenantServices>,
        metrics: Arc<Metrics>,
        settings: AppSettings,
        login: Option<LoginVerifier>,
        oidc: OidcService,
        stopping: watch::Receiver<bool>,
    ) -> Self {
        Self(Arc::new(AppState {
            tenants,
            metrics,
            login: login.map(Arc::new),
            oidc,
            peers: RateTable::new(settings.limits.peer_rate),
            licenses: RateTable::new(settings.limits.license_rate),
            failures: RateTable::per_minute(FAILURES_PER_MINUTE),
            people: PeopleLimits::new(),
            streams: StreamSlots::default(),
            settings,
            stopping,
        }))
    }

    /// Returns the services of the organization of the server, for requests without a license and
    /// an account. Routes of administrators use those of their [`Caller`](credentials::Caller), and
    /// routes of clients those of the license.
    fn services(&self) -> &Services {
        self.0.tenants.own()
    }

    fn tenants(&self) -> &TenantServices {
        &self.0.tenants
    }

    /// Returns the service for people who sign in.
    fn accounts(&self) -> &Arc<AccountService> {
        self.0.tenants.accounts()
    }

    fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    fn streams(&self) -> &StreamSlots {
        &self.0.streams
    }

    fn limits(&self) -> Limits {
        self.0.settings.limits
    }

    fn trusted_proxies(&self) -> &[Network] {
        &self.0.settings.trusted_proxies
    }

    /// Returns the settings in effect, as people see them.
    fn shown_settings(&self) -> &[ShownSetting] {
        &self.0.settings.shown
    }

    /// Returns the request of the server for its vendor, if there is one.
    fn server_request(&self) -> Option<&str> {
        self.0.settings.server_request.as_deref()
    }

    /// Returns the address of the server for its clients.
    fn url(&self) -> &str {
        &self.0.settings.url
    }

    fn enrollment_token(&self) -> Option<&[u8; 32]> {
        self.0.settings.enrollment_token.as_ref()
    }

    /// Returns the verifier of logins, if there is a provider.
    fn login(&self) -> Option<&Arc<LoginVerifier>> {
        self.0.login.as_ref()
    }

    /// Returns the service that signs people in at identity providers.
    fn oidc(&self) -> &OidcService {
        &self.0.oidc
    }

    fn allows_network(&self, peer: Peer) -> bool {
        let allowed = &self.0.settings.allowed_networks;
        allowed.is_empty()
            || allowed
                .iter()
                .any(|network| network.contains(peer.address()))
    }

    /// Returns when the server stops.
    async fn stopped(&self) {
        let mut stopping = self.0.stopping.clone();
        // Without a sender, the server has stopped.
        let _ = stopping.wait_for(|stops| *stops).await;
    }

    /// Counts a request of a peer.
    fn limit_peer(&self, peer: Peer) -> Result<(), Problem> {
        let checked = self.0.peers.check(peer.limited_as());
        checked.map_err(|after| self.refuse("peer", after, "from this address"))
    }

    /// Counts a request with a license.
    fn limit_license(&self, credential: &str) -> Result<(), Problem> {
        let checked = self.0.licenses.check(credential);
        checked.map_err(|after| self.refuse("license", after, "with this license"))
    }

    /// Counts wrong credentials. A peer that sends too many learns nothing more.
    fn count_failure(&self, peer: Option<Peer>, refusal: Refusal) -> Problem {
        let counted = peer.map_or(Ok(()), |peer| self.0.failures.check(peer.limited_as()));
        match counted {
            Ok(()) => refusal.into(),
            Err(after) => self.refuse("failures", after, "with wrong credentials"),
        }
    }

    fn refuse(&self, limit: &str, after: Duration, subject: &str) -> Problem {
        self.metrics().limited.with_label_values(&[limit]).inc();
        limited(after, subject)
    }
}

#[cfg(test)]
mod tests;
