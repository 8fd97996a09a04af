//! Short names for the entries of answers, for commands that are not converted yet.

pub(crate) use license_issuer::records::{activation, clock_repair};
