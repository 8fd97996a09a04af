//! Counts with their nouns.

use std::fmt::Display;

/// Returns a count with its noun in the singular or the plural.
///
/// ```
/// use license_cli_support::plural;
///
/// assert_eq!(plural(1_u64, "entry", "entries"), "1 entry");
/// assert_eq!(plural(0_usize, "entry", "entries"), "0 entries");
/// ```
#[must_use]
pub fn plural<N: Display + PartialEq + From<u8>>(count: N, one: &str, many: &str) -> String {
    let noun = if count == N::from(1) { one } else { many };
    format!("{count} {noun}")
}

/// Returns how often something happened: `once` or `N times`.
///
/// ```
/// use license_cli_support::times;
///
/// assert_eq!(times(1_u64), "once");
/// assert_eq!(times(2_u64), "2 times");
/// ```
#[must_use]
pub fn times<N: Display + PartialEq + From<u8>>(count: N) -> String {
    if count == N::from(1) {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}
