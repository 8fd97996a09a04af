//! A database that several servers use, and moves between databases.

use chrono::{DateTime, Utc};

/// A database that several servers use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseStatus {
    /// The version of the database program, such as `17.6`.
    pub version: String,
    /// Whether renewals are answered by Redis, and since when. `None`: no server has used Redis.
    pub redis: Option<RedisStatus>,
}

/// The result of a move of all rows to another database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoveReport {
    /// The tables, each with the number of its rows.
    pub rows: Vec<(&'static str, u64)>,
    /// The number of audit entries that were verified, with that of the move.
    pub audit_entries: u64,
}

/// The use of Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RedisStatus {
    /// Whether Redis answers renewals. Otherwise the database answers them.
    pub is_on: bool,
    /// When this changed.
    pub since: DateTime<Utc>,
}
