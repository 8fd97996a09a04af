//! The terms that tiers and licenses set: check-in, renewal, kind of use, features and quotas.

mod entitlements;
mod terms;

pub use entitlements::{Entitlements, Quota};

pub use terms::{CheckIn, Renewal, UsageType};
