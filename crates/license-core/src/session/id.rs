//! The id of a session.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::encoding::hex;
use crate::encoding::value::text_value;
use crate::key::LicenseId;
use crate::machine::MachineDigest;

const PREFIX: &str = "sess_";

/// The id of a session: `sess_` and 32 hexadecimal digits.
///
/// The digits are the first 128 bits of a SHA-256 over a version tag, the license id, the machine's
/// digest, the user and the bytes of the project's root. Each field is preceded by its length in
/// bytes, as eight bytes in big-endian order. An unknown field is empty.
///
/// ```
/// use license_core::session::SessionId;
///
/// let here = SessionId::new(None, None, "ann", b"/home/ann/project");
/// assert_eq!(here, SessionId::new(None, None, "ann", b"/home/ann/project"));
/// // The length of each field is hashed, so these two fields give another id.
/// assert_ne!(here, SessionId::new(None, None, "annh", b"ome/ann/project"));
/// assert!(here.to_string().starts_with("sess_"));
/// assert_eq!(here.to_string().parse(), Ok(here));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId([u8; 16]);

impl SessionId {
    /// Returns the id of a session in a project. `root` is
    /// [`ProjectRoot::name_bytes`](super::ProjectRoot::name_bytes).
    ///
    /// ```
    /// use license_core::session::SessionId;
    ///
    /// let id = SessionId::new(None, None, "ann", b"/home/ann/project");
    /// assert_eq!(id.to_string().len(), "sess_".len() + 32);
    /// ```
    pub fn new(
        license: Option<&LicenseId>,
        machine: Option<MachineDigest>,
        user: &str,
        root: &[u8],
    ) -> Self {
        let license = license.map(LicenseId::as_str).unwrap_or_default();
        let machine = machine.map(|digest| digest.to_string()).unwrap_or_default();
        let fields = [
            b"license-session-v1",
            license.as_bytes(),
            machine.as_bytes(),
            user.as_bytes(),
            root,
        ];
        let mut hash = Sha256::new();
        for field in fields {
            // No supported platform has sizes of more than 64 bits.
            let length = u64::try_from(field.len()).unwrap_or(u64::MAX);
            hash.update(length.to_be_bytes());
            hash.update(field);
        }
        let mut id = [0; 16];
        id.iter_mut()
            .zip(hash.finalize())
            .for_each(|(byte, full)| *byte = full);
        Self(id)
    }

    /// Parses the id of a session: `sess_` and 32 hexadecimal digits in lower case.
    ///
    /// ```
    /// use license_core::session::SessionId;
    ///
    /// assert!(SessionId::parse("sess_b6113f0c2edde9012630626d0e79ea28").is_some());
    /// assert!(SessionId::parse("b6113f0c2edde9012630626d0e79ea28").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(PREFIX)?;
        hex::decode_lower(digits).map(Self)
    }
}

text_value!(SessionId, "`sess_` and 32 hexadecimal digits in lower case");

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        hex::write(&self.0, f)
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

    const LICENSE: &str = "01980000-0000-7000-8000-000000000001";
    const MACHINE: &str = "mach_00112233445566778899aabbccddeeff";

    fn id(license: &str, machine: &str, user: &str, root: &[u8]) -> SessionId {
        let license = LicenseId::parse(license);
        SessionId::new(
            license.as_ref(),
            Machine::parse(machine).and_then(|machine| machine.digest()),
            user,
            root,
        )
    }

    /// The expected id was computed with Python:
    /// `hashlib.sha256(b"".join(len(f).to_bytes(8, "big") + f for f in fields)).hexdigest()[:32]`.
    #[test]
    fn the_id_is_a_hash_over_length_prefixed_fields() {
        let session = id(LICENSE, MACHINE, "ann", b"/home/ann/project");
        assert_eq!(session.to_string(), "sess_b6113f0c2edde9012630626d0e79ea28");
    }

    #[test]
    fn every_field_changes_the_session_id() {
        let here = id(LICENSE, MACHINE, "ann", b"/p");
        let others = [
            id(
                "01980000-0000-7000-8000-000000000002",
                MACHINE,
                "ann",
                b"/p",
            ),
            id(
                LICENSE,
                "mach_00112233445566778899aabbccddee00",
                "ann",
                b"/p",
            ),
            id(LICENSE, MACHINE, "bob", b"/p"),
            id(LICENSE, MACHINE, "ann", b"/q"),
            id(LICENSE, MACHINE, "ann/", b"p"),
            id("", MACHINE, "ann", b"/p"),
            id(LICENSE, "", "ann", b"/p"),
        ];
        assert!(!others.contains(&here));
    }
}
