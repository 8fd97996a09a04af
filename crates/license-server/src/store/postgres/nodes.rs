//! The running servers of the database.

use chrono::{DateTime, TimeDelta, Utc};
use tokio_postgres::Row;

use super::queries::query;
use super::transaction::Transaction;
use super::values::{millis, time};
use crate::domain::{NodeId, NodeStatus};
use crate::store::ServerStoreError;

/// After which lease time without a report a node counts as gone, in milliseconds.
const FORGOTTEN_AFTER_MS: i64 = 60_000;

/// The report of a node about itself.
#[derive(Clone, Debug)]
pub(super) struct NodeInfo {
    pub(super) id: NodeId,
    pub(super) name: String,
    pub(super) started_at: DateTime<Utc>,
}

impl NodeInfo {
    /// Creates the report of this process, with the name of its machine.
    pub(super) fn new(id: NodeId, started_at: DateTime<Utc>) -> Self {
        let system = rustix::system::uname();
        Self {
            id,
            name: system.nodename().to_string_lossy().into_owned(),
            started_at,
        }
    }
}

/// Reports that a node runs, and to which Redis it is connected. Returns whether other nodes do.
/// With `forgets`, nodes that have not reported for a minute are deleted.
pub(super) async fn report(
    db: &Transaction,
    node: &NodeInfo,
    redis: Option<&str>,
    forgets: bool,
) -> Result<bool, ServerStoreError> {
    let (id, version) = (node.id.as_str(), env!("CARGO_PKG_VERSION"));
    db.execute(
        query!("node_put"),
        &[&id, &node.name, &version, &millis(node.started_at), &redis],
    )
    .await?;
    if forgets {
        db.execute(query!("node_forget"), &[&FORGOTTEN_AFTER_MS])
            .await?;
    }
    let others = db.query_one(query!("node_others"), &[&id]).await?;
    Ok(others.try_get(0)?)
}

/// Removes a node that stops. Another node can advance the lease clock at once.
pub(super) async fn leave(db: &Transaction, node: &NodeInfo) -> Result<(), ServerStoreError> {
    let id = node.id.as_str();
    db.execute(query!("clock_release"), &[&id]).await?;
    db.execute(query!("node_delete"), &[&id]).await?;
    Ok(())
}

/// Returns the nodes, the oldest first.
pub(super) async fn all(db: &Transaction) -> Result<Vec<NodeStatus>, ServerStoreError> {
    let rows = db.query(query!("node_all"), &[]).await?;
    rows.iter().map(status).collect()
}

fn status(row: &Row) -> Result<NodeStatus, ServerStoreError> {
    let id: &str = row.try_get(0)?;
    Ok(NodeStatus {
        node: NodeId::from_column(id),
        name: row.try_get(1)?,
        version: row.try_get(2)?,
        started_at: time(row.try_get(3)?),
        seen_ago: TimeDelta::try_milliseconds(row.try_get(4)?).unwrap_or(TimeDelta::MAX),
        is_owner: row.try_get(5)?,
        has_redis: row.try_get(6)?,
    })
}
