//! Errors of license files as a whole.

use crate::code::Code;
use crate::ids::Tier;
use crate::jose::ParseError;
use crate::key::KeyError;
use crate::license::RotationError;
use crate::trust::VerifyError;

/// The reason why a text does not prove a license.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The text is not a license key.
    #[error(transparent)]
    Key(KeyError),
    /// The text is not a license file.
    #[error(transparent)]
    Parse(ParseError),
    /// A signature does not verify, or a claim has a value that is not accepted.
    #[error(transparent)]
    Verify(VerifyError),
    /// A signature of one of several blocks does not verify, or a claim has a value that is not
    /// accepted.
    #[error("block at line {line}: {error}")]
    Block {
        /// The first line of the block, from 1.
        line: usize,
        /// The reason.
        error: VerifyError,
    },
    /// A trust statement does not count.
    #[error("trust statement{}: {error}", at_line(.line))]
    Statement {
        /// The first line of the block, from 1, if there are several blocks.
        line: Option<usize>,
        /// The reason.
        error: Box<RotationError>,
    },
    /// The key is well formed, but proves nothing alone.
    #[error("{}, but carries no signature", named_tier(.tier))]
    NeedsLicenseFile {
        /// The tier that a standard key names. A short enterprise key names none.
        tier: Option<Tier>,
    },
    /// The key names another license.
    #[error("the key names another license than the file, whose key is {}", .found.join(", "))]
    OtherLicense {
        /// The keys that name the licenses in the file.
        found: Vec<String>,
    },
    /// The file has no license.
    #[error("expected a block `LICENSE` in the file, found none")]
    NoLicense,
}

fn at_line(line: &Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(" at line {line}"))
}

fn named_tier(tier: &Option<Tier>) -> String {
    match tier {
        Some(tier) => format!("the key is well formed and names a {tier} license"),
        None => "the short enterprise key is well formed".to_owned(),
    }
}

impl BundleError {
    /// Returns the reason code.
    pub const fn code(&self) -> Code {
        match self {
            Self::Key(error) => error.code(),
            Self::Parse(error) => error.code(),
            Self::Verify(error) | Self::Block { error, .. } => error.code(),
            Self::Statement { error, .. } => error.code(),
            Self::NeedsLicenseFile { .. } | Self::OtherLicense { .. } | Self::NoLicense => {
                Code::NeedsLicenseFile
            }
        }
    }
}
