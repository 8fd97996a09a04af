//! The address of Redis.

use std::fmt;
use std::time::Duration;

use redis::{
    Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates,
};
use zeroize::Zeroizing;

use super::error::RedisStoreError;
use crate::store::tls::TlsFiles;

/// The longest time of a command.
const COMMAND_LIMIT: Duration = Duration::from_millis(200);

/// The address of a Redis, and how the server logs in. No output shows the password.
#[derive(Clone)]
pub struct RedisConfig {
    info: ConnectionInfo,
    tls: TlsFiles,
    command_limit: Duration,
}

impl RedisConfig {
    /// Parses the URL `redis://[USER[:PASSWORD]@]HOST[:PORT][/NUMBER]`, or `rediss://` with TLS,
    /// which verifies the certificate and the name of the host. A URL with TLS can have the
    /// parameters `sslrootcert`, `sslcert` and `sslkey`, as a URL of PostgreSQL. A password that is
    /// given separately replaces that of the URL.
    ///
    /// # Errors
    ///
    /// Returns a message without the URL, which can contain a password.
    ///
    /// ```
    /// use license_server::store::redis::RedisConfig;
    ///
    /// let config = RedisConfig::parse("redis://:secret@127.0.0.1:6379/1", None)?;
    /// assert_eq!(config.to_string(), "redis://127.0.0.1:6379/1");
    /// assert!(RedisConfig::parse("http://127.0.0.1", None).is_err());
    /// # Ok::<(), String>(())
    /// ```
    pub fn parse(url: &str, password: Option<&Zeroizing<String>>) -> Result<Self, String> {
        let expected = |found: &str| {
            format!("expected redis://HOST[:PORT][/NUMBER], or rediss:// with TLS, found {found}")
        };
        let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
        let is_encrypted = address.starts_with("rediss://");
        let is_accepted = is_encrypted || address.starts_with("redis://");
        // A fragment would switch off the check of the certificate.
        let info = if is_accepted && !url.contains('#') {
            address.into_connection_info().ok()
        } else {
            None
        };
        let info = info.ok_or_else(|| expected("another URL"))?;
        let (tls, others) = TlsFiles::parse(parameters).map_err(|found| expected(&found))?;
        if !others.is_empty() {
            return Err(expected(
                "a parameter other than sslrootcert, sslcert and sslkey",
            ));
        }
        if !tls.is_empty() && !is_encrypted {
            return Err(expected("redis:// with files of TLS"));
        }
        let info = match password {
            Some(password) => {
                let settings = info.redis_settings().clone();
                info.set_redis_settings(settings.set_password(password.as_str()))
            }
            None => info,
        };
        Ok(Self {
            info,
            tls,
            command_limit: COMMAND_LIMIT,
        })
    }

    /// Returns whether the URL or a file gave a password.
    pub fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    /// Gives commands a minute, for tests on a machine that is busy.
    #[cfg(test)]
    pub(crate) fn patient(mut self) -> Self {
        self.command_limit = Duration::from_secs(60);
        self
    }

    /// Returns the longest time of a command.
    pub(super) const fn command_limit(&self) -> Duration {
        self.command_limit
    }

    /// Checks the files of TLS that the URL names.
    ///
    /// # Errors
    ///
    /// Returns [`RedisStoreError::Tls`] if a file cannot be used.
    pub fn check_files(&self) -> Result<(), RedisStoreError> {
        self.client().map(drop)
    }

    /// Returns the client of Redis. Reads the files of TLS.
    pub(super) fn client(&self) -> Result<Client, RedisStoreError> {
        if !matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Ok(Client::open(self.info.clone())?);
        }
        let content = self.tls.read()?;
        // Refuses other content.
        content.client()?;
        let certificates = TlsCertificates {
            root_cert: content.authorities,
            client_tls: content.client.map(|(client_cert, key)| ClientTlsConfig {
                client_cert,
                client_key: key.to_vec(),
            }),
        };
        Ok(Client::build_with_tls(self.info.clone(), certificates)?)
    }
}

impl fmt::Display for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.info.redis_settings().db();
        match self.info.addr() {
            ConnectionAddr::Tcp(host, port) => write!(f, "redis://{host}:{port}/{number}"),
            ConnectionAddr::TcpTls { host, port, .. } => {
                write!(f, "rediss://{host}:{port}/{number}")
            }
            _ => f.write_str("redis"),
        }
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisConfig({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_shows_the_password() {
        let url = "rediss://ann:one-secret@redis.example.com:6380";
        let config = RedisConfig::parse(url, None).unwrap();
        assert_eq!(config.to_string(), "rediss://redis.example.com:6380/0");
        assert!(config.has_password());
        assert!(!format!("{config:?}").contains("secret"));
        let password = Zeroizing::new("other-secret".to_owned());
        let config = RedisConfig::parse("redis://localhost", Some(&password)).unwrap();
        let settings = config.info.redis_settings();
        assert_eq!(settings.password(), Some("other-secret"));
        assert!(!format!("{config:?} {config}").contains("secret"));
    }

    #[test]
    fn a_url_that_is_not_accepted_is_refused_without_its_password() {
        for url in [
            "",
            "redis",
            "redis://:secret@",
            "http://:secret@localhost",
            "unix:///secret",
            "redis://:secret@localhost/x",
            "rediss://:secret@localhost/#insecure",
            "rediss://:secret@localhost/?sslrootcert=ca.pem#insecure",
            "redis://:secret@localhost?sslrootcert=ca.pem",
            "rediss://:secret@localhost?sslcert=secret.pem",
            "rediss://localhost?password=secret",
        ] {
            let message = RedisConfig::parse(url, None).unwrap_err();
            assert!(!message.contains("secret"), "{url}: {message}");
        }
    }
}
