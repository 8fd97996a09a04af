//! The modules of each crate form layers.
//!
//! The test reads the sources of all crates and resolves their paths (`crate::…`, `super::…`). It
//! fails on a cycle between top-level modules of a crate, and on an import through the root of the
//! same crate. Such an import names a re-export instead of the module that defines the item, and
//! hides a dependency between modules.
#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

#[path = "layers/paths.rs"]
mod paths;
#[path = "layers/sources.rs"]
mod sources;
#[path = "layers/writers.rs"]
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use license_tests::programs;
use paths::{exported_names, paths_in};
use sources::{Module, Sources};
use writers::writing_names;

/// The dependencies between the top-level modules of a crate.
#[derive(Debug, Default)]
struct Layers {
    /// Each dependency, with one place in the sources that causes the dependency.
    edges: BTreeMap<(String, String), String>,
    /// Imports through the root of the crate.
    facade_imports: Vec<String>,
}

impl Layers {
    /// Reads the sources of a crate, by their paths below `src`.
    fn read(sources: &Sources) -> Self {
        let root = sources.root();
        let top: BTreeSet<&str> = root.children.iter().map(Module::name).collect();
        let exports = exported_names(&root.items, &top);
        let mut layers = Self::default();
        for module in root.descendants() {
            for path in paths_in(&module.items, &module.path) {
                layers.add(module, &path, &top, &exports);
            }
        }
        layers
    }

    /// Adds a path, absolute from the root of the crate, that occurs in a module.
    fn add(
        &mut self,
        module: &Module,
        path: &[String],
        top: &BTreeSet<&str>,
        exports: &BTreeMap<String, String>,
    ) {
        let place = format!("{}: crate::{}", module.file, path.join("::"));
        let Some(first) = path.first() else {
            self.facade_imports.push(place);
            return;
        };
        let export = exports.get(first);
        // `crate::name` without more segments can name both a module and a re-export.
        let is_module = top.contains(first.as_str()) && (path.len() > 1 || export.is_none());
        if is_module {
            self.add_edge(module, first, place);
            return;
        }
        if let Some(target) = export {
            self.add_edge(module, target, place.clone());
        }
        self.facade_imports.push(place);
    }

    fn add_edge(&mut self, module: &Module, target: &str, place: String) {
        let source = &module.path[0];
        if source != target {
            let edge = (source.clone(), target.to_owned());
            self.edges.entry(edge).or_insert(place);
        }
    }

    /// Returns the dependencies that are part of a cycle, with their places.
    fn cycles(&self) -> Vec<String> {
        let edges = self.edges.iter();
        let of_cycle = edges.filter(|((source, target), _)| self.reaches(target, source));
        of_cycle
            .map(|((source, target), place)| format!("{source} -> {target} ({place})"))
            .collect()
    }

    fn reaches(&self, start: &str, end: &str) -> bool {
        let mut reached = BTreeSet::from([start]);
        let mut waiting = vec![start];
        while let Some(module) = waiting.pop() {
            let targets = self.edges.keys().filter(|(source, _)| source == module);
            for (_, target) in targets {
                if reached.insert(target) {
                    waiting.push(target);
                }
            }
        }
        reached.contains(end)
    }
}

#[test]
fn no_crate_has_an_import_cycle_or_an_import_through_its_own_root() {
    let crates = programs::workspace().join("crates");
    let mut defects = Vec::new();
    let mut count = 0;
    for directory in fs::read_dir(crates).unwrap() {
        let directory = directory.unwrap().path();
        if !directory.join("src").exists() {
            continue;
        }
        count += 1;
        let name = directory.file_name().unwrap().to_str().unwrap().to_owned();
        let layers = Layers::read(&Sources::from_directory(&directory.join("src")));
        let cycles = layers.cycles().into_iter();
        defects.extend(cycles.map(|cycle| format!("{name}: cycle: {cycle}")));
        let imports = layers.facade_imports.into_iter();
        defects.extend(imports.map(|import| format!("{name}: through the root: {import}")));
    }
    assert!(count >= 8, "{count} crates are found");
    assert!(
        defects.is_empty(),
        "{} defects:\n{}",
        defects.len(),
        defects.join("\n")
    );
}

#[test]
fn only_one_module_of_the_client_changes_the_file_system() {
    let sources = programs::workspace().join("crates/license-client/src");
    let root = Sources::from_directory(&sources).root();
    let mut defects = Vec::new();
    let mut is_found = false;
    for module in root.descendants() {
        let names = writing_names(&module.items);
        match module.path[0].as_str() {
            // The module opens each directory once, and uses its descriptor.
            "directory" => is_found |= !names.is_empty(),
            // A temporary directory for the tests of applications.
            "testing" => {}
            // The lock of a mutex, and not of a file.
            "online" if names.iter().all(|name| *name == "try_lock") => {}
            _ => defects.extend(names.iter().map(|name| format!("{}: {name}", module.file))),
        }
    }
    assert!(is_found, "the module `directory` writes nothing");
    assert!(
        defects.is_empty(),
        "use `crate::directory` instead:\n{}",
        defects.join("\n")
    );
}

#[test]
fn a_change_of_the_file_system_is_found_in_every_spelling() {
    for (source, expected) in [
        ("fn f() { std::fs::write(a, b); }", "fs::write"),
        (
            "use std::fs::{self, Metadata, remove_file};",
            "fs::remove_file",
        ),
        ("use std::fs::*;", "fs::*"),
        ("use std::os::unix::fs::symlink;", "fs::symlink"),
        ("fn f() { g(|| File::create(a)); }", "File::create"),
        ("fn f() { File::options().write(true); }", "File::options"),
        ("use std::fs::OpenOptions;", "fs::OpenOptions"),
        ("use rustix::fs::unlinkat;", "fs::unlinkat"),
        ("fn f() { println!(\"{}\", fs::copy(a, b)); }", "fs::copy"),
        ("fn f() { file.set_permissions(a); }", "set_permissions"),
        ("fn f() { file.try_lock(); }", "try_lock"),
    ] {
        let items = syn::parse_file(source).unwrap().items;
        let names = writing_names(&items);
        assert!(
            names.iter().any(|name| name == expected),
            "{source}: {names:?}"
        );
    }
    let reading = "use std::fs::{self, File};\nfn f() { File::open(fs::canonicalize(a)); }";
    let items = syn::parse_file(reading).unwrap().items;
    assert_eq!(writing_names(&items), [""; 0]);
}

/// Returns the layers of sample sources.
fn sample(files: &[(&str, &str)]) -> Layers {
    let files = files.iter();
    let files = files.map(|(path, text)| ((*path).to_owned(), (*text).to_owned()));
    Layers::read(&Sources::new(files.collect()))
}

fn edges(layers: &Layers) -> Vec<String> {
    let edges = layers.edges.keys();
    edges
        .map(|(source, target)| format!("{source} -> {target}"))
        .collect()
}

#[test]
fn layers_have_no_cycles_and_no_imports_through_the_root() {
    let layers = sample(&[
        ("lib.rs", "mod a;\nmod b;\npub use b::Upper;\n"),
        ("a.rs", "mod part;\npub struct Lower(part::Part);\n"),
        ("a/part.rs", "pub struct Part;\nuse super::Lower;\n"),
        ("b.rs", "use crate::a::Lower;\npub struct Upper(Lower);\n"),
    ]);
    assert_eq!(edges(&layers), ["b -> a"]);
    assert!(layers.cycles().is_empty());
    assert!(layers.facade_imports.is_empty());
}

#[test]
fn a_cycle_is_found_in_every_spelling_of_a_path() {
    for path in [
        "use crate::b::Upper;",
        "use crate::{b::{Other, Upper as Up,},};",
        "use super::b::Upper;",
        "pub(in crate::a) fn f() -> crate::b::Upper { todo!() }",
        "fn f() { println!(\"{}\", crate::b::NAME); }",
        "fn f() { use super::b::Upper; }",
        "mod inner { use super::super::b::Upper; }",
    ] {
        let layers = sample(&[
            ("lib.rs", "mod a;\nmod b;\n"),
            ("a.rs", path),
            ("b.rs", "use crate::a::Lower;\n"),
        ]);
        assert_eq!(edges(&layers), ["a -> b", "b -> a"], "{path}");
        assert_eq!(layers.cycles().len(), 2, "{path}");
    }
}

#[test]
fn a_cycle_of_three_modules_does_not_include_a_module_that_depends_on_it() {
    let layers = sample(&[
        ("main.rs", "mod a;\nmod b;\nmod c;\nmod d;\n"),
        ("a.rs", "use crate::b::X;\n"),
        ("b/mod.rs", "mod deep;\n"),
        ("b/deep.rs", "use crate::c::X;\n"),
        ("c.rs", "use crate::a::X;\n"),
        ("d.rs", "use crate::a::X;\n"),
    ]);
    let cycles = layers.cycles().join("\n");
    assert_eq!(layers.cycles().len(), 3, "{cycles}");
    assert!(
        cycles.contains("b -> c (b/deep.rs: crate::c::X)"),
        "{cycles}"
    );
}

#[test]
fn an_import_through_the_root_is_found_and_also_counts_as_a_dependency() {
    for (path, expected) in [
        ("use crate::Upper;", "a.rs: crate::Upper"),
        ("use super::Upper;", "a.rs: crate::Upper"),
        ("use crate::{Upper, b};", "a.rs: crate::Upper"),
        ("fn f(_: crate::Upper) {}", "a.rs: crate::Upper"),
        ("use crate::Renamed;", "a.rs: crate::Renamed"),
        ("use crate::both;", "a.rs: crate::both"),
    ] {
        let layers = sample(&[
            (
                "lib.rs",
                "mod a;\nmod both;\nmod b;\npub use b::{Upper, Upper as Renamed};\npub use both::both;\n",
            ),
            ("a.rs", path),
            ("b.rs", "use crate::a::Lower;\n"),
            ("both.rs", "use crate::a::Lower;\npub fn both() {}\n"),
        ]);
        assert_eq!(layers.facade_imports, [expected], "{path}");
        assert!(!layers.cycles().is_empty(), "{path}");
    }
}

#[test]
fn an_item_of_the_root_and_a_glob_are_imports_through_the_root() {
    for path in ["use crate::LIMIT;", "use super::*;", "use crate::*;"] {
        let layers = sample(&[("lib.rs", "mod a;\nconst LIMIT: u8 = 1;\n"), ("a.rs", path)]);
        assert_eq!(layers.facade_imports.len(), 1, "{path}");
    }
}

#[test]
fn imports_in_tests_are_ignored() {
    let layers = sample(&[
        (
            "lib.rs",
            "mod a;\nmod b;\npub use b::Upper;\n#[cfg(test)]\nmod helpers;\n",
        ),
        (
            "a.rs",
            "#[cfg(test)]\nmod tests;\n#[cfg(test)]\nuse crate::Upper;\n#[cfg(test)]\nmod more { use crate::b::X; }\n",
        ),
        ("a/tests.rs", "use crate::Upper;\n"),
        ("b.rs", "use crate::a::Lower;\n"),
        ("helpers.rs", "use crate::Upper;\n"),
    ]);
    assert!(layers.facade_imports.is_empty(), "{layers:?}");
    assert!(layers.cycles().is_empty(), "{layers:?}");
}

#[test]
#[should_panic(expected = "a/missing.rs")]
fn a_missing_file_of_a_module_is_an_error() {
    sample(&[("lib.rs", "mod a;\n"), ("a.rs", "mod missing;\n")]);
}
