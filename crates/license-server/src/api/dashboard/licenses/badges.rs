//! The state of a license as a person reads it.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use license_core::{License, time};
use license_dashboard::{Cell, Tone};

use crate::services::LicenseState;

/// The time before its end in which a license needs attention.
const SOON: TimeDelta = TimeDelta::days(30);

/// Returns the state of a license in few words.
pub(in crate::api::dashboard) fn badge(
    license: &License,
    state: LicenseState,
    is_superseded: bool,
    now: DateTime<Utc>,
) -> Cell {
    let (tone, text) = words(license, state, is_superseded, now);
    Cell::badge(tone, text)
}

fn words(
    license: &License,
    state: LicenseState,
    is_superseded: bool,
    now: DateTime<Utc>,
) -> (Tone, String) {
    let named = |tone, text: &str| (tone, text.to_owned());
    if state.is_grace {
        return named(Tone::Warning, "In its grace period");
    }
    if !state.is_valid {
        return match state.code {
            "REVOKED" => named(Tone::Danger, "Revoked"),
            "EXPIRED" => named(Tone::Danger, "Ended"),
            "NOT_YET_VALID" => named(Tone::Neutral, "Starts later"),
            "NOT_CERTIFIED" => named(Tone::Danger, "Not for this server"),
            code => named(Tone::Danger, code),
        };
    }
    if is_superseded {
        let text = last(license.expires_at()).map_or_else(
            || "Replaced, valid".to_owned(),
            |day| format!("Replaced, valid through {day}"),
        );
        return (Tone::Neutral, text);
    }
    match license.expires_at() {
        Some(end) if end <= time::saturating_add(now, SOON) => {
            let days = time::duration_since(end, now).num_days();
            let text = match days {
                0 => "Ends within a day".to_owned(),
                1 => "Ends in 1 day".to_owned(),
                days => format!("Ends in {days} days"),
            };
            (Tone::Warning, text)
        }
        _ => named(Tone::Good, "Active"),
    }
}

/// Returns the last day of a license, or *never*.
pub(in crate::api::dashboard) fn last_day(end: Option<DateTime<Utc>>) -> Cell {
    last(end).map_or(Cell::text("Never"), Cell::Date)
}

/// Returns the last day of a license. A perpetual license has none.
pub(super) fn last(end: Option<DateTime<Utc>>) -> Option<NaiveDate> {
    end.map(|end| time::saturating_sub(end, TimeDelta::seconds(1)).date_naive())
}
