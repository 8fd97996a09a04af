//! The parts of a document in Markdown.

use std::fs;
use std::path::{Path, PathBuf};

/// A fenced block.
pub(super) struct Block<'a> {
    /// The line before the fence.
    pub(super) before: &'a str,
    /// The word after the fence, such as `rust`. It is empty if there is none.
    pub(super) language: &'a str,
    /// The number of the first line of the content, from 0.
    pub(super) start: usize,
    pub(super) lines: Vec<&'a str>,
}

/// Returns the fenced blocks of a document.
pub(super) fn blocks(text: &str) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = None;
    let mut before = "";
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(language), None) => {
                open = Some(Block {
                    before,
                    language: language.trim(),
                    start: number + 1,
                    lines: Vec::new(),
                });
            }
            (Some(_), Some(block)) => blocks.push(block),
            (None, Some(mut block)) => {
                block.lines.push(line);
                open = Some(block);
            }
            (None, None) => {}
        }
        before = line;
    }
    assert!(open.is_none(), "a block has no end: {text}");
    blocks
}

/// Returns the text without its fenced blocks.
pub(super) fn without_blocks(text: &str) -> String {
    let mut is_open = false;
    let mut kept = String::new();
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        if !is_open && !is_fence {
            kept.push_str(line);
            kept.push('\n');
        }
        is_open ^= is_fence;
    }
    kept
}

/// Returns the headings of the second level.
pub(super) fn sections(text: &str) -> Vec<String> {
    headings(text, "## ")
}

/// Returns the headings that start with `mark`, such as `## `.
pub(super) fn headings(text: &str, mark: &str) -> Vec<String> {
    let text = without_blocks(text);
    let headings = text.lines().filter_map(|line| line.strip_prefix(mark));
    headings.map(str::to_owned).collect()
}

/// Returns the files in Markdown below a directory, in the order of their paths.
pub(super) fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}
