//! Text and JSON output, and the failures that library errors become.

pub(crate) mod artifacts;
pub(crate) mod decision;
pub(crate) mod failure;
pub(crate) mod notice;
pub(crate) mod trust_statements;
