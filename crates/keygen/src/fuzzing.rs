//! Parsers for the fuzz targets in the directory `fuzz` of the repository.
//!
//! This module exists only with `--cfg fuzzing`.

pub use crate::commands::{ReadOrder, read_line, read_orders};
