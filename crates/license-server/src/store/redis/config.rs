//! The address of Redis.

use std::fmt;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};
use zeroize::Zeroizing;

/// The address of a Redis, and how the server logs in. No output shows the password.
#[derive(Clone)]
pub struct RedisConfig {
    info: ConnectionInfo,
}

impl RedisConfig {
    /// Parses the URL `redis://[USER[:PASSWORD]@]HOST[:PORT][/NUMBER]`, or `rediss://` with TLS. A
    /// password that is given separately replaces that of the URL.
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
        let is_accepted = url.starts_with("redis://") || url.starts_with("rediss://");
        // A fragment would switch off the check of the certificate.
        let info = if is_accepted && !url.contains('#') {
            url.into_connection_info().ok()
        } else {
            None
        };
        let expected = "redis://HOST[:PORT][/NUMBER], or rediss:// with TLS";
        let info = info.ok_or_else(|| format!("expected {expected}, found another URL"))?;
        let info = match password {
            Some(password) => {
                let settings = info.redis_settings().clone();
                info.set_redis_settings(settings.set_password(password.as_str()))
            }
            None => info,
        };
        Ok(Self { info })
    }

    /// Returns whether the URL or a file gave a password.
    pub fn has_password(&self) -> bool {
        self.info.redis_settings().password().is_some()
    }

    /// Returns what the client needs to connect.
    pub(super) fn info(&self) -> &ConnectionInfo {
        &self.info
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
        assert_eq!(
            config.info().redis_settings().password(),
            Some("other-secret")
        );
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
        ] {
            let message = RedisConfig::parse(url, None).unwrap_err();
            assert!(!message.contains("secret"), "{url}: {message}");
        }
    }
}
