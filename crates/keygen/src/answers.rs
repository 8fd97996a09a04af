//! Short names for the entries of answers, for commands that are not converted yet.

pub(crate) use license_issuer::records::{
    UNSIGNED_ANSWER_FACTS as UNSIGNED, activation, clock_repair,
};
