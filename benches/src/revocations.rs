//! A revocation list of many licenses, as a file.

use license_core::issue::{RevocationsDraft, Revoked, SigningKey};
use license_core::{Artefacts, LicenseId, ProductCode, RevocationList, TrustSet, Unverified};

use crate::vendor::now;

/// The file, and who is on the list.
pub struct Revocations {
    /// The list in armor.
    pub file: String,
    /// The licenses on it.
    pub ids: Vec<LicenseId>,
}

impl Revocations {
    /// A list of so many.
    ///
    /// # Panics
    ///
    /// When it is more than a list may hold.
    pub fn new(count: u64, key: &SigningKey) -> Self {
        let ids: Vec<_> = (0..count).map(id).collect();
        let file = file(&ids, key);
        Self { file, ids }
    }

    /// Reads and verifies the file.
    ///
    /// # Panics
    ///
    /// When it is no list of this key.
    pub fn load(&self, trust: &TrustSet) -> RevocationList {
        let artefacts = Artefacts::parse(&self.file).expect("a file");
        let block = artefacts.blocks().first().expect("a block");
        block.token.verify_revocations(trust).expect("a list")
    }

    /// The licenses on it and as many that are not, in no order, as often as there are of them.
    pub fn mixed(&self) -> Vec<LicenseId> {
        let mut seed = 1_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let count = u64::try_from(self.ids.len()).expect("fewer than 2^64");
        (0..2 * count).map(|_| id(next(2 * count))).collect()
    }

    /// Of the file.
    ///
    /// # Panics
    ///
    /// Never: a list has fewer than 4 GiB.
    pub fn megabytes(&self) -> f64 {
        f64::from(u32::try_from(self.file.len()).expect("fewer than 4 GiB")) / 1e6
    }
}

/// 2025-01-01.
const FIRST: u64 = 1_735_689_600;

/// Issued a second after one another, with ten bytes that are nearly random.
fn id(number: u64) -> LicenseId {
    let [.., a, b, c, d, e, f] = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    LicenseId::from_random((FIRST + number) * 1000, &[a, b, c, d, e, f, a, c, e, b])
}

fn file(ids: &[LicenseId], key: &SigningKey) -> String {
    let at = now();
    let revoked = |license: &LicenseId| Revoked {
        license: license.clone(),
        at,
        reason: "charged back".to_owned(),
    };
    let draft = RevocationsDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse("CODITECT").expect("a product"),
        issued_at: at,
        seq: 1,
        next_update: at.plus(30 * 86_400),
        revoked: ids.iter().map(revoked).collect(),
    };
    let token = draft.sign(key).expect("a list");
    let token = Unverified::parse(&token).expect("a token");
    token.to_armor()
}
