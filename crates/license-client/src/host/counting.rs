//! Quotas that several processes use at once.

use std::sync::PoisonError;

use license_core::usage_report::Counts;
use license_core::{Quota, QuotaUse};

use super::{Account, Host};
use crate::problem::StateProblem;
use crate::sealed_file::Durability;
use crate::state::State;
use crate::store::{Damaged, StoreError};

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
    /// What is granted or refused is counted for usage reports too, on this account.
    ///
    /// # Errors
    /// [`StoreError::Busy`] if others have been writing for ten seconds.
    pub fn take(
        &self,
        account: Account<'_>,
        quota: &str,
        count: u64,
        limit: Quota,
    ) -> Result<QuotaTaken, StoreError> {
        let asked = Asked {
            quota,
            count,
            limit,
        };
        let store = match &self.home {
            Ok(home) => home.user(),
            Err(_) => return Ok(self.take_unkept(account, asked, State::default())),
        };
        let lock = match store.lock() {
            Ok(lock) => lock,
            Err(busy @ StoreError::Busy { .. }) => return Err(busy),
            Err(error) => {
                let known = State::load(store, self.seal(), Damaged::Leave).state;
                let taken = self.take_unkept(account, asked, known);
                return Ok(taken.with(StateProblem::NotKept(error)));
            }
        };
        let loaded = State::load_locked(&lock, store, self.seal());
        let mut state = loaded.state.clone();
        let mut problems = loaded.problems;
        if loaded.is_partial {
            drop(lock);
            let taken = self.take_unkept(account, asked, loaded.state);
            return Ok(QuotaTaken { problems, ..taken });
        }
        let mut taken = self.take_from(&mut state, asked);
        if count > 0 {
            self.count(account, asked.counted(&taken));
            let durability = asked.durability(&taken);
            let (written, problem) = self.write_counts(&lock, store, &mut state, durability);
            problems.extend(problem);
            if let Err(error) = written {
                drop(lock);
                taken = self.take_from_memory(asked, loaded.state);
                problems.push(StateProblem::NotKept(error));
            }
        }
        Ok(QuotaTaken { taken, problems })
    }

    /// Where nothing can be written: what is counted is, if at all, written with something else.
    fn take_unkept(&self, account: Account<'_>, asked: Asked<'_>, known: State) -> QuotaTaken {
        let taken = self.take_from_memory(asked, known);
        if asked.count > 0 {
            self.count(account, asked.counted(&taken));
        }
        QuotaTaken {
            taken,
            problems: Vec::new(),
        }
    }

    fn take_from_memory(&self, asked: Asked<'_>, known: State) -> QuotaUse {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = memory.clone().merged(known);
        let taken = self.take_from(&mut state, asked);
        *memory = state;
        taken
    }

    fn take_from(&self, state: &mut State, asked: Asked<'_>) -> QuotaUse {
        let reading = self.reading();
        state.high_water.observe(reading);
        let now = state.high_water.counted_at(reading.clock);
        state.tally.take(asked.quota, asked.count, asked.limit, now)
    }
}

/// What is asked of a quota.
#[derive(Clone, Copy)]
struct Asked<'a> {
    quota: &'a str,
    count: u64,
    limit: Quota,
}

impl Asked<'_> {
    /// What a usage report tells of it.
    fn counted(&self, taken: &QuotaUse) -> Counts {
        match taken.granted {
            true => Counts::used(self.quota, self.count),
            false => Counts::quota_refused(self.quota),
        }
    }

    /// A refusal that is forgotten with the power gains nobody anything.
    fn durability(&self, taken: &QuotaUse) -> [Durability; 2] {
        match taken.granted {
            true => [Durability::Process, Durability::PowerLoss],
            false => [Durability::Process; 2],
        }
    }
}

impl QuotaTaken {
    fn with(mut self, problem: StateProblem) -> Self {
        self.problems.push(problem);
        self
    }
}
