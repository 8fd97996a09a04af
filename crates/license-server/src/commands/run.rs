//! `license-server run`: the server.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;

use axum_server::tls_rustls::RustlsConfig;
use license_cli_support::{Exit, Failure, Source, Terminal, show_path};
use license_core::encoding::decode_text;
use license_core::issue::KeyBits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::database::{DatabaseAccess, not_opened};
use super::opened::{OpenedServer, create_directory, open, prepare, refused, runtime};
use crate::api::{self, App, AppSettings, StartingRouter};
use crate::certificate::{Certificate, CertificateFiles};
use crate::config::{Config, ShownSetting};
use crate::data_dir::DataDir;
use crate::login::{LoginVerifier, PROVIDER_TIMEOUT};
use crate::logs;
use crate::metrics::Metrics;
use crate::oidc::OidcService;
use crate::server::{Listeners, RunningServer, Signals, TlsFiles};
use crate::services::TenantServices;
use crate::store::ServerStoreError;
use crate::store::sqlite::SqliteStore;
use crate::webhooks::{Dispatcher, WebhookSender};

/// File descriptors for the database, the listeners and the logs.
const OWN_DESCRIPTORS: u64 = 256;

pub(super) fn run(
    config: Config,
    shown: Vec<ShownSetting>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    logs::start(&config.log, config.log_format)?;
    allow_descriptors(&config, terminal);
    runtime()?.block_on(serve(config, shown, terminal))
}

async fn serve(
    config: Config,
    shown: Vec<ShownSetting>,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let signals = Signals::new();
    let signals = signals.map_err(|error| Failure::io("handle", Path::new("signals"), &error))?;
    let directory = create_directory(&config)?;
    let (certificate, tls) = load_certificate(&config, &directory)?.unzip();
    let enrollment_token = enrollment_token(&config)?;
    let metrics = Metrics::new().map_err(|error| {
        Failure::new(Exit::System, "METRICS", error.to_string()).hint("report this error")
    })?;
    let metrics = Arc::new(metrics);
    // The ports come before the database, because a server that cannot start must not change it.
    let port = bind(&config, &directory, "listen", config.listen)?;
    let metrics_port = config
        .metrics_listen
        .map(|address| bind(&config, &directory, "metrics_listen", address));
    let metrics_port = metrics_port.transpose()?;
    let address = port.local_addr();
    let address = address.map_err(|error| not_bound("listen", config.listen, &error))?;
    let metrics_address = metrics_port
        .as_ref()
        .and_then(|port| port.local_addr().ok());
    let mut listeners = Listeners::new(config.limits, Arc::clone(&metrics));
    let router = StartingRouter::new();
    let served = |error| Failure::io("serve", Path::new(&address.to_string()), &error);
    listeners
        .start_main(
            port,
            router.clone(),
            tls.as_ref().map(|tls| &tls.config),
            config.trusted_proxies.clone(),
        )
        .map_err(served)?;
    tracing::debug!(%address, "connections are accepted");
    if prepare(&config, &directory, KeyBits::B2048).await? {
        let directory = show_path(directory.path());
        terminal.note(&format!("created a new server in {directory}"));
    }
    let access = DatabaseAccess::Serve(Arc::<Metrics>::clone(&metrics));
    let opened = open(&config, &directory, access).await?;
    let services = &opened.services;
    let is_empty = services.licenses.is_empty().await;
    let is_empty = is_empty.map_err(|refusal| refused(&refusal))?;
    let url = config.url(address);
    let settings = AppSettings {
        limits: config.limits,
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_networks: config.allowed_networks.clone(),
        enrollment_token,
        shown,
        // Without it, the pages do not offer it.
        server_request: std::fs::read_to_string(directory.request()).ok(),
        url: url.clone(),
    };
    let (stopping, stops) = watch::channel(false);
    // The first two write to the database. The routes are built while the disk stores the changes.
    let (setup, readiness, routes) =
        tokio::join!(services.setup.start(), services.readiness(), async {
            let app = app(&config, &opened, Arc::clone(&metrics), settings, stops)?;
            Ok((api::router(&app), api::metrics_router(&app)))
        });
    let (routes, metrics_routes) = routes?;
    let start = Start {
        url,
        fingerprint: certificate
            .as_ref()
            .map(|certificate| certificate.fingerprint.clone()),
        setup: setup.map_err(|refusal| refused(&refusal))?,
        metrics: metrics_address,
        has_license: !is_empty,
        has_trust: opened.has_trust,
        is_vendor: services.is_vendor(),
    };
    let problem = readiness.map_err(|refusal| refused(&refusal))?.problem();
    let webhooks = dispatcher(&config, &opened.tenants, &metrics)?;
    if let Some(port) = metrics_port {
        listeners
            .start_metrics(port, metrics_routes)
            .map_err(served)?;
    }
    router.open(routes);
    if let Some(certificate) = &certificate {
        metrics.certificate(certificate.ends_at());
        certificate.warn(&config.tls, terminal);
    }
    start.print(&directory, &config.options, terminal)?;
    if let Some((code, problem)) = problem {
        terminal.warning(code, problem);
    }
    let server = RunningServer {
        listeners,
        tenants: Arc::clone(&opened.tenants),
        webhooks,
        metrics,
        tls,
        stopping,
    };
    let ended = server.run(signals).await;
    let closed = opened.database.store.close().await;
    ended.map_err(served)?;
    closed.map_err(|error| not_opened(&config, &error))
}

/// Loads the certificate of the server, if it has one.
fn load_certificate(
    config: &Config,
    directory: &DataDir,
) -> Result<Option<(Certificate, TlsFiles)>, Failure> {
    let Some(files) = CertificateFiles::prepare(&config.tls, directory)? else {
        return Ok(None);
    };
    let certificate = files.load()?;
    let tls = TlsFiles {
        config: RustlsConfig::from_config(Arc::clone(&certificate.config)),
        files,
        setting: config.tls.clone(),
    };
    Ok(Some((certificate, tls)))
}

fn app(
    config: &Config,
    opened: &OpenedServer,
    metrics: Arc<Metrics>,
    settings: AppSettings,
    stops: watch::Receiver<bool>,
) -> Result<App, Failure> {
    let (tenants, clock) = (Arc::clone(&opened.tenants), Arc::clone(&opened.clock));
    let oidc = OidcService::new(
        Arc::clone(&tenants),
        Arc::clone(&clock),
        &settings.url,
        PROVIDER_TIMEOUT,
    );
    let login = config.login.clone();
    let login = login.map(|login| LoginVerifier::new(login, clock));
    let login = login.transpose()?;
    Ok(App::new(tenants, metrics, settings, login, oidc, stops))
}

/// Creates the dispatcher of webhooks. Only the organization of the server reaches the networks of
/// the operator, whose endpoints can have an authority of their own.
fn dispatcher(
    config: &Config,
    tenants: &Arc<TenantServices>,
    metrics: &Arc<Metrics>,
) -> Result<Arc<Dispatcher>, Failure> {
    let policy = Arc::new(config.webhooks.clone());
    let own = WebhookSender::new(policy, config.webhook_ca_file.as_deref());
    let own = own.map_err(|message| {
        Failure::usage(message).hint("name a file with certificates with --webhook-ca-file")
    })?;
    let public = WebhookSender::new(Arc::default(), None).map_err(Failure::usage)?;
    let (tenants, metrics) = (Arc::clone(tenants), Arc::clone(metrics));
    Ok(Dispatcher::new(tenants, own, public, metrics))
}

/// Returns the digest of the token that clients of seats send.
fn enrollment_token(config: &Config) -> Result<Option<[u8; 32]>, Failure> {
    let Some(path) = &config.enrollment_token_file else {
        return Ok(None);
    };
    let text = Source::File(path.clone()).read_text(4096, decode_text)?;
    let token = text.trim();
    if token.len() < 16 || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        let message = format!(
            "{}: expected a token of at least 16 visible ASCII characters in one line",
            show_path(path)
        );
        return Err(Failure::usage(message).hint("create one: openssl rand -hex 24 >FILE"));
    }
    Ok(Some(Sha256::digest(token.as_bytes()).into()))
}

fn bind(
    config: &Config,
    directory: &DataDir,
    name: &str,
    address: SocketAddr,
) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .map_err(|error| in_use(config, directory, not_bound(name, address, &error)))
}

fn not_bound(name: &str, address: SocketAddr, error: &std::io::Error) -> Failure {
    let option = name.replace('_', "-");
    Failure::io("listen on", Path::new(&address.to_string()), error).hint(format!(
        "choose another address or port with --{option} or LICENSE_SERVER_{}",
        name.to_ascii_uppercase()
    ))
}

/// Names the other server that uses the directory, which is the usual reason why a port is taken.
fn in_use(config: &Config, directory: &DataDir, failure: Failure) -> Failure {
    match SqliteStore::refuse_running(directory.path()) {
        Err(error @ ServerStoreError::Locked(_)) => not_opened(config, &error),
        _ => failure,
    }
}

/// Raises the limit of open files to the maximum number of connections.
fn allow_descriptors(config: &Config, terminal: &Terminal) {
    let wanted = u64::from(config.limits.max_connections).saturating_add(OWN_DESCRIPTORS);
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let allowed = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let raised = Rlimit {
        current: Some(allowed),
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_err() || allowed < wanted {
        terminal.warning(
            "FEW_FILES",
            &format!("the system allows {allowed} open files, and max_connections needs {wanted}"),
        );
    }
}

/// The message of a started server to its operator.
struct Start {
    url: String,
    /// The fingerprint of the certificate.
    fingerprint: Option<String>,
    /// The secret of the one-time link, if there is no administrator yet.
    setup: Option<String>,
    metrics: Option<SocketAddr>,
    has_license: bool,
    has_trust: bool,
    is_vendor: bool,
}

impl Start {
    fn print(
        &self,
        directory: &DataDir,
        options: &str,
        terminal: &Terminal,
    ) -> Result<(), Failure> {
        let setup_url = self
            .setup
            .as_ref()
            .map(|secret| format!("{}/setup/{secret}", self.url));
        if terminal.is_json() {
            return terminal.json(&json!({
                "url": self.url,
                "setup_url": setup_url,
                "certificate_sha256": self.fingerprint,
                "metrics": self.metrics.map(|address| address.to_string()),
                "data_dir": show_path(directory.path()),
                "request": show_path(&directory.request()),
                "has_license": self.has_license,
                "role": if self.is_vendor { "vendor" } else { "site" },
            }));
        }
        let mut text = format!("listening on {}", self.url);
        if let Some(metrics) = self.metrics {
            text.push_str(&format!("\nmetrics: http://{metrics}/metrics"));
        }
        text.push_str(&format!(
            "\ndata directory: {}",
            show_path(directory.path())
        ));
        if let Some(fingerprint) = &self.fingerprint {
            // One line, like that of OpenSSL, so that the two can be compared.
            text.push_str(&format!("\ncertificate SHA-256:\n{fingerprint}"));
        }
        if let Some(url) = &setup_url {
            text.push_str(&format!(
                "\n\nCreate the first administrator with this link, which works once, for 24 hours:\n  {url}"
            ));
        }
        if self.is_vendor {
            text.push_str(&format!(
                "\n\nThis is a vendor's server. Issue licenses with a browser:\n  {}/licenses/issue",
                self.url
            ));
        } else if !self.has_license {
            text.push_str(&self.steps(directory, options));
        }
        terminal.data(&text)
    }

    /// Returns the steps to the first license.
    fn steps(&self, directory: &DataDir, options: &str) -> String {
        let trust = if self.has_trust { "" } else { "trust.jwks " };
        format!(
            "\n\nThere is no license yet:\n  1. Send the vendor this file, which contains no secret:\n     \
             {}\n  2. Install what the vendor sends back:\n     license-server install{options} {trust}acme.lic",
            show_path(&directory.request())
        )
    }
}
