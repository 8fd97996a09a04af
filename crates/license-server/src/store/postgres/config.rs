//! The address of the database.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use zeroize::Zeroizing;

use crate::store::tls::TlsFiles;

/// How long TCP connections may take to be established, by all hosts of the URL together. TLS and
/// the login do not count.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// After which time without an answer a connection counts as lost.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// The time limits of a session in the database. A node that loses the network keeps its locks for
/// at most `idle_in_transaction_session_timeout`. The database notices within a second that the
/// client of a waiting statement is gone. All statements are short, but the planner expects many
/// rows of new tables and of arrays. It would then spend most of the time on compiling statements.
const SESSION: &str = "-c jit=off -c statement_timeout=10s -c lock_timeout=5s \
    -c idle_in_transaction_session_timeout=5s -c tcp_user_timeout=10s \
    -c client_connection_check_interval=1s";

/// The address of a PostgreSQL database, with the role and its password.
///
/// `Debug` and `Display` omit the password.
#[derive(Clone)]
pub struct PostgresConfig {
    pub(super) client: tokio_postgres::Config,
    pub(super) tls: TlsFiles,
}

impl PostgresConfig {
    /// Parses a URL such as `postgres://role@db.example:5432/licenses`.
    ///
    /// The URL can have the parameters of `libpq`, except that `sslmode` is `verify-full` or
    /// `disable`. The default is `verify-full`, or `disable` for a database on the same machine
    /// without files of TLS. With several hosts, connections lead to the one that is no standby.
    /// `password` replaces the password of the URL.
    ///
    /// # Errors
    ///
    /// Returns a message without the URL, because the URL can contain a password.
    pub fn parse(url: &str, password: Option<&Zeroizing<String>>) -> Result<Self, String> {
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(expected("another text"));
        }
        // A password can contain a question mark.
        let after_password = url.find('@').unwrap_or_default();
        let (_, rest) = url.split_at(after_password);
        let (rest, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let address = url.get(..after_password.saturating_add(rest.len()));
        let address = address.unwrap_or_default();
        let (tls, parameters) = TlsFiles::parse(parameters).map_err(|found| expected(&found))?;
        let (modes, others): (Vec<_>, Vec<_>) = parameters
            .into_iter()
            .partition(|parameter| parameter.starts_with("sslmode="));
        let mode = modes.last().and_then(|mode| mode.strip_prefix("sslmode="));
        let rest = format!("{address}?{}", others.join("&"));
        // The errors of the parser can contain a part of the password.
        let client: Result<tokio_postgres::Config, _> = rest.parse();
        let mut client = client.map_err(|_| expected("a URL that is not accepted"))?;
        if client.get_hosts().is_empty() {
            return Err(expected("a URL without a host"));
        }
        if client.get_user().is_none_or(str::is_empty) {
            return Err(expected("a URL without a role"));
        }
        if client.get_dbname().is_none_or(str::is_empty) {
            return Err(expected("a URL without the name of a database"));
        }
        let is_local = client.get_hosts().iter().all(is_local);
        client.ssl_mode(match mode {
            None if is_local && tls.is_empty() => SslMode::Disable,
            None | Some("verify-full") => SslMode::Require,
            Some("disable") if !tls.is_empty() => {
                return Err(expected("files of TLS and sslmode=disable"));
            }
            Some("disable") => SslMode::Disable,
            Some(other) => {
                return Err(format!(
                    "expected sslmode=verify-full or sslmode=disable in the URL of the database, \
                     found sslmode={other}"
                ));
            }
        });
        if let Some(password) = password {
            client.password(password.as_bytes());
        }
        if client.get_application_name().is_none() {
            client.application_name("license-server");
        }
        let hosts = u32::try_from(client.get_hosts().len()).unwrap_or(u32::MAX);
        if hosts > 1 {
            client.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let connect_timeout = CONNECT_TIMEOUT.checked_div(hosts).unwrap_or_default();
        let options = client.get_options().unwrap_or_default();
        let options = format!("{options} {SESSION}");
        client
            .options(options.trim_start())
            .connect_timeout(connect_timeout)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives_idle(TCP_USER_TIMEOUT);
        Ok(Self { client, tls })
    }

    /// Returns whether the URL or the file has a password.
    pub fn has_password(&self) -> bool {
        self.client.get_password().is_some()
    }

    /// Returns whether connections are encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.client.get_ssl_mode() == SslMode::Require
    }
}

fn expected(found: &str) -> String {
    format!("expected a URL such as postgres://role@db.example:5432/licenses, found {found}")
}

fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// Prints the hosts and the name of the database.
impl fmt::Display for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("postgres://")?;
        let ports = self.client.get_ports();
        for (index, host) in self.client.get_hosts().iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) if name.contains(':') => write!(f, "[{name}]")?,
                Host::Tcp(name) => f.write_str(name)?,
                #[cfg(unix)]
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            // One port can apply to all hosts.
            if let Some(port) = ports.get(index).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.client.get_dbname().unwrap_or_default())
    }
}

impl fmt::Debug for PostgresConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostgresConfig({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<PostgresConfig, String> {
        PostgresConfig::parse(url, None)
    }

    #[test]
    fn a_password_is_never_printed() {
        let url = "postgres://role:hunter2@db.example:5433/licenses";
        let config = parse(url).unwrap();
        assert!(config.has_password());
        assert_eq!(config.to_string(), "postgres://db.example:5433/licenses");
        assert_eq!(
            format!("{config:?}"),
            "PostgresConfig(postgres://db.example:5433/licenses)"
        );
        for damaged in [
            "hunter2",
            "host=db password=hunter2",
            "postgres://role:hunter2@/licenses",
            "postgres://role:hunter2@db:port/licenses",
            "postgres://db/licenses?password=hunter2",
            "postgres://role:hunter2@db",
            "postgres://role:hunter2@db/licenses?sslrootcert=%ff",
            "postgres://role:hunter2@db/licenses?sslrootcert=ca.pem&sslmode=disable",
        ] {
            let message = parse(damaged).unwrap_err();
            assert!(message.starts_with("expected a URL"), "{message}");
            assert!(!message.contains("hunter2"), "{message}");
        }
        let config = parse("postgres://role:x?sslmode=y@db/licenses?sslmode=disable").unwrap();
        assert_eq!(config.client.get_password(), Some("x?sslmode=y".as_bytes()));
        let config = parse("postgres://role@db/licenses").unwrap();
        assert!(!config.has_password());
        let file = Zeroizing::new("hunter2".to_owned());
        let config = PostgresConfig::parse("postgres://role@db/licenses", Some(&file)).unwrap();
        assert_eq!(config.client.get_password(), Some("hunter2".as_bytes()));
    }

    #[test]
    fn connections_to_other_machines_are_encrypted_by_default() {
        for (url, expected) in [
            ("postgres://role@db.example/licenses", true),
            ("postgres://role@10.0.0.1/licenses", true),
            ("postgres://role@localhost,db.example/licenses", true),
            ("postgres://role@localhost/licenses", false),
            ("postgresql://role@127.0.0.2:5433/licenses", false),
            ("postgres://role@[::1]/licenses", false),
            ("postgres://role@%2Frun%2Fpostgresql/licenses", false),
            ("postgres://role@localhost/l?sslmode=verify-full", true),
            ("postgres://role@localhost/l?sslrootcert=ca.pem", true),
            ("postgres://role@db.example/l?sslmode=disable", false),
        ] {
            assert_eq!(parse(url).unwrap().is_encrypted(), expected, "{url}");
        }
        for mode in ["require", "prefer", "verify-ca", ""] {
            let url = format!("postgres://role@db/licenses?sslmode={mode}");
            let message = parse(&url).unwrap_err();
            assert!(message.ends_with(&format!("sslmode={mode}")), "{message}");
        }
    }

    #[test]
    fn the_parameters_of_the_url_are_kept() {
        let url = "postgres://role@db/licenses?sslrootcert=%2Fetc%2Fca%20file.pem\
            &options=-csearch_path%3Dlicense&application_name=node-1";
        let config = parse(url).unwrap();
        let (files, _) = TlsFiles::parse("sslrootcert=%2Fetc%2Fca%20file.pem").unwrap();
        assert_eq!(config.tls, files);
        let options = config.client.get_options().unwrap();
        assert!(options.starts_with("-csearch_path=license -c jit=off -c statement_timeout=10s"));
        assert_eq!(config.client.get_application_name(), Some("node-1"));
    }

    #[test]
    fn with_several_hosts_connections_lead_to_the_primary() {
        let connection = |url| {
            let client = parse(url).unwrap().client;
            (
                client.get_target_session_attrs(),
                client.get_connect_timeout().copied(),
            )
        };
        // All hosts are tried within the time for one connection.
        let (attributes, timeout) = connection("postgres://role@a,b:5433/licenses");
        assert_eq!(attributes, TargetSessionAttrs::ReadWrite);
        assert_eq!(timeout, Some(CONNECT_TIMEOUT / 2));
        let (attributes, timeout) = connection("postgres://role@a/licenses");
        assert_eq!(attributes, TargetSessionAttrs::Any);
        assert_eq!(timeout, Some(CONNECT_TIMEOUT));
    }
}
