//! Revocations that a machine remembers, so that removing a list does not lift them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::RevocationList;
use crate::key::LicenseId;
use crate::time::serde_unix_seconds;
use crate::trust::KeyId;

/// Maximum length of a recorded reason in characters. The rest of a longer reason is dropped.
const MAX_REASON: usize = 200;

/// A revocation that a machine has recorded from a verified revocation list.
///
/// The evaluation applies it until a list of the same key is given whose number is not lower. That
/// list then decides alone. A program stores recorded revocations where its user cannot edit them.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let (list, license) = (fixture::list()?, fixture::license()?);
/// use license_core::license::RecordedRevocation;
/// use license_core::{Code, Context, FeatureMatrix};
///
/// let recorded = RecordedRevocation::new(&list, license.id()).ok_or("not revoked")?;
/// // The user has removed the list.
/// let recorded = [recorded];
/// let context = Context::at(list.issued_at()).recorded_revocations(&recorded);
/// assert_eq!(license.evaluate(FeatureMatrix::built_in(), &context).code(), Code::Revoked);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedRevocation {
    /// The id of the license or activation.
    #[serde(rename = "jti")]
    pub license: LicenseId,
    /// The key that signed the list.
    pub key: KeyId,
    /// The number of the list.
    pub seq: u64,
    /// The first instant at which the license or activation is no longer valid.
    #[serde(with = "serde_unix_seconds")]
    pub at: DateTime<Utc>,
    /// The reason that the vendor gives.
    pub reason: Box<str>,
}

impl RecordedRevocation {
    /// Returns the revocation of a license or activation by this list. Returns `None` if the list
    /// does not contain the id.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (list, license) = (fixture::list()?, fixture::license()?);
    /// use license_core::license::RecordedRevocation;
    ///
    /// let recorded = RecordedRevocation::new(&list, license.id()).ok_or("not revoked")?;
    /// assert_eq!(recorded.seq, list.seq());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new(list: &RevocationList, license: &LicenseId) -> Option<Self> {
        let revocation = list.revoked(license)?;
        let reason: String = revocation.reason.chars().take(MAX_REASON).collect();
        Some(Self {
            license: license.clone(),
            key: list.key_id().clone(),
            seq: list.seq(),
            at: revocation.at,
            reason: reason.into(),
        })
    }

    /// Returns whether the list replaces this record: the same key signed it, and its number is not
    /// lower.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # let (list, license) = (fixture::list()?, fixture::license()?);
    /// use license_core::license::RecordedRevocation;
    ///
    /// let recorded = RecordedRevocation::new(&list, license.id()).ok_or("not revoked")?;
    /// assert!(recorded.is_replaced_by(&list));
    /// let newer = RecordedRevocation { seq: list.seq() + 1, ..recorded };
    /// assert!(!newer.is_replaced_by(&list));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn is_replaced_by(&self, list: &RevocationList) -> bool {
        self.key == *list.key_id() && list.seq() >= self.seq
    }
}
