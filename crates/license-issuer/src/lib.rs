//! Issues licenses: signers, the ledger of issued artifacts, and the services that draft, sign,
//! verify, record and deliver artifacts.
//!
//! | layer | modules |
//! |---|---|
//! | foundation | [`errors`], [`clock`], [`random`], [`files`], [`names`], [`members`] |
//! | keys and storage | [`signer`], [`ledger`], [`delivery`], [`records`] |
//! | services | [`services`]: issue, batch, answer, revoke |
//!
//! Each layer uses only the layers above it in this table. The library does not print, does not
//! parse command lines, and reads the clock through [`clock::Clock`] only.

// docs.rs shows which feature an item needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod clock;
pub mod delivery;
pub mod errors;
pub mod files;
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
