//! Stored revocation lists, for the evaluation of a license that is not installed.

use license_core::TrustSet;
use license_core::license::{RecordedRevocation, RevocationList};

use super::LicenseManager;
use crate::revocations;
use crate::state::State;
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
        let (lists, _) = revocations::read_all(
            &self.paths,
            trust,
            self.product,
            &Default::default(),
            Damaged::Leave,
        );
        lists
    }

    /// Returns the revocations by these keys that this machine has recorded. They count even if the
    /// lists are missing.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let trust = manager.trust().ok_or("no embedded keys")?;
    /// for revocation in manager.recorded_revocations(trust) {
    ///     println!("{} is revoked by list {}", revocation.license, revocation.seq);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn recorded_revocations(&self, trust: &TrustSet) -> Vec<RecordedRevocation> {
        match self.paths() {
            Ok(paths) if paths.user().dir().path().is_dir() => {
                let loaded = State::load(paths.user(), self.seal(), Damaged::Leave);
                loaded.state.recorded.by_keys(trust)
            }
            _ => Vec::new(),
        }
    }
}
