//! Issues licenses: signers, the ledger of issued artifacts, and the services that draft, sign,
//! verify, record and deliver artifacts.
//!
//! | layer | modules |
//! |---|---|
//! | foundation | [`errors`], [`clock`], [`random`], [`files`], [`folding`] |
//! | | [`names`], [`members`] |
//! | keys and storage | [`signer`], [`ledger`], [`delivery`], [`records`] |
//! | services | [`services`]: issue, batch, answer, revoke |
//!
//! Each layer uses only the layers above it in this table. The library does not print, does not
//! parse command lines, and reads the clock through [`clock::Clock`] only.
//!
//! # Issue a license
//!
//! The service signs the draft, verifies the signed license, records the license in the ledger and
//! delivers the file. If the process is interrupted, the next call delivers the files of the
//! licenses that are already recorded.
//!
//! ```
//! # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
//! # let directory = tempfile::tempdir()?;
//! # let path = directory.path().join("acme.lic");
//! # let key = fixture::MemoryKey::new()?;
//! use license_core::issue::LicenseDraft;
//! use license_core::{FeatureMatrix, Tier};
//! use license_issuer::clock::SystemClock;
//! use license_issuer::delivery::{ArtifactDestination, FileDelivery};
//! use license_issuer::files::Collision;
//! use license_issuer::ledger::sqlite::LedgerFile;
//! use license_issuer::random;
//! use license_issuer::services::issue::{IssueRequest, IssueService, Mode};
//! use license_issuer::services::licenses::{LicenseOrder, SignedLicense};
//!
//! let matrix = FeatureMatrix::built_in();
//! let tier = matrix.tier(Tier::parse("PRO")?).ok_or("the product has no tier PRO")?;
//! let id = random::license_id(&SystemClock)?;
//! let ledger = LedgerFile::new(&directory.path().join("ledger.db"));
//! let report = IssueService::new(Some(ledger)).issue(
//!     IssueRequest {
//!         draft: &|context| {
//!             let customer = "ACME Ltd".to_owned();
//!             let draft = LicenseDraft::for_tier(matrix, tier, id.clone(), customer, context.now);
//!             Ok(LicenseOrder::new(draft, matrix))
//!         },
//!         signer: &key, // implements `SignerSource`, for example with `signer::open`
//!         destination: ArtifactDestination::file(&path, "staging", Collision::Refuse),
//!         delivery: &mut FileDelivery::default(),
//!         render: &|_, signed: &SignedLicense| Ok(signed.file.clone().into_bytes()),
//!     },
//!     Mode::Commit, // `Mode::DryRun` stops before the first change
//! )?;
//! let signed = report.signed.ok_or("a commit signs the license")?;
//! assert_eq!(std::fs::read_to_string(&path)?, signed.file);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The README contains the whole program, including an implementation of `SignerSource`.
//!
//! # Where to start
//!
//! | task | item |
//! |---|---|
//! | draft a license | [`services::licenses::LicenseOrder`] |
//! | issue any artifact from its draft | [`services::issue::IssueService`] |
//! | answer requests of machines | [`services::answer`] |
//! | revoke a license | [`services::revoke`], then [`services::revocation_lists`] |
//! | import artifacts and exports | [`services::import`] |
//! | issue many licenses | [`services::batch`] |
//! | certify the key of a license server | [`services::server_keys`] |
//! | open a key in a file, an HSM, AWS KMS or Google Cloud KMS | [`signer::open`] |
//! | read the ledger | [`ledger::LedgerReader`], [`ledger::sqlite::SqliteLedger`] |
//! | use another database | implement [`ledger::Ledger`] |

// With this attribute, docs.rs shows the feature that an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod delivery;
pub mod errors;
pub mod files;
pub mod folding;
pub mod ledger;
pub mod members;
pub mod names;
pub mod random;
pub mod records;
pub mod services;
pub mod signer;

/// Runs the example of the README as a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
