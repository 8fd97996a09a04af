//! What `--key` takes.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::Custody;

/// The name of a key. Whether it is a good one is found when it is opened, so that nothing echoes what may hold a PIN.
#[derive(Clone)]
pub(crate) enum KeyName {
    /// A file, or `-` for standard input.
    File(PathBuf),
    /// What comes after the prefix of another custody.
    Elsewhere(&'static Custody, String),
}

impl KeyName {
    /// The file, if it is one.
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Elsewhere(..) => None,
        }
    }
}

impl From<OsString> for KeyName {
    fn from(text: OsString) -> Self {
        const ALL: &[Custody] = &Custody::ALL;
        let elsewhere = text.to_str().and_then(|text| {
            ALL.iter().find_map(|custody| {
                let (prefix, name) = text.split_at_checked(custody.prefix.len())?;
                // RFC 3986 section 3.1: schemes are case-insensitive.
                prefix
                    .eq_ignore_ascii_case(custody.prefix)
                    .then(|| Self::Elsewhere(custody, name.to_owned()))
            })
        });
        elsewhere.unwrap_or_else(|| Self::File(text.into()))
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "KeyName({path:?})"),
            Self::Elsewhere(custody, _) => write!(f, "KeyName({}..)", custody.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> KeyName {
        OsString::from(text).into()
    }

    #[test]
    fn what_starts_like_no_other_custody_is_a_file() {
        for text in ["vendor.key", "-", "./pkcs11:x", "pkcs11", "awskms", "", "ü"] {
            assert_eq!(name(text).file(), Some(Path::new(text)), "{text}");
        }
        for text in ["pkcs11:", "PKCS11:token=x", "awskms:alias/x", "AwsKms:x"] {
            assert!(name(text).file().is_none(), "{text}");
        }
    }

    #[test]
    fn debug_shows_no_pin() {
        let shown = format!("{:?}", name("pkcs11:token=x?pin-value=1234"));
        assert_eq!(shown, "KeyName(pkcs11:..)");
    }
}
