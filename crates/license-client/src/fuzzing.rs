//! Parsers of state files for the fuzz targets in the directory `fuzz` of the repository.
//!
//! This module exists only with `--cfg fuzzing`.

use std::io;

use license_core::ProductCode;

use crate::activation::ActivationState;
use crate::journal::Journal;
use crate::seal::{Seal, SealError};
use crate::sealed_file::{self, Document};
use crate::state::State;
use crate::state_dir::StateFile;

/// Parses the document in a sealed file, and prints it as the file will contain it.
pub fn document(file: StateFile, content: &[u8]) -> Option<String> {
    match file {
        StateFile::Cache | StateFile::Quota => printed::<State>(content),
        StateFile::Activation => printed::<ActivationState>(content),
        StateFile::Usage => printed::<Journal>(content),
        _ => None,
    }
}

fn printed<T: Document>(content: &[u8]) -> Option<String> {
    let document: T = sealed_file::parse(content)?;
    Some(sealed_file::to_json(&document).to_string())
}

/// Seals the content of a file on the machine with this id.
pub fn seal(
    product: ProductCode,
    machine: &str,
    file: StateFile,
    content: &[u8],
) -> io::Result<Vec<u8>> {
    Seal::new(product, Some(machine)).seal(file, content)
}

/// Opens a sealed file on the machine with this id.
///
/// # Errors
///
/// Returns [`SealError`] if the bytes are not a file that this machine sealed.
pub fn open(
    product: ProductCode,
    machine: &str,
    file: StateFile,
    sealed: &[u8],
) -> Result<Vec<u8>, SealError> {
    Seal::new(product, Some(machine)).open(file, sealed)
}
