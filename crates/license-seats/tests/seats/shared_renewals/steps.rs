//! The steps of the model.

use super::database::{ModelLease, Question};
use super::redis::Reserved;
use super::{Fault, LIFETIME, Reading, Renewals, Rules, State};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Second,
    Advance,
    Fault(Fault),
    /// PostgreSQL ends the transaction of a node.
    LoseLock {
        node: usize,
    },
    /// A node notices that another Redis has taken over.
    NoticeRunId,
    Read,
    Heartbeat {
        client: u8,
        redis: usize,
    },
    Lock {
        node: usize,
        client: u8,
    },
    Reserve {
        node: usize,
        redis: usize,
    },
    Commit {
        node: usize,
    },
    Confirm {
        node: usize,
    },
    /// A node stops before the next step of its transaction.
    Stop {
        node: usize,
    },
}

/// A transaction for an acquire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Batch {
    /// Whether the transaction holds the lock of the pool.
    is_locked: bool,
    client: u8,
    /// When the client sent the request. `None` if that is too long ago to be useful.
    pub(super) sent: Option<u8>,
    pub(super) clock: u8,
    pub(super) epoch: u8,
    run_id: u8,
    /// The Redis that the node has reserved the pool in.
    redis: usize,
    pool_epoch: u8,
    pub(super) version: u8,
    pub(super) token: u8,
    /// The lease that the transaction has read, and then the one that it writes.
    pub(super) lease: ModelLease,
    is_granted: bool,
    pub(super) is_changed: bool,
    /// Whether the confirmation replaces the pool in Redis.
    pub(super) is_replaced: bool,
}

/// The progress of a node's transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Phase {
    Idle,
    Locked(Batch),
    Decided(Batch),
    Committed(Batch),
}

impl Phase {
    pub(super) fn batch_mut(&mut self) -> Option<&mut Batch> {
        match self {
            Self::Idle => None,
            Self::Locked(batch) | Self::Decided(batch) | Self::Committed(batch) => Some(batch),
        }
    }

    /// Returns whether the transaction has reserved the pool.
    fn is_decided(&self) -> bool {
        matches!(self, Self::Decided(_) | Self::Committed(_))
    }

    /// Returns the run id of the Redis that the transaction uses.
    pub(super) fn run_id(&self) -> Option<u8> {
        match self {
            Self::Idle => None,
            Self::Locked(batch) | Self::Decided(batch) | Self::Committed(batch) => {
                Some(batch.run_id)
            }
        }
    }

    fn is_locked(&self) -> bool {
        match self {
            Self::Locked(batch) | Self::Decided(batch) => batch.is_locked,
            _ => false,
        }
    }
}

impl Renewals {
    pub(super) fn time_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.elapsed < self.bounds.horizon {
            steps.push(Step::Second);
        }
        if state.is_ahead {
            steps.push(Step::Advance);
        }
    }

    pub(super) fn fault_steps(&self, state: &State, steps: &mut Vec<Step>) {
        if state.database.run_id != state.master && self.rules != Rules::NoRunId {
            steps.push(Step::NoticeRunId);
        }
        if state.faults == self.bounds.faults {
            return;
        }
        for fault in self.bounds.kinds {
            let nodes = 0..state.batches.len();
            match fault {
                Fault::FailOver if state.master != 0 => {}
                Fault::TurnOff if !state.database.is_on => {}
                Fault::TurnOn if state.database.is_on => {}
                Fault::LoseLock => {
                    let locked = nodes.filter(|node| state.batches[*node].is_locked());
                    steps.extend(locked.map(|node| Step::LoseLock { node }));
                }
                Fault::Stop => {
                    let begun = nodes.filter(|node| state.batches[*node].is_decided());
                    steps.extend(begun.map(|node| Step::Stop { node }));
                }
                _ => steps.push(Step::Fault(*fault)),
            }
        }
    }

    pub(super) fn heartbeat_steps(&self, state: &State, steps: &mut Vec<Step>) {
        steps.push(Step::Read);
        let Some(reading) = state.reading else {
            return;
        };
        for redis in self.usable_redis(state, reading.run_id) {
            let holders = (0..2).filter(|client| state.clients[usize::from(*client)].seq != 0);
            steps.extend(holders.map(|client| Step::Heartbeat { client, redis }));
        }
    }

    pub(super) fn batch_steps(&self, state: &State, node: usize, steps: &mut Vec<Step>) {
        let is_free = !state.batches.iter().any(Phase::is_locked);
        let is_first = !state.batches[..node].contains(&Phase::Idle);
        match state.batches[node] {
            Phase::Idle if is_free && is_first && state.started < self.bounds.batches => {
                let clients = self.bounds.acquirers.iter();
                steps.extend(clients.map(|client| Step::Lock {
                    node,
                    client: *client,
                }));
            }
            Phase::Idle => {}
            Phase::Locked(batch) => {
                let redis = self.usable_redis(state, batch.run_id);
                steps.extend(redis.map(|redis| Step::Reserve { node, redis }));
            }
            Phase::Decided(_) => steps.push(Step::Commit { node }),
            Phase::Committed(_) => steps.push(Step::Confirm { node }),
        }
    }

    /// Returns the Redis that a node uses, which has the run id that the node has read.
    fn usable_redis(&self, state: &State, run_id: u8) -> impl Iterator<Item = usize> {
        let is_any = self.rules == Rules::NoRunId;
        let last = usize::from(state.master);
        (0..=last).filter(move |redis| is_any || *redis == usize::from(run_id))
    }

    /// Takes a step. Returns `None` if the step is impossible.
    pub(super) fn take(&self, state: &mut State, step: Step) -> Option<()> {
        match step {
            Step::Second => {
                state.elapsed += 1;
                state.is_ahead = true;
                if let Some(reading) = &mut state.reading {
                    reading.age += 1;
                }
            }
            Step::Advance => {
                state.database.clock += 1;
                state.is_ahead = false;
            }
            Step::Read => {
                state.reading = Some(Reading {
                    clock: state.database.clock,
                    epoch: state.database.current_epoch(),
                    run_id: state.database.run_id,
                    age: 0,
                });
            }
            Step::Heartbeat { client, redis } => {
                let reading = state.reading?;
                let known = state.clients[usize::from(client)];
                if state.redis[redis].heartbeat(client, &known, &reading, self.rules) {
                    use_seat(state, client, known.seq, state.elapsed);
                }
            }
            Step::Lock { node, client } => {
                state.started += 1;
                state.batches[node] = Phase::Locked(lock(state, client));
            }
            Step::LoseLock { node } => {
                state.faults += 1;
                state.batches[node].batch_mut()?.is_locked = false;
            }
            Step::Reserve { node, redis } => self.reserve(state, node, redis)?,
            Step::Commit { node } => commit(state, node)?,
            Step::Confirm { node } => {
                let batch = *state.batches[node].batch_mut()?;
                state.redis[batch.redis].confirm(&batch, self.rules);
                state.batches[node] = Phase::Idle;
            }
            Step::Stop { node } => {
                state.faults += 1;
                state.batches[node] = Phase::Idle;
            }
            Step::Fault(fault) => fail(state, fault),
            Step::NoticeRunId => {
                state.database.run_id = state.master;
                state.database.epoch += 1;
            }
        }
        Some(())
    }

    /// Reserves the pool in Redis, unless Redis is off, and decides.
    fn reserve(&self, state: &mut State, node: usize, redis: usize) -> Option<()> {
        let mut batch = *state.batches[node].batch_mut()?;
        batch.redis = redis;
        let mut renewed = None;
        let mut is_lost = batch.pool_epoch != batch.epoch;
        if batch.epoch != 0 {
            match state.redis[redis].reserve(&batch, self.rules) {
                Reserved::Renewals(lease, is_older) => {
                    renewed = lease;
                    batch.is_replaced = is_older;
                }
                Reserved::Lost => {
                    is_lost = true;
                    batch.is_replaced = true;
                    if self.rules != Rules::OldReading {
                        batch.clock = state.database.clock;
                    }
                }
                Reserved::Stale => {
                    state.batches[node] = Phase::Idle;
                    return Some(());
                }
            }
        }
        // The rows of a pool have all renewals if its epoch is zero.
        is_lost &= batch.pool_epoch != 0 && self.rules != Rules::NoExtension;
        let question = Question {
            lease: batch.lease,
            renewed,
            is_lost,
            clock: batch.clock,
            client: batch.client,
        };
        (batch.lease, batch.is_granted) = self.decisions.of(question);
        batch.is_changed = batch.is_granted || is_lost;
        state.batches[node] = Phase::Decided(batch);
        Some(())
    }
}

fn fail(state: &mut State, fault: Fault) {
    state.faults += 1;
    match fault {
        Fault::Flush => state.redis[usize::from(state.master)].pool = None,
        Fault::FailOver => state.master = 1,
        Fault::TurnOff => {
            state.database.epoch += 1;
            state.database.is_on = false;
        }
        Fault::TurnOn => state.database.is_on = true,
        Fault::LoseLock | Fault::Stop => {}
    }
}

/// Starts a transaction.
fn lock(state: &State, client: u8) -> Batch {
    let database = &state.database;
    Batch {
        is_locked: true,
        client,
        sent: Some(state.elapsed),
        clock: database.clock,
        epoch: database.current_epoch(),
        run_id: database.run_id,
        redis: 0,
        pool_epoch: database.pool_epoch,
        version: database.version,
        token: state.started,
        lease: database.lease,
        is_granted: false,
        is_changed: false,
        is_replaced: false,
    }
}

/// Commits a transaction, and replies to its client.
fn commit(state: &mut State, node: usize) -> Option<()> {
    let batch = *state.batches[node].batch_mut()?;
    if !batch.is_locked {
        state.batches[node] = Phase::Idle;
        return Some(());
    }
    if batch.is_changed {
        state.database.lease = batch.lease;
        state.database.version += 1;
    }
    state.database.pool_epoch = batch.epoch;
    if let Some(sent) = batch.sent.filter(|_| batch.is_granted) {
        use_seat(state, batch.client, batch.lease.seq, sent);
    }
    state.batches[node] = match batch.epoch {
        0 => Phase::Idle,
        _ => Phase::Committed(batch),
    };
    Some(())
}

fn use_seat(state: &mut State, client: u8, seq: u8, sent: u8) {
    let client = &mut state.clients[usize::from(client)];
    client.valid_until = client.valid_until.max(sent + LIFETIME);
    client.seq = seq;
}
