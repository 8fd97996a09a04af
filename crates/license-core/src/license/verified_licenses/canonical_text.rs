//! The text of verified licenses that is stored.

use std::fmt;

/// The canonical text of verified licenses, for storage.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let trust = fixture::trust()?;
/// # let matrix = license_core::FeatureMatrix::built_in();
/// # let verified = license_core::VerifiedLicenses::verify(fixture::FILE, &trust, matrix)?;
/// use license_core::license::CanonicalText;
///
/// match verified.canonical() {
///     CanonicalText::File(text) => println!("a file of {} bytes", text.len()),
///     CanonicalText::EnterpriseKey(_) => println!("an enterprise key"),
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub enum CanonicalText {
    /// Tokens in armor blocks.
    File(String),
    /// A full enterprise key.
    EnterpriseKey(String),
}

/// Omits the text, which is a bearer credential.
impl fmt::Debug for CanonicalText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::File(_) => "File",
            Self::EnterpriseKey(_) => "EnterpriseKey",
        })
    }
}
