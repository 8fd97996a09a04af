//! Services that issue, record and deliver artifacts, on top of signers, a ledger and a delivery.

pub mod active_licenses;
pub mod answer;
pub mod batch;
pub mod deactivation;
pub mod denials;
pub mod devices;
pub mod enterprise_keys;
pub mod entitlements;
pub mod import;
pub mod issue;
pub mod licenses;
pub mod named_users;
pub mod record;
pub mod reinstate;
pub mod renewals;
pub mod revocation_lists;
pub mod revoke;
pub mod rivals;
pub mod server_keys;
pub mod statements;
mod transaction;
pub mod trials;
pub mod trust_statements;
pub mod validations;
pub mod vendor_clock;
pub mod warnings;

pub use transaction::{Deliverable, IssueTransaction, TransactionError};
