//! Conditions that tiers and licenses set: check-in, renewal, usage type, features and quotas.

mod conditions;
mod entitlements;

pub use entitlements::{Entitlements, Quota};

pub use conditions::{CheckIn, Renewal, UsageType};
