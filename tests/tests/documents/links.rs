//! Links between documents lead to files and headings that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use license_tests::programs;

/// Returns all documents, as paths below the workspace.
pub(super) fn documents() -> Vec<PathBuf> {
    let root = programs::workspace();
    let mut found = Vec::new();
    let mut directories = vec![root.to_owned()];
    directories
        .extend(["bindings", "crates", "deploy", "docs", "examples"].map(|name| root.join(name)));
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && directory != root {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found
}

/// Returns the targets of the links of a document. Indented code is skipped.
pub(super) fn links(text: &str) -> Vec<&str> {
    let mut links = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with("    ")) {
        for part in line.split("](").skip(1) {
            links.extend(part.split(')').next());
        }
    }
    links
}

/// Returns the anchors that GitHub gives to the headings of a document.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let headings = headings.map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let anchor = |heading: String| {
        let allowed = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        allowed.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

fn check(document: &Path, link: &str) -> Result<(), String> {
    // `cargo doc` checks links to items of a crate.
    let is_item = link.starts_with("crate::");
    if is_item || link.contains("://") || link.starts_with("mailto:") {
        return Ok(());
    }
    let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = if file.is_empty() {
        document.to_owned()
    } else {
        document.parent().unwrap().join(file)
    };
    if !target.exists() {
        return Err(format!("{}: {link}: no such file", document.display()));
    }
    if anchor.is_empty() || anchors(&fs::read_to_string(&target).unwrap()).contains(anchor) {
        return Ok(());
    }
    Err(format!("{}: {link}: no such heading", document.display()))
}

#[test]
fn links_lead_to_files_and_headings() {
    let documents = documents();
    assert!(documents.len() >= 12, "{documents:?}");
    let mut broken = Vec::new();
    for document in &documents {
        let text = fs::read_to_string(document).unwrap();
        broken.extend(
            links(&text)
                .iter()
                .filter_map(|link| check(document, link).err()),
        );
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
