//! The paths in the items of a module.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Item, UseTree};

/// Returns the paths in these items that start with `crate`, `self` or `super`, as absolute paths
/// below the root of the crate. Also finds paths in macros and in function bodies.
pub(crate) fn paths_in(items: &[Item], module: &[String]) -> Vec<Vec<String>> {
    let mut paths = Vec::new();
    for item in items {
        // A macro definition may contain modules of its own, where `super` is another module.
        let is_definition = matches!(item, Item::Macro(item) if item.ident.is_some());
        let module = (!is_definition).then_some(module);
        collect(item.to_token_stream(), module, &mut paths);
    }
    paths
}

/// Collects the paths from `crate`, and those from `self` and `super` if their module is known.
fn collect(tokens: TokenStream, module: Option<&[String]>, paths: &mut Vec<Vec<String>>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut position = 0;
    while let Some(token) = tokens.get(position) {
        match token {
            TokenTree::Group(group) => collect(group.stream(), module, paths),
            // `pub(super)` and the receiver `self` are not paths.
            TokenTree::Ident(first) if is_separator(&tokens, position + 1) => {
                let start = match first.to_string().as_str() {
                    "crate" => Some(Vec::new()),
                    "self" => module.map(<[String]>::to_vec),
                    "super" => module.map(parent),
                    _ => None,
                };
                match start {
                    Some(start) => {
                        position = follow(&tokens, position + 3, start, paths);
                        continue;
                    }
                    None => position = after_path(&tokens, position),
                }
            }
            _ => {}
        }
        position += 1;
    }
}

/// Follows a path from the position after its separator. Returns the position after the path.
fn follow(
    tokens: &[TokenTree],
    mut position: usize,
    mut path: Vec<String>,
    paths: &mut Vec<Vec<String>>,
) -> usize {
    loop {
        match tokens.get(position) {
            Some(TokenTree::Ident(name)) => {
                match name.to_string().as_str() {
                    "super" => path = parent(&path),
                    "self" => {}
                    name => path.push(name.to_owned()),
                }
                position += 1;
                if !is_separator(tokens, position) {
                    break;
                }
                position += 2;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let stream: Vec<TokenTree> = group.stream().into_iter().collect();
                // A trailing comma leaves an empty part, which is skipped.
                for part in stream.split(is_comma).filter(|part| !part.is_empty()) {
                    follow(part, 0, path.clone(), paths);
                }
                return position + 1;
            }
            // A star, or the arguments of a type.
            _ => break,
        }
    }
    paths.push(path);
    position
}

/// Returns the last position of a path that does not start with a keyword.
///
/// The caller skips such a path, because a later segment could look like the start of a path.
fn after_path(tokens: &[TokenTree], mut position: usize) -> usize {
    while is_separator(tokens, position + 1)
        && matches!(tokens.get(position + 3), Some(TokenTree::Ident(_)))
    {
        position += 3;
    }
    position
}

fn is_separator(tokens: &[TokenTree], position: usize) -> bool {
    [position, position + 1].iter().all(|position| {
        matches!(tokens.get(*position), Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
    })
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

fn parent(module: &[String]) -> Vec<String> {
    let (_, parent) = module.split_last().unwrap();
    parent.to_vec()
}

/// Returns the names that the root imports from its modules, each with the module. A glob import is
/// the name `*`.
pub(crate) fn exported_names(items: &[Item], modules: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for item in items {
        if let Item::Use(item) = item {
            add_names(&item.tree, None, modules, &mut names);
        }
    }
    names
}

fn add_names(
    tree: &UseTree,
    module: Option<&str>,
    modules: &BTreeSet<&str>,
    names: &mut BTreeMap<String, String>,
) {
    let mut add = |name: String| {
        if let Some(module) = module {
            names.insert(name, module.to_owned());
        }
    };
    match tree {
        UseTree::Path(path) => {
            let first = path.ident.to_string();
            let own = modules.get(first.as_str()).copied();
            add_names(&path.tree, module.or(own), modules, names);
        }
        UseTree::Name(name) => add(name.ident.to_string()),
        UseTree::Rename(rename) => add(rename.rename.to_string()),
        UseTree::Glob(_) => add("*".to_owned()),
        UseTree::Group(group) => {
            for tree in &group.items {
                add_names(tree, module, modules, names);
            }
        }
    }
}
