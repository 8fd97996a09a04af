//! The processing of one command.

use license_core::session::SessionId;

use super::Pool;
use super::table::Table;
use crate::command::{CommandTime, SeatCommand};
use crate::denial::Denial;
use crate::event::{PoolEvent, SeatEventKind};
use crate::outcome::SeatReply;
use crate::rows::PoolCounters;
use crate::terms::PoolTerms;
use crate::time::LeaseTime;

/// The result of a command.
pub(super) type Reply = Result<SeatReply, Box<Denial>>;

/// The processing of one command.
pub(super) struct Turn<'a> {
    pub(super) pool: &'a mut Pool,
    pub(super) at: CommandTime,
    events: Vec<PoolEvent>,
}

impl<'a> Turn<'a> {
    /// Starts a turn. The time of the pool never goes back.
    pub(super) fn new(pool: &'a mut Pool, mut at: CommandTime) -> Self {
        at.now = at.now.max(pool.table.now());
        Self {
            pool,
            at,
            events: Vec::new(),
        }
    }

    /// Brings the pool up to date, and processes the command.
    pub(super) fn run(&mut self, command: SeatCommand) -> Reply {
        self.advance();
        self.serve_queue();
        let reply = match command {
            SeatCommand::Acquire(acquire) => self.acquire(acquire),
            SeatCommand::Heartbeat(heartbeat) => self.heartbeat(&heartbeat),
            SeatCommand::Release(release) => self.release(&release),
            SeatCommand::Poll(ticket) => self.poll(&ticket),
            SeatCommand::Cancel(ticket) => self.cancel(&ticket),
            SeatCommand::Borrow(borrow) => self.borrow(&borrow),
            SeatCommand::Return(returned) => self.return_loan(&returned),
            SeatCommand::End(end) => self.end_by_administrator(&end),
            SeatCommand::SetTerms(terms) => Ok(self.set_terms(terms)),
            SeatCommand::Tick => Ok(SeatReply::Done),
        };
        self.serve_queue();
        reply
    }

    pub(super) fn into_events(self) -> Vec<PoolEvent> {
        self.events
    }

    pub(super) const fn now(&self) -> LeaseTime {
        self.at.now
    }

    pub(super) fn terms(&self) -> &PoolTerms {
        self.pool.table.terms()
    }

    pub(super) const fn table(&self) -> &Table {
        &self.pool.table
    }

    pub(super) const fn table_mut(&mut self) -> &mut Table {
        &mut self.pool.table
    }

    pub(super) const fn counters(&mut self) -> &mut PoolCounters {
        &mut self.pool.counters
    }

    pub(super) fn emit(&mut self, session: Option<SessionId>, kind: SeatEventKind) {
        let at = self.at.now;
        self.events.push(PoolEvent { at, session, kind });
    }
}
