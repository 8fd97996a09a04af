//! The trusted keys of the fixtures, and everything that was signed with them.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use license_core::{LicenseFile, LicenseKey, TrustSet, Unverified};

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures");

/// The keys `vendor`, `spare` and `ps256`.
pub static TRUST: LazyLock<TrustSet> = LazyLock::new(|| {
    let keys = fs::read_to_string(Path::new(DIRECTORY).join("trust/vendor.jwks"));
    TrustSet::parse(&keys.unwrap()).unwrap()
});

/// The canonical texts of all tokens and license keys in the fixtures. Whatever verifies must be
/// one of them, because a fuzzer cannot sign.
pub static SIGNED: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let mut texts = HashSet::new();
    add_directory(Path::new(DIRECTORY), &mut texts);
    texts
});

fn add_directory(directory: &Path, texts: &mut HashSet<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_directory(&path, texts);
        } else if let Ok(text) = fs::read_to_string(&path) {
            // The input of a vector follows its headers and an empty line.
            let input = text.split_once("\n\n").map_or("", |(_, input)| input);
            add_artifacts(&text, texts);
            add_artifacts(input, texts);
        }
    }
}

fn add_artifacts(text: &str, texts: &mut HashSet<String>) {
    if let Ok(file) = LicenseFile::parse(text) {
        for block in &file {
            add_token(&block.token, texts);
        }
    }
    if let Ok(key) = LicenseKey::parse(text) {
        texts.insert(key.to_string());
    }
}

/// Adds a token, and the trust statement that it contains.
fn add_token(token: &Unverified<'_>, texts: &mut HashSet<String>) {
    texts.insert(token.as_str().to_owned());
    let claims = token.unverified_claims().unwrap_or_default();
    let statement = claims.get("statement").and_then(|text| text.as_str());
    if let Some(Ok(statement)) = statement.map(Unverified::parse) {
        add_token(&statement, texts);
    }
}
