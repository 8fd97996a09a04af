//! Conditions that tiers and licenses set: check-in, renewal, usage type, features and quotas.

mod conditions;
mod entitlements;
mod server_quotas;

pub use entitlements::{Entitlements, Quota};
pub use server_quotas::{
    BORROW_DAYS, BORROW_SEATS, NAMED_USERS, OVERAGE_SEATS, SERVER_QUOTAS, USER_COOL_DOWN_DAYS,
    describe_assignment, describe_borrowing,
};

pub use conditions::{CheckIn, Renewal, UsageType};
