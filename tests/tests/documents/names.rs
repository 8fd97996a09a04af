//! The documents name types and functions that exist, and the program `license` names itself as its
//! vendor does.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use license_tests::programs;

use super::{document, forms, markdown, records};

const DOCUMENTS: [&str; 8] = [
    "README.md",
    "docs/coming-from/cryptolens.md",
    "docs/coming-from/flexnet.md",
    "docs/coming-from/README.md",
    "docs/coming-from/keygen.md",
    "docs/developer.md",
    "docs/kinds.md",
    "docs/vendor.md",
];

/// Names that the architecture mentions and that are not from these crates: of standards, of other
/// programs and of platforms.
const FOREIGN: [&str; 7] = [
    "AssertPathExists",
    "DPkg::Lock",
    "GetSystemFirmwareTable",
    "KeyboardInterrupt",
    "NumericDate",
    "SubjectPublicKeyInfo",
    "Url::set_host",
];

/// The file with the names of alerts.
const ALERTS: &str = "deploy/prometheus/rules.yaml";

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

/// Returns the words in backticks that have the form of a type, such as `SeatRequest`.
fn types(text: &str) -> BTreeSet<&str> {
    let is_type = |word: &&str| {
        word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.contains(|c: char| c.is_ascii_lowercase())
            && word[1..].contains(|c: char| c.is_ascii_uppercase())
            && word.chars().all(|c| c.is_ascii_alphanumeric())
    };
    text.split('`').skip(1).step_by(2).filter(is_type).collect()
}

/// Returns the names in backticks that have the form of an item of code: a word with an underscore,
/// or with capital letters inside. A path such as `Seat::share_with` consists of such words.
fn items<'t>(quoted: &[&'t str]) -> Vec<&'t str> {
    let is_item = |word: &&str| {
        let is_word = word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        let inside = word.trim_start_matches(|c: char| c.is_ascii_uppercase());
        is_word && (word.contains('_') || inside.contains(|c: char| c.is_ascii_uppercase()))
    };
    quoted
        .iter()
        .flat_map(|text| text.split("::"))
        .filter(is_item)
        .collect()
}

/// Returns the text of a file, or of all files of a directory.
fn text_of(path: &Path) -> String {
    let Ok(entries) = fs::read_dir(path) else {
        return fs::read_to_string(path).unwrap_or_default();
    };
    let texts = entries.map(|entry| text_of(&entry.unwrap().path()));
    texts.collect()
}

/// Returns the names of a list item that are missing in its files. A file without a directory is in
/// the directory of the first path of the item.
fn names_that_are_elsewhere(item: &str) -> Vec<&str> {
    let quoted: Vec<_> = item.split('`').skip(1).step_by(2).collect();
    let root = programs::workspace();
    let paths: Vec<_> = quoted.iter().filter(|text| text.contains('/')).collect();
    let Some(first) = paths.first() else {
        return Vec::new();
    };
    let siblings = quoted.iter().filter(|text| !text.contains('/'));
    let beside = Path::new(first).parent().unwrap();
    let siblings = siblings.map(|name| root.join(beside).join(name));
    let files = paths.iter().map(|path| root.join(path));
    let text: String = files.chain(siblings).map(|path| text_of(&path)).collect();
    let words: BTreeSet<_> = text
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .collect();
    let mut items = items(&quoted);
    items.retain(|name| !words.contains(name));
    items
}

/// The notes of a record say where a type, a function or a table is. The first records include the
/// code in place of that.
#[test]
fn items_are_in_the_files_that_the_notes_name() {
    let mut problems = Vec::new();
    let later = records::records().into_iter();
    for record in later.filter(|record| record.number > records::LAST_WITH_CODE) {
        let notes = forms::section(&record.text, "Implementation notes");
        let notes = markdown::without_blocks(notes);
        for item in notes.split("\n- ") {
            let elsewhere = names_that_are_elsewhere(item);
            problems.extend(
                elsewhere
                    .iter()
                    .map(|name| format!("{}: {name}", record.name)),
            );
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    let wrong = "`SeatRequest` and `fold_renewals` are in `tests/tests/documents/main.rs`";
    assert_eq!(
        names_that_are_elsewhere(wrong),
        ["SeatRequest", "fold_renewals"]
    );
    let right = "`must_include` is in `tests/tests/documents/main.rs` or `records.rs`";
    assert_eq!(names_that_are_elsewhere(right), [""; 0]);
}

/// Returns the words of the sources.
fn words_of_sources() -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for directory in SOURCES {
        for_each_line(&programs::workspace().join(directory), &mut |_, line| {
            let found = line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
            words.extend(found.map(str::to_owned));
        });
    }
    words
}

/// Included code is not examined, because another test compares it with its file.
#[test]
fn types_and_functions_of_the_architecture_exist() {
    let words = words_of_sources();
    let alerts = document(ALERTS);
    let mut missing = Vec::new();
    let mut count = 0;
    for path in records::documents() {
        let text = markdown::without_blocks(&fs::read_to_string(&path).unwrap());
        let mut expect = |is_known: bool, name: &str| {
            count += 1;
            if !is_known && !FOREIGN.contains(&name) {
                missing.push(format!("{}: {name}", path.display()));
            }
        };
        for (parent, name) in paths(&text) {
            let is_known = words.contains(parent) && words.contains(name);
            expect(is_known, &format!("{parent}::{name}"));
        }
        for name in types(&text) {
            let is_alert = alerts.contains(&format!("alert: {name}\n"));
            expect(words.contains(name) || is_alert, name);
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(count > 150, "{count} names");
}

#[test]
fn types_are_read_from_a_text() {
    let text = "`SeatRequest` and `Seat::lease`, `POST`, `Seat`, `SQLite` and `seat_hours`";
    assert_eq!(
        types(text).into_iter().collect::<Vec<_>>(),
        ["SQLite", "SeatRequest"]
    );
    assert_eq!(
        paths(text).into_iter().collect::<Vec<_>>(),
        [("Seat", "lease")]
    );
}

#[test]
fn types_and_functions_exist() {
    let words = words_of_sources();
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
