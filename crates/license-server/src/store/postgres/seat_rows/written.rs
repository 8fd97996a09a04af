//! The changed rows of a batch, which are written together.

use chrono::{DateTime, Utc};

use super::{PoolRow, json};
use crate::domain::PoolId;
use crate::store::ServerStoreError;
use crate::store::postgres::changes::{Deletions, MergedChanges};
use crate::store::postgres::queries::query;
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::values::{bad_row, column, count, millis};

/// How many versions the log of changes keeps.
const LOGGED_VERSIONS: i64 = 256;

/// After how many versions the log is shortened.
const SHORTENED_AFTER: i64 = 64;

/// The changed rows of a batch, as columns.
pub(in crate::store::postgres) struct BatchRows {
    deleted_leases: Deletions,
    deleted_ended: Deletions,
    deleted_tickets: Deletions,
    leases: LeaseColumns,
    ended: LeaseColumns,
    tickets: TicketColumns,
}

/// Columns of leases. The number is that of the column after the fencing number: the end of the
/// lifetime of an open lease, or the end of a lease that has ended.
#[derive(Default)]
struct LeaseColumns {
    sessions: Vec<String>,
    seqs: Vec<i64>,
    times: Vec<i64>,
    bodies: Vec<String>,
}

#[derive(Default)]
struct TicketColumns {
    ids: Vec<String>,
    sessions: Vec<String>,
    bodies: Vec<String>,
}

impl BatchRows {
    /// Converts the changes. Leases end at the wall-clock time `wall`.
    pub(in crate::store::postgres) fn new(
        changes: &MergedChanges,
        wall: DateTime<Utc>,
    ) -> Result<Self, ServerStoreError> {
        let mut leases = LeaseColumns::default();
        for lease in changes.leases() {
            leases.sessions.push(lease.holder.session.to_string());
            leases.seqs.push(column(lease.seq.0));
            leases.times.push(column(lease.until.as_millis()));
            leases.bodies.push(json("leases", lease)?);
        }
        let mut ended = LeaseColumns::default();
        for lease in changes.ended() {
            ended.sessions.push(lease.session.to_string());
            ended.seqs.push(column(lease.seq.0));
            ended.times.push(millis(wall));
            ended.bodies.push(json("ended_leases", lease)?);
        }
        let mut tickets = TicketColumns::default();
        for ticket in changes.tickets() {
            tickets.ids.push(ticket.id.to_string());
            tickets.sessions.push(ticket.holder.session.to_string());
            tickets.bodies.push(json("tickets", ticket)?);
        }
        Ok(Self {
            deleted_leases: changes.deleted_leases(),
            deleted_ended: changes.deleted_ended(),
            deleted_tickets: changes.deleted_tickets(),
            leases,
            ended,
            tickets,
        })
    }

    /// Writes the rows, the row of the pool and its log in one round trip, deletions first.
    pub(in crate::store::postgres) async fn write(
        &self,
        db: &Transaction,
        pool: &PoolId,
        row: &PoolRow,
        log: Option<&str>,
    ) -> Result<(), ServerStoreError> {
        db.prepare(&[
            query!("lease_delete"),
            query!("ended_delete"),
            query!("ticket_delete"),
            query!("lease_put"),
            query!("ended_put"),
            query!("ticket_put"),
            query!("pool_update"),
        ])
        .await?;
        tokio::try_join!(
            delete(db, pool, query!("lease_delete"), &self.deleted_leases),
            delete(db, pool, query!("ended_delete"), &self.deleted_ended),
            delete(db, pool, query!("ticket_delete"), &self.deleted_tickets),
            self.leases.put(db, pool, query!("lease_put")),
            self.ended.put(db, pool, query!("ended_put")),
            self.tickets.put(db, pool),
            update(db, pool, row),
            append_log(db, pool, row.version, log),
        )?;
        Ok(())
    }
}

impl LeaseColumns {
    async fn put(
        &self,
        db: &Transaction,
        pool: &PoolId,
        sql: &'static str,
    ) -> Result<(), ServerStoreError> {
        if self.sessions.is_empty() {
            return Ok(());
        }
        let Self {
            sessions,
            seqs,
            times,
            bodies,
        } = self;
        db.execute(
            sql,
            &[&db.tenant(), &pool.as_str(), sessions, seqs, times, bodies],
        )
        .await?;
        Ok(())
    }
}

impl TicketColumns {
    async fn put(&self, db: &Transaction, pool: &PoolId) -> Result<(), ServerStoreError> {
        if self.ids.is_empty() {
            return Ok(());
        }
        let Self {
            ids,
            sessions,
            bodies,
        } = self;
        db.execute(
            query!("ticket_put"),
            &[&db.tenant(), &pool.as_str(), ids, sessions, bodies],
        )
        .await?;
        Ok(())
    }
}

/// Deletes rows. A row that should exist and does not means that the pool in memory differs from
/// its rows.
async fn delete(
    db: &Transaction,
    pool: &PoolId,
    sql: &'static str,
    deletions: &Deletions,
) -> Result<(), ServerStoreError> {
    if deletions.keys.is_empty() {
        return Ok(());
    }
    let found = db
        .execute(sql, &[&db.tenant(), &pool.as_str(), &deletions.keys])
        .await?;
    let expected = deletions.existing;
    if count(found) < expected {
        let found = format!("{found} of {expected} rows that a command deletes");
        return Err(bad_row("pools", found));
    }
    Ok(())
}

async fn update(db: &Transaction, pool: &PoolId, row: &PoolRow) -> Result<(), ServerStoreError> {
    let PoolRow { counters, .. } = row;
    let (terms, text) = (json("pools", &row.terms)?, json("pools", counters)?);
    let deadline = row.deadline.map(|at| column(at.as_millis()));
    let found = db
        .execute(
            query!("pool_update"),
            &[
                &db.tenant(),
                &pool.as_str(),
                &terms,
                &column(counters.next_seq.0),
                &i64::from(counters.held),
                &i64::from(counters.ceiling),
                &text,
                &row.version,
                &column(row.now.as_millis()),
                &deadline,
                &row.redis_epoch,
                &column(row.lifted_to),
            ],
        )
        .await?;
    if found == 1 {
        Ok(())
    } else {
        Err(bad_row("pools", format!("{found} rows instead of one")))
    }
}

/// Appends the changes of a version to the log of the pool, and shortens it.
async fn append_log(
    db: &Transaction,
    pool: &PoolId,
    version: i64,
    changes: Option<&str>,
) -> Result<(), ServerStoreError> {
    let (tenant, pool) = (db.tenant(), pool.as_str());
    if let Some(changes) = changes {
        db.execute(
            query!("changes_insert"),
            &[&tenant, &pool, &version, &changes],
        )
        .await?;
    }
    if version % SHORTENED_AFTER == 0 {
        let last = version - LOGGED_VERSIONS;
        db.execute(query!("changes_forget"), &[&tenant, &pool, &last])
            .await?;
    }
    Ok(())
}
