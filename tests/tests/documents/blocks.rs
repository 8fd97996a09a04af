//! The Rust code in the documents is the code of files that are compiled and tested.

use super::document;

const DOCUMENTS: [&str; 6] = [
    "README.md",
    "crates/license-client/src/guide/own_product.md",
    "docs/coming-from/cryptolens.md",
    "docs/coming-from/flexnet.md",
    "docs/coming-from/keygen.md",
    "docs/developer.md",
];

/// Files with the code of the documents: programs, and examples in the documentation of a crate.
const SOURCES: [&str; 8] = [
    "crates/license-client/examples/seat.rs",
    "crates/license-client/src/testing.rs",
    "crates/license-core/src/causes.rs",
    "tests/guide/build.rs",
    "tests/guide/readme_gate.rs",
    "tests/guide/snippets.rs",
    "tests/guide/verify_at.rs",
    "tests/tests/guide/server.rs",
];

/// Returns the Rust code blocks of a document.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().starts_with("```rust") {
            let block = lines.by_ref().take_while(|line| line.trim() != "```");
            blocks.push(block.collect::<Vec<_>>().join("\n"));
        }
    }
    blocks
}

/// Returns the comments of a source file that are documentation. Lines of an example that the
/// documentation hides are omitted.
fn documentation(source: &str) -> String {
    let lines = source.lines().map(str::trim_start);
    let comments = lines.filter_map(|line| line.strip_prefix("///").or(line.strip_prefix("//!")));
    let is_visible = |line: &&str| !line.starts_with(" # ");
    comments.filter(is_visible).collect::<Vec<_>>().join("\n")
}

/// Returns the code without white space, and without what differs on purpose: the paths of included
/// files, and the variable that a build script sets.
fn comparable(code: &str) -> String {
    const INCLUDE: &str = "include_str!(";
    let code: String = code.split_whitespace().collect();
    let code = code.replace(r#"env!("BUILD_DATE")"#, "BUILD_DATE");
    let mut parts = code.split(INCLUDE);
    let mut comparable = parts.next().unwrap().to_owned();
    for part in parts {
        let (_, rest) = part.split_once(')').unwrap();
        comparable.push_str(INCLUDE);
        comparable.push_str(rest);
    }
    comparable
}

#[test]
fn the_rust_code_of_the_documents_is_tested() {
    let sources = SOURCES.map(document);
    let sources = sources.map(|code| comparable(&code) + &comparable(&documentation(&code)));
    let mut is_shown = SOURCES.map(|_| false);
    for path in DOCUMENTS {
        let blocks = blocks(&document(path));
        assert!(!blocks.is_empty(), "{path} has no Rust code");
        for block in blocks {
            let code = comparable(&block);
            let source = sources.iter().position(|source| source.contains(&code));
            let source = source.unwrap_or_else(|| {
                panic!("{path}: expected code of one of {SOURCES:?}, found\n{block}")
            });
            is_shown[source] = true;
        }
    }
    for (path, is_shown) in SOURCES.iter().zip(is_shown) {
        assert!(is_shown, "no document shows the code of {path}");
    }
}
