//! Fingerprint and digest of a machine.

use std::fmt;

use super::comparison::FingerprintComparison;
use super::component::{Component, ComponentKind};
use crate::encoding::hex;
use crate::encoding::value::text_value;
use crate::ids::ProductCode;
use sha2::{Digest, Sha256};

/// Prefix of a fingerprint with its format version.
pub(super) const PREFIX: &str = "fp1:";
/// Prefix of a digest.
pub(super) const DIGEST_PREFIX: &str = "mach_";

/// Hashed components of a machine: `fp1:id=…,mac=…,cpu=…`.
///
/// Each hash is the first 96 bits of an HMAC-SHA256 in hexadecimal. The key of the HMAC is the
/// value of the component, and the message contains the product code. Components are in the order
/// of [`ComponentKind::ALL`], each at most once.
///
/// A fingerprint is pseudonymous, not anonymous: short values, such as a network address or a
/// processor model, can be guessed from their hash.
///
/// ```
/// use license_core::ProductCode;
/// use license_core::machine::{ComponentKind, Fingerprint};
///
/// let product = ProductCode::parse("CODITECT")?;
/// let id = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
/// let fingerprint = Fingerprint::new(product, [id]);
/// assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
/// # Ok::<(), license_core::ids::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fingerprint {
    components: Box<[Component]>,
}

impl Fingerprint {
    /// Hashes the components of a machine for a product. The first component of each kind is used.
    /// Surrounding white space and letter case of values are ignored.
    ///
    /// ```
    /// use license_core::ProductCode;
    /// use license_core::machine::{ComponentKind, Fingerprint};
    ///
    /// let product = ProductCode::parse("CODITECT")?;
    /// let fingerprint = Fingerprint::new(product, [(ComponentKind::MachineId, "5a7c3e9b1d2f")]);
    /// assert!(fingerprint.to_string().starts_with("fp1:id="));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn new<'a>(
        product: ProductCode,
        values: impl IntoIterator<Item = (ComponentKind, &'a str)>,
    ) -> Self {
        let components = values
            .into_iter()
            .map(|(kind, value)| Component::new(product, kind, value));
        let mut components: Vec<Component> = components.collect();
        components.sort_by_key(|component| component.kind);
        components.dedup_by_key(|component| component.kind);
        Self {
            components: components.into(),
        }
    }

    /// Parses a fingerprint. Returns `None` if the text is not a fingerprint.
    ///
    /// Surrounding white space and the case of hexadecimal digits are ignored.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// assert!(Fingerprint::parse("fp1:id=0123456789abcdef01234567").is_some());
    /// assert!(Fingerprint::parse("id=0123456789abcdef01234567").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let components = text.trim().strip_prefix(PREFIX)?.split(',');
        let components: Vec<Component> = components.map(Component::parse).collect::<Option<_>>()?;
        components
            .is_sorted_by(|one, next| one.kind < next.kind)
            .then(|| Self {
                components: components.into(),
            })
    }

    /// Returns the kinds of the components.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// let fingerprint: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef".parse()?;
    /// let names: Vec<_> = fingerprint.kinds().map(|kind| kind.to_string()).collect();
    /// assert_eq!(names, ["id", "mac"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn kinds(&self) -> impl Iterator<Item = ComponentKind> {
        self.components.iter().map(|component| component.kind)
    }

    /// Returns the hashes of the components in hexadecimal.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// let fingerprint: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef".parse()?;
    /// for (kind, hash) in fingerprint.components() {
    ///     println!("{kind}: {hash}");
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn components(&self) -> impl Iterator<Item = (ComponentKind, String)> {
        self.components
            .iter()
            .map(|component| (component.kind, hex::encode(&component.hash)))
    }

    /// Returns the hashes of the components as bytes.
    pub(crate) fn raw_components(&self) -> impl Iterator<Item = (ComponentKind, &[u8])> {
        let components = self.components.iter();
        components.map(|component| (component.kind, component.hash.as_slice()))
    }

    /// Returns the digest of the machine.
    ///
    /// The digest covers the most stable component only: the configured id, or else the machine id,
    /// or else the UUID of the board. The digest of a fingerprint without any of these covers all
    /// components. Returns `None` if such a fingerprint has fewer than two components, because a
    /// processor model alone does not identify a machine.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// let licensed: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef".parse()?;
    /// let with_new_card: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=0123456789abcdef89abcdef".parse()?;
    /// // The digest covers the machine id only.
    /// assert_eq!(with_new_card.digest(), licensed.digest());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn digest(&self) -> Option<MachineDigest> {
        use ComponentKind::{AssignedId, MachineId, ProductUuid};
        let best = [AssignedId, MachineId, ProductUuid]
            .into_iter()
            .find_map(|kind| self.get(kind));
        match best {
            Some(component) => Some(MachineDigest::new(std::slice::from_ref(component))),
            None if self.components.len() >= 2 => Some(MachineDigest::new(&self.components)),
            None => None,
        }
    }

    /// Compares this machine with the fingerprint in a license.
    ///
    /// ```
    /// use license_core::machine::Fingerprint;
    ///
    /// let licensed: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=89abcdef0123456789abcdef".parse()?;
    /// let with_new_card: Fingerprint =
    ///     "fp1:id=0123456789abcdef01234567,mac=0123456789abcdef89abcdef".parse()?;
    /// let comparison = with_new_card.compare(&licensed);
    /// assert_eq!((comparison.matching.len(), comparison.differing.len()), (1, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn compare(&self, licensed: &Self) -> FingerprintComparison {
        let mut comparison = FingerprintComparison::default();
        for expected in &licensed.components {
            let list = match self.get(expected.kind) {
                None => &mut comparison.missing,
                Some(actual) if actual.hash == expected.hash => &mut comparison.matching,
                Some(_) => &mut comparison.differing,
            };
            list.push(expected.kind);
        }
        comparison
    }

    fn get(&self, kind: ComponentKind) -> Option<&Component> {
        self.components
            .iter()
            .find(|component| component.kind == kind)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for (index, component) in self.components.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "," })?;
            component.fmt(f)?;
        }
        Ok(())
    }
}

text_value!(Fingerprint, "a fingerprint, fp1:…");

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Digest of a machine: `mach_` and 32 hexadecimal digits, the first 128 bits of a SHA-256 hash.
///
/// ```
/// use license_core::machine::MachineDigest;
///
/// let text = "mach_00112233445566778899aabbccddeeff";
/// let digest: MachineDigest = text.parse()?;
/// assert_eq!(digest.to_string(), text);
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MachineDigest([u8; 16]);

impl MachineDigest {
    fn new(components: &[Component]) -> Self {
        let mut hash = Sha256::new_with_prefix("license-machine-v1");
        for component in components {
            hash.update(format!("\n{component}"));
        }
        let mut digest = [0; 16];
        digest
            .iter_mut()
            .zip(hash.finalize())
            .for_each(|(byte, full)| *byte = full);
        Self(digest)
    }

    /// Parses a digest. Returns `None` if the text is not a digest.
    ///
    /// Surrounding white space and the case of hexadecimal digits are ignored.
    ///
    /// ```
    /// use license_core::machine::MachineDigest;
    ///
    /// assert!(MachineDigest::parse("mach_00112233445566778899aabbccddeeff").is_some());
    /// assert!(MachineDigest::parse("mach_0011").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix(DIGEST_PREFIX)?;
        hex::decode(digits).map(Self)
    }

    /// Returns the 16 bytes of the digest.
    ///
    /// ```
    /// use license_core::machine::MachineDigest;
    ///
    /// let digest = MachineDigest::parse("mach_00112233445566778899aabbccddeeff");
    /// assert_eq!(digest.ok_or("not a digest")?.as_bytes()[1], 0x11);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for MachineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(DIGEST_PREFIX)?;
        hex::write(&self.0, f)
    }
}

text_value!(MachineDigest, "`mach_` and 32 hexadecimal digits");

impl fmt::Debug for MachineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineDigest({self})")
    }
}
