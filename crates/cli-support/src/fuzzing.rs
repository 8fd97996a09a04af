//! The reader of pictures for the fuzz target in the directory `fuzz` of the repository.
//!
//! This module exists only with `--cfg fuzzing`.

use crate::qr;

/// Returns whether a file starts like a picture.
pub fn is_picture(bytes: &[u8]) -> bool {
    qr::is_picture(bytes)
}

/// Reads the QR code in a picture, or returns the message of the failure.
pub fn read_picture(bytes: &[u8]) -> Result<String, String> {
    qr::read_picture(bytes, "picture").map_err(|failure| failure.to_string())
}

/// Reads the QR code in gray levels, or returns the reason why there is none.
pub fn search(width: usize, levels: &[u8]) -> Result<String, String> {
    qr::search_levels(width, levels)
}
