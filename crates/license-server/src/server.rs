//! The running server: listeners, time limits, signals, background work and a graceful end.

mod connection;

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::{Router, ServiceExt};
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info, warn};

use crate::api::StartingRouter;
use crate::certificate::CertificateFiles;
use crate::config::{Limits, Tls};
use crate::domain::{Cursor, PageRequest, Refusal, ServerCode};
use crate::log_limit;
use crate::metrics::Metrics;
use crate::network::Network;
use crate::services::{Services, TenantServices, TickReport};
use crate::webhooks::Dispatcher;

use connection::{LimitedAcceptor, Slots};

/// The maximum size of the header of a request, and of each buffer of a connection.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The maximum number of header fields of a request.
const MAX_HEADERS: usize = 100;
/// The maximum number of connections to the metrics.
const MAX_METRICS_CONNECTIONS: u32 = 64;

/// The number of pools whose metrics are published each second. A site with more pools publishes
/// them in turn, because reading thousands of pools takes more time than all requests.
const POOLS_PER_SECOND: usize = 200;

/// The maximum number of pools that have metrics.
const MAX_POOLS: usize = 10_000;

/// The listeners of a server. Dropping them closes the ports.
pub(crate) struct Listeners {
    running: JoinSet<io::Result<()>>,
    handle: Handle<SocketAddr>,
    limits: Limits,
    metrics: Arc<Metrics>,
}

/// The TLS configuration of a server, and the files that it was read from.
pub(crate) struct TlsFiles {
    pub(crate) config: RustlsConfig,
    pub(crate) files: CertificateFiles,
    /// The setting, for the names of the certificate.
    pub(crate) setting: Tls,
}

/// A server that has opened its database.
pub(crate) struct RunningServer {
    pub(crate) listeners: Listeners,
    pub(crate) tenants: Arc<TenantServices>,
    pub(crate) webhooks: Arc<Dispatcher>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) tls: Option<TlsFiles>,
    /// Becomes true when the server stops.
    pub(crate) stopping: watch::Sender<bool>,
}

/// The signals that the server handles.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    reload: Signal,
}

impl Signals {
    /// Handles the signals from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses a handler.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            reload: signal(SignalKind::hangup())?,
        })
    }
}

impl Listeners {
    /// Prepares listeners with limits of their connections.
    pub(crate) fn new(limits: Limits, metrics: Arc<Metrics>) -> Self {
        Self {
            running: JoinSet::new(),
            handle: Handle::new(),
            limits,
            metrics,
        }
    }

    /// Accepts connections of clients and browsers from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses the port.
    pub(crate) fn start_main(
        &mut self,
        port: TcpListener,
        router: StartingRouter,
        tls: Option<&RustlsConfig>,
        trusted_proxies: Vec<Network>,
    ) -> io::Result<()> {
        let acceptor = LimitedAcceptor {
            tls: tls.map(|config| RustlsAcceptor::new(config.clone())),
            slots: Slots::new(self.limits, trusted_proxies, Arc::clone(&self.metrics)),
        };
        let server = server(port, acceptor, self.handle.clone())?;
        let router =
            ServiceExt::<Request>::into_make_service_with_connect_info::<SocketAddr>(router);
        self.running.spawn(server.serve(router));
        Ok(())
    }

    /// Accepts connections of programs that read the metrics from now on.
    ///
    /// # Errors
    ///
    /// Returns an error if the system refuses the port.
    pub(crate) fn start_metrics(&mut self, port: TcpListener, router: Router) -> io::Result<()> {
        let limits = Limits {
            max_connections: MAX_METRICS_CONNECTIONS,
            max_connections_per_peer: MAX_METRICS_CONNECTIONS,
            ..self.limits
        };
        let acceptor = LimitedAcceptor {
            tls: None,
            slots: Slots::new(limits, Vec::new(), Arc::clone(&self.metrics)),
        };
        let handle = Handle::with_control(self.handle.control());
        let server = server(port, acceptor, handle)?;
        let router = router.into_make_service_with_connect_info::<SocketAddr>();
        self.running.spawn(server.serve(router));
        Ok(())
    }

    /// Waits until a listener fails.
    async fn failed(&mut self) -> io::Error {
        match self.running.join_next().await {
            Some(Ok(Err(error))) => error,
            Some(Err(error)) => io::Error::other(error),
            Some(Ok(Ok(()))) | None => io::Error::other("a listener has ended"),
        }
    }

    /// Finishes the requests that have begun, within the time limit for the end.
    async fn end(mut self) {
        self.handle
            .graceful_shutdown(Some(self.limits.shutdown_timeout));
        while let Some(rest) = self.running.join_next().await {
            if let Ok(Err(error)) = rest {
                warn!(%error, "a listener failed");
            }
        }
    }
}

impl RunningServer {
    /// Serves requests until a signal ends the server. Requests that have begun are finished within
    /// the time limit for the end.
    ///
    /// # Errors
    ///
    /// Returns an error if a listener fails.
    pub(crate) async fn run(mut self, mut signals: Signals) -> io::Result<()> {
        let mut background = tokio::spawn(background(
            Arc::clone(&self.tenants),
            Arc::clone(&self.metrics),
            self.stopping.subscribe(),
        ));
        let copies = tokio::spawn(copies(
            Arc::clone(self.tenants.own()),
            self.stopping.subscribe(),
        ));
        let sales = tokio::spawn(sales(
            Arc::clone(self.tenants.own()),
            self.stopping.subscribe(),
        ));
        let sendings = tokio::spawn(sendings(
            Arc::clone(self.tenants.own()),
            self.stopping.subscribe(),
        ));
        let billing = tokio::spawn(billing(
            Arc::clone(self.tenants.own()),
            Arc::clone(&self.metrics),
            self.stopping.subscribe(),
        ));
        let webhooks = tokio::spawn(Arc::clone(&self.webhooks).run(self.stopping.subscribe()));
        let mut is_taken_over = false;
        let ended = loop {
            tokio::select! {
                // The task ends before the server only if another server uses the directory.
                _ = &mut background => {
                    is_taken_over = true;
                    break Err(io::Error::other("another server has taken over the data directory"));
                }
                _ = signals.terminate.recv() => break Ok(()),
                _ = signals.interrupt.recv() => break Ok(()),
                _ = signals.reload.recv() => self.reload_certificate(),
                error = self.listeners.failed() => break Err(error),
            }
        };
        info!("stopping");
        // Long polls end at once, so that only short requests remain.
        let _ = self.stopping.send(true);
        self.listeners.end().await;
        if let Err(error) = copies.await {
            error!(%error, "the copies of the ledger failed");
        }
        if let Err(error) = sales.await {
            error!(%error, "the work of trials failed");
        }
        if let Err(error) = sendings.await {
            error!(%error, "the amounts for the billing provider failed");
        }
        if let Err(error) = billing.await {
            error!(%error, "the work for billing failed");
        }
        if let Err(error) = webhooks.await {
            error!(%error, "the deliveries to webhooks failed");
        }
        if !is_taken_over && let Err(error) = background.await {
            error!(%error, "the background work failed");
        }
        ended
    }

    /// Reads the certificate again. A certificate that cannot be used changes nothing.
    fn reload_certificate(&self) {
        let Some(tls) = &self.tls else {
            info!("there is no certificate to read again");
            return;
        };
        match tls.files.load() {
            Ok(certificate) => {
                self.metrics.certificate(certificate.ends_at());
                for problem in certificate.problems(&tls.setting) {
                    warn!(
                        code = "TLS_CERTIFICATE",
                        problem, "clients will refuse the certificate"
                    );
                }
                tls.config.reload_from_config(certificate.config);
                info!(
                    fingerprint = certificate.fingerprint,
                    "the certificate was read again"
                );
            }
            Err(failure) => {
                warn!(
                    code = failure.code(),
                    reason = failure.message(),
                    "the certificate stays"
                );
            }
        }
    }
}

/// Returns a server of a port. The server speaks HTTP/1.1 only (ADR-091).
fn server(
    port: TcpListener,
    acceptor: LimitedAcceptor,
    handle: Handle<SocketAddr>,
) -> io::Result<Server<SocketAddr, LimitedAcceptor>> {
    let mut server = axum_server::from_tcp(port)?;
    let http = server.http_builder();
    http.http1()
        .max_buf_size(MAX_HEADER_BYTES)
        .max_headers(MAX_HEADERS);
    Ok(server.http1_only().acceptor(acceptor).handle(handle))
}

/// Runs the periodic work once a second until the server stops, or until another server has taken
/// over the data directory.
async fn background(
    tenants: Arc<TenantServices>,
    metrics: Arc<Metrics>,
    mut stopping: watch::Receiver<bool>,
) {
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pools = PoolPublisher::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => match tick(&tenants, &metrics, &mut pools).await {
                Ok(()) => {}
                Err(refusal) if refusal.code == ServerCode::TakenOver.as_str() => return,
                Err(refusal) => {
                    if let Some(repeated) = log_limit::pass("tick") {
                        let Refusal { code, detail, .. } = refusal;
                        warn!(code, detail, repeated, "the work of a second failed");
                    }
                }
            },
            () = stopped(&mut stopping) => break,
        }
    }
    if let Err(refusal) = tenants.own().finish().await {
        let Refusal { code, detail, .. } = refusal;
        warn!(code, detail, "the work of the last second failed");
    }
    if let Err(refusal) = tenants.finish_others().await {
        let Refusal { code, detail, .. } = refusal;
        warn!(
            code,
            detail, "the work of other organizations of the last second failed"
        );
    }
}

/// Does the periodic work of all tenants, that of the server first.
async fn tick(
    tenants: &TenantServices,
    metrics: &Metrics,
    pools: &mut PoolPublisher,
) -> Result<(), Refusal> {
    let report = tenants.own().tick().await?;
    pools.publish(tenants.own(), metrics, &report).await;
    tenants.tick_others().await
}

/// Copies the ledger of a vendor's server once a second until the server stops.
async fn copies(services: Arc<Services>, mut stopping: watch::Receiver<bool>) {
    if !services.is_vendor() {
        return;
    }
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if let Err(refusal) = services.copy_ledger().await {
                    warn!(code = refusal.code, detail = refusal.detail, "the ledger is copied later");
                }
            }
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Does the work of trials on a vendor's server once a minute until the server stops. It can wait
/// for a mail server, and a wait ends with the server.
async fn sales(services: Arc<Services>, mut stopping: watch::Receiver<bool>) {
    if !services.is_vendor() {
        return;
    }
    let mut ticks = interval(Duration::from_secs(60));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let work = async {
            ticks.tick().await;
            services.work_on_sales().await
        };
        tokio::select! {
            result = work => if let Err(refusal) = result
                && let Some(repeated) = log_limit::pass("sales")
            {
                let Refusal { code, detail, .. } = refusal;
                warn!(code, detail, repeated, "the work of trials failed");
            },
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Sends amounts to the billing provider every two seconds until the server stops.
async fn sendings(services: Arc<Services>, mut stopping: watch::Receiver<bool>) {
    let mut ticks = interval(Duration::from_secs(2));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                if let Err(refusal) = services.outbox.send().await {
                    warn!(code = refusal.code, detail = refusal.detail, "amounts are sent later");
                }
            }
            () = stopped(&mut stopping) => return,
        }
    }
}

/// Processes the events of a payment provider until the server stops: each event at once, and those
/// that wait once a second.
async fn billing(
    services: Arc<Services>,
    metrics: Arc<Metrics>,
    mut stopping: watch::Receiver<bool>,
) {
    if !services.billing.is_on() {
        return;
    }
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = services.billing.wait_for_event() => {}
            () = stopped(&mut stopping) => return,
        }
        let worked = services.billing.work().await;
        let worked = match services.billing.backlog().await {
            Ok(backlog) => {
                metrics.billing.publish(backlog, services.now());
                worked
            }
            Err(refusal) => Err(refusal),
        };
        if let Err(refusal) = worked
            && let Some(repeated) = log_limit::pass("billing work")
        {
            let Refusal { code, detail, .. } = refusal;
            warn!(
                code,
                detail, repeated, "events of the payment provider are processed later"
            );
        }
    }
}

/// Returns when the server stops.
async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // Without a sender, the server has stopped.
    let _ = stopping.wait_for(|stops| *stops).await;
}

/// Publishes the state of the pools as metrics, some of them each second.
#[derive(Default)]
struct PoolPublisher {
    /// The last pool that was published.
    after: Option<Cursor>,
    /// The pools that were published since the first one.
    names: BTreeSet<String>,
}

impl PoolPublisher {
    /// Publishes the lease clock, and the next pools.
    async fn publish(&mut self, services: &Services, metrics: &Metrics, report: &TickReport) {
        metrics.tick(report);
        if services.is_vendor() {
            // A vendor has too many pools for a metric of each.
            return;
        }
        let page = PageRequest::new(self.after.clone(), Some(POOLS_PER_SECOND));
        let Ok(found) = services.pools.list(&page).await else {
            return;
        };
        for pool in &found.items {
            metrics.pools.publish(pool);
            self.names.insert(pool.pool.as_str().to_owned());
        }
        self.after = found.next.filter(|_| self.names.len() < MAX_POOLS);
        if self.after.is_none() {
            metrics.pools.retain(std::mem::take(&mut self.names));
        }
    }
}
