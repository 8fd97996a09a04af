//! Borrowed seats that this machine has returned before their end. Their leases have not ended by
//! their dates, so the state remembers that they do not count any more.

use license_core::ids::Commitment;

#[cfg(feature = "online")]
use crate::problem::StateProblem;
use crate::seal::Seal;
#[cfg(feature = "online")]
use crate::sealed_file::Durability;
use crate::state::State;
#[cfg(feature = "online")]
use crate::store::StoreError;
use crate::store::{Damaged, Store};

/// The number of returned seats that are remembered. The leases of older ones have ended.
#[cfg(feature = "online")]
const MAX_RETURNED: usize = 1000;

/// Returns whether the seat with this commitment was returned.
pub(crate) fn is_returned(store: &Store, seal: &Seal, commitment: Commitment) -> bool {
    let loaded = State::load(store, seal, Damaged::Leave);
    loaded.state.returned.contains(&commitment)
}

/// Records that the seat with this commitment is returned. Returns whether the record is new. Each
/// of the two files of the state survives a loss of power.
#[cfg(feature = "online")]
pub(crate) fn record(
    store: &Store,
    seal: &Seal,
    commitment: Commitment,
) -> Result<bool, StoreError> {
    change(store, seal, |returned| {
        if returned.contains(&commitment) {
            return false;
        }
        let excess = (returned.len() + 1).saturating_sub(MAX_RETURNED);
        returned.drain(..excess);
        returned.push(commitment);
        true
    })
}

/// Removes the record of a seat that its server has certainly not taken back.
#[cfg(feature = "online")]
pub(crate) fn withdraw(
    store: &Store,
    seal: &Seal,
    commitment: Commitment,
) -> Result<(), StoreError> {
    let changed = change(store, seal, |returned| {
        returned.retain(|one| *one != commitment);
        true
    });
    changed.map(drop)
}

/// Changes the records under the lock. `change` returns whether there is something to write.
#[cfg(feature = "online")]
fn change(
    store: &Store,
    seal: &Seal,
    change: impl FnOnce(&mut Vec<Commitment>) -> bool,
) -> Result<bool, StoreError> {
    let lock = store.lock()?;
    let loaded = State::load_locked(&lock, store, seal);
    let unreadable = loaded
        .problems
        .into_iter()
        .find_map(|problem| match problem {
            StateProblem::Store(error) => Some(error),
            _ => None,
        });
    if let Some(error) = unreadable {
        return Err(error);
    }
    let mut state = loaded.state;
    if !change(&mut state.returned) {
        return Ok(false);
    }
    let durable = Durability::PowerLoss;
    state.save(&lock, seal, durable, durable)?;
    Ok(true)
}
