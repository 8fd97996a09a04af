//! The documents name types and functions that exist, and the program `license` names itself as its
//! vendor does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use license_tests::programs;

use super::document;

const DOCUMENTS: [&str; 7] = [
    "README.md",
    "docs/coming-from/cryptolens.md",
    "docs/coming-from/flexnet.md",
    "docs/coming-from/keygen.md",
    "docs/developer.md",
    "docs/kinds.md",
    "docs/vendor.md",
];

/// Directories with the sources of the crates, and of the programs that the documents show. Some of
/// these programs use types of other crates.
const SOURCES: [&str; 3] = ["crates", "tests/guide", "tests/tests/guide"];

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

/// Calls a function for each line of all Rust files below a directory, without comments.
fn for_each_line(directory: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            for_each_line(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let lines = text.lines().map(str::trim_start);
            for line in lines.filter(|line| !line.starts_with("//")) {
                visit(&path, line);
            }
        }
    }
}

#[test]
fn types_and_functions_exist() {
    let mut words = BTreeSet::new();
    for directory in SOURCES {
        for_each_line(&programs::workspace().join(directory), &mut |_, line| {
            let found = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.extend(found.map(str::to_owned));
        });
    }
    let mut missing = Vec::new();
    for path in DOCUMENTS {
        let text = document(path);
        for (parent, name) in paths(&text) {
            if !(words.contains(parent) && words.contains(name)) {
                missing.push(format!("{path}: {parent}::{name}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// A vendor's build of `license` has another name, so its messages are written with `command!`. The
/// variables of another product have another prefix.
#[test]
fn messages_do_not_contain_the_name_of_the_program_or_of_the_built_in_product() {
    let mut found = Vec::new();
    for directory in ["crates/license-cli/src", "crates/license-client/src"] {
        for_each_line(&programs::workspace().join(directory), &mut |path, line| {
            let is_test = path.components().any(|part| {
                let name = part.as_os_str().to_string_lossy();
                name == "tests" || name == "tests.rs" || name == "testing"
            });
            let has_name = line.contains("`license ") || line.contains("\"CODITECT_");
            if has_name && !is_test {
                found.push(format!("{}: {line}", path.display()));
            }
        });
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
