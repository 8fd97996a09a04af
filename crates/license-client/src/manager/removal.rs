//! Removal of the installed license.

use super::LicenseManager;
use super::install_report::RemovalReport;
use crate::events;
use crate::installation::InstallationError;
use crate::state_dir::StateFile;

impl LicenseManager {
    /// Removes the user's license and its keys.
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
    /// Returns [`InstallationError`] if a file cannot be removed.
    pub fn remove(&self) -> Result<RemovalReport, InstallationError> {
        use StateFile::{Key, License, Trust};
        let paths = self.paths.as_ref().map_err(Clone::clone)?;
        let store = paths.user();
        let mut removed = Vec::new();
        let exists = |file: &StateFile| store.dir().file(*file).symlink_metadata().is_ok();
        if [License, Key, Trust].iter().any(exists) {
            let lock = store.lock()?;
            // The keys are removed last: a license without its keys is an error, but keys without
            // a license are not.
            for file in [License, Key, Trust] {
                if lock.remove(file)? {
                    events::removed(file.as_str());
                    removed.push(store.dir().file(file));
                }
            }
            lock.clear_quarantine(&[License, Key]);
        }
        Ok(RemovalReport { paths: removed })
    }
}
