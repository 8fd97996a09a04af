//! Names that break pages which do not escape, isolate or wrap them.

use license_tests::server::{Administrator, Response};
use serde_json::Value;

/// Markup that ends attributes and elements, and that opens a dialog if a page runs it.
pub(super) const MARKUP: &str =
    r#""'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}&amp;"#;

/// Text in two directions, with an override that would reverse the rest of the line.
pub(super) const BIDIRECTIONAL: &str = "\u{202e}moc.live\u{2067} \u{5e9}\u{5dc}\u{5d5}\u{5dd} Acme";

/// Returns a name of one word.
pub(super) fn long(length: usize) -> String {
    "W".repeat(length)
}

/// Returns the names, with a long one of this length.
pub(super) fn all(length: usize) -> [String; 3] {
    [MARKUP.to_owned(), BIDIRECTIONAL.to_owned(), long(length)]
}

/// Creates something with each name that the interface accepts. A name that it refuses must be
/// refused with a status for bad requests. Returns what was created.
#[track_caller]
pub(super) fn create(
    administrator: &Administrator<'_>,
    path: &str,
    names: &[String],
    body: impl Fn(&str) -> Value,
) -> Vec<Value> {
    let answers: Vec<Response> = names
        .iter()
        .map(|name| administrator.post(path, &body(name)))
        .collect();
    let refused = |answer: &Response| matches!(answer.status, 400 | 422);
    let created = |answer: &Response| matches!(answer.status, 200 | 201);
    for answer in &answers {
        assert!(created(answer) || refused(answer), "{path}: {answer:?}");
    }
    let created: Vec<_> = answers.iter().filter(|answer| created(answer)).collect();
    assert!(!created.is_empty(), "{path}: {answers:?}");
    created.iter().map(|answer| answer.json()).collect()
}
