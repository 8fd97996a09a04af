//! Conditions that tiers and licenses set: check-in, renewal, usage type, features and quotas.

mod conditions;
mod entitlements;
mod server_quotas;

pub use entitlements::{Entitlements, Quota};
pub use server_quotas::{
    BORROW_DAYS, BORROW_SEATS, OVERAGE_SEATS, SERVER_QUOTAS, describe_borrowing,
};

pub use conditions::{CheckIn, Renewal, UsageType};
