//! Revocation lists with many licenses.

use license_core::chrono::TimeDelta;
use license_core::issue::{RevocationEntry, RevocationListDraft, SigningKey};
use license_core::license::RevocationList;
use license_core::{LicenseFile, LicenseId, ProductCode, TrustSet, Unverified, time};

use crate::vendor::now;

/// A revocation list as a file, with the licenses on it.
pub struct Revocations {
    /// The text of the file.
    pub file: String,
    /// The licenses on the list.
    pub ids: Vec<LicenseId>,
}

impl Revocations {
    /// Creates a list with `count` licenses.
    ///
    /// # Panics
    ///
    /// Panics if a list cannot contain that many licenses.
    pub fn new(count: u64, key: &SigningKey) -> Self {
        let ids: Vec<_> = (0..count).map(id).collect();
        let file = file(&ids, key);
        Self { file, ids }
    }

    /// Parses and verifies the file.
    ///
    /// # Panics
    ///
    /// Panics if no key of the trust set signed the list.
    pub fn load(&self, trust: &TrustSet) -> RevocationList {
        let file = LicenseFile::parse(&self.file).expect("a file");
        let block = file.blocks().first().expect("a block");
        block.token.verify_revocations(trust).expect("a list")
    }

    /// Returns random licenses, twice as many as are on the list. About half of them are on the
    /// list.
    pub fn mixed(&self) -> Vec<LicenseId> {
        let mut seed = 1_u64;
        let mut next = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let count = u64::try_from(self.ids.len()).expect("fewer than 2^64");
        (0..2 * count).map(|_| id(next(2 * count))).collect()
    }

    /// Returns the size of the file in megabytes.
    ///
    /// # Panics
    ///
    /// Does not panic, because a list is smaller than 4 GiB.
    pub fn megabytes(&self) -> f64 {
        f64::from(u32::try_from(self.file.len()).expect("fewer than 4 GiB")) / 1e6
    }
}

/// 2025-01-01T00:00:00Z.
const FIRST: u64 = 1_735_689_600;

/// Returns the id of a license. Ids are one second apart, with ten pseudorandom bytes.
fn id(number: u64) -> LicenseId {
    let [.., a, b, c, d, e, f] = number.wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
    let at = time::from_unix_seconds(FIRST + number).expect("an instant before the year 10000");
    LicenseId::from_random(at, &[a, b, c, d, e, f, a, c, e, b])
}

fn file(ids: &[LicenseId], key: &SigningKey) -> String {
    let at = now();
    let revoked = |license: &LicenseId| RevocationEntry {
        license: license.clone(),
        at,
        reason: "charged back".to_owned(),
    };
    let draft = RevocationListDraft {
        issuer: "CODITECT".to_owned(),
        product: ProductCode::parse("CODITECT").expect("a product"),
        issued_at: at,
        seq: 1,
        next_update: at + TimeDelta::days(30),
        revoked: ids.iter().map(revoked).collect(),
    };
    let token = draft.sign(key).expect("a list");
    let token = Unverified::parse(&token).expect("a token");
    token.to_armor()
}
