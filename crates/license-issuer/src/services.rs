//! Services over signers, a ledger and a delivery.

pub mod batch;
pub mod enterprise_keys;
pub mod issue;
pub mod licenses;
mod transaction;

pub use transaction::{Deliverable, IssueTransaction, TransactionError};
