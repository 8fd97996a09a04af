//! Nodes: the running servers of one database.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// The id of a node. Each start of a server has another id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(Arc<str>);

impl NodeId {
    /// Creates the id of a node from random bits.
    pub fn new(id: Uuid) -> Self {
        Self(id.to_string().into())
    }

    /// Reads an id from the database.
    pub(crate) fn from_column(id: &str) -> Self {
        Self(id.into())
    }

    /// Returns the id as it is stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A running server of a database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// The id.
    pub node: NodeId,
    /// The name of the machine.
    pub name: String,
    /// The version of the program.
    pub version: String,
    /// When the server started.
    pub started_at: DateTime<Utc>,
    /// The time since the last report of the server, by the lease clock.
    pub seen_ago: TimeDelta,
    /// Whether the server advances the lease clock.
    pub is_owner: bool,
    /// Whether the server reaches Redis.
    pub has_redis: bool,
}
