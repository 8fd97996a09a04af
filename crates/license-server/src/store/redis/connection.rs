//! The connection to Redis, which is checked before it is used.
//!
//! After a failover, the same address is that of another Redis, which may have lost renewals. A
//! connection that reconnects by itself would hide this, so each new connection is checked here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use license_core::with_causes;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, FromRedisValue, ScriptInvocation};
use tokio::task::JoinHandle;

use super::config::RedisConfig;
use super::error::RedisStoreError;
use crate::log_limit;

/// The longest time of a connection attempt.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// The time between two checks of the connection, and between two attempts to connect.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The oldest version of Redis that is accepted.
const MIN_VERSION: u32 = 6;

/// The role of a Redis that is not a replica.
const PRIMARY: &str = "master";

/// A connection to Redis that is established again after it is lost.
pub(super) struct RedisLink {
    state: Arc<LinkState>,
    keeper: JoinHandle<()>,
}

struct LinkState {
    client: Client,
    command_limit: Duration,
    current: Mutex<Result<RedisConnection, RedisStoreError>>,
}

/// A connection to a Redis whose identity is known.
#[derive(Clone)]
pub(super) struct RedisConnection {
    connection: MultiplexedConnection,
    server: Arc<str>,
}

impl RedisLink {
    /// Connects to Redis. A Redis that cannot be reached is tried again later.
    ///
    /// # Errors
    ///
    /// Returns an error if a file of TLS cannot be used, if Redis refuses the password, or if it
    /// has settings that are not accepted.
    pub(super) async fn open(config: &RedisConfig) -> Result<Self, RedisStoreError> {
        let state = Arc::new(LinkState {
            client: config.client()?,
            command_limit: config.command_limit(),
            current: Mutex::new(Err(RedisStoreError::NotConnected)),
        });
        let connected = state.connect().await;
        match &connected {
            Err(error) if !error.is_disconnected() => return Err(error.clone()),
            _ => state.set(connected),
        }
        let keeper = tokio::spawn(keep(Arc::clone(&state)));
        Ok(Self { state, keeper })
    }

    /// Returns the connection to the Redis with this identity.
    ///
    /// # Errors
    ///
    /// Returns an error if there is no connection, or if it is to another Redis.
    pub(super) fn to(&self, server: &str) -> Result<RedisConnection, RedisStoreError> {
        let connection = self.current()?;
        if *connection.server == *server {
            Ok(connection)
        } else {
            Err(RedisStoreError::NotConnected)
        }
    }

    /// Returns the identity of the Redis, or why there is no connection.
    pub(super) fn server(&self) -> Result<Arc<str>, RedisStoreError> {
        self.current().map(|connection| connection.server)
    }

    /// Returns the connection, or why there is none.
    pub(super) fn current(&self) -> Result<RedisConnection, RedisStoreError> {
        self.state.lock().clone()
    }

    /// Runs a script. A connection that fails is closed.
    pub(super) async fn invoke<T: FromRedisValue>(
        &self,
        on: &RedisConnection,
        invocation: &ScriptInvocation<'_>,
    ) -> Result<T, RedisStoreError> {
        let reply = invocation.invoke_async(&mut on.connection.clone()).await;
        self.state.checked(on, reply)
    }

    /// Runs a command or a pipeline of commands. A connection that fails is closed.
    pub(super) async fn query<T: FromRedisValue>(
        &self,
        on: &RedisConnection,
        pipeline: &redis::Pipeline,
    ) -> Result<T, RedisStoreError> {
        let reply = pipeline.query_async(&mut on.connection.clone()).await;
        self.state.checked(on, reply)
    }

    /// Checks that the Redis of a connection has not been a replica meanwhile. It would have the
    /// data of another Redis.
    pub(super) async fn check_history(&self, on: &RedisConnection) -> Result<(), RedisStoreError> {
        let found = ServerInfo::read(&on.connection, "replication").await;
        let checked = found.and_then(|info| {
            let is_same = info.role == PRIMARY && on.server.ends_with(&info.replication_id);
            is_same.then_some(()).ok_or(RedisStoreError::NotConnected)
        });
        self.state.keep_if(on, checked)
    }
}

impl Drop for RedisLink {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

impl LinkState {
    async fn connect(&self) -> Result<RedisConnection, RedisStoreError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_LIMIT))
            .set_response_timeout(Some(self.command_limit));
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let server = ServerInfo::read(&connection, "default").await?.identity()?;
        Ok(RedisConnection { connection, server })
    }

    /// Checks that a connection is still to the same Redis, and that its settings are accepted.
    async fn check(&self, on: &RedisConnection) -> Result<(), RedisStoreError> {
        let found = ServerInfo::read(&on.connection, "default").await;
        let checked = found.and_then(ServerInfo::identity).and_then(|server| {
            let is_same = server == on.server;
            is_same.then_some(()).ok_or(RedisStoreError::NotConnected)
        });
        self.keep_if(on, checked)
    }

    /// Returns the result of a command. A connection that failed is closed.
    fn checked<T>(
        &self,
        on: &RedisConnection,
        reply: redis::RedisResult<T>,
    ) -> Result<T, RedisStoreError> {
        let reply = reply.map_err(RedisStoreError::from);
        if reply.as_ref().is_err_and(RedisStoreError::is_disconnected) {
            return self.keep_if(on, reply);
        }
        reply
    }

    /// Keeps a connection if a check succeeded.
    fn keep_if<T>(
        &self,
        on: &RedisConnection,
        checked: Result<T, RedisStoreError>,
    ) -> Result<T, RedisStoreError> {
        if let Err(error) = &checked {
            self.give_up(on, error);
        }
        checked
    }

    /// Gives up a connection, unless another one has replaced it.
    fn give_up(&self, failed: &RedisConnection, error: &RedisStoreError) {
        let mut current = self.lock();
        if let Ok(connection) = &*current
            && connection.server == failed.server
        {
            *current = Err(error.clone());
        }
    }

    fn set(&self, connection: Result<RedisConnection, RedisStoreError>) {
        match &connection {
            Ok(_) => tracing::info!("connected to Redis"),
            Err(error) => {
                if let Some(repeated) = log_limit::pass("redis") {
                    let hint = error.hint();
                    let error = with_causes(error);
                    tracing::warn!(%error, hint, repeated, "no connection to Redis");
                }
            }
        }
        *self.lock() = connection;
    }

    fn lock(&self) -> MutexGuard<'_, Result<RedisConnection, RedisStoreError>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Checks the connection from time to time, and connects again after it is lost.
async fn keep(state: Arc<LinkState>) {
    loop {
        tokio::time::sleep(CHECK_INTERVAL).await;
        let current = state.lock().clone();
        match current {
            Ok(connection) => {
                // A failed check gives the connection up.
                let _ = state.check(&connection).await;
            }
            Err(_) => {
                let connected = state.connect().await;
                state.set(connected);
            }
        }
    }
}

/// The part of `INFO` that the server checks.
#[derive(Debug, Default)]
struct ServerInfo {
    version: String,
    run_id: String,
    replication_id: String,
    role: String,
    policy: String,
}

impl ServerInfo {
    async fn read(
        connection: &MultiplexedConnection,
        section: &str,
    ) -> Result<Self, RedisStoreError> {
        let mut command = redis::cmd("INFO");
        let command = command.arg(section);
        let text: String = command.query_async(&mut connection.clone()).await?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut info = Self::default();
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let member = match name {
                "redis_version" => &mut info.version,
                "run_id" => &mut info.run_id,
                "master_replid" => &mut info.replication_id,
                "role" => &mut info.role,
                "maxmemory_policy" => &mut info.policy,
                _ => continue,
            };
            value.clone_into(member);
        }
        info
    }

    /// Returns the identity of the data: the process, and its history of replication. A process
    /// that becomes a replica and then a primary again has another history.
    ///
    /// # Errors
    ///
    /// Returns the first setting that is not accepted.
    fn identity(self) -> Result<Arc<str>, RedisStoreError> {
        let setting = |setting, expected, found: &str| RedisStoreError::Setting {
            setting,
            expected,
            found: found.chars().take(64).collect(),
        };
        if self.role != PRIMARY {
            return Err(setting("role", PRIMARY, &self.role));
        }
        if self.policy != "noeviction" {
            return Err(setting("maxmemory_policy", "noeviction", &self.policy));
        }
        let major = self.version.split('.').next();
        let major = major.and_then(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < MIN_VERSION) {
            return Err(setting("redis_version", "6 or newer", &self.version));
        }
        if self.run_id.is_empty() || self.replication_id.is_empty() {
            return Err(setting("run_id", "a number", &self.run_id));
        }
        Ok(format!("{}/{}", self.run_id, self.replication_id).into())
    }
}
