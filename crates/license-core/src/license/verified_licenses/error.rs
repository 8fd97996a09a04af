//! Errors of verifying a license file or an enterprise key.

use crate::code::Code;
use crate::ids::Tier;
use crate::jose::ParseError;
use crate::key::{KeyError, LicenseKey};
use crate::license::RotationError;
use crate::trust::VerifyError;

/// The reason why a license file or a license key could not be verified.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # let trust = fixture::trust()?;
/// use license_core::{FeatureMatrix, VerifiedLicenses, with_causes};
///
/// let matrix = FeatureMatrix::built_in();
/// let error = VerifiedLicenses::verify("CODITECT-PRO-D4424EFC5184-3730", &trust, matrix).err();
/// let error = error.ok_or("expected an error")?;
/// assert_eq!(error.code().as_str(), "NEEDS_LICENSE_FILE");
/// println!("{}", with_causes(&error));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifiedLicensesError {
    /// The text is not a license key.
    #[error(transparent)]
    Key(KeyError),
    /// The text is not a license file.
    #[error(transparent)]
    Parse(ParseError),
    /// A signature does not verify, or a claim has a value that is not accepted.
    #[error(transparent)]
    Verify(VerifyError),
    /// One of several blocks is not accepted: its signature does not verify, or a claim has a value
    /// that is not accepted.
    #[error("cannot use the block at line {line}")]
    Block {
        /// The number of the first line of the block, counted from 1.
        line: usize,
        /// The reason.
        source: VerifyError,
    },
    /// A trust statement cannot be applied.
    #[error("cannot apply the trust statement{}", at_line(.line))]
    Statement {
        /// The number of the first line of the block, counted from 1, if there are several blocks.
        line: Option<usize>,
        /// The reason.
        source: Box<RotationError>,
    },
    /// The key is well-formed but has no signature.
    #[error("{}, but has no signature", describe_key(.tier))]
    NeedsLicenseFile {
        /// The tier of a standard key, or `None` for a short enterprise key.
        tier: Option<Tier>,
    },
    /// The key identifies another license.
    #[error("the key identifies another license; the key of the license in the file is {}", .found.join(", "))]
    OtherLicense {
        /// The keys of the licenses in the file.
        found: Vec<String>,
    },
    /// The file has no license.
    #[error("expected a block `LICENSE` in the file, found none")]
    NoLicense,
}

fn at_line(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" at line {line}"))
}

fn describe_key(tier: &Option<Tier>) -> String {
    match tier {
        Some(tier) => format!("the key is well-formed and identifies a license of tier {tier}"),
        None => "the short enterprise key is well-formed".to_owned(),
    }
}

impl VerifiedLicensesError {
    /// Returns the error for a text that is not a license key. If the text does not resemble one,
    /// the error says what a license is.
    pub(crate) fn not_a_key(text: &str, error: KeyError) -> Self {
        if let Some(other) = ParseError::other_kind(text) {
            Self::Parse(other)
        } else if LicenseKey::resembles(text) {
            Self::Key(error)
        } else {
            Self::Parse(ParseError::not_a_license(text))
        }
    }

    /// Returns the reason code.
    ///
    /// ```
    /// use license_core::Code;
    /// use license_core::license::VerifiedLicensesError;
    ///
    /// assert_eq!(VerifiedLicensesError::NoLicense.code(), Code::NeedsLicenseFile);
    /// ```
    pub const fn code(&self) -> Code {
        match self {
            Self::Key(error) => error.code(),
            Self::Parse(error) => error.code(),
            Self::Verify(source) | Self::Block { source, .. } => source.code(),
            Self::Statement { source, .. } => source.code(),
            Self::NeedsLicenseFile { .. } | Self::OtherLicense { .. } | Self::NoLicense => {
                Code::NeedsLicenseFile
            }
        }
    }
}
