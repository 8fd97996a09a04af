//! The public errors of all crates have one style, which `docs/developer.md` describes.
//!
//! The test reads the sources of all crates. It finds every public type that derives
//! `thiserror::Error`, and fails if a type breaks a rule:
//!
//! - A message does not contain the text of the source, because printers append the sources.
//! - Every field with an error is a source.
//! - A message does not end with a period.
//! - The type is `#[non_exhaustive]`, or has no public field.
//! - The test `errors` of the crate names the type, so that the type is `Send` and `Sync`.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "errors/messages.rs"]
mod messages;
#[allow(
    dead_code,
    reason = "only the test `layers` needs the names of modules"
)]
#[path = "layers/sources.rs"]
mod sources;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use license_tests::programs;
use messages::{Level, TypeNames};
use quote::ToTokens;
use sources::{Module, Sources};
use syn::{Attribute, Fields, Item, Visibility};

/// A public type that derives `thiserror::Error`.
struct ErrorType<'a> {
    file: &'a str,
    name: String,
    /// Whether the type can get more fields or variants without a breaking change.
    is_extensible: bool,
    /// The type itself if it is a struct, or its variants.
    levels: Vec<Level<'a>>,
}

impl<'a> ErrorType<'a> {
    /// Reads an item, unless the item is private or not an error.
    fn read(item: &'a Item, file: &'a str) -> Option<Self> {
        let (name, attributes, levels) = match item {
            Item::Struct(item) if is_public_error(&item.vis, &item.attrs) => {
                let name = item.ident.to_string();
                let level = Level::new(name.clone(), &item.attrs, &item.fields);
                (name, &item.attrs, vec![level])
            }
            Item::Enum(item) if is_public_error(&item.vis, &item.attrs) => {
                let name = item.ident.to_string();
                let level = |variant: &'a syn::Variant| {
                    let name = format!("{name}::{}", variant.ident);
                    Level::new(name, &variant.attrs, &variant.fields)
                };
                let levels = item.variants.iter().map(level).collect();
                (name, &item.attrs, levels)
            }
            _ => return None,
        };
        let is_struct_without_public_fields =
            matches!(item, Item::Struct(item) if !has_public_field(&item.fields));
        Some(Self {
            file,
            name,
            is_extensible: is_struct_without_public_fields || has(attributes, "non_exhaustive"),
            levels,
        })
    }

    /// Returns all errors of a crate.
    fn read_all(root: &'a Module) -> Vec<Self> {
        let modules = [root].into_iter().chain(root.descendants());
        let items = modules.flat_map(|module| {
            let items = module.items.iter();
            items.filter_map(|item| Self::read(item, &module.file))
        });
        items.collect()
    }

    /// Returns the broken rules. `listed` contains the words of the crate's test `errors`.
    fn defects(&self, errors: &TypeNames, listed: &BTreeSet<String>) -> Vec<String> {
        let name = &self.name;
        let mut defects: Vec<String> = self.levels.iter().flat_map(|l| l.defects(errors)).collect();
        if !self.is_extensible {
            defects.push(format!("{name}: expected #[non_exhaustive]"));
        }
        if !listed.contains(name) {
            defects.push(format!("{name}: expected the type in tests/errors.rs"));
        }
        let in_file = |defect| format!("{}: {defect}", self.file);
        defects.into_iter().map(in_file).collect()
    }
}

fn is_public_error(visibility: &Visibility, attributes: &[Attribute]) -> bool {
    let is_error = |attribute: &Attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        attribute.path().is_ident("derive") && words(&text).any(|word| word == "Error")
    };
    matches!(visibility, Visibility::Public(_)) && attributes.iter().any(is_error)
}

fn has_public_field(fields: &Fields) -> bool {
    let mut fields = fields.iter();
    fields.any(|field| matches!(field.vis, Visibility::Public(_)))
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    let mut attributes = attributes.iter();
    attributes.any(|attribute| attribute.path().is_ident(name))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_')
}

/// Returns the number of public errors in the crates, and the broken rules.
fn defects(crates: &[(String, Module, BTreeSet<String>)]) -> (usize, Vec<String>) {
    let types: Vec<_> = crates
        .iter()
        .map(|(name, root, listed)| (name, ErrorType::read_all(root), listed))
        .collect();
    let all = types.iter().flat_map(|(_, types, _)| types);
    let names = TypeNames::new(all.clone().map(|found| found.name.clone()));
    let defects = types.iter().flat_map(|(name, types, listed)| {
        let of_type = |found: &ErrorType<'_>| found.defects(&names, listed);
        let defects = types.iter().flat_map(of_type);
        defects
            .map(|defect| format!("{name}/src/{defect}"))
            .collect::<Vec<_>>()
    });
    (all.count(), defects.collect())
}

#[test]
fn every_public_error_of_the_workspace_follows_the_rules() {
    let mut crates = Vec::new();
    for directory in fs::read_dir(programs::workspace().join("crates")).unwrap() {
        let directory = directory.unwrap().path();
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let listed = fs::read_to_string(directory.join("tests/errors.rs")).unwrap_or_default();
        let listed = words(&listed).map(str::to_owned).collect();
        let root = Sources::from_directory(&directory.join("src")).root();
        crates.push((name, root, listed));
    }
    let (count, defects) = defects(&crates);
    assert!(count >= 50, "expected at least 50 errors, found {count}");
    let list = defects.join("\n");
    assert!(defects.is_empty(), "{} defects:\n{list}", defects.len());
}

/// Returns the broken rules of one file. Every type counts as named by the test of its crate.
fn of_sample(text: &str) -> Vec<String> {
    let files = BTreeMap::from([("lib.rs".to_owned(), text.to_owned())]);
    let listed = words(text).map(str::to_owned).collect();
    defects(&[("sample".to_owned(), Sources::new(files).root(), listed)]).1
}

#[test]
fn a_type_that_follows_the_rules_has_no_defects() {
    let text = r#"
        #[derive(Debug, thiserror::Error)]
        #[non_exhaustive]
        pub enum OuterError {
            #[error(transparent)]
            Inner(InnerError),
            #[error("cannot read {}, {}", path.display(), length(path))]
            Read { path: PathBuf, source: io::Error },
            #[error("expected {{}} in {place}, found {0}", found.name())]
            Value { place: String, found: Kind },
            #[error("cannot use the key")]
            Key(#[from] KeyError),
        }
        #[derive(Debug, Error)]
        #[error("expected {expected}")]
        pub struct InnerError { expected: &'static str }
        #[derive(Debug, thiserror::Error)]
        #[error("private: {0}.")]
        enum PrivateError { Other(InnerError) }
    "#;
    assert_eq!(of_sample(text), Vec::<String>::new());
}

#[test]
fn each_broken_rule_is_found() {
    for (variant, defect) in [
        (
            "#[error(\"cannot read: {0}\")] A(#[source] io::Error)",
            "BadError::A: the message contains the source `0`",
        ),
        (
            "#[error(\"cannot read: {source:?}\")] A { source: io::Error }",
            "BadError::A: the message contains the source `source`",
        ),
        (
            "#[error(\"cannot read: {}\", reason(.error))] A { #[source] error: io::Error }",
            "BadError::A: the message contains the source `error`",
        ),
        (
            "#[error(\"cannot read: {0}\")] A(Box<BadError>)",
            "BadError::A: expected #[source] for the inner error `0`",
        ),
        (
            "#[error(\"cannot read\")] A { inner: Box<dyn Error + Send> }",
            "BadError::A: expected #[source] for the inner error `inner`",
        ),
        (
            "#[error(\"cannot read.\")] A",
            "BadError::A: the message ends with a period",
        ),
    ] {
        let text = format!(
            "#[derive(thiserror::Error)] #[non_exhaustive] pub enum BadError {{ {variant} }}"
        );
        assert_eq!(of_sample(&text), [format!("sample/src/lib.rs: {defect}")]);
    }
}

#[test]
fn a_type_that_callers_can_match_exhaustively_is_found() {
    for text in [
        "#[derive(Error)] pub enum BadError { #[error(\"no\")] A }",
        "#[derive(Error)] #[error(\"no\")] pub struct BadError { pub line: usize }",
    ] {
        let defect = "sample/src/lib.rs: BadError: expected #[non_exhaustive]";
        assert_eq!(of_sample(text), [defect]);
    }
}

#[test]
fn a_type_that_the_test_of_its_crate_does_not_name_is_found() {
    let text = "#[derive(Error)] #[error(\"no\")] pub struct LostError;";
    let files = BTreeMap::from([("lib.rs".to_owned(), text.to_owned())]);
    let root = Sources::new(files).root();
    let (_, defects) = defects(&[("sample".to_owned(), root, BTreeSet::new())]);
    let defect = "sample/src/lib.rs: LostError: expected the type in tests/errors.rs";
    assert_eq!(defects, [defect]);
}
