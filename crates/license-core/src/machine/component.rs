//! What a fingerprint is made of.

use std::fmt;

use crate::digest::hmac_sha256;
use crate::encoding::hex;
use crate::ids::ProductCode;

/// Something that tells machines apart, from what names one best to what says least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ComponentKind {
    /// An id that the administrator gave, as to a container. It is told from the system's own, so that a license for a
    /// machine is not met by saying its id.
    GivenId,
    /// The operating system's machine id, machine-id(5).
    MachineId,
    /// The UUID that the firmware gives the board (SMBIOS 7.2.1).
    ProductUuid,
    /// The address of the first network card that has a permanent one.
    Mac,
    /// The processor's model, which a whole fleet shares.
    Cpu,
    /// The disk that holds the root file system.
    RootDisk,
}

impl ComponentKind {
    /// Every kind, in the order in which they are written.
    pub const ALL: [Self; 6] = [
        Self::GivenId,
        Self::MachineId,
        Self::ProductUuid,
        Self::Mac,
        Self::Cpu,
        Self::RootDisk,
    ];

    /// The name in a fingerprint.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GivenId => "given",
            Self::MachineId => "id",
            Self::ProductUuid => "uuid",
            Self::Mac => "mac",
            Self::Cpu => "cpu",
            Self::RootDisk => "disk",
        }
    }

    /// The kind of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// Whether it alone names the machine.
    pub(super) const fn is_identity(self) -> bool {
        matches!(self, Self::GivenId | Self::MachineId)
    }
}

impl fmt::Display for ComponentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl serde::Serialize for ComponentKind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// 96 bits: two machines of one customer never meet, and a fingerprint can still be read out.
pub(super) const HASH_BYTES: usize = 12;

/// A component as it leaves the machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Component {
    pub(super) kind: ComponentKind,
    pub(super) hash: [u8; HASH_BYTES],
}

impl Component {
    /// HMAC-SHA256 keyed by the value over product and kind, as machine-id(5) asks for: nothing readable leaves the machine, and
    /// two products cannot compare notes.
    pub(super) fn of(product: ProductCode, kind: ComponentKind, value: &str) -> Self {
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
