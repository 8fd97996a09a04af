//! Events.

use chrono::{DateTime, Utc};
use license_seats::PoolEvent;
use tokio_postgres::Row;

use super::queries::query;
use super::tenants;
use super::transaction::Transaction;
use super::values::{
    after_number, bad_row, before_number, column, count, excess, millis, number, read_all,
    read_page, time,
};
use crate::domain::{
    Cursor, EventRecord, NewAuditEntry, Page, PageRequest, PoolId, kind_or_beginning,
};
use crate::store::ServerStoreError;

/// Events that are to be appended together.
#[derive(Debug, Default)]
pub(super) struct NewEvents {
    times: Vec<i64>,
    kinds: Vec<String>,
    subjects: Vec<String>,
    details: Vec<String>,
}

impl NewEvents {
    /// Adds the event of an audited change.
    pub(super) fn add_change(&mut self, change: &NewAuditEntry) {
        let details = change.details.to_string();
        self.add(
            change.at,
            change.action.to_owned(),
            &change.subject,
            details,
        );
    }

    /// Adds the events of a pool.
    pub(super) fn add_seat_events(
        &mut self,
        at: DateTime<Utc>,
        pool: &PoolId,
        events: &[PoolEvent],
    ) -> Result<(), ServerStoreError> {
        for event in events {
            let details = serde_json::to_string(event).map_err(|error| bad_row("events", error))?;
            let kind = format!("seat.{}", event.kind.name());
            self.add(at, kind, pool.as_str(), details);
        }
        Ok(())
    }

    fn add(&mut self, at: DateTime<Utc>, kind: String, subject: &str, details: String) {
        self.times.push(millis(at));
        self.kinds.push(kind);
        self.subjects.push(subject.to_owned());
        self.details.push(details);
    }

    /// Returns whether there are no events.
    pub(super) fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Takes the numbers of the events, and locks the row of the tenant until the end of the
    /// transaction. Other transactions of the tenant wait, so an event is visible before all events
    /// with a higher number, and a transaction takes its numbers last. Returns the number before
    /// the first one.
    pub(super) async fn take_numbers(&self, db: &Transaction) -> Result<i64, ServerStoreError> {
        let events = i64::try_from(self.kinds.len()).unwrap_or(i64::MAX);
        let row = db
            .query_one(query!("event_numbers"), &[&db.tenant(), &events])
            .await?;
        let last: i64 = row.try_get(0)?;
        Ok(last.saturating_sub(events))
    }

    /// Appends the events after the number `last`.
    pub(super) async fn append(&self, db: &Transaction, last: i64) -> Result<(), ServerStoreError> {
        db.execute(
            query!("event_insert"),
            &[
                &db.tenant(),
                &last,
                &self.times,
                &self.kinds,
                &self.subjects,
                &self.details,
            ],
        )
        .await?;
        Ok(())
    }
}

/// Returns events, the oldest first. The page always has a cursor.
pub(super) async fn page(
    db: &Transaction,
    page: &PageRequest,
) -> Result<Page<EventRecord>, ServerStoreError> {
    let after = after_number(page)?;
    let limit = i64::try_from(page.limit()).unwrap_or(i64::MAX);
    let items = self::after(db, after, limit).await?;
    let last = items.last().map_or(after, |event| column(event.seq));
    Ok(Page {
        items,
        next: Some(Cursor::after(last.to_string())),
    })
}

/// Returns events, the newest first.
pub(super) async fn newest(
    db: &Transaction,
    kind: Option<&str>,
    page: &PageRequest,
) -> Result<Page<EventRecord>, ServerStoreError> {
    let (before, limit) = (before_number(page)?, excess(page));
    let (kind, beginning) = kind_or_beginning(kind);
    let rows = db
        .query(
            query!("event_page_newest"),
            &[&db.tenant(), &before, &limit, &kind, &beginning],
        )
        .await?;
    read_page(&rows, read, page, |event| event.seq.to_string())
}

/// Returns up to `limit` events after a number, the oldest first.
pub(super) async fn after(
    db: &Transaction,
    after: i64,
    limit: i64,
) -> Result<Vec<EventRecord>, ServerStoreError> {
    let rows = db
        .query(query!("event_page"), &[&db.tenant(), &after, &limit])
        .await?;
    read_all(&rows, read)
}

/// Deletes events that are older than `before`, and all but the newest `keep`. Returns how many
/// were deleted.
pub(super) async fn forget(
    db: &Transaction,
    before: DateTime<Utc>,
    keep: u32,
) -> Result<usize, ServerStoreError> {
    tenants::lock(db).await?;
    let deleted = db
        .execute(
            query!("event_forget"),
            &[&db.tenant(), &millis(before), &i64::from(keep)],
        )
        .await?;
    Ok(count(deleted))
}

fn read(row: &Row) -> Result<EventRecord, ServerStoreError> {
    let details: &str = row.try_get(4)?;
    Ok(EventRecord {
        seq: number("events", row.try_get(0)?)?,
        at: time(row.try_get(1)?),
        kind: row.try_get(2)?,
        subject: row.try_get(3)?,
        details: serde_json::from_str(details).map_err(|error| bad_row("events", error))?,
    })
}
