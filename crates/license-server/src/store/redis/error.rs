//! Errors of Redis.

use std::sync::Arc;

use crate::store::tls::{self, TlsFault};

/// The reason why Redis does not answer heartbeats.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// Redis cannot be reached, or did not answer in time.
    #[error("Redis cannot be reached")]
    Unreachable(#[source] Arc<redis::RedisError>),
    /// Redis refuses a command, for example because its memory is full.
    #[error("Redis refused a command")]
    Command(#[source] Arc<redis::RedisError>),
    /// Redis has a setting with which it could lose data unnoticed.
    #[error("expected {setting} `{expected}` of Redis, found `{found}`")]
    Setting {
        /// The name of the setting in `INFO`.
        setting: &'static str,
        /// The value that is required.
        expected: &'static str,
        /// The value of Redis.
        found: String,
    },
    /// A file of TLS that the URL names cannot be used.
    #[error("expected {expected}, found {found}")]
    Tls {
        /// The accepted files.
        expected: String,
        /// The content, or the error of the file.
        found: String,
        /// The next step of the operator.
        hint: &'static str,
    },
    /// Redis has a value that no server wrote.
    #[error("expected {expected} in Redis, found another value")]
    Value {
        /// A description of the accepted values.
        expected: &'static str,
    },
    /// There is no connection to the Redis that the servers use.
    #[error("there is no connection to the Redis that the servers use")]
    NotConnected,
}

impl RedisStoreError {
    /// Returns the next step of the operator.
    pub fn hint(&self) -> Option<&'static str> {
        const UNREACHABLE: &str =
            "check the address and the network; heartbeats use PostgreSQL meanwhile";
        match self {
            Self::Unreachable(error) => Some(tls::hint(&**error).unwrap_or(UNREACHABLE)),
            Self::NotConnected => Some(UNREACHABLE),
            Self::Tls { hint, .. } => Some(hint),
            Self::Setting {
                setting: "maxmemory_policy",
                ..
            } => Some("set maxmemory-policy to noeviction, and use this Redis for nothing else"),
            Self::Setting {
                setting: "role", ..
            } => Some("give the address of the primary with --redis"),
            Self::Setting { .. } => Some("use Redis 6 or newer"),
            Self::Command(_) | Self::Value { .. } => None,
        }
    }

    /// Returns whether the connection cannot be used any more.
    pub(super) fn is_disconnected(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::NotConnected)
    }
}

impl From<TlsFault> for RedisStoreError {
    fn from(fault: TlsFault) -> Self {
        Self::Tls {
            expected: fault.expected,
            found: fault.found,
            hint: fault.hint,
        }
    }
}

impl From<redis::RedisError> for RedisStoreError {
    fn from(error: redis::RedisError) -> Self {
        if error.is_io_error() {
            Self::Unreachable(Arc::new(error))
        } else {
            Self::Command(Arc::new(error))
        }
    }
}
