//! Stored revocation lists, for the evaluation of a license that is not installed.

use license_core::TrustSet;
use license_core::license::RevocationList;

use super::LicenseManager;
use crate::revocations;
use crate::store::Damaged;

impl LicenseManager {
    /// Returns the newest stored revocation list of this product for each of these keys.
    ///
    /// Nothing is recorded or quarantined. [`Self::inspect`] reports problems with the lists.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let trust = manager.trust().ok_or("no embedded keys")?;
    /// for list in manager.revocation_lists(trust) {
    ///     println!("list {} revokes {} licenses", list.seq(), list.len());
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn revocation_lists(&self, trust: &TrustSet) -> Vec<RevocationList> {
        let Ok(paths) = &self.paths else {
            return Vec::new();
        };
        let (lists, _) = revocations::read_all(
            paths,
            trust,
            self.product,
            &Default::default(),
            Damaged::Leave,
        );
        lists
    }
}
