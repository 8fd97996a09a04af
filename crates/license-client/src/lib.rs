//! The machine side of a license: state directory, installed license, clock.

mod home;
mod store;

pub use home::{HomeError, StateDir, StateFile};
pub use store::{Store, StoreError, StoreLock};
