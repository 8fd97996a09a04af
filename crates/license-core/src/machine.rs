//! Machines: fingerprints, digests, and the comparison of two fingerprints.

mod comparison;
mod component;
mod fingerprint;

use std::fmt;

use crate::encoding::value::text_value;
use crate::ids::ProductCode;

pub use comparison::FingerprintComparison;
pub use component::ComponentKind;
pub use fingerprint::{Fingerprint, MachineDigest};

/// Identification of a machine in a license or a program.
///
/// ```
/// use license_core::ProductCode;
/// use license_core::machine::{ComponentKind, Fingerprint, Machine};
///
/// let product = ProductCode::parse("CODITECT")?;
/// let id = (ComponentKind::MachineId, "5a7c3e9b1d2f48069ab4c8e0d6f1735b");
/// let licensed = Fingerprint::new(product, [id, (ComponentKind::Mac, "52:54:00:12:34:56")]);
/// let with_new_card = Fingerprint::new(product, [id, (ComponentKind::Mac, "52:54:00:ab:cd:ef")]);
///
/// let licensed: Machine = licensed.to_string().parse()?;
/// assert!(licensed.matches(&Machine::Fingerprint(with_new_card)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// A fingerprint. Some of its components may change.
    Fingerprint(Fingerprint),
    /// The digest of the most stable component.
    Digest(MachineDigest),
    /// A name that the application defines, such as the serial number of a dongle. Names are
    /// compared byte by byte.
    Other(Box<str>),
}

impl Machine {
    /// Parses the identification of a machine. A text that is neither a fingerprint nor a digest is
    /// a name that the application defines. Returns `None` for an empty text, which names no
    /// machine.
    ///
    /// ```
    /// use license_core::machine::Machine;
    ///
    /// let digest = Machine::parse("mach_00112233445566778899aabbccddeeff");
    /// assert!(matches!(digest, Some(Machine::Digest(_))));
    /// // Any other text is a name that the application defines.
    /// let dongle = Machine::parse("dongle 4711");
    /// assert!(matches!(dongle, Some(Machine::Other(_))));
    /// assert_eq!(Machine::parse(""), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let fingerprint = || Fingerprint::parse(text).map(Self::Fingerprint);
        let digest = || MachineDigest::parse(text).map(Self::Digest);
        let name = || (!text.is_empty()).then(|| Self::Other(text.into()));
        fingerprint().or_else(digest).or_else(name)
    }

    /// Splits a product code from the text of a fingerprint or digest, such as
    /// `WIDGET:fp1:id=…`.
    ///
    /// The components of a machine are hashed for one product, so a machine has another fingerprint
    /// for each product. `license machine` prints the product in front of the fingerprint.
    ///
    /// ```
    /// use license_core::machine::Machine;
    ///
    /// let text = "WIDGET:fp1:id=0123456789abcdef01234567";
    /// let (product, machine) = Machine::split_product(text);
    /// assert_eq!(product.map(|code| code.to_string()), Some("WIDGET".to_owned()));
    /// assert_eq!(machine, "fp1:id=0123456789abcdef01234567");
    /// assert_eq!(Machine::split_product(machine), (None, machine));
    /// ```
    pub fn split_product(text: &str) -> (Option<ProductCode>, &str) {
        let text = text.trim();
        let split = text.split_once(':').and_then(|(code, rest)| {
            let is_machine = [fingerprint::PREFIX, fingerprint::DIGEST_PREFIX]
                .iter()
                .any(|prefix| rest.starts_with(prefix));
            let code = ProductCode::parse(code).ok()?;
            is_machine.then_some((Some(code), rest))
        });
        split.unwrap_or((None, text))
    }

    /// Returns whether the machine is a name that starts like a fingerprint or a digest, with or
    /// without a product in front. Such a name is usually a fingerprint with a typing error.
    ///
    /// ```
    /// use license_core::machine::Machine;
    ///
    /// let machine = |text| Machine::parse(text).ok_or("empty");
    /// assert!(machine("fp1:id=zz")?.is_like_fingerprint());
    /// assert!(machine("mach_0011")?.is_like_fingerprint());
    /// assert!(!machine("mach_00112233445566778899aabbccddeeff")?.is_like_fingerprint());
    /// assert!(!machine("dongle 4711")?.is_like_fingerprint());
    /// # Ok::<(), &str>(())
    /// ```
    pub fn is_like_fingerprint(&self) -> bool {
        let Self::Other(name) = self else {
            return false;
        };
        let name = name.trim().to_ascii_lowercase();
        let after_product = name.split_once(':').map(|(_, rest)| rest);
        let mut texts = [Some(name.as_str()), after_product].into_iter().flatten();
        texts.any(|text| {
            let version = text
                .strip_prefix("fp")
                .and_then(|rest| rest.split_once(':'));
            let has_version = version.is_some_and(|(number, _)| {
                !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
            });
            has_version || text.starts_with(fingerprint::DIGEST_PREFIX)
        })
    }

    /// Returns the digest of the machine. Returns `None` for a name that the application defines,
    /// and for a fingerprint with too few components.
    ///
    /// ```
    /// use license_core::machine::Machine;
    ///
    /// let machine: Machine = "fp1:id=0123456789abcdef01234567".parse()?;
    /// assert!(machine.digest().is_some());
    /// let dongle: Machine = "dongle 4711".parse()?;
    /// assert!(dongle.digest().is_none());
    /// # Ok::<(), license_core::encoding::ValueError>(())
    /// ```
    pub fn digest(&self) -> Option<MachineDigest> {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.digest(),
            Self::Digest(digest) => Some(*digest),
            Self::Other(_) => None,
        }
    }

    /// Returns whether `actual` is this machine. Two fingerprints are compared by quorum, as
    /// [`Fingerprint::compare`] describes. Digests and names must be equal.
    ///
    /// ```
    /// use license_core::machine::Machine;
    ///
    /// let id = "fp1:id=0123456789abcdef01234567";
    /// let licensed: Machine = format!("{id},mac=89abcdef0123456789abcdef").parse()?;
    /// let new_card: Machine = format!("{id},mac=0123456789abcdef89abcdef").parse()?;
    /// assert!(licensed.matches(&new_card));
    /// # Ok::<(), license_core::encoding::ValueError>(())
    /// ```
    pub fn matches(&self, actual: &Self) -> bool {
        match (self, actual) {
            (Self::Fingerprint(expected), Self::Fingerprint(actual)) => {
                actual.compare(expected).is_same()
            }
            (Self::Other(expected), Self::Other(actual)) => expected == actual,
            (expected, actual) => expected
                .digest()
                .is_some_and(|digest| actual.digest() == Some(digest)),
        }
    }
}

/// Writes the text that [`Machine::parse`] reads.
impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => fingerprint.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
            Self::Other(name) => f.write_str(name),
        }
    }
}

text_value!(Machine, "a non-empty string");

#[cfg(test)]
mod tests;
