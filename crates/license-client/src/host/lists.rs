//! The revocation lists that are kept here, for who judges a license that is not installed.

use license_core::{RevocationList, TrustSet};

use super::Host;
use crate::revocations;
use crate::store::Damaged;

impl Host {
    /// The installed revocation lists of this product that verify with these keys: of each key the newest. Nothing is noted or set aside,
    /// and what is wrong with others is for [`Host::inspect`] to tell.
    pub fn revocation_lists(&self, trust: &TrustSet) -> Vec<RevocationList> {
        let Ok(home) = &self.home else {
            return Vec::new();
        };
        let (lists, _) = revocations::of_home(
            home,
            trust,
            self.product,
            &Default::default(),
            Damaged::Leave,
        );
        lists
    }
}
