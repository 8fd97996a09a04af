//! The components of a machine, and the digest that names it.

use std::fmt;

use super::comparison::Comparison;
use super::component::{Component, ComponentKind};
use crate::encoding::hex;
use crate::encoding::strict_json::serde_as_text;
use crate::ids::ProductCode;
use sha2::{Digest, Sha256};

/// Begins every fingerprint of this form.
const PREFIX: &str = "fp1:";
/// Begins every digest of a machine.
const DIGEST_PREFIX: &str = "mach_";

/// The components of a machine, hashed: `fp1:id=…,mac=…,cpu=…`.
///
/// Each hash is the first 96 bits of HMAC-SHA256 keyed by the component over the product code, in hexadecimal. Components come in
/// the order of [`ComponentKind::ALL`], each at most once.
#[derive(Clone, PartialEq, Eq)]
pub struct Fingerprint {
    components: Box<[Component]>,
}

impl Fingerprint {
    /// Hashes the components of a machine for a product; of a kind that is given twice the first counts. White space around a
    /// value and the case of its letters make no difference.
    pub fn of<'a>(
        product: ProductCode,
        values: impl IntoIterator<Item = (ComponentKind, &'a str)>,
    ) -> Self {
        let components = values
            .into_iter()
            .map(|(kind, value)| Component::of(product, kind, value));
        let mut components: Vec<Component> = components.collect();
        components.sort_by_key(|component| component.kind);
        components.dedup_by_key(|component| component.kind);
        Self {
            components: components.into(),
        }
    }

    /// Reads a fingerprint; `None` if it is none of this form.
    pub fn parse(text: &str) -> Option<Self> {
        let components = text.trim().strip_prefix(PREFIX)?.split(',');
        let components: Vec<Component> = components.map(Component::parse).collect::<Option<_>>()?;
        components
            .is_sorted_by(|one, next| one.kind < next.kind)
            .then(|| Self {
                components: components.into(),
            })
    }

    /// The kinds of its components.
    pub fn kinds(&self) -> impl Iterator<Item = ComponentKind> {
        self.components.iter().map(|component| component.kind)
    }

    /// The hashes of its components, in hexadecimal.
    pub fn components(&self) -> impl Iterator<Item = (ComponentKind, String)> {
        let hex = |component: &Component| {
            let text = component.to_string();
            text.split_once('=')
                .map(|(_, hex)| hex.to_owned())
                .unwrap_or_default()
        };
        self.components
            .iter()
            .map(move |component| (component.kind, hex(component)))
    }

    /// The hashes of its components as bytes.
    #[cfg(feature = "requests")]
    pub(crate) fn raw_components(&self) -> impl Iterator<Item = (ComponentKind, &[u8])> {
        let components = self.components.iter();
        components.map(|component| (component.kind, component.hash.as_slice()))
    }

    /// The digest that names the machine, made of what is most stable alone: an id that was given, else the system's, else the
    /// board's UUID, else all else. None if that is not at least two components: a processor's model names nothing.
    pub fn digest(&self) -> Option<MachineDigest> {
        use ComponentKind::{GivenId, MachineId, ProductUuid};
        let best = [GivenId, MachineId, ProductUuid]
            .into_iter()
            .find_map(|kind| self.get(kind));
        match best {
            Some(component) => Some(MachineDigest::of(std::slice::from_ref(component))),
            None if self.components.len() >= 2 => Some(MachineDigest::of(&self.components)),
            None => None,
        }
    }

    /// Compares this machine with one that a license names.
    pub fn compare(&self, named: &Self) -> Comparison {
        let mut comparison = Comparison::default();
        for expected in &named.components {
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

serde_as_text!(Fingerprint, "a fingerprint, fp1:…", Fingerprint::parse);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// Names a machine: `mach_` and 32 hexadecimal digits, the first 128 bits of a SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct MachineDigest([u8; 16]);

impl MachineDigest {
    fn of(components: &[Component]) -> Self {
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

    /// Reads a digest; `None` if it is none.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.trim().strip_prefix(DIGEST_PREFIX)?;
        hex::decode(digits).map(Self)
    }

    /// Its 16 bytes.
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

serde_as_text!(
    MachineDigest,
    "the digest of a machine",
    MachineDigest::parse
);

impl fmt::Debug for MachineDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MachineDigest({self})")
    }
}
