//! Text and JSON output, and the conversion of library errors to failures.

pub(crate) mod artifacts;
pub(crate) mod dates;
pub(crate) mod decision;
pub(crate) mod failure;
pub(crate) mod held_seat;
pub(crate) mod labels;
pub(crate) mod license_details;
pub(crate) mod license_place;
pub(crate) mod notice;
pub(crate) mod plugin;
pub(crate) mod prometheus;
pub(crate) mod quotas;
pub(crate) mod trust_statements;
