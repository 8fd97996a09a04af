//! Decides whether a history is linearizable: whether each command can have taken effect at one
//! instant between its invocation and its response, so that the sequential model gives its reply.
//!
//! The search is that of Wing and Gong, with the memory of Lowe ("Testing for linearizability",
//! 2017): a set of commands that leads to a known state is not examined again. The tester of
//! `stateright` has no such memory, and no bound for the effect of a command without a response.

use std::collections::HashSet;
use std::fmt;

use super::model::{Call, Pool, Reply};

/// A command with the times of its invocation and of its response.
///
/// Without a response, the command has taken effect before `returned` or never: the process of the
/// server had ended when its client saw the end of the connection.
#[derive(Clone, Debug)]
pub(super) struct Operation {
    pub(super) client: u32,
    pub(super) call: Call,
    pub(super) reply: Option<Reply>,
    /// A number that grows from event to event of the whole history.
    pub(super) invoked: u64,
    pub(super) returned: u64,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            client,
            call,
            reply,
            invoked,
            returned,
        } = self;
        write!(
            f,
            "{invoked:>5} to {returned:>5}  client {client}  {call:?} -> "
        )?;
        match reply {
            Some(reply) => write!(f, "{reply:?}"),
            None => f.write_str("no response"),
        }
    }
}

/// The largest number of commands in a history.
pub(super) const MAX_OPERATIONS: usize = 128;

/// Returns whether a history is linearizable, starting with an idle pool.
pub(super) fn is_linearizable(start: &Pool, history: &[Operation]) -> bool {
    // A read without a response proves nothing.
    let relevant = |operation: &&Operation| operation.reply.is_some() || !operation.call.is_read();
    let mut operations: Vec<&Operation> = history.iter().filter(relevant).collect();
    operations.sort_by_key(|operation| operation.invoked);
    assert!(
        operations.len() <= MAX_OPERATIONS,
        "the history is too long"
    );
    let mut search = Search {
        operations,
        examined: HashSet::new(),
    };
    search.continues(0, start)
}

struct Search<'h> {
    operations: Vec<&'h Operation>,
    /// Sets of commands that have taken effect, as bits, with the state after them.
    examined: HashSet<(u128, Pool)>,
}

impl Search<'_> {
    /// Returns whether the commands outside the set `done` can follow.
    fn continues(&mut self, done: u128, pool: &Pool) -> bool {
        let left = |index: usize| done & (1 << index) == 0;
        let open = (0..self.operations.len()).filter(|index| left(*index));
        let open: Vec<usize> = open.collect();
        let answered = open.iter().map(|index| self.operations[*index]);
        let answered = answered.filter(|operation| operation.reply.is_some());
        let Some(first_return) = answered.map(|operation| operation.returned).min() else {
            return true;
        };
        if !self.examined.insert((done, pool.clone())) {
            return false;
        }
        // Commands that took effect have begun, so the next effect is not before their beginning.
        let begun = (0..self.operations.len()).filter(|index| !left(*index));
        let begun = begun.map(|index| self.operations[index].invoked).max();
        open.into_iter().any(|index| {
            let operation = self.operations[index];
            let is_next = operation.invoked < first_return && begun < Some(operation.returned);
            let mut after = pool.clone();
            let is_explained = is_next
                && match &operation.reply {
                    Some(reply) => after.explain(&operation.call, reply),
                    None => {
                        after.apply(&operation.call, None);
                        true
                    }
                };
            is_explained && self.continues(done | 1 << index, &after)
        })
    }
}
