//! Sentences and effects of changed claims.

use std::fmt::Display;

use chrono::{DateTime, Utc};
use semver::VersionReq;

use super::Effect;
use crate::time::{self, rfc3339};

/// Returns the text of an optional value, or `none`.
pub(super) fn text(value: &Option<impl Display>) -> String {
    value
        .as_ref()
        .map_or_else(|| "none".to_owned(), ToString::to_string)
}

/// Describes the change of the start. A later start takes nothing away if the first license is
/// valid until then.
pub(super) fn start(
    before: Option<DateTime<Utc>>,
    after: Option<DateTime<Utc>>,
    is_continued: bool,
) -> (Effect, String) {
    let text = match (before, after) {
        (Some(before), Some(after)) => {
            let how = distance(before, after, ["later", "earlier"]);
            let [before, after] = [before, after].map(rfc3339);
            format!("it starts {how}: at {after} instead of {before}")
        }
        (None, Some(after)) => format!("it starts at {} instead of immediately", rfc3339(after)),
        (before, None) => {
            let before = text(&before.map(rfc3339));
            format!("it starts immediately instead of at {before}")
        }
    };
    match Effect::gain_if(after < before) {
        Effect::Loss if is_continued => (Effect::Other, text),
        effect => (effect, text),
    }
}

pub(super) fn end(before: Option<DateTime<Utc>>, after: Option<DateTime<Utc>>) -> (Effect, String) {
    let text = match (before, after) {
        (Some(before), Some(after)) => {
            let how = distance(before, after, ["later", "earlier"]);
            let [before, after] = [before, after].map(rfc3339);
            format!("it ends {how}: at {after} instead of {before}")
        }
        (None, Some(after)) => format!("it ends at {} instead of being perpetual", rfc3339(after)),
        (before, None) => {
            let before = text(&before.map(rfc3339));
            format!("it is perpetual instead of ending at {before}")
        }
    };
    (Effect::gain_if(ends_later(before, after)), text)
}

pub(super) fn maintenance(
    before: Option<DateTime<Utc>>,
    after: Option<DateTime<Utc>>,
) -> (Effect, String) {
    let text = match (before.map(rfc3339), after.map(rfc3339)) {
        (Some(before), Some(after)) => {
            format!("versions built up to {after} are covered instead of up to {before}")
        }
        (None, Some(after)) => {
            format!("only versions built up to {after} are covered; all were covered")
        }
        (_, None) => "versions are covered regardless of their build date".to_owned(),
    };
    (Effect::gain_if(ends_later(before, after)), text)
}

/// Returns the span between two instants with a word for its direction.
fn distance(before: DateTime<Utc>, after: DateTime<Utc>, [later, earlier]: [&str; 2]) -> String {
    if after > before {
        format!(
            "{} {later}",
            time::humanize(time::duration_since(after, before))
        )
    } else {
        format!(
            "{} {earlier}",
            time::humanize(time::duration_since(before, after))
        )
    }
}

/// Returns whether the new end is later. `None` means that there is no end.
fn ends_later(before: Option<DateTime<Utc>>, after: Option<DateTime<Utc>>) -> bool {
    after.is_none_or(|after| before.is_some_and(|before| after > before))
}

pub(super) fn versions(
    before: &Option<VersionReq>,
    after: &Option<VersionReq>,
) -> (Effect, String) {
    let text = match (before, after) {
        (_, None) => "every version is covered".to_owned(),
        (None, Some(after)) => format!("only versions that meet {after} are covered"),
        (Some(before), Some(after)) => {
            format!("versions that meet {after} are covered instead of {before}")
        }
    };
    (Effect::from_restriction(before, after), text)
}

pub(super) fn license_server(before: &Option<String>, after: &Option<String>) -> (Effect, String) {
    let text = match (before, after) {
        (_, None) => {
            "the customer's own license server can no longer lend seats or answer check-ins"
        }
        (None, Some(_)) => "the customer's own license server can lend seats and answer check-ins",
        _ => "another license server of the customer lends seats and answers check-ins",
    };
    (
        Effect::from_restriction(before, after).reversed(),
        text.to_owned(),
    )
}
