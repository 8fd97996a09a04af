//! The kinds of events that an endpoint receives.

use crate::domain::event_kind::EVENT_KINDS;

/// The kinds of events that an endpoint receives: names such as `license.revoke`, all names with a
/// beginning such as `license.*`, or `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFilter(Vec<String>);

impl EventFilter {
    /// The maximum number of patterns.
    pub const MAX_PATTERNS: usize = 32;

    /// The maximum length of a pattern in bytes.
    const MAX_BYTES: usize = 64;

    /// Creates a filter. Returns `None` without a pattern, with too many, or if one is not a
    /// pattern.
    pub fn new(patterns: &[String]) -> Option<Self> {
        let is_accepted = (1..=Self::MAX_PATTERNS).contains(&patterns.len())
            && patterns.iter().all(|pattern| is_pattern(pattern));
        is_accepted.then(|| Self(patterns.to_vec()))
    }

    /// Reads patterns that are separated by spaces, as they are stored.
    pub fn parse(text: &str) -> Option<Self> {
        let patterns: Vec<String> = text.split(' ').map(str::to_owned).collect();
        Self::new(&patterns)
    }

    /// Returns the first pattern that matches no kind of the server.
    pub fn unknown(&self) -> Option<&str> {
        let is_known = |pattern: &str| EVENT_KINDS.iter().any(|kind| matches(pattern, kind));
        let mut patterns = self.0.iter().map(String::as_str);
        patterns.find(|pattern| !is_known(pattern))
    }

    /// Returns the patterns.
    pub fn patterns(&self) -> &[String] {
        &self.0
    }

    /// Returns whether the endpoint receives events of a kind.
    pub fn matches(&self, kind: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, kind))
    }
}

fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => kind == pattern,
    }
}

/// Returns whether a text is `*`, or names in small letters with dots between them, where the last
/// one may be `*`.
fn is_pattern(text: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'_'))
    };
    let names = match text.strip_suffix('*') {
        Some("") => return true,
        Some(beginning) => match beginning.strip_suffix('.') {
            Some(names) => names,
            None => return false,
        },
        None => text,
    };
    text.len() <= EventFilter::MAX_BYTES && names.split('.').all(is_name)
}

/// Prints the patterns, separated by spaces.
impl std::fmt::Display for EventFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_matches_names_and_beginnings() {
        let filter = EventFilter::parse("license.* seat.granted").unwrap();
        for (kind, expected) in [
            ("license.revoke", true),
            ("license.", true),
            ("license", false),
            ("licenses.revoke", false),
            ("seat.granted", true),
            ("seat.granted_again", false),
        ] {
            assert_eq!(filter.matches(kind), expected, "{kind}");
        }
        assert!(EventFilter::parse("*").unwrap().matches("token.create"));
        assert_eq!(filter.to_string(), "license.* seat.granted");
    }

    #[test]
    fn a_pattern_that_matches_nothing_is_found() {
        let unknown = |text: &str| {
            let filter = EventFilter::parse(text).unwrap();
            filter.unknown().map(str::to_owned)
        };
        for text in ["*", "license.*", "license.revoke seat.granted", "webhook.*"] {
            assert_eq!(unknown(text), None, "{text}");
        }
        for text in ["license.revoked", "licenses.*", "license", "seat.grant"] {
            assert_eq!(unknown(&format!("* {text}")).as_deref(), Some(text));
        }
    }

    #[test]
    fn other_texts_are_no_patterns() {
        for text in [
            "",
            "a b",
            "License.*",
            "license*",
            "*.revoke",
            ".",
            "a..b",
            "a.*.*",
            "a\n",
        ] {
            assert_eq!(EventFilter::new(&[text.to_owned()]), None, "{text}");
        }
        let patterns = |count| vec!["a.b".to_owned(); count];
        assert!(EventFilter::new(&patterns(32)).is_some());
        assert_eq!(EventFilter::new(&patterns(33)), None);
        assert_eq!(EventFilter::new(&[]), None);
        assert!(EventFilter::new(&["a".repeat(64)]).is_some());
        assert_eq!(EventFilter::new(&["a".repeat(65)]), None);
    }
}
