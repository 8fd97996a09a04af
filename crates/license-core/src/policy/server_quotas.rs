//! Quotas that license servers interpret. They bound seats and users, and count nothing per day.

use super::{Entitlements, Quota};

/// The quota with the longest loan of a borrowed seat in days. Without it, no seat can be borrowed.
pub const BORROW_DAYS: &str = "borrow_days";

/// The quota with the number of seats that may be borrowed. Without it, all seats may be borrowed.
pub const BORROW_SEATS: &str = "borrow_seats";

/// The quota with the number of seats that an administrator may lend beyond those of the license.
pub const OVERAGE_SEATS: &str = "overage_seats";

/// The quota with the number of users whom administrators may assign to the license. With it, only
/// assigned users may use the license. Without it, no user is assigned.
pub const NAMED_USERS: &str = "named_users";

/// The quota with the number of days before the place of an assigned user goes to another one.
/// Without it, the number is that of the product file.
pub const USER_COOL_DOWN_DAYS: &str = "user_cool_down_days";

/// All quotas that license servers interpret.
pub const SERVER_QUOTAS: [&str; 5] = [
    BORROW_DAYS,
    BORROW_SEATS,
    OVERAGE_SEATS,
    NAMED_USERS,
    USER_COOL_DOWN_DAYS,
];

/// Describes the loans that a license permits, or returns `None` if it permits none.
///
/// ```
/// use license_core::Tier;
/// use license_core::policy::{BORROW_DAYS, BORROW_SEATS, Entitlements, Quota, describe_borrowing};
///
/// let days = (BORROW_DAYS.to_owned(), Quota::Limit(7));
/// let seats = (BORROW_SEATS.to_owned(), Quota::Limit(2));
/// let tier = Tier::parse("TEAM")?;
/// let team = Entitlements::new(tier, [], [days, seats.clone()]);
/// let text = describe_borrowing(&team);
/// assert_eq!(text.as_deref(), Some("up to 7 days, at most 2 seats"));
/// let without_days = Entitlements::new(tier, [], [seats]);
/// assert_eq!(describe_borrowing(&without_days), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn describe_borrowing(entitlements: &Entitlements) -> Option<String> {
    let days = match entitlements.quota(BORROW_DAYS)? {
        Quota::Limit(0) => return None,
        Quota::Limit(1) => "up to 1 day".to_owned(),
        Quota::Limit(days) => format!("up to {days} days"),
        Quota::Unlimited => "no limit of days".to_owned(),
    };
    match entitlements.quota(BORROW_SEATS) {
        Some(Quota::Limit(0)) => None,
        Some(Quota::Limit(1)) => Some(format!("{days}, at most 1 seat")),
        Some(Quota::Limit(seats)) => Some(format!("{days}, at most {seats} seats")),
        Some(Quota::Unlimited) | None => Some(days),
    }
}

/// Describes the users whom administrators may assign to a license, or returns `None` if no user is
/// assigned.
///
/// ```
/// use license_core::Tier;
/// use license_core::policy::{Entitlements, NAMED_USERS, Quota, describe_assignment};
///
/// let users = (NAMED_USERS.to_owned(), Quota::Limit(25));
/// let team = Entitlements::new(Tier::parse("TEAM")?, [], [users]);
/// let text = describe_assignment(&team);
/// assert_eq!(text.as_deref(), Some("up to 25 users, whom the license server assigns"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn describe_assignment(entitlements: &Entitlements) -> Option<String> {
    let users = match entitlements.quota(NAMED_USERS)? {
        Quota::Limit(1) => "1 user".to_owned(),
        Quota::Limit(users) => format!("up to {users} users"),
        Quota::Unlimited => "any number of users".to_owned(),
    };
    Some(format!("{users}, whom the license server assigns"))
}
