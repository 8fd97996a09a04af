//! Which machine: fingerprints, the digests that name machines, and what counts as the same one.

mod comparison;
mod component;
mod fingerprint;

use std::fmt;

use crate::encoding::strict_json::serde_as_text;

pub use comparison::Comparison;
pub use component::ComponentKind;
pub use fingerprint::{Fingerprint, MachineDigest};

/// A machine as a license or a program names it.
///
/// ```
/// use license_core::{ComponentKind, Fingerprint, Machine, ProductCode};
///
/// let product = ProductCode::parse("CODITECT")?;
/// let of = |id, mac| [(ComponentKind::MachineId, id), (ComponentKind::Mac, mac)];
/// let sold = Fingerprint::of(product, of("5a7c3e9b1d2f48069ab4c8e0d6f1735b", "52:54:00:12:34:56"));
/// let with_new_card = Fingerprint::of(product, of("5a7c3e9b1d2f48069ab4c8e0d6f1735b", "52:54:00:ab:cd:ef"));
///
/// let named = Machine::parse(&sold.to_string());
/// assert!(named.is(&Machine::Fingerprint(with_new_card)));
/// # Ok::<(), license_core::NameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Machine {
    /// By its components, of which some may change.
    Fingerprint(Fingerprint),
    /// By the digest of its most stable component.
    Digest(MachineDigest),
    /// By a name that the program makes up itself, such as the serial number of a dongle. It is compared as it is.
    Other(Box<str>),
}

impl Machine {
    /// Reads any name of a machine; what is neither a fingerprint nor a digest is a name of the program's own.
    pub fn parse(text: &str) -> Self {
        let fingerprint = || Fingerprint::parse(text).map(Self::Fingerprint);
        let digest = || MachineDigest::parse(text).map(Self::Digest);
        fingerprint()
            .or_else(digest)
            .unwrap_or_else(|| Self::Other(text.into()))
    }

    /// The digest that names it; none for a name of the program's own, and for a fingerprint that tells too little.
    pub fn digest(&self) -> Option<MachineDigest> {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.digest(),
            Self::Digest(digest) => Some(*digest),
            Self::Other(_) => None,
        }
    }

    /// Whether the machine named here is that one: two fingerprints by quorum ([`Fingerprint::compare`]), digests and other
    /// names only if they are the same.
    pub fn is(&self, actual: &Self) -> bool {
        match (self, actual) {
            (Self::Fingerprint(named), Self::Fingerprint(actual)) => {
                actual.compare(named).is_same()
            }
            (Self::Other(named), Self::Other(actual)) => named == actual,
            (named, actual) => named
                .digest()
                .is_some_and(|digest| actual.digest() == Some(digest)),
        }
    }
}

/// The text that [`Machine::parse`] reads.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Other(name) => f.write_str(name),
        }
    }
}

serde_as_text!(Machine, "a non-empty string", |text| {
    (!text.is_empty()).then(|| Machine::parse(text))
});

impl From<&str> for Machine {
    fn from(text: &str) -> Self {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests;
