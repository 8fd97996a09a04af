//! The client side of the license system: stores a license on a machine, installs it, and decides
//! what the license allows.
//!
//! An application opens a [`Client`] with the public keys that the vendor compiled into it:
//!
//! ```
//! use license_client::Client;
//! use license_core::TrustSet;
//!
//! # const TRUST: &str = include_str!("../fixtures/trust/vendor.jwks");
//! # let home = tempfile::tempdir()?;
//! # let dir = license_client::StateDir::at(home.path());
//! // const TRUST: &str = include_str!("trust.jwks");
//! let trust = TrustSet::parse(TRUST)?;
//! # let client = Client::open_at(dir, &trust, license_core::FeatureMatrix::built_in());
//! # /*
//! let client = Client::open(&trust);
//! # */
//! let decision = client.decide();
//! assert!(decision.allows("local_execution"), "the base tier needs no license");
//! let may_sign_in = decision.allows("sso");
//! # assert!(!may_sign_in);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// Layers: a module uses only modules on the lines above its own.
//     clock, files, value
//     machine, state_dir
//     store, project
//     paths, seal, usage
//     problem
//     sealed_file, state
//     activation, journal, revocations
//     installation
//     manager
//     session
//     client, json
mod activation;
mod client;
mod clock;
mod files;
mod installation;
mod journal;
mod json;
mod machine;
mod manager;
mod paths;
mod problem;
mod project;
mod revocations;
mod seal;
mod sealed_file;
mod session;
mod state;
mod state_dir;
mod store;
mod usage;
mod value;

pub use activation::AnswerFault;
pub use client::{Client, QuotaError};
pub use clock::now;
pub use installation::{Candidate, Installation, InstallationError, Replace};
pub use license_core::session::{FollowedLink, ProjectError, ProjectRoot, RootReason};
pub use license_core::with_causes;
pub use machine::{
    FoundComponent, LocalSystem, MachineFacts, MissingComponent, MissingReason, Platform,
    Rejection, Stability, System,
};
pub use manager::{
    InstallReport, InstalledBlock, InstalledStatement, LicenseManager, Moment,
    PendingRequestPolicy, PreparedRequest, QuotaUseReport, RemovalReport, ReportError, Snapshot,
    UsageAccount, UsageExport, UsageReportMode,
};
pub use paths::Paths;
pub use problem::{ListFault, ListProblem, StaleList, StateProblem, StatementProblem};
pub use project::{LocalFileSystem, find_project};
pub use revocations::InstalledList;
pub use seal::SealError;
pub use session::Session;
pub use state_dir::{StateDir, StateDirError, StateFile};
pub use store::{Store, StoreError, StoreLock};
pub use usage::{
    DetectedUsage, ProcessEnvironment, UsageReason, UsageTypeError, detect_usage, usage_variable,
};

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
