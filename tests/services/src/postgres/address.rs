//! Addresses of databases.

/// The parts of `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
}

impl Address {
    /// Returns the address of a cluster on the loopback interface, whose port is not known yet.
    pub(super) fn local(password: String) -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            user: "postgres".to_owned(),
            password,
            database: "postgres".to_owned(),
        }
    }

    /// Parses a URL. No part may contain an escape.
    pub(super) fn parse(url: &str) -> Option<Self> {
        let rest = url
            .strip_prefix("postgres://")
            .or_else(|| url.strip_prefix("postgresql://"))?;
        let (login, place) = rest.rsplit_once('@')?;
        let (user, password) = login.split_once(':')?;
        let (server, database) = place.split_once('/')?;
        let (host, port) = server.rsplit_once(':')?;
        Some(Self {
            host: host.to_owned(),
            port: port.parse().ok()?,
            user: user.to_owned(),
            password: password.to_owned(),
            database: database.to_owned(),
        })
    }

    pub(super) fn url(&self) -> String {
        let Self {
            host,
            port,
            user,
            password,
            database,
        } = self;
        format!("postgres://{user}:{password}@{host}:{port}/{database}")
    }

    pub(super) fn with_database(&self, database: &str) -> Self {
        Self {
            database: database.to_owned(),
            ..self.clone()
        }
    }

    pub(super) fn with_user(&self, user: &str, password: &str) -> Self {
        Self {
            user: user.to_owned(),
            password: password.to_owned(),
            ..self.clone()
        }
    }
}

/// Prints no password.
impl std::fmt::Debug for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.with_user(&self.user, "…").url();
        formatter.write_str(&shown)
    }
}
