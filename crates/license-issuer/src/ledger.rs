//! The ledger: issued artifacts such as licenses and activations, public keys, revocations and
//! usage.
//!
//! A ledger only grows. Its entries form a hash chain. An artifact for a file is stored as pending,
//! staged under a temporary name, recorded as an entry, and then renamed, in this order. An
//! artifact for a stream is written to the stream at the point at which a file is staged, and is
//! not renamed. Therefore, after recovery, every delivered artifact is recorded. [`recover`]
//! completes or rolls back the artifacts that a crashed process left pending.
//!
//! The traits [`LedgerReader`], [`LedgerWriter`] and [`Ledger`] are synchronous. Their methods
//! describe what the services need, so that the traits can be implemented for any database. This
//! crate implements the traits for SQLite in [`sqlite`].

mod activations;
mod chain;
mod condition;
mod entry;
mod pending;
mod query;
mod reader;
mod recovery;
pub mod sqlite;
mod writer;

pub use activations::RecordedAnswer;
pub use chain::{ChainFault, ChainReport, LedgerHead};
pub use condition::{LedgerCondition, LowSerial};
pub use entry::{LedgerEntry, LedgerEntryKind, NewLedgerEntry};
pub use pending::{DeliveryState, PendingArtifact, StoredPending};
pub use query::{
    EndingStats, LedgerStats, LicenseFilter, LicenseSort, LicenseStatus, RecordedLicense,
};
pub use reader::LedgerReader;
pub use recovery::recover;
pub use writer::{Ledger, LedgerWriter};
