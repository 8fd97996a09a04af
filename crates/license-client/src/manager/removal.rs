//! Removal of the installed license.

use super::Host;
use super::install_report::Removed;
use crate::installation::InstallationError;
use crate::state_dir::StateFile;

impl Host {
    /// Removes the user's license and its keys.
    ///
    /// Validation tokens, quota counters and the clock's high-water mark stay, so that removing a
    /// license neither undoes a suspension nor refills a quota.
    ///
    /// # Errors
    ///
    /// Returns [`InstallationError`] if a file cannot be removed.
    pub fn remove(&self) -> Result<Removed, InstallationError> {
        use StateFile::{Key, License, Trust};
        let home = self.home.as_ref().map_err(Clone::clone)?;
        let store = home.user();
        let mut paths = Vec::new();
        let is_there = |file: &StateFile| store.dir().file(*file).symlink_metadata().is_ok();
        if [License, Key, Trust].iter().any(is_there) {
            let lock = store.lock()?;
            // The keys are removed last: a license without its keys is an error, but keys without
            // a license are not.
            for file in [License, Key, Trust] {
                if lock.remove(file)? {
                    paths.push(store.dir().file(file));
                }
            }
            lock.clear_quarantine(&[License, Key]);
        }
        Ok(Removed { paths })
    }
}
