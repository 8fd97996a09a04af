//! Results of installing and removing a license.

use std::path::PathBuf;

use license_core::chrono::{DateTime, Utc};
use license_core::{LicenseId, TokenKind};

use super::trust_change::InstalledStatement;
use crate::events;
use crate::installation::LicenseLoss;
use crate::problem::StateProblem;
use crate::revocations::InstalledList;

/// Result of an installation.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Describes an installation in a window.
/// fn describe(report: &InstallReport) -> String {
///     if let Some(begins) = report.begins {
///         return format!("The new license starts on {}.", begins.date_naive());
///     }
///     if report.blocks.iter().all(|block| !block.is_new) {
///         return "Everything in this file was already installed.".to_owned();
///     }
///     "The license is installed.".to_owned()
/// }
/// ```
#[derive(Debug)]
#[non_exhaustive]
#[must_use]
pub struct InstallReport {
    /// The path of the installed artifact.
    pub path: PathBuf,
    /// The instant at which the new license supersedes the installed one, if both are stored.
    pub begins: Option<DateTime<Utc>>,
    /// Whether the clock's high-water mark was lowered, because a wrong clock had raised it into
    /// the future.
    pub clock_repaired: bool,
    /// Whether the file contains no license, and all its validation tokens were already stored or
    /// are older than the stored ones. `false` without a validation token.
    pub is_old: bool,
    /// The losses, if a valid license was replaced, or if it is replaced when the new license
    /// begins.
    pub loss: Option<LicenseLoss>,
    /// The valid license that was replaced and can be restored. A license that the new one
    /// supersedes is not kept.
    pub replaced: Option<LicenseId>,
    /// Problems with other state files.
    pub problems: Vec<StateProblem>,
    /// Result for each revocation list, in ascending order of the list numbers.
    pub lists: Vec<InstalledList>,
    /// Result for each trust statement, in the order of the file. Empty if the program has embedded
    /// keys.
    pub statements: Vec<InstalledStatement>,
    /// Result for each block: licenses, validation tokens, lists, activations and clock repairs, in
    /// this order.
    pub blocks: Vec<InstalledBlock>,
}

/// Result for one block of an installed file.
///
/// ```
/// use license_client::InstallReport;
///
/// /// Returns the number of blocks that were not installed before.
/// fn count_new(report: &InstallReport) -> usize {
///     report.blocks.iter().filter(|block| block.is_new).count()
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledBlock {
    /// The kind of the token.
    pub kind: TokenKind,
    /// The id of the token. For a revocation list, this is the number of the list.
    pub id: String,
    /// Whether the token was not installed before.
    pub is_new: bool,
}

impl InstalledBlock {
    /// Emits the event of the installation.
    pub(super) fn emit(&self) {
        events::installed(self.kind.typ(), &self.id, self.is_new);
    }
}

/// Result of a removal.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let vendor = fixture::Vendor::new()?;
/// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
/// # let manager = &machine.manager;
/// let removed = manager.remove()?;
/// for path in &removed.paths {
///     println!("removed {}", path.display());
/// }
/// # assert!(!removed.paths.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
#[must_use]
pub struct RemovalReport {
    /// The removed files.
    pub paths: Vec<PathBuf>,
}
