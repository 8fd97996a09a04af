//! The replaced license, and the removal of the installed one.

use license_core::FeatureMatrix;

use super::LicenseManager;
use super::install_report::RemovalReport;
use crate::events;
use crate::installation::{InstallationError, Keys, ReplacedLicense};
use crate::state_dir::StateFile;

impl LicenseManager {
    /// Returns the license that the last installation replaced, if it can be restored. Programs
    /// without embedded keys verify it with the keys that were installed with it.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// # let matrix = &vendor.matrix;
    /// let replaced = manager.replaced_license(matrix)?;
    /// assert!(replaced.is_none(), "the first installation replaces nothing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if the license cannot be read or does not verify.
    pub fn replaced_license(
        &self,
        matrix: &FeatureMatrix,
    ) -> Result<Option<ReplacedLicense>, InstallationError> {
        ReplacedLicense::read(self.writable_paths()?, Keys::new(self.trust()), matrix)
    }

    /// Removes the user's license and its keys, and the license that it replaced.
    ///
    /// Validation tokens, quota counters and the clock's high-water mark stay, so that removing a
    /// license neither undoes a suspension nor refills a quota.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let vendor = fixture::Vendor::new()?;
    /// # let machine = fixture::Workstation::with_license(&vendor, "PRO")?;
    /// # let manager = &machine.manager;
    /// let removed = manager.remove()?;
    /// println!("removed {} files", removed.paths.len());
    /// // There is nothing left to remove.
    /// assert!(manager.remove()?.paths.is_empty());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if a file cannot be removed. In that case nothing changes.
    pub fn remove(&self) -> Result<RemovalReport, InstallationError> {
        use StateFile::{Key, License, ReplacedLicense, ReplacedTrust, Trust};
        const FILES: [StateFile; 5] = [License, Key, ReplacedLicense, ReplacedTrust, Trust];
        let paths = self.writable_paths()?;
        let store = paths.user();
        let mut removed = Vec::new();
        let exists = |file: &StateFile| store.dir().file(*file).symlink_metadata().is_ok();
        if FILES.iter().any(exists) {
            let lock = store.lock()?;
            let undo = lock.begin()?;
            // The keys are removed last: a license without its keys is an error, but keys without
            // a license are not.
            for file in FILES {
                if lock.remove(file)? {
                    removed.push(file);
                }
            }
            undo.commit()?;
            removed
                .iter()
                .for_each(|file| events::removed(file.as_str()));
            lock.clear_quarantine(&[License, Key]);
        }
        let paths = removed.into_iter().map(|file| store.dir().file(file));
        Ok(RemovalReport {
            paths: paths.collect(),
        })
    }
}
