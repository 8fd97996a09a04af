//! The transaction of a batch.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use license_core::session::SessionId;
use license_seats::{
    CommandTime, DenialReason, LeaseSpan, LeaseTime, Loan, Pool, PoolCounters, SeatChange,
    SeatCommand, SeatEventKind, Seq, TicketId,
};

use super::{KnownPool, PoolAnswer, PoolContext, PoolWork};
use crate::domain::NewAuditEntry;
use crate::store::pool::{PoolKey, former_lease};
use crate::store::postgres::changes::{self, LoggedBatch, MergedChanges};
use crate::store::postgres::events::NewEvents;
use crate::store::postgres::lease_clock::{self, Reading};
use crate::store::postgres::renewals::StoredBatch;
use crate::store::postgres::seat_rows::{self, BatchRows, PoolRow};
use crate::store::postgres::transaction::Transaction;
use crate::store::postgres::{audit, tickets};
use crate::store::redis::{FoldCursor, Reservation};
use crate::store::{PoolReply, PoolRequest, PoolView, ServerStoreError};

/// Does work in one transaction, and returns the results after the commit. `known` is the pool in
/// memory. After an error, the next batch reads its rows.
pub(super) async fn run(
    context: &PoolContext,
    key: &PoolKey,
    known: &mut Option<KnownPool>,
    works: &[&PoolWork],
) -> Result<Vec<PoolAnswer>, ServerStoreError> {
    let former = known.take();
    let transaction = context.database.begin(&key.0).await?;
    let batch = PoolBatch::open(context, &transaction, key, former, works).await;
    let ran = match batch {
        Ok(Some(mut batch)) => batch.run(works).await.map(|answers| (batch, answers)),
        Ok(None) => {
            transaction.rollback().await;
            return Ok(works.iter().map(|work| nothing(work)).collect());
        }
        Err(error) => Err(error),
    };
    let (batch, answers) = match ran {
        Ok(ran) => ran,
        Err(error) => {
            transaction.rollback().await;
            return Err(error);
        }
    };
    let (pool, at) = (batch.pool, batch.at);
    let version = batch.version;
    let (changes, lifted_to) = (batch.stored, batch.lifted_to);
    let has_commands = batch.has_commands;
    let (reservation, mut cursor) = (batch.reservation, batch.cursor);
    if batch.must_commit {
        transaction.commit().await?;
    } else {
        transaction.rollback().await;
    }
    if has_commands {
        let stored = StoredBatch {
            version,
            pool: &pool,
            changes: &changes,
            at,
        };
        let renewals = &context.renewals;
        renewals.confirm(reservation, stored, &mut cursor).await;
    }
    *known = Some(KnownPool {
        pool,
        version,
        cursor,
        lifted_to,
    });
    Ok(answers)
}

/// Returns the answer to a question about a pool without rows.
fn nothing(work: &PoolWork) -> PoolAnswer {
    match work {
        PoolWork::Loan(_) => PoolAnswer::Loan(None),
        PoolWork::View | PoolWork::Apply(..) => PoolAnswer::View(None),
    }
}

/// A batch whose pool is locked.
struct PoolBatch<'a> {
    context: &'a PoolContext,
    db: &'a Transaction,
    key: &'a PoolKey,
    reading: Reading,
    wall: DateTime<Utc>,
    /// The row of the pool before the batch.
    row: PoolRow,
    pool: Pool,
    reservation: Reservation,
    cursor: FoldCursor,
    /// The time of the last command.
    at: CommandTime,
    changes: MergedChanges,
    has_new_terms: bool,
    lifted_to: u64,
    events: NewEvents,
    audits: Vec<NewAuditEntry>,
    /// The tickets that got an offer, or that ended.
    tickets: Vec<TicketId>,
    /// The replies to sessions that have lost their leases: their positions, and the sessions.
    lost: Vec<(usize, SessionId)>,
    /// The version after the batch.
    version: i64,
    /// The changes after they are written.
    stored: Vec<SeatChange>,
    /// Whether the batch has commands, and not only questions.
    has_commands: bool,
    must_commit: bool,
}

impl<'a> PoolBatch<'a> {
    /// Locks the row of the pool, reads the lease clock, and brings the pool in memory up to date.
    /// Returns `None` if the pool has no rows and no command needs them.
    async fn open(
        context: &'a PoolContext,
        db: &'a Transaction,
        key: &'a PoolKey,
        known: Option<KnownPool>,
        works: &[&PoolWork],
    ) -> Result<Option<Self>, ServerStoreError> {
        let mut commands = works.iter().filter_map(|work| match work {
            PoolWork::Apply(request, _) => Some(&**request),
            _ => None,
        });
        let first = commands.next();
        let seen = context.keeper.seen();
        let version = known.as_ref().map(|known| known.version);
        let mut locked = seat_rows::lock(db, &key.1, version).await?;
        let mut must_commit = false;
        if locked.row.is_none()
            && let Some(first) = first
        {
            must_commit = true;
            let first_seq = Seq(locked.reading.first_seq);
            let counters = PoolCounters {
                next_seq: first_seq,
                ..PoolCounters::new(first.terms.allowed())
            };
            seat_rows::create(db, &key.1, &first.terms, &counters).await?;
            locked = seat_rows::lock(db, &key.1, version).await?;
        }
        let Some(row) = locked.row else {
            return Ok(None);
        };
        let reading = locked.reading;
        context.keeper.record(&seen, &reading)?;
        let mut pool = match known {
            // A restore has changed the rows of older versions too.
            Some(known)
                if known.lifted_to == row.lifted_to && row.lifted_to >= reading.first_seq =>
            {
                up_to_date(known, &row, &locked.log)?
            }
            _ => None,
        };
        if pool.is_none() {
            let read = seat_rows::read(db, &key.1, &row).await?;
            pool = Some((read, FoldCursor::default()));
        }
        let Some((pool, cursor)) = pool else {
            return Ok(None);
        };
        let at = CommandTime::at(reading.now);
        let mut batch = Self {
            context,
            db,
            key,
            reading,
            wall: context.clock.wall(),
            lifted_to: row.lifted_to,
            version: row.version,
            row,
            pool,
            reservation: Reservation::default(),
            cursor,
            at,
            changes: MergedChanges::default(),
            has_new_terms: false,
            events: NewEvents::default(),
            audits: Vec::new(),
            tickets: Vec::new(),
            lost: Vec::new(),
            stored: Vec::new(),
            has_commands: first.is_some(),
            must_commit,
        };
        match first {
            Some(first) => batch.take_over(first).await?,
            None => batch.look_up_renewals().await,
        }
        Ok(Some(batch))
    }

    /// Takes over the renewals that are outside the database, and the effects of a restore.
    async fn take_over(&mut self, first: &PoolRequest) -> Result<(), ServerStoreError> {
        let renewals = &self.context.renewals;
        let reserved = renewals
            .reserve(self.key, &self.row, &self.reading, &mut self.cursor)
            .await?;
        self.pool.fold_renewals(&reserved.renewals);
        let is_lost = reserved.must_extend;
        self.reservation = reserved;
        if is_lost {
            // Renewals can have been answered after the first reading.
            self.reading.now = lease_clock::stored(self.db).await?;
        }
        let first_seq = self.reading.first_seq;
        let is_restored = first_seq > self.lifted_to;
        let at = self.at(first);
        if is_restored {
            let mut rows = self.pool.rows();
            let next_seq = rows.counters.next_seq.max(Seq(first_seq));
            rows.counters.next_seq = next_seq;
            self.changes.add(&[SeatChange::PutCounters(rows.counters)]);
            let terms = self.pool.terms().clone();
            self.pool = seat_rows::rebuild(terms, rows, self.row.now)?;
            self.lifted_to = first_seq;
        }
        if is_restored || is_lost {
            let extra = if is_lost { LOST } else { LeaseSpan::ZERO };
            let changes = self.pool.extend_leases(extra, at);
            self.changes.add(&changes);
        }
        Ok(())
    }

    /// Takes over the renewals that are outside the database, as far as Redis answers, for
    /// questions about the pool. They need no reservation, because no renewal makes a lease
    /// shorter.
    async fn look_up_renewals(&mut self) {
        if self.row.redis_epoch != 0 {
            let leases: Vec<_> = self.pool.leases().cloned().collect();
            let renewals = self.context.renewals.current(self.key, &leases).await;
            self.pool.fold_renewals(&renewals);
        }
    }

    /// Returns the time of a command.
    fn at(&self, request: &PoolRequest) -> CommandTime {
        let mut at = CommandTime::at(self.reading.now);
        at.license_left = request.license_left;
        if let Some(restored) = self.reading.restored {
            let known = self.pool.terms().lease.longest_hold();
            let longest = request.terms.lease.longest_hold().max(known);
            at = at.with_hold_until(restored.saturating_add(longest));
        }
        at
    }

    /// Does the work, and writes the changes.
    async fn run(&mut self, works: &[&PoolWork]) -> Result<Vec<PoolAnswer>, ServerStoreError> {
        let mut answers = Vec::with_capacity(works.len());
        for (index, work) in works.iter().enumerate() {
            answers.push(match work {
                PoolWork::Apply(request, audit) => {
                    let reply = self.apply(index, request, audit.as_deref())?;
                    PoolAnswer::Applied(Box::new(reply))
                }
                PoolWork::View => PoolAnswer::View(Some(PoolView {
                    terms: Arc::new(self.pool.terms().clone()),
                    usage: self.pool.usage(),
                    now: self.reading.now,
                })),
                PoolWork::Loan(commitment) => {
                    let is_wanted = |loan: &Loan| loan.commitment == *commitment;
                    let mut leases = self.pool.leases();
                    let lease = leases.find(|lease| lease.loan.as_deref().is_some_and(is_wanted));
                    PoolAnswer::Loan(lease.cloned())
                }
            });
        }
        self.answer_lost(&mut answers).await?;
        self.write().await?;
        Ok(answers)
    }

    fn apply(
        &mut self,
        index: usize,
        request: &PoolRequest,
        audit: Option<&NewAuditEntry>,
    ) -> Result<PoolReply, ServerStoreError> {
        let mut events = Vec::new();
        if *self.pool.terms() != *request.terms {
            self.has_new_terms = true;
            let command = SeatCommand::SetTerms(Arc::clone(&request.terms));
            let outcome = self.pool.apply(command, self.at(request));
            self.changes.add(&outcome.changes);
            events = outcome.events;
        }
        let at = self.at(request);
        self.at = at;
        let former = audit.and_then(|_| former_lease(&self.pool, &request.command));
        let mut outcome = self.pool.apply(request.command.clone(), at);
        self.changes.add(&outcome.changes);
        outcome.events.splice(0..0, events);
        self.events
            .add_seat_events(self.wall, &self.key.1, &outcome.events)?;
        for event in &outcome.events {
            match event.kind {
                SeatEventKind::Offered { ticket, .. }
                | SeatEventKind::TicketEnded { ticket, .. } => self.tickets.push(ticket),
                _ => {}
            }
        }
        let mut ended_at = None;
        match &outcome.reply {
            Ok(_) => {
                if let Some(audit) = audit {
                    self.events.add_change(audit);
                    self.audits.push(audit.clone().with_before(former));
                }
            }
            Err(denial) => {
                if let DenialReason::LeaseLost(Some(ended)) = &denial.reason {
                    if self.changes.has_ended(&ended.session) {
                        ended_at = Some(self.wall);
                    } else {
                        self.lost.push((index, ended.session));
                    }
                }
            }
        }
        Ok(PoolReply {
            outcome,
            now: self.reading.now,
            ended_at,
        })
    }

    /// Adds when the leases of denied sessions ended, by the wall clock.
    async fn answer_lost(&self, answers: &mut [PoolAnswer]) -> Result<(), ServerStoreError> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let sessions = self.lost.iter().map(|(_, session)| *session);
        let ended = seat_rows::ended_at(self.db, &self.key.1, sessions).await?;
        for (index, session) in &self.lost {
            if let Some(PoolAnswer::Applied(reply)) = answers.get_mut(*index) {
                reply.ended_at = ended.get(&session.to_string()).copied();
            }
        }
        Ok(())
    }

    /// Writes the changes. The number of the last event and the end of the audit trail lock a row
    /// of the tenant, so they come last.
    async fn write(&mut self) -> Result<(), ServerStoreError> {
        if !self.has_commands {
            return Ok(());
        }
        let deadline = self.deadline();
        let is_changed = !self.changes.is_empty()
            || self.has_new_terms
            || !self.events.is_empty()
            || self.row.redis_epoch != self.reading.redis_epoch
            || self.row.lifted_to != self.lifted_to;
        self.must_commit |= is_changed || deadline != self.row.deadline;
        if !is_changed {
            if self.must_commit {
                seat_rows::put_deadline(self.db, &self.key.1, deadline).await?;
            }
            return Ok(());
        }
        self.version = self.row.version.saturating_add(1);
        let terms = self.has_new_terms.then(|| self.pool.terms().clone());
        let changes = std::mem::take(&mut self.changes);
        let rows = BatchRows::new(&changes, self.wall)?;
        self.stored = changes.into_changes();
        let log = if self.context.keeper.has_others() {
            let terms = terms.clone().map(Arc::new);
            let logged = LoggedBatch {
                now: self.reading.now,
                terms,
                changes: std::mem::take(&mut self.stored),
            };
            let json = logged.to_json()?;
            self.stored = logged.changes;
            Some(json)
        } else {
            None
        };
        let row = PoolRow {
            terms: terms.unwrap_or_else(|| self.row.terms.clone()),
            counters: *self.pool.counters(),
            version: self.version,
            now: self.reading.now,
            deadline,
            redis_epoch: self.reading.redis_epoch,
            lifted_to: self.lifted_to,
        };
        rows.write(self.db, &self.key.1, &row, log.as_deref())
            .await?;
        if self.context.keeper.has_others() && !self.tickets.is_empty() {
            tickets::notify(self.db, &self.tickets).await?;
        }
        self.append_events().await
    }

    async fn append_events(&self) -> Result<(), ServerStoreError> {
        if self.events.is_empty() {
            return Ok(());
        }
        let last = self.events.take_numbers(self.db).await?;
        self.events.append(self.db, last).await?;
        for entry in &self.audits {
            audit::append_entry(self.db, entry).await?;
        }
        Ok(())
    }

    /// Returns when a tick has work to do next.
    fn deadline(&self) -> Option<LeaseTime> {
        let next = self.pool.next_deadline();
        let restored = self.reading.restored;
        let end = restored.map(|at| at.saturating_add(self.pool.terms().lease.longest_hold()));
        let waits = self.pool.usage().waiting > 0;
        let end = end.filter(|end| waits && *end >= self.reading.now);
        let end = end.map(|end| end.saturating_add(LeaseSpan::from_millis(1)));
        [next, end].into_iter().flatten().min()
    }
}

/// By how much the reading of a lost renewal can be after the reading of the batch: nodes renew for
/// at most a second after they have read the lease clock, and it advances by another second at
/// most.
const LOST: LeaseSpan = LeaseSpan::from_secs(2);

/// Brings the pool in memory to the version in the database. Returns `None` if its rows must be
/// read.
fn up_to_date(
    mut known: KnownPool,
    row: &PoolRow,
    log: &[tokio_postgres::Row],
) -> Result<Option<(Pool, FoldCursor)>, ServerStoreError> {
    let is_followed = changes::follow(&mut known.pool, known.version, row.version, log)?;
    let is_same = is_followed && *known.pool.counters() == row.counters;
    Ok(is_same.then_some((known.pool, known.cursor)))
}
