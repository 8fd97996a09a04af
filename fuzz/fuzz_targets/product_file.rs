//! Product files in TOML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use license_core::{FeatureMatrix, with_causes};
use license_fuzz::{assert_printable, bounded};

/// A table with one key takes a node of a B-tree, with room for eleven keys.
const MEMORY_FACTOR: u64 = 1024;

fuzz_target!(|text: &str| {
    let matrix = match bounded(MEMORY_FACTOR, text.as_bytes(), || {
        FeatureMatrix::parse(text)
    }) {
        Ok(matrix) => matrix,
        Err(error) => return assert_printable(&with_causes(&error)),
    };
    assert!(matrix.tiers().contains(matrix.base_tier()));
    let json = serde_json::to_value(&matrix).unwrap();
    let again: FeatureMatrix = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(again, matrix);
    assert_eq!(serde_json::to_value(&again).unwrap(), json);
});
