//! The limits of stored rows.

use super::ServerStoreError;
use crate::domain::UsageLimits;

/// The largest number of machines of one user with one license that the server remembers.
pub(super) const MACHINES_OF_USER: u32 = 100;

/// Refuses an activation request if `max_waiting` requests of its license wait for an answer.
pub(super) fn check_waiting(waiting: u64, max_waiting: u32) -> Result<(), ServerStoreError> {
    if waiting < u64::from(max_waiting) {
        return Ok(());
    }
    Err(ServerStoreError::LimitReached {
        limit: format!("at most {max_waiting} waiting activation requests of a license"),
        found: format!("{waiting} requests"),
    })
}

/// Refuses a usage report of `length` bytes if the stored reports of its license and this one
/// exceed the limits.
pub(super) fn check_usage(
    reports: u64,
    bytes: u64,
    length: u64,
    limits: UsageLimits,
) -> Result<(), ServerStoreError> {
    if reports < limits.reports && bytes.saturating_add(length) <= limits.bytes {
        return Ok(());
    }
    Err(ServerStoreError::LimitReached {
        limit: format!(
            "at most {} usage reports of a license, with {} bytes together",
            limits.reports, limits.bytes
        ),
        found: format!("{reports} reports with {bytes} bytes, and one with {length} bytes"),
    })
}

/// Refuses a group if the organization has `most` groups.
pub(super) fn check_groups(found: u64, most: u32) -> Result<(), ServerStoreError> {
    if found < u64::from(most) {
        return Ok(());
    }
    Err(ServerStoreError::LimitReached {
        limit: format!("at most {most} groups of an organization"),
        found: format!("{found} groups"),
    })
}

/// Refuses an invitation if `most` others are open.
pub(super) fn check_invitations(open: u64, most: u32) -> Result<(), ServerStoreError> {
    if open < u64::from(most) {
        return Ok(());
    }
    Err(ServerStoreError::LimitReached {
        limit: format!("at most {most} open invitations of an organization"),
        found: format!("{open} invitations"),
    })
}

/// Refuses an identity provider if the organization has `most` others.
pub(super) fn check_providers(found: u64, most: u32) -> Result<(), ServerStoreError> {
    if found < u64::from(most) {
        return Ok(());
    }
    Err(ServerStoreError::LimitReached {
        limit: format!("at most {most} identity providers of an organization"),
        found: format!("{found} identity providers"),
    })
}
