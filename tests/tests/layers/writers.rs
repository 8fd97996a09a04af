//! The names in the items of a module with which the module could change the file system.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::Item;

/// Names below `std::fs`, `std::os::unix::fs` and `rustix::fs` that change nothing.
const READING: [&str; 17] = [
    "DirEntry",
    "File",
    "FileType",
    "FsWord",
    "Metadata",
    "MetadataExt",
    "StatVfsMountFlags",
    "TryLockError",
    "canonicalize",
    "metadata",
    "read",
    "read_dir",
    "read_link",
    "read_to_string",
    "statfs",
    "statvfs",
    "symlink_metadata",
];

/// Types, crates and methods that change the file system.
const WRITING: [&str; 8] = [
    "DirBuilder",
    "NamedTempFile",
    "OpenOptions",
    "set_len",
    "set_modified",
    "set_permissions",
    "set_times",
    "tempfile",
];

/// Returns the names in these items with which they could change the file system.
pub(crate) fn writing_names(items: &[Item]) -> Vec<String> {
    let mut names = Vec::new();
    for item in items {
        collect(item.to_token_stream(), &mut names);
    }
    names
}

fn collect(tokens: TokenStream, names: &mut Vec<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (position, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => collect(group.stream(), names),
            TokenTree::Ident(name) => {
                let name = name.to_string();
                let segments = segments_after(&tokens, position);
                match name.as_str() {
                    "fs" => names.extend(not_reading("fs", segments)),
                    "File" => {
                        let opening = segments.into_iter().filter(|segment| segment != "open");
                        names.extend(opening.map(|segment| format!("File::{segment}")));
                    }
                    name if WRITING.contains(&name) => names.push(name.to_owned()),
                    _ => {}
                }
            }
            _ => {}
        }
    }
}

fn not_reading(parent: &str, segments: Vec<String>) -> impl Iterator<Item = String> {
    let writing = segments
        .into_iter()
        .filter(|segment| segment != "self" && !READING.contains(&segment.as_str()));
    writing.map(move |segment| format!("{parent}::{segment}"))
}

/// Returns the segment after the name at this position, or all names in the group after it.
fn segments_after(tokens: &[TokenTree], position: usize) -> Vec<String> {
    let is_colon = |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    if !is_colon(tokens.get(position + 1)) || !is_colon(tokens.get(position + 2)) {
        return Vec::new();
    }
    match tokens.get(position + 3) {
        Some(TokenTree::Ident(name)) => vec![name.to_string()],
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let idents = group.stream().into_iter().filter_map(|token| match token {
                TokenTree::Ident(name) => Some(name.to_string()),
                _ => None,
            });
            idents.collect()
        }
        Some(TokenTree::Punct(star)) => vec![star.to_string()],
        _ => Vec::new(),
    }
}
