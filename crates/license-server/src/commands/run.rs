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
use super::opened::{OpenedServer, open, prepare, refused, runtime};
use crate::api::{self, App, AppSettings};
use crate::certificate::CertificateFiles;
use crate::config::{Config, ShownSetting};
use crate::data_dir::DataDir;
use crate::login::{LoginVerifier, PROVIDER_TIMEOUT};
use crate::logs;
use crate::metrics::Metrics;
use crate::oidc::OidcService;
use crate::server::{RunningServer, Signals};
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
    let prepared = prepare(&config, KeyBits::B2048)?;
    if prepared.is_new {
        let directory = show_path(prepared.directory.path());
        terminal.note(&format!("created a new server in {directory}"));
    }
    allow_descriptors(&config, terminal);
    runtime()?.block_on(serve(config, shown, prepared.directory, terminal))
}

async fn serve(
    config: Config,
    shown: Vec<ShownSetting>,
    directory: DataDir,
    terminal: &Terminal,
) -> Result<(), Failure> {
    let signals = Signals::new();
    let signals = signals.map_err(|error| Failure::io("handle", Path::new("signals"), &error))?;
    let tls = CertificateFiles::prepare(&config.tls, &directory)?;
    let tls = tls.map(|files| files.load().map(|certificate| (certificate, files)));
    let tls = tls.transpose()?;
    let enrollment_token = enrollment_token(&config)?;
    // The ports come before the database, because a server that cannot start must not change it.
    let bind =
        |name, address| bind(name, address).map_err(|failure| in_use(&config, &directory, failure));
    let listener = bind("listen", config.listen)?;
    let metrics_listener = config
        .metrics_listen
        .map(|address| bind("metrics_listen", address));
    let metrics_listener = metrics_listener.transpose()?;
    let metrics = Metrics::new().map_err(|error| {
        Failure::new(Exit::System, "METRICS", error.to_string()).hint("report this error")
    })?;
    let metrics = Arc::new(metrics);
    let access = DatabaseAccess::Serve(Arc::<Metrics>::clone(&metrics));
    let opened = open(&config, &directory, access).await?;
    let address = listener.local_addr();
    let address = address.map_err(|error| not_bound("listen", config.listen, &error))?;
    let fingerprint = tls
        .as_ref()
        .map(|(certificate, _)| certificate.fingerprint.clone());
    let services = &opened.services;
    let is_empty = services.licenses.is_empty().await;
    let is_empty = is_empty.map_err(|refusal| refused(&refusal))?;
    let listeners = (listener, metrics_listener);
    let settings = AppSettings {
        limits: config.limits,
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_networks: config.allowed_networks.clone(),
        enrollment_token,
        shown,
        // Without it, the pages do not offer it.
        server_request: std::fs::read_to_string(directory.request()).ok(),
        url: config.url(address),
    };
    // The first two write to the database. The routes are built while the disk stores the changes.
    let (setup, readiness, server) =
        tokio::join!(services.setup.start(), services.readiness(), async {
            assemble(&config, &opened, Arc::clone(&metrics), listeners, settings)
        },);
    let server = server?;
    let start = Start {
        url: config.url(address),
        fingerprint,
        setup: setup.map_err(|refusal| refused(&refusal))?,
        metrics: server
            .metrics_listener
            .as_ref()
            .and_then(|listener| listener.local_addr().ok()),
        has_license: !is_empty,
        has_trust: opened.has_trust,
        is_vendor: services.is_vendor(),
    };
    let problem = readiness.map_err(|refusal| refused(&refusal))?.problem();
    if let Some((certificate, _)) = &tls {
        metrics.certificate(certificate.ends_at());
        certificate.warn(&config.tls, terminal);
    }
    let server = RunningServer {
        tls: tls.map(|(certificate, files)| (RustlsConfig::from_config(certificate.config), files)),
        ..server
    };
    start.print(&directory, &config.options, terminal)?;
    if let Some((code, problem)) = problem {
        terminal.warning(code, problem);
    }
    let ended = server.run(signals).await;
    let closed = opened.database.store.close().await;
    ended.map_err(|error| Failure::io("serve", Path::new(&address.to_string()), &error))?;
    closed.map_err(|error| not_opened(&config, &error))
}

fn assemble(
    config: &Config,
    opened: &OpenedServer,
    metrics: Arc<Metrics>,
    (listener, metrics_listener): (TcpListener, Option<TcpListener>),
    settings: AppSettings,
) -> Result<RunningServer, Failure> {
    let (stopping, stops) = watch::channel(false);
    let (tenants, clock) = (Arc::clone(&opened.tenants), Arc::clone(&opened.clock));
    let login = config.login.clone();
    let url = config.url(listener.local_addr().unwrap_or(config.listen));
    let oidc = OidcService::new(
        Arc::clone(&tenants),
        Arc::clone(&clock),
        &url,
        PROVIDER_TIMEOUT,
    );
    let login = login.map(|login| LoginVerifier::new(login, clock));
    let app = App::new(
        Arc::clone(&tenants),
        Arc::clone(&metrics),
        settings,
        login.transpose()?,
        oidc,
        stops,
    );
    let webhooks = dispatcher(config, &tenants, &metrics)?;
    Ok(RunningServer {
        router: api::router(&app),
        metrics_router: api::metrics_router(&app),
        tenants,
        webhooks,
        metrics,
        limits: config.limits,
        trusted_proxies: config.trusted_proxies.clone(),
        listener,
        metrics_listener,
        tls: None,
        tls_setting: config.tls.clone(),
        stopping,
    })
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

fn bind(name: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).map_err(|error| not_bound(name, address, &error))
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
