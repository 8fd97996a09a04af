//! Components of a fingerprint.

use std::fmt;

use crate::digest::hmac_sha256;
use crate::encoding::hex;
use crate::encoding::value::text_value;
use crate::ids::ProductCode;

/// Kind of a component. The kinds are ordered from the most to the least specific.
///
/// ```
/// use license_core::machine::ComponentKind;
///
/// let kind: ComponentKind = "mac".parse()?;
/// assert_eq!(kind, ComponentKind::Mac);
/// assert!(ComponentKind::MachineId < kind, "a machine id is more specific");
/// # Ok::<(), license_core::encoding::ValueError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ComponentKind {
    /// The configured id, which an administrator assigned to the machine, for example to a
    /// container. Configured ids and machine ids are different kinds. An administrator therefore
    /// cannot use the license of another machine by assigning the machine id of that machine.
    AssignedId,
    /// The machine id of the operating system, machine-id(5).
    MachineId,
    /// The UUID of the board, as the firmware reports it (SMBIOS 7.2.1).
    ProductUuid,
    /// The permanent address of the first network card that has one.
    Mac,
    /// The processor model, which many machines share.
    Cpu,
    /// The disk with the root file system.
    RootDisk,
}

impl ComponentKind {
    /// All kinds, in the order in which a fingerprint lists them.
    pub const ALL: [Self; 6] = [
        Self::AssignedId,
        Self::MachineId,
        Self::ProductUuid,
        Self::Mac,
        Self::Cpu,
        Self::RootDisk,
    ];

    /// Returns the name in a fingerprint.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssignedId => "given",
            Self::MachineId => "id",
            Self::ProductUuid => "uuid",
            Self::Mac => "mac",
            Self::Cpu => "cpu",
            Self::RootDisk => "disk",
        }
    }

    /// Returns the kind with this name.
    ///
    /// ```
    /// use license_core::machine::ComponentKind;
    ///
    /// assert_eq!(ComponentKind::parse("uuid"), Some(ComponentKind::ProductUuid));
    /// assert_eq!(ComponentKind::parse("UUID"), None);
    /// ```
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Returns whether a component of this kind identifies a machine on its own.
    pub(super) const fn is_identity(self) -> bool {
        matches!(self, Self::AssignedId | Self::MachineId)
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

text_value!(
    ComponentKind,
    "`given`, `id`, `uuid`, `mac`, `cpu` or `disk`"
);

/// Length of a hash: 96 bits. Collisions among the machines of a customer are improbable, and a
/// fingerprint is short enough to be read over the phone.
pub(super) const HASH_BYTES: usize = 12;

/// Hashed component of a machine.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Component {
    pub(super) kind: ComponentKind,
    pub(super) hash: [u8; HASH_BYTES],
}

impl Component {
    /// Hashes a value with HMAC-SHA256. The key is the value, and the message contains the product
    /// and the kind, as machine-id(5) recommends.
    ///
    /// The result is pseudonymous: it does not contain the value, but short values such as network
    /// addresses and processor models can be guessed. Fingerprints for different products cannot be
    /// compared.
    pub(super) fn new(product: ProductCode, kind: ComponentKind, value: &str) -> Self {
        let value = value.trim().to_lowercase();
        let context = format!("license-fingerprint-v1\n{product}\n{kind}");
        let mut hash = [0; HASH_BYTES];
        let full = hmac_sha256(value.as_bytes(), context.as_bytes());
        hash.iter_mut()
            .zip(full)
            .for_each(|(byte, full)| *byte = full);
        Self { kind, hash }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, digits) = text.split_once('=')?;
        let hash = hex::decode(digits)?;
        let kind = ComponentKind::parse(name)?;
        Some(Self { kind, hash })
    }
}

impl fmt::Display for Component {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=", self.kind)?;
        hex::write(&self.hash, f)
    }
}
