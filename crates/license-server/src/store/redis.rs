//! Redis in addition to PostgreSQL: heartbeats without a transaction, and shared validation tokens.
//!
//! Redis never decides about seats. It answers heartbeats that have no other effect than to extend
//! their leases. For all other commands, a server reserves the pool in Redis inside its transaction
//! in PostgreSQL, takes over the renewals, commits, and confirms: see ADR-107.

mod config;
mod connection;
mod error;
mod keys;
mod renewals;
mod scripts;
mod seat;
#[cfg(test)]
#[cfg(unix)]
mod tests;
mod tokens;

use std::sync::Arc;

pub use config::RedisConfig;
pub use error::RedisStoreError;
pub(in crate::store) use renewals::{
    EpochReading, FoldCursor, HeartbeatAnswer, LeaseRenewals, PoolEpoch, RedisEpoch, Reservation,
};
pub(in crate::store) use tokens::RedisTokens;

use self::connection::RedisLink;
use crate::clock::ServerClock;

/// Connects to Redis. A Redis that cannot be reached is tried again later.
///
/// # Errors
///
/// Returns an error if a file of TLS cannot be used, if Redis refuses the password, or if it has
/// settings that are not accepted.
pub(in crate::store) async fn open(
    config: &RedisConfig,
    clock: Arc<dyn ServerClock>,
) -> Result<(LeaseRenewals, RedisTokens), RedisStoreError> {
    let link = Arc::new(RedisLink::open(config).await?);
    let renewals = LeaseRenewals::new(Arc::clone(&link), clock);
    Ok((renewals, RedisTokens::new(link)))
}
