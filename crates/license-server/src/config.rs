//! The configuration of the server, from options, variables and one TOML file.

mod billing;
mod file;
mod mail;
mod metering;
mod reader;
mod sales;
mod service;
mod service_url;
mod setting;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use license_cli_support::{Exit, Failure};
use license_issuer::signer::KeyLocation;

use crate::network::{DestinationPolicy, Network};

pub(crate) use billing::BillingConfig;
pub(crate) use mail::{AccountConfig, MailConfig, MailServer};
pub(crate) use metering::MeteringConfig;
use reader::{Reader, log_filter, log_format, public_url, server_name};
pub(crate) use sales::{InvoiceConfig, TrialConfig};
pub(crate) use service::{ServiceConfig, private_text};
pub(crate) use setting::{SETTINGS, ShownSetting, shown_origin};
pub(crate) use settings::Settings;

/// The configuration of the server.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) data_dir: PathBuf,
    /// Whether no setting names the data directory.
    pub(crate) is_default_dir: bool,
    /// The options of this command line that name the server, with a space before each, for the
    /// commands that hints show.
    pub(crate) options: String,
    /// The PostgreSQL database. `None`: SQLite in the data directory.
    pub(crate) database: Option<ServiceConfig>,
    /// Redis for renewals, in addition to the PostgreSQL database.
    pub(crate) redis: Option<ServiceConfig>,
    /// The key of the server in an HSM. `None`: a file in the data directory.
    pub(crate) key: Option<TokenKey>,
    pub(crate) listen: SocketAddr,
    pub(crate) public_url: Option<String>,
    /// The first name of `tls_names`, by which clients reach a server that listens on all addresses.
    pub(crate) first_name: Option<String>,
    pub(crate) tls: Tls,
    pub(crate) metrics_listen: Option<SocketAddr>,
    pub(crate) trust: Option<PathBuf>,
    pub(crate) product_file: Option<PathBuf>,
    /// The ledger and the key of a vendor. A site server has none.
    pub(crate) vendor: Option<VendorSettings>,
    pub(crate) name: String,
    pub(crate) allowed_networks: Vec<Network>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) enrollment_token_file: Option<PathBuf>,
    /// The provider at which users log in. `None`: seats need no login.
    pub(crate) login: Option<LoginConfig>,
    pub(crate) limits: Limits,
    /// The server that sends mail. `None`: the server sends none.
    pub(crate) mail: Option<MailConfig>,
    pub(crate) accounts: AccountConfig,
    /// The number of days for which telemetry is kept. 0: none is accepted.
    pub(crate) telemetry_days: u32,
    /// The meters, and the thresholds of anomalies.
    pub(crate) metering: MeteringConfig,
    /// The addresses to which webhooks may lead.
    pub(crate) webhooks: DestinationPolicy,
    /// The trials that people start on a vendor's server.
    pub(crate) trials: TrialConfig,
    pub(crate) invoices: InvoiceConfig,
    /// The file with the authorities of the certificates of webhooks.
    pub(crate) webhook_ca_file: Option<PathBuf>,
    /// The payment provider. `None`: the server sells nothing.
    pub(crate) billing: Option<BillingConfig>,
    pub(crate) log: String,
    pub(crate) log_format: LogFormat,
}

/// A key of the server in an HSM or another PKCS#11 token.
#[derive(Clone, Debug)]
pub(crate) struct TokenKey {
    pub(crate) location: KeyLocation,
    /// The file with the PIN, unless the URI names it.
    pub(crate) pin_file: Option<PathBuf>,
    /// The PKCS#11 module, unless the URI names it.
    pub(crate) module: Option<PathBuf>,
}

/// The settings that only a vendor's server has.
#[derive(Clone, Debug)]
pub(crate) struct VendorSettings {
    /// The file of the ledger.
    pub(crate) ledger: PathBuf,
    pub(crate) signing_key: KeyLocation,
    pub(crate) passphrase_file: Option<PathBuf>,
}

/// The OpenID provider at which users log in.
#[derive(Clone, Debug)]
pub(crate) struct LoginConfig {
    /// The issuer, exactly as tokens name it.
    pub(crate) issuer: String,
    /// The audience of the tokens.
    pub(crate) client_id: String,
    /// The claim with the name of the user.
    pub(crate) claim: String,
    /// Whether seats require a login.
    pub(crate) is_required: bool,
    /// The file with the keys of the provider. `None`: they are loaded from the provider.
    pub(crate) keys: Option<PathBuf>,
    /// The file with the authorities of the provider's certificate.
    pub(crate) ca_file: Option<PathBuf>,
}

/// The use of TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    Off,
    /// A certificate of the operator.
    Files {
        cert: PathBuf,
        key: PathBuf,
    },
    /// A certificate that the server creates for these names.
    SelfSigned {
        names: Vec<String>,
    },
}

/// Limits of connections and requests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Requests per second of one peer. `None`: no limit.
    pub(crate) peer_rate: Option<NonZeroU32>,
    /// Requests per second with one license. `None`: no limit.
    pub(crate) license_rate: Option<NonZeroU32>,
    pub(crate) max_connections: u32,
    pub(crate) max_connections_per_peer: u32,
    pub(crate) handshake_timeout: Duration,
    pub(crate) header_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) shutdown_timeout: Duration,
}

/// The format of the logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    Auto,
    Json,
    Text,
}

impl Config {
    /// Parses the settings.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` for an invalid value in the settings file, and `USAGE` for any other
    /// invalid value or combination. The message names the setting and what was expected, and the
    /// place if the value comes from a variable or the file. Returns `NO_TLS` if TLS is off, the
    /// server would listen outside loopback, and no proxy is trusted. Returns `IO` if no data
    /// directory is set and the user has no home directory.
    pub(crate) fn new(settings: &Settings) -> Result<Self, Failure> {
        let reader = Reader(settings);
        let listen = reader.address("listen")?;
        let public_url = reader.optional("public_url", public_url)?;
        let data_dir = reader.path("data_dir");
        let metrics_listen = reader.optional_address("metrics_listen")?;
        if metrics_listen == Some(listen) && listen.port() != 0 {
            let message =
                format!("listen and metrics_listen: expected two ports, found {listen} twice");
            return Err(Failure::usage(message).hint("choose another port with --metrics-listen"));
        }
        let (database, redis) = reader.databases()?;
        let vendor = reader.vendor()?;
        if vendor.is_some() && database.is_some() {
            let message = "expected the settings ledger or database, found both: a vendor's server \
                           keeps its database in the data directory";
            return Err(Failure::usage(message).hint(
                "remove database for a vendor's server, or ledger and signing_key for a site server",
            ));
        }
        let billing = reader.billing(vendor.is_some())?;
        let config = Self {
            is_default_dir: data_dir.is_none(),
            options: settings.server_options(),
            data_dir: match data_dir {
                Some(path) => path,
                None => default_data_dir()?,
            },
            database,
            redis,
            key: reader.token_key()?,
            listen,
            tls: reader.tls(listen, public_url.as_deref())?,
            first_name: reader.first_tls_name(),
            public_url,
            metrics_listen,
            trust: reader.path("trust"),
            product_file: reader.path("product_file"),
            vendor,
            name: match reader.optional("name", server_name)? {
                Some(name) => name,
                None => host_name(),
            },
            allowed_networks: reader.networks("allowed_networks")?,
            trusted_proxies: reader.networks("trusted_proxies")?,
            enrollment_token_file: reader.path("enrollment_token_file"),
            login: reader.login()?,
            limits: reader.limits()?,
            mail: reader.mail()?,
            accounts: reader.accounts()?,
            telemetry_days: reader.telemetry_days()?,
            metering: reader.metering()?,
            webhooks: DestinationPolicy {
                networks: reader.networks("webhook_networks")?,
                allows_http: reader.switch("webhook_http")?,
            },
            trials: reader.trials()?,
            invoices: reader.invoices()?,
            webhook_ca_file: reader.path("webhook_ca_file"),
            billing,
            log: reader.parsed("log", log_filter)?,
            log_format: reader.parsed("log_format", log_format)?,
        };
        Ok(config)
    }

    /// Returns the URL for clients: the public URL if it is set, otherwise one for the address on
    /// which the server listens. A server that listens on all addresses has the first name of
    /// `tls_names`, or that of the machine.
    pub(crate) fn url(&self, address: SocketAddr) -> String {
        match &self.public_url {
            Some(url) => url.clone(),
            None => {
                let scheme = if self.tls == Tls::Off {
                    "http"
                } else {
                    "https"
                };
                format!(
                    "{scheme}://{}",
                    reachable(address, self.first_name.as_deref())
                )
            }
        }
    }
}

/// Returns the host and port by which clients reach a listener: the name if it listens on all
/// addresses.
fn reachable(address: SocketAddr, name: Option<&str>) -> String {
    if !address.ip().is_unspecified() {
        return address.to_string();
    }
    let port = address.port();
    match name.map(str::parse::<IpAddr>) {
        Some(Ok(ip)) => SocketAddr::new(ip, port).to_string(),
        _ => format!("{}:{port}", name.map_or_else(host_name, str::to_owned)),
    }
}

/// Returns the name of this machine.
pub(crate) fn host_name() -> String {
    let name = rustix::system::uname();
    let name = name.nodename().to_string_lossy();
    if name.is_empty() {
        "localhost".to_owned()
    } else {
        name.into_owned()
    }
}

fn default_data_dir() -> Result<PathBuf, Failure> {
    let directories = directories::BaseDirs::new().ok_or_else(|| {
        Failure::new(
            Exit::System,
            "IO",
            "this user has no home directory, so there is no default data directory",
        )
        .hint("choose a directory with --data-dir or LICENSE_SERVER_DATA_DIR")
    })?;
    Ok(directories.data_dir().join("license-server"))
}

/// Returns the files that the configuration names, for checks.
pub(crate) fn files(config: &Config) -> Vec<(&'static str, &Path)> {
    let mut files = Vec::new();
    if let Tls::Files { cert, key } = &config.tls {
        files.push(("tls_cert", cert.as_path()));
        files.push(("tls_key", key.as_path()));
    }
    let (token, login) = (config.key.as_ref(), config.login.as_ref());
    let optional = [
        ("pin_file", token.map_or(&None, |key| &key.pin_file)),
        ("pkcs11_module", token.map_or(&None, |key| &key.module)),
        ("trust", &config.trust),
        ("product_file", &config.product_file),
        ("meters_file", &config.metering.file),
        ("enrollment_token_file", &config.enrollment_token_file),
        ("invoice_entities", &config.invoices.entities),
        ("webhook_ca_file", &config.webhook_ca_file),
        ("login_keys", login.map_or(&None, |login| &login.keys)),
        ("login_ca_file", login.map_or(&None, |login| &login.ca_file)),
    ];
    if let Some(vendor) = &config.vendor {
        // The ledger is not in the list: if it is missing, it is created at the first start.
        files.extend(vendor.signing_key.file().map(|path| ("signing_key", path)));
        let passphrase = vendor.passphrase_file.as_deref();
        files.extend(passphrase.map(|path| ("signing_key_passphrase_file", path)));
    }
    files.extend(
        optional
            .into_iter()
            .filter_map(|(name, path)| Some((name, path.as_deref()?))),
    );
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_reached_by_its_first_name() {
        for (address, name, expected) in [
            (
                "0.0.0.0:8443",
                Some("licenses.example.com"),
                "licenses.example.com:8443",
            ),
            ("[::]:8443", Some("10.0.0.5"), "10.0.0.5:8443"),
            ("[::]:8443", Some("fd00::5"), "[fd00::5]:8443"),
            (
                "10.0.0.5:8443",
                Some("licenses.example.com"),
                "10.0.0.5:8443",
            ),
            ("127.0.0.1:8443", None, "127.0.0.1:8443"),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(reachable(address, name), expected);
        }
        let unnamed = reachable("0.0.0.0:8443".parse().unwrap(), None);
        assert_eq!(unnamed, format!("{}:8443", host_name()));
    }
}
