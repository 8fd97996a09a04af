//! Two servers that share a pool through a log of changes, and a component in front of them that
//! answers heartbeats by the rules of ADR-107.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use license_core::session::SessionId;
use license_seats::{
    CommandTime, Heartbeat, InstanceId, LeaseTime, OpenLease, Pool, PoolRows, PoolTerms, PoolUsage,
    SeatChange, SeatCommand, SeatGrant, SeatOutcome, SeatRenewal, SeatReply, SeatValidity,
};

use crate::generator::Random;

/// The servers, what they share, and the component in front of them.
#[derive(Clone)]
pub(crate) struct Servers {
    servers: [Server; 2],
    /// The server that processes commands.
    active: usize,
    log: BTreeMap<u64, LogEntry>,
    version: u64,
    front: Front,
}

#[derive(Clone)]
struct Server {
    pool: Pool,
    /// The last version of the log that the pool has.
    version: u64,
    /// The number of the last renewal that the pool has.
    renewal: u64,
}

/// The changes of a command, as a database stores them.
#[derive(Clone)]
struct LogEntry {
    terms: Option<Arc<PoolTerms>>,
    changes: String,
    now: LeaseTime,
}

impl Servers {
    /// Makes the servers ignore renewals, to prove that the test detects it.
    pub(crate) const fn ignore_renewals(&mut self) {
        self.front.is_ignored = true;
    }

    pub(crate) fn new(pool: &Pool, has_front: bool) -> Self {
        let server = Server {
            pool: pool.clone(),
            version: 0,
            renewal: 0,
        };
        Self {
            servers: [server.clone(), server],
            active: 0,
            log: BTreeMap::new(),
            version: 0,
            front: Front::new(pool, has_front),
        }
    }

    /// Processes a command with one of the servers, or in front of them. Returns the outcome, and
    /// whether a server processed the command.
    pub(crate) fn apply(
        &mut self,
        command: SeatCommand,
        at: CommandTime,
        random: &mut Random,
    ) -> (SeatOutcome, bool) {
        if let SeatCommand::Heartbeat(heartbeat) = &command
            && let Some(grant) = self.front.heartbeat(heartbeat, at)
        {
            let outcome = SeatOutcome {
                changes: Vec::new(),
                events: Vec::new(),
                reply: Ok(SeatReply::Seat(grant)),
            };
            return (outcome, false);
        }
        if random.once_in(5) {
            self.active = 1 - self.active;
        }
        self.catch_up();
        let terms = match &command {
            SeatCommand::SetTerms(terms) => Some(Arc::clone(terms)),
            _ => None,
        };
        let outcome = self.server_mut().pool.apply(command, at);
        self.append(terms, &outcome.changes, at.now);
        let pool = &self.servers[self.active].pool;
        self.front.confirm(pool, &outcome.changes, at);
        (outcome, true)
    }

    /// Returns the pool of the server that processes commands, with all changes and renewals.
    pub(crate) fn pool(&mut self) -> &Pool {
        self.catch_up();
        &self.servers[self.active].pool
    }

    /// Rebuilds a pool from its stored rows and the renewals in front of it.
    pub(crate) fn rebuilt(&self, terms: PoolTerms, rows: PoolRows, now: LeaseTime) -> Pool {
        let mut pool = Pool::from_rows(terms, rows, now).unwrap();
        pool.fold_renewals(&self.front.renewals_after(0));
        pool
    }

    /// Starts both servers again.
    pub(crate) fn restart(&mut self, terms: &PoolTerms, rows: &PoolRows, now: LeaseTime) {
        let server = Server {
            pool: self.rebuilt(terms.clone(), rows.clone(), now),
            version: self.version,
            renewal: self.front.last,
        };
        self.servers = [server.clone(), server];
        self.log.clear();
    }

    fn server_mut(&mut self) -> &mut Server {
        &mut self.servers[self.active]
    }

    /// Follows the other server, and takes over the renewals.
    fn catch_up(&mut self) {
        let server = &mut self.servers[self.active];
        for (_, entry) in self.log.range(server.version + 1..) {
            let terms = entry.terms.clone();
            let changes: Vec<SeatChange> = serde_json::from_str(&entry.changes).unwrap();
            server.pool.follow(terms, changes, entry.now).unwrap();
        }
        server.version = self.version;
        let renewals = self.front.renewals_after(server.renewal);
        server.pool.fold_renewals(&renewals);
        server.renewal = self.front.last;
        let oldest = self.servers.iter().map(|server| server.version).min();
        self.log.retain(|version, _| Some(*version) > oldest);
    }

    fn append(&mut self, terms: Option<Arc<PoolTerms>>, changes: &[SeatChange], now: LeaseTime) {
        let changes = serde_json::to_string(changes).unwrap();
        let entry = LogEntry {
            terms,
            changes,
            now,
        };
        self.version += 1;
        self.log.insert(self.version, entry);
        self.server_mut().version = self.version;
    }
}

/// The component that answers heartbeats: a model of the scripts for Redis.
#[derive(Clone)]
struct Front {
    is_on: bool,
    is_ignored: bool,
    /// The leases with their renewals. Those of late leases remain, because no store has them.
    leases: BTreeMap<SessionId, OpenLease>,
    /// The leases that it can renew.
    live: BTreeSet<SessionId>,
    /// The number of the last renewal by each instance.
    renewed: BTreeMap<(SessionId, InstanceId), u64>,
    /// The number of the last renewal.
    last: u64,
    until: Option<LeaseTime>,
    terms: PoolTerms,
    usage: PoolUsage,
}

impl Front {
    fn new(pool: &Pool, is_on: bool) -> Self {
        Self {
            is_on,
            is_ignored: false,
            leases: BTreeMap::new(),
            live: BTreeSet::new(),
            renewed: BTreeMap::new(),
            last: 0,
            until: None,
            terms: pool.terms().clone(),
            usage: pool.usage(),
        }
    }

    /// Answers a heartbeat, unless it needs the pool.
    fn heartbeat(&mut self, heartbeat: &Heartbeat, at: CommandTime) -> Option<SeatGrant> {
        self.until.filter(|until| at.now <= *until)?;
        let mut live = self.live.iter();
        if live.any(|session| self.leases[session].is_late(at.now)) {
            return None;
        }
        let terms = &self.terms.lease;
        let lease = self.leases.get_mut(&heartbeat.session)?;
        let renewal = lease.renewal(heartbeat, terms, at)?;
        lease.fold(&renewal);
        self.last += 1;
        let key = (heartbeat.session, heartbeat.instance);
        self.renewed.insert(key, self.last);
        let instances = lease.instances.iter();
        let mut instances = instances.filter(|known| known.id == heartbeat.instance);
        let validity = SeatValidity::renewed(terms, at);
        Some(SeatGrant {
            instance: heartbeat.instance,
            commitment: instances.next()?.commitment,
            is_new: false,
            valid_for: validity.valid_for,
            renew_after: validity.renew_after,
            usage: self.usage,
            lease: Arc::new(lease.clone()),
        })
    }

    /// Returns the renewals after one with a number.
    fn renewals_after(&self, number: u64) -> Vec<SeatRenewal> {
        let is_new = |last: u64| last > number && !self.is_ignored;
        let renewed = self.renewed.iter().filter(|(_, last)| is_new(**last));
        let renewals = renewed.map(|((session, instance), _)| {
            let lease = &self.leases[session];
            let mut instances = lease.instances.iter();
            let instance = instances.find(|known| known.id == *instance).unwrap();
            SeatRenewal {
                session: *session,
                seq: lease.seq,
                instance: instance.id,
                until: lease.until,
                free_at: lease.free_at,
                instance_free_at: instance.free_at,
            }
        });
        renewals.collect()
    }

    /// Takes over the changes of a command.
    fn confirm(&mut self, pool: &Pool, changes: &[SeatChange], at: CommandTime) {
        if !self.is_on {
            return;
        }
        for change in changes {
            let session = match change {
                SeatChange::PutLease(lease) => lease.holder.session,
                SeatChange::DeleteLease(session) => *session,
                _ => continue,
            };
            self.leases.remove(&session);
            if let SeatChange::PutLease(lease) = change {
                self.leases.insert(session, (**lease).clone());
                self.live.insert(session);
            }
            self.renewed.retain(|(other, _), _| *other != session);
        }
        let leases = &self.leases;
        let is_live = |lease: &OpenLease| lease.is_renewable_outside(at.now);
        self.live
            .retain(|session| leases.get(session).is_some_and(is_live));
        self.until = pool.renewable_until(at);
        self.terms = pool.terms().clone();
        self.usage = pool.usage();
        let live = self.live.iter().map(|session| &self.leases[session]);
        let expected = pool.leases().map(|lease| &**lease);
        assert!(live.eq(expected.filter(|lease| is_live(lease))));
    }
}
