//! Suggestions for misspelled names.

use strsim::{jaro_winkler, osa_distance};

/// The lowest similarity, from 0 to 1, of a name that is suggested.
const MIN_SIMILARITY: f64 = 0.8;
/// The minimum length of a text that is compared as a part of a name. Shorter texts are contained
/// in too many names.
const MIN_PART_LENGTH: usize = 3;

/// Returns the candidate that is most similar to `typed`, or `None` if no candidate is similar.
///
/// Letter case is ignored, and `-`, `.` and a space count as `_`. A candidate that contains the
/// typed text, or is contained in it, is similar.
///
/// ```
/// use license_cli_support::closest;
///
/// let features = ["cloud_sync", "audit_log"];
/// assert_eq!(closest("Cloud-Snyc", features), Some("cloud_sync"));
/// assert_eq!(closest("sync", features), Some("cloud_sync"));
/// assert_eq!(closest("sso", features), None);
/// ```
#[must_use]
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = normalize(typed);
    let scored = candidates.into_iter().map(|candidate| {
        let score = similarity(&typed, &normalize(candidate));
        (candidate, score)
    });
    let best = scored.reduce(|best, next| if next.1 > best.1 { next } else { best });
    best.filter(|(_, score)| *score >= MIN_SIMILARITY)
        .map(|(candidate, _)| candidate)
}

fn normalize(name: &str) -> String {
    name.to_lowercase().replace(['-', ' ', '.'], "_")
}

fn similarity(typed: &str, candidate: &str) -> f64 {
    let is_part = typed.len() >= MIN_PART_LENGTH && candidate.len() >= MIN_PART_LENGTH;
    if is_part && (candidate.contains(typed) || typed.contains(candidate)) {
        return 1.0;
    }
    jaro_winkler(typed, candidate)
}

/// Returns whether two texts differ by at most two typing errors, and in length by at most one.
///
/// A typing error is a wrong, missing or additional character, or two adjacent characters that are
/// swapped.
///
/// ```
/// use license_cli_support::is_similar;
///
/// assert!(is_similar("LIC-7Q2F", "LIC-Q72F"));
/// assert!(is_similar("LIC-7Q2", "LIC-7Q2F"));
/// assert!(!is_similar("LIC-7", "LIC-7Q2F"));
/// ```
#[must_use]
pub fn is_similar(typed: &str, name: &str) -> bool {
    let lengths = (typed.chars().count(), name.chars().count());
    lengths.0.abs_diff(lengths.1) <= 1 && osa_distance(typed, name) <= 2
}

/// Returns whether `typed` is `name` with one typing error.
///
/// ```
/// use license_cli_support::is_misspelled;
///
/// assert!(is_misspelled("seat", "seats"));
/// assert!(is_misspelled("quote", "quota"));
/// assert!(!is_misspelled("date", "days"));
/// ```
#[must_use]
pub fn is_misspelled(typed: &str, name: &str) -> bool {
    osa_distance(typed, name) == 1
}
