//! The architecture decision records and the flows: paths, and code that is included from files.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use license_tests::programs;

use super::forms::is_date;
use super::{document, markdown};

/// The command that writes the code of the files into the documents.
const UPDATE: &str = "UPDATE_DOCUMENTS=1 cargo test -p license-tests --test documents";

/// The directory of the records, below the workspace.
pub(super) const RECORDS: &str = "docs/architecture/adrs";

/// The last record that includes code. Later records name the code.
pub(super) const LAST_WITH_CODE: u32 = 20;

/// The directories whose files the documents name from the root of the workspace.
const DIRECTORIES: [&str; 10] = [
    ".ci/",
    "benches/",
    "bindings/",
    "crates/",
    "deploy/",
    "docs/",
    "examples/",
    "fixtures/",
    "fuzz/",
    "tests/",
];

/// The languages of blocks that no file contains: output, diagrams and data of a run.
const UNCOMPILED: [&str; 5] = ["", "text", "console", "json", "mermaid"];

/// A record with its number.
pub(super) struct Record {
    pub(super) number: u32,
    /// The name of its file.
    pub(super) name: String,
    pub(super) text: String,
}

/// Returns all records, in the order of their numbers.
pub(super) fn records() -> Vec<Record> {
    let files = markdown::files(&programs::workspace().join(RECORDS));
    let records = files.into_iter().filter_map(|path| {
        let name = path.file_name()?.to_string_lossy().into_owned();
        let number = name.strip_prefix("adr-")?.get(..3)?.parse().ok()?;
        let text = fs::read_to_string(&path).ok()?;
        Some(Record { number, name, text })
    });
    let records: Vec<_> = records.collect();
    assert!(records.len() > 80, "{} records", records.len());
    records
}

/// Returns the documents of the architecture.
pub(super) fn documents() -> Vec<PathBuf> {
    markdown::files(&programs::workspace().join("docs/architecture"))
}

/// Returns the words in backticks that are paths from the root of the workspace.
pub(super) fn paths(text: &str) -> Vec<String> {
    let text = markdown::without_blocks(text);
    // An odd part of a text that is divided at backticks is inside of them.
    let quoted = text.split('`').skip(1).step_by(2);
    let is_path = |word: &&str| {
        let is_below = DIRECTORIES.iter().any(|name| word.starts_with(name));
        is_below && !word.contains(char::is_whitespace)
    };
    quoted.filter(is_path).map(str::to_owned).collect()
}

/// Returns whether a path exists. `*` matches any part of the last name.
fn exists(path: &str) -> bool {
    let root = programs::workspace();
    let Some((start, end)) = path.split_once('*') else {
        return root.join(path).exists();
    };
    let (directory, start) = start.rsplit_once('/').unwrap_or(("", start));
    let entries = fs::read_dir(root.join(directory)).into_iter().flatten();
    let mut names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.any(|name| name.starts_with(start) && name.ends_with(end))
}

#[test]
fn paths_in_backticks_exist() {
    let mut missing = Vec::new();
    let mut count = 0;
    for file in documents() {
        for path in paths(&fs::read_to_string(&file).unwrap()) {
            count += 1;
            if !exists(&path) {
                missing.push(format!("{}: {path}", file.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(count > 50, "{count} paths");
    assert!(!exists("crates/license-core/src/none.rs") && !exists("crates/none-*.rs"));
}

/// The code that a block includes: a file, and the start of the first line.
struct Inclusion<'a> {
    path: &'a str,
    start: &'a str,
}

impl<'a> Inclusion<'a> {
    /// Parses `<!-- code: PATH: START -->`.
    fn parse(line: &'a str) -> Option<Self> {
        let inner = line.strip_prefix("<!-- code: ")?.strip_suffix(" -->")?;
        let (path, start) = inner.split_once(": ")?;
        Some(Self { path, start })
    }

    /// Returns the lines of the file from each line that begins with the start. The block is the
    /// same as one of them. Common indentation is removed.
    fn candidates(&self, block: &[&str]) -> Result<Vec<Vec<String>>, String> {
        let file = programs::workspace().join(self.path);
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", self.path))?;
        let lines: Vec<_> = text.lines().collect();
        let starts = (0..lines.len()).filter(|&at| lines[at].trim_start().starts_with(self.start));
        Ok(starts
            .map(|start| dedented(excerpt(&lines[start..], block)))
            .collect())
    }
}

/// Returns the lines from the first one to the one that ends a block: the line that is the same as
/// the last line of the block, after as many such lines as the block has.
fn excerpt<'f, 'l>(file: &'f [&'l str], block: &[&str]) -> &'f [&'l str] {
    let Some(last) = block.last() else {
        return &[];
    };
    let of_block = indentation(block.first().copied().unwrap_or_default());
    let of_file = indentation(file.first().copied().unwrap_or_default());
    let is_last = |line: &str| {
        line.trim() == last.trim() && indentation(line) + of_block == indentation(last) + of_file
    };
    let count = block.iter().filter(|line| line == &last).count();
    let mut ends = (0..file.len()).filter(|&at| is_last(file[at]));
    match ends.nth(count.saturating_sub(1)) {
        Some(end) => &file[..=end],
        None => &[],
    }
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the lines without the indentation of the first one.
fn dedented(lines: &[&str]) -> Vec<String> {
    let common = indentation(lines.first().copied().unwrap_or_default());
    let without = |line: &&str| line.get(common.min(indentation(line))..).map(str::to_owned);
    lines.iter().filter_map(without).collect()
}

/// Checks the included code of a document. Returns the document with the code of the files, and
/// what is wrong.
fn checked(name: &str, text: &str, must_include: bool) -> (String, Vec<String>) {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut problems = Vec::new();
    // The last block first, because the number of lines can change.
    for block in markdown::blocks(text).iter().rev() {
        let place = format!("{name}:{}", block.start);
        let Some(inclusion) = Inclusion::parse(block.before) else {
            if must_include && !UNCOMPILED.contains(&block.language) {
                problems.push(format!("{place}: no line `<!-- code: PATH: START -->`"));
            }
            continue;
        };
        let candidates = match inclusion.candidates(&block.lines) {
            Ok(candidates) => candidates,
            Err(error) => {
                problems.push(format!("{place}: {error}"));
                continue;
            }
        };
        let own = dedented(&block.lines);
        if own.is_empty() || !candidates.contains(&own) {
            problems.push(format!("{place}: not the code of {}", inclusion.path));
            if let [candidate] = candidates.as_slice()
                && !candidate.is_empty()
            {
                let end = block.start + block.lines.len();
                lines.splice(block.start..end, candidate.iter().cloned());
            }
        }
    }
    (lines.join("\n") + "\n", problems)
}

/// Returns whether a document may have code only that a file contains.
fn must_include(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let number = name.strip_prefix("adr-").and_then(|name| name.get(..3));
    let number = number.and_then(|number| number.parse::<u32>().ok());
    number.is_none_or(|number| number <= LAST_WITH_CODE)
}

#[test]
fn included_code_is_that_of_its_file() {
    let mut all = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.display().to_string();
        let (updated, problems) = checked(&name, &text, must_include(&path));
        if !problems.is_empty() && env::var_os("UPDATE_DOCUMENTS").is_some() {
            fs::write(&path, updated).unwrap();
        }
        all.extend(problems);
    }
    assert!(all.is_empty(), "{}\nrun {UPDATE}", all.join("\n"));
}

/// Returns the lines of the blocks with commands whose last paragraph does not say when they ran.
fn undated(text: &str) -> Vec<usize> {
    let lines: Vec<_> = text.lines().collect();
    let is_dated = |start: usize| {
        let above = lines.get(..start.saturating_sub(1)).unwrap_or_default();
        let above = above.join("\n");
        let paragraph = above.trim_end().rsplit("\n\n").next().unwrap_or_default();
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let date = words.split_once("This run is from ");
        date.is_some_and(|(_, date)| date.strip_suffix(':').is_some_and(is_date))
    };
    let blocks = markdown::blocks(text);
    let commands = blocks.iter().filter(|block| block.language == "console");
    let starts = commands.map(|block| block.start);
    starts.filter(|&start| !is_dated(start)).collect()
}

#[test]
fn commands_that_no_test_runs_have_the_date_of_their_run() {
    let mut count = 0;
    let mut problems = Vec::new();
    for record in records() {
        count += record.text.matches("\n```console\n").count();
        let undated = undated(&record.text).into_iter();
        problems.extend(undated.map(|line| format!("{}:{line}", record.name)));
    }
    assert!(
        problems.is_empty(),
        "no `This run is from DATE:` before {problems:?}"
    );
    assert!(count >= 11, "{count} blocks");
    let block = "A run. This run is\nfrom 2026-11-30:\n\n```console\n$ x\n```\n";
    assert_eq!(undated(block), Vec::<usize>::new());
    assert_eq!(undated(&block.replace("from", "of")).len(), 1);
}

#[test]
fn code_that_differs_from_its_file_is_found_and_replaced() {
    let path = "tests/tests/documents/main.rs";
    let block = |code: &str| format!("<!-- code: {path}: fn document -->\n```rust\n{code}\n```\n");
    let body = document(path);
    let start = body.find("fn document").unwrap();
    let code = body[start..].lines().take(4).collect::<Vec<_>>().join("\n");
    let (same, problems) = checked("document", &block(&code), true);
    assert_eq!((same, problems), (block(&code), Vec::new()));
    let changed = code.replace("workspace()", "none()");
    assert_ne!(changed, code);
    let (updated, problems) = checked("document", &block(&changed), true);
    assert_eq!((updated, problems.len()), (block(&code), 1));
    let (_, problems) = checked("document", "```rust\nlet x = 1;\n```\n", true);
    assert_eq!(problems.len(), 1);
    let missing = "<!-- code: tests/none.rs: fn none -->\n```rust\nfn none() {}\n```\n";
    assert_eq!(checked("document", missing, true).1.len(), 1);
}
