//! Storage, in terms of the domain.
//!
//! [`ServerStore`] is implemented for each database. Every method takes the tenant, except those of
//! [`ServerStore`] itself, which concern the whole database, and those of [`AccountStore`], because
//! the account of a person belongs to no tenant. A method that changes something is one
//! transaction, and its audit entries are part of this transaction. When a method returns, the
//! change is on the disk.

mod accounts;
mod administration;
mod anomalies;
mod billing;
#[cfg(test)]
mod conformance;
mod error;
mod groups;
mod identities;
mod invoices;
mod ledger;
mod license_search;
mod licenses;
mod limits;
mod machines;
mod members;
mod metering;
mod named_users;
mod pool;
pub mod postgres;
pub mod redis;
mod rows;
#[cfg(test)]
mod schemas;
mod seat_history;
mod seats;
mod shared;
mod shared_tokens;
pub mod sqlite;
mod telemetry;
mod tls;
mod trials;
mod values;
mod webhooks;

use std::path::Path;

use async_trait::async_trait;

use crate::domain::NodeStatus;

pub use accounts::{AccountIdentity, AccountStore, AccountTrail};
pub use administration::AdministrationStore;
pub use anomalies::AnomalyStore;
pub use billing::BillingStore;
pub use error::{PostgresError, ServerStoreError};
pub use groups::{GroupStore, SeatUser};
pub use identities::IdentityStore;
pub use invoices::InvoiceStore;
pub use ledger::LedgerStore;
pub use licenses::LicenseStore;
pub use machines::MachineStore;
pub use members::MemberStore;
pub use metering::{MeteringStore, SendingClaim};
pub use named_users::NamedUserStore;
pub use pool::{LeaseRow, PoolReply, PoolRequest, PoolView, TicketRow};
pub use seat_history::SeatHistoryStore;
pub use seats::{SeatStore, TicketWaker};
pub use shared::SharedStore;
pub use shared_tokens::SharedTokens;
pub use telemetry::TelemetryStore;
pub use trials::{TrialRequest, TrialStore};
pub use webhooks::{DeliveryClaim, WebhookStore};

/// A database of the server.
#[async_trait]
pub trait ServerStore:
    LicenseStore
    + MachineStore
    + SeatStore
    + SeatHistoryStore
    + AdministrationStore
    + AccountStore
    + IdentityStore
    + MemberStore
    + NamedUserStore
    + GroupStore
    + InvoiceStore
    + LedgerStore
    + TelemetryStore
    + TrialStore
    + WebhookStore
    + BillingStore
    + MeteringStore
    + AnomalyStore
{
    /// Copies a consistent snapshot to a new file, which only its owner can access.
    async fn back_up(&self, to: &Path) -> Result<(), ServerStoreError>;

    /// Reads and writes the database, to show that it works. Returns [`ServerStoreError::DiskFull`]
    /// for a minute after a change did not fit on the disk.
    async fn check(&self) -> Result<(), ServerStoreError>;

    /// Returns whether Redis answers renewals. `None`: the server has no Redis.
    fn redis_is_on(&self) -> Option<bool> {
        None
    }

    /// Returns the validation tokens that the servers of the database share, if they share any.
    fn shared_tokens(&self) -> Option<&dyn SharedTokens> {
        None
    }

    /// Returns the running servers of the database, the oldest first. A database of one server has
    /// no list.
    async fn nodes(&self) -> Result<Vec<NodeStatus>, ServerStoreError> {
        Ok(Vec::new())
    }

    /// Commits all requests that are waiting, and accepts no more.
    async fn close(&self) -> Result<(), ServerStoreError>;
}
