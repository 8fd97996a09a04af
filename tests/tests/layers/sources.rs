//! The modules of a crate.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use quote::ToTokens;
use syn::{Attribute, Item};

/// The source files of a crate, by their paths below `src`.
pub(crate) struct Sources {
    files: BTreeMap<String, String>,
}

/// A module with its items. Code that is compiled for tests only is left out.
pub(crate) struct Module {
    /// The names of the modules from the root to this module.
    pub(crate) path: Vec<String>,
    /// The file that contains the module.
    pub(crate) file: String,
    /// All items except modules.
    pub(crate) items: Vec<Item>,
    pub(crate) children: Vec<Module>,
}

impl Sources {
    pub(crate) fn new(files: BTreeMap<String, String>) -> Self {
        Self { files }
    }

    /// Reads all Rust files below a directory.
    pub(crate) fn from_directory(directory: &Path) -> Self {
        let mut files = BTreeMap::new();
        read_directory(directory, "", &mut files);
        Self { files }
    }

    /// Returns the root module, from `lib.rs` or `main.rs`, with all modules below it.
    pub(crate) fn root(&self) -> Module {
        let mut names = ["lib.rs", "main.rs"].into_iter();
        let root = names.find(|name| self.files.contains_key(*name));
        self.module(Vec::new(), root.unwrap())
    }

    fn module(&self, path: Vec<String>, file: &str) -> Module {
        let parsed = syn::parse_file(&self.files[file]);
        let items = parsed
            .unwrap_or_else(|error| panic!("{file}: {error}"))
            .items;
        self.with_items(path, file, items)
    }

    fn with_items(&self, path: Vec<String>, file: &str, items: Vec<Item>) -> Module {
        let mut module = Module {
            path,
            file: file.to_owned(),
            items: Vec::new(),
            children: Vec::new(),
        };
        for item in items {
            match item {
                item if is_for_tests(&item) => {}
                Item::Mod(child) => {
                    let mut path = module.path.clone();
                    path.push(child.ident.to_string());
                    module.children.push(match child.content {
                        Some((_, items)) => self.with_items(path, file, items),
                        None => {
                            let file = self.file_of(&path);
                            self.module(path, &file)
                        }
                    });
                }
                item => module.items.push(item),
            }
        }
        module
    }

    fn file_of(&self, path: &[String]) -> String {
        let stem = path.join("/");
        let candidates = [format!("{stem}.rs"), format!("{stem}/mod.rs")];
        let mut found = candidates
            .iter()
            .filter(|file| self.files.contains_key(*file));
        match found.next() {
            Some(file) => file.clone(),
            None => panic!("expected {}, found no such file", candidates.join(" or ")),
        }
    }
}

impl Module {
    pub(crate) fn name(&self) -> &str {
        self.path.last().map_or("", String::as_str)
    }

    /// Returns all modules below this module.
    pub(crate) fn descendants(&self) -> Vec<&Module> {
        let children = self.children.iter();
        children
            .flat_map(|child| std::iter::once(child).chain(child.descendants()))
            .collect()
    }
}

fn read_directory(directory: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            read_directory(&path, &format!("{name}/"), files);
        } else if name.ends_with(".rs") {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Returns whether an item is compiled for tests only.
fn is_for_tests(item: &Item) -> bool {
    attributes(item).iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        let text: String = text.split_whitespace().collect();
        text == "cfg(test)" || text.starts_with("cfg(all(test,")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
