//! Quotas that several processes use at once.

use std::sync::PoisonError;

use license_core::{Quota, QuotaUse};

use super::Host;
use crate::state::{Durability, State, StateProblem};
use crate::store::StoreError;

/// What came of taking from a quota, and what went wrong beside it.
#[derive(Debug)]
#[must_use]
pub struct QuotaTaken {
    /// Whether it was granted, and what is left.
    pub taken: QuotaUse,
    /// What could not be read or kept.
    pub problems: Vec<StateProblem>,
}

impl Host {
    /// Takes `count` from a quota, all of it or nothing. Once this returns, what was granted is counted whatever happens; several
    /// processes never take the same part.
    ///
    /// Where nothing can be kept, this process counts for itself from what could be read, and [`QuotaTaken::problems`] says so.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if others have been writing for ten seconds.
    pub fn take(&self, quota: &str, count: u64, limit: Quota) -> Result<QuotaTaken, StoreError> {
        let store = match &self.home {
            Ok(home) => home.user(),
            Err(_) => return Ok(self.take_from_memory(quota, count, limit, State::default())),
        };
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(busy @ StoreError::Busy { .. }) => return Err(busy),
            Err(error) => {
                let known = State::inspect(store, self.seal()).state;
                let taken = self.take_from_memory(quota, count, limit, known);
                return Ok(taken.with(StateProblem::NotKept(error)));
            }
        };
        let loaded = State::load_locked(&lock, store, self.seal());
        let mut state = loaded.state.clone();
        let problems = loaded.problems;
        if loaded.is_partial {
            drop(lock);
            let taken = self.take_from_memory(quota, count, limit, loaded.state);
            return Ok(QuotaTaken { problems, ..taken });
        }
        let taken = self.take_from(&mut state, quota, count, limit);
        if taken.granted && count > 0 {
            let (soon, last) = (Durability::Process, Durability::PowerLoss);
            if let Err(error) = state.save(&lock, self.seal(), soon, last) {
                drop(lock);
                let taken = self.take_from_memory(quota, count, limit, loaded.state);
                let taken = QuotaTaken { problems, ..taken };
                return Ok(taken.with(StateProblem::NotKept(error)));
            }
        }
        Ok(QuotaTaken { taken, problems })
    }

    fn take_from_memory(&self, quota: &str, count: u64, limit: Quota, known: State) -> QuotaTaken {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = memory.clone().merged(known);
        let taken = self.take_from(&mut state, quota, count, limit);
        *memory = state;
        QuotaTaken {
            taken,
            problems: Vec::new(),
        }
    }

    fn take_from(&self, state: &mut State, quota: &str, count: u64, limit: Quota) -> QuotaUse {
        state.high_water.observe(self.reading());
        let now = state.high_water.mark();
        state.tally.take(quota, count, limit, now)
    }
}

impl QuotaTaken {
    fn with(mut self, problem: StateProblem) -> Self {
        self.problems.push(problem);
        self
    }
}
