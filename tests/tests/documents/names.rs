//! The documents name types and functions that exist, and show code that is tested.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use license_tests::programs;

use super::document;

const DOCUMENTS: [&str; 4] = [
    "README.md",
    "docs/developer.md",
    "docs/kinds.md",
    "docs/vendor.md",
];

/// Types of other crates, which the guide uses in an example of a web server.
const FOREIGN: [&str; 2] = ["Router", "StatusCode"];

/// Returns each `Type::name` of a text.
fn paths(text: &str) -> BTreeSet<(&str, &str)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut paths = BTreeSet::new();
    for (at, _) in text.match_indices("::") {
        let (before, after) = (&text[..at], &text[at + 2..]);
        let parent = before.rsplit(|c| !is_word(c)).next().unwrap();
        let name = after.split(|c| !is_word(c)).next().unwrap();
        if parent.starts_with(|c: char| c.is_ascii_uppercase()) && !name.is_empty() {
            paths.insert((parent, name));
        }
    }
    paths
}

/// Adds the words of all Rust files below a directory, without comments.
fn add_words(directory: &Path, words: &mut BTreeSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_words(&path, words);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim_start);
            for line in lines.filter(|line| !line.starts_with("//")) {
                let found = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                words.extend(found.map(str::to_owned));
            }
        }
    }
}

#[test]
fn types_and_functions_exist() {
    let mut words = BTreeSet::new();
    add_words(&programs::workspace().join("crates"), &mut words);
    let mut missing = Vec::new();
    for path in DOCUMENTS {
        let text = document(path);
        for (parent, name) in paths(&text) {
            let is_known = words.contains(parent) && words.contains(name);
            if !is_known && !FOREIGN.contains(&parent) {
                missing.push(format!("{path}: {parent}::{name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn the_guide_shows_the_tested_example_of_a_test_license() {
    assert_documented(
        "## Test your program\n",
        "crates/license-client/src/testing.rs",
        "//!",
    );
}

#[test]
fn the_guide_shows_the_tested_example_of_an_error_message() {
    assert_documented("## Errors\n", "crates/license-core/src/causes.rs", "///");
}

/// Checks that a file contains the example in a section of the guide as documentation with the
/// prefix `comment`. The examples in the documentation of the file are tested.
fn assert_documented(section: &str, file: &str, comment: &str) {
    let guide = document("docs/developer.md");
    let (_, section) = guide.split_once(section).unwrap();
    let (_, block) = section.split_once("```rust\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let tested = document(file);
    // The imports can be in another order.
    let is_compared = |line: &&str| !line.is_empty() && !line.starts_with("use ");
    for line in block.lines().filter(is_compared) {
        assert!(tested.contains(&format!("{comment} {line}\n")), "{line}");
    }
}

#[test]
fn the_guide_shows_the_tested_example_of_the_client() {
    let guide = document("docs/developer.md");
    let (_, section) = guide.split_once("## The trust set").unwrap();
    let (_, block) = section.split_once("```rust,ignore\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let tested = document("crates/license-client/src/lib.rs");
    let lines: Vec<_> = block.lines().filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 5);
    for line in lines {
        let code = line.split("  //").next().unwrap().trim_end();
        assert!(tested.contains(code), "{code}");
    }
}
