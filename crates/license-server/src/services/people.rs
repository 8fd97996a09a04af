//! People: their accounts, sessions and memberships.

mod sessions;

use chrono::TimeDelta;

pub(super) use sessions::authenticate;

/// How long a session lasts without a use.
pub(super) const SESSION_IDLE: TimeDelta = TimeDelta::hours(12);
