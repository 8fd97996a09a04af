//! The client side of the license system: stores a license on a machine, installs it, and decides
//! what the license allows. No call uses the network, except those of the feature `online`.
//!
//! The entry point of an application is [`Client::builder`]. The builder takes the vendor's public
//! keys and the product file, both compiled into the program, and what the application knows about
//! itself:
//!
//! ```
//! use license_client::{Client, TrustSet};
//!
//! # const TRUST: &str = include_str!(concat!(
//! #     env!("CARGO_MANIFEST_DIR"), "/fixtures/trust/vendor.jwks"
//! # ));
//! # const PRODUCT: &str = license_client::FeatureMatrix::built_in_text();
//! # let scratch = tempfile::tempdir()?;
//! // const TRUST: &str = include_str!("trust.jwks");
//! // const PRODUCT: &str = include_str!("product.toml");
//! let client = Client::builder(TrustSet::parse(TRUST)?)
//!     .product(PRODUCT)
//!     .app_version(env!("CARGO_PKG_VERSION"))
//! #   .state_dir(scratch.path())
//!     .build()?;
//!
//! // A call usually takes microseconds, and detects what was installed in the meantime.
//! assert!(client.allows("local_execution")?, "the base tier needs no license");
//! let may_sign_in = client.allows("sso")?;
//! assert!(!may_sign_in);
//!
//! // A decision has a reason code and warnings, and answers any number of questions.
//! let decision = client.decide()?;
//! assert_eq!(decision.code().as_str(), "NO_LICENSE");
//! for warning in decision.warnings() {
//!     eprintln!("{warning}");
//! }
//!
//! // A quota is exact, even if several processes use it. This call writes to disk.
//! let used = client.use_quota("commands_per_day", 1)?;
//! assert!(used.granted);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Where to start
//!
//! | task | item |
//! |---|---|
//! | gate a feature, count uses | [`Client::allows`], [`Client::use_quota`] |
//! | answer many questions, show warnings | [`Client::decide`], [`Decision::warnings`] |
//! | decide for the user of a request | [`Client::context`], [`Client::allows_in`] |
//! | hold a session of a project | [`Client::session`] |
//! | ask a license server | `Client::validate`, with the feature `online` |
//! | hold a floating seat | `Client::seat`, with the feature `online` |
//! | let the user turn telemetry on | `Client::telemetry`, with the feature `online` |
//! | install, activate, deactivate or remove a license | [`Client::manager`], [`LicenseManager`] |
//! | identify the machine | [`MachineFacts`] |
//! | read the state directory without a client | [`Paths`], [`Installation`], [`Store`] |
//!
//! The guides [`own_product`](guide::own_product), [`license_dialog`](guide::license_dialog) and
//! [`warnings`](guide::warnings) describe whole tasks step by step.
//!
//! # Errors
//!
//! A license that is missing, damaged, expired or denied is not an error: the base tier of the
//! product is in effect. The decision has the reason code, and [`Client::problems`] describes a
//! damaged license. Mistakes in the program are errors, so that its developer cannot overlook them:
//!
//! - No keys, no product, or a text that is not a product file, a version or a date: [`BuildError`]
//!   from [`ClientBuilder::build`].
//! - A license restricts users, versions or build dates, and the program does not set the value:
//!   [`ClientError::MissingContext`] from each call that decides.
//! - A feature or quota that the product does not have: [`ClientError::UnknownFeature`] or
//!   [`ClientError::UnknownQuota`].
//!
//! Two errors are not mistakes in the program: [`ClientError::Counters`] if a use of a finite quota
//! cannot be counted, and [`ClientError::Project`] if no project is found for a session.
//!
//! # Threads and asynchronous programs
//!
//! [`Client`] is `Send` and `Sync`. Its documentation states how long each call may block, and
//! shows `spawn_blocking`.
//!
//! # Features
//!
//! - `rsa` (default): verifies signatures in pure Rust, without a C compiler.
//! - `aws-lc-rs`: verifies signatures with AWS-LC, about four times as fast; needs a C compiler.
//! - `online`: asks license servers: validation of licenses that check in, floating seats, and
//!   telemetry if the user turns it on. TLS uses AWS-LC, so it needs a C compiler. The calls block,
//!   and need no runtime.
//! - `testing`: the module `testing`: a vendor, a machine and a clock for the tests of an
//!   application.
//! - `testing-in-release`: permits `testing` in release builds.
//! - `tracing`: the events below.
//!
//! # Events
//!
//! With the feature `tracing`, the crate emits events of the crate [`tracing`], all with the target
//! `license_client`:
//!
//! - `decision`, `INFO`; `WARN` for a license that is denied or in a grace period: the first
//!   decision of a client, and each decision whose code, tier or license differs from the previous
//!   one. Fields: `code`, `tier`, `license`.
//! - `read`, `DEBUG`: a client has read the installed files. Fields: `reason` (`start`, `change`,
//!   `interval`, `request`), `has_license`.
//! - `unusable file`, `WARN`: a read has found a file that is damaged, or cannot be read or
//!   written; or a use of a quota is refused because it cannot be counted (`QUOTA_NOT_COUNTED`).
//!   Fields: `file`, `code`.
//! - `quarantined`, `WARN`: a damaged file, or the file of another machine, was renamed. Fields:
//!   `file`, `renamed_to`.
//! - `installed`, `INFO`: a file was installed. There is one event for each token of the file,
//!   except trust statements. Fields: `kind` (the `typ` of the token), `id`, `is_new`.
//! - `removed`, `INFO`: a file of the installed license was removed. Fields: `file`.
//! - `feature refused`, `DEBUG`: each refusal of [`Client::allows`] and [`Client::allows_in`].
//!   Fields: `feature`, `code`, `tier`.
//! - `quota refused`, `DEBUG`: each refusal of [`Client::use_quota`] and
//!   [`LicenseManager::use_quota`]. Fields: `quota`, `requested`, `used`, `limit` (absent if
//!   unlimited).
//!
//! A decision in a context with a user other than that of the builder emits no `decision` event, so
//! that a server with many users does not emit one for each request.
//!
//! The fields contain no tokens, keys, users or machines. `file` and `renamed_to` are names without
//! directories, because the path of a home directory contains the name of its user. `license` and
//! `id` are ids of tokens; the `id` of a revocation list is its number. The id of a license is a
//! UUID, or the short form of an enterprise key, which names the company and grants nothing. No
//! other field names a customer.
//!
//! [`tracing`]: https://docs.rs/tracing
//!
//! # Dependencies
//!
//! The crate re-exports [`license_core`], and the types that most applications need at its own
//! root, so that an application depends on this crate only.
//!
//! # Platforms
//!
//! Linux, macOS and Windows. On another Unix system, the crate compiles and works with licenses
//! that are not locked to machines.

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(
    feature = "testing",
    not(feature = "testing-in-release"),
    not(debug_assertions)
))]
compile_error!(
    "feature `testing` of license-client contains a signing key that is public, so it does not compile in release builds: enable it only under [dev-dependencies] of a workspace with feature resolver 2 or later, or enable feature `testing-in-release` for test programs that are never shipped"
);

// Layers: a module uses only modules on the lines above its own.
//     boot_time, clock, events, files, value
//     directory, machine
//     state_dir
//     sources, store, project
//     seat_file
//     paths, seal, usage
//     problem
//     sealed_file, state
//     activation, journal, returned_seats, revocations
//     installation
//     manager
//     session
//     held_seat
//     online
//     client, json
//     testing, fuzzing
mod activation;
mod administrator;
mod boot_time;
mod client;
mod clock;
mod directory;
mod events;
mod files;
#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(any(doc, doctest))]
pub mod guide;
mod held_seat;
mod installation;
mod journal;
mod json;
mod machine;
mod manager;
#[cfg(feature = "online")]
mod online;
mod paths;
mod problem;
mod project;
mod returned_seats;
mod revocations;
mod seal;
mod sealed_file;
mod seat_file;
mod session;
mod sources;
mod state;
mod state_dir;
mod store;
#[cfg(feature = "testing")]
pub mod testing;
mod usage;
mod validations;
mod value;

pub use activation::AnswerFault;
pub use administrator::{SystemDirError, SystemDirFault};
pub use client::{BuildError, Client, ClientBuilder, ClientError, Setting};
pub use clock::now;
pub use directory::UnsafeDirectory;
pub use held_seat::{HeldSeat, seat_variable};
pub use installation::{
    Candidate, DroppedLicense, Installation, InstallationError, LicenseLoss, Replace,
    ReplacedLicense, UnusedFile,
};
pub use license_core;
pub use license_core::evaluate::{ContextValue, Evidence, FeatureDecision, Outcome, Warning};
pub use license_core::matrix::ProductFileError;
pub use license_core::policy::{Entitlements, Quota, UsageType};
pub use license_core::session::{FollowedLink, ProjectError, ProjectRoot, RootReason};
pub use license_core::state::QuotaUse;
pub use license_core::trust::TrustError;
pub use license_core::{
    Code, Context, Decision, FeatureMatrix, License, LicenseId, ProductCode, Tier, TrustSet,
    Version, with_causes,
};
pub use machine::{
    FoundComponent, LocalSystem, MachineFacts, MissingComponent, MissingReason, Platform,
    Rejection, Stability, System, bind_mount_source,
};
pub use manager::{
    InstallReport, InstalledBlock, InstalledStatement, LicenseManager, Moment,
    PendingRequestPolicy, PreparedRequest, QuotaError, QuotaUseReport, RemovalReport, ReportError,
    Snapshot, UsageAccount, UsageExport, UsageReportMode, UsedQuotas,
};
#[cfg(feature = "online")]
pub use online::{
    CertificateFault, DeviceLogin, LoginError, LoginStatus, LogoutOutcome, MissingLogin,
    OnlineClient, OnlineError, OnlineSetting, OnlineSettings, OnlineSource, OnlineStatus,
    OnlineValue, QueuePlace, Seat, SeatEvent, SeatRequest, ServerProblem, ServerVerdict,
    StartedTrial, StoredSeat, Telemetry, TelemetryProposal, TelemetryStatus, UnreachableReason,
};
pub use paths::Paths;
pub use problem::{ListFault, ListProblem, StaleList, StateProblem, StatementProblem};
pub use project::{LocalFileSystem, find_project};
pub use revocations::InstalledList;
pub use seal::SealError;
pub use seat_file::SeatOrigin;
pub use session::Session;
pub use state_dir::{StateDir, StateDirError, StateFile};
pub use store::{Store, StoreError, StoreLock};
pub use usage::{
    DetectedUsage, ProcessEnvironment, UsageReason, UsageTypeError, detect_usage, usage_variable,
};
pub use validations::ServerTokenFault;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
