//! The vendor's public keys, the product file and the file with the meters, which the operator
//! gives the server.

use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Source, show_path};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_core::{FeatureMatrix, TrustSet, with_causes};

use crate::domain::MeterSet;
use crate::embedded;

/// Reads the vendor's public keys. Without a file, there are none.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, and `MALFORMED` if it does not contain public keys.
pub(crate) fn read_trust(path: &Path) -> Result<TrustSet, Failure> {
    if !path.exists() {
        return Ok(TrustSet::default());
    }
    parse_trust(&read(path)?, &show_path(path))
}

/// Parses the vendor's public keys. `place` is the name of the file or of another place.
///
/// # Errors
///
/// Returns `MALFORMED` if the text does not contain public keys.
pub(crate) fn parse_trust(text: &str, place: &str) -> Result<TrustSet, Failure> {
    TrustSet::parse(text).map_err(|error| {
        Failure::malformed(format!("{place}: {}", with_causes(&error)))
            .hint("use the trust set that the vendor wrote with `keygen trust`")
    })
}

/// Reads a product file, or returns the embedded or built-in product.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, `MALFORMED` if it is not a product file, and
/// `EMBEDDED_PRODUCT` if the embedded product cannot be used.
pub(crate) fn read_product(path: Option<&PathBuf>) -> Result<FeatureMatrix, Failure> {
    let Some(path) = path else {
        return embedded::product();
    };
    let text = read(path)?;
    FeatureMatrix::parse(&text).map_err(|error| {
        Failure::malformed(format!("{}: {}", show_path(path), with_causes(&error)))
            .hint("use the product file of the vendor")
    })
}

/// Reads the file with the meters of a product. Without a file, there are none.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, and `MALFORMED` if it is not a file of meters, or does
/// not fit the product.
pub(crate) fn read_meters(
    path: Option<&PathBuf>,
    matrix: &FeatureMatrix,
) -> Result<MeterSet, Failure> {
    let Some(path) = path else {
        return Ok(MeterSet::default());
    };
    MeterSet::parse(&read(path)?, matrix).map_err(|error| {
        Failure::malformed(format!("{}: {error}", show_path(path)))
            .hint("correct the file; docs/metering.md describes it")
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    Source::File(path.to_owned()).read_text(MAX_FILE_BYTES, decode_text)
}
