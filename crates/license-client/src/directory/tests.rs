//! Tests of the operations on open directories.
