//! Property tests: for any tree of links, a path leads to the same directory as in the system.

use std::ffi::OsString;

use proptest::prelude::*;

use super::*;

/// Generates few different names, so that paths overlap.
fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("a"), 4 => Just("b"), 3 => Just("c"), 1 => Just("."), 3 => Just("..")]
}

fn path() -> impl Strategy<Value = String> {
    let names = prop::collection::vec(name(), 1..6);
    (names, prop::bool::weighted(0.2)).prop_map(|(names, slash)| {
        let end = if slash { "/" } else { "" };
        format!("{}{end}", names.join("/"))
    })
}

fn place() -> impl Strategy<Value = Vec<&'static str>> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4)
}

#[derive(Debug, Clone)]
enum Kind {
    Directory,
    File,
    Link(String),
    LinkFromTheTop(String),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        4 => Just(Kind::Directory),
        1 => Just(Kind::File),
        4 => path().prop_map(Kind::Link),
        1 => path().prop_map(Kind::LinkFromTheTop),
    ]
}

/// Creates the entries. Skips an entry that cannot be created, or that would be outside of the
/// tree.
fn plant(tree: &Tree, entries: &[(Vec<&'static str>, Kind)]) {
    for (place, kind) in entries {
        let place = tree.path(PathBuf::from_iter(place));
        let parent = place
            .parent()
            .and_then(|parent| fs::canonicalize(parent).ok());
        if !parent.is_some_and(|parent| parent.starts_with(&tree.top)) {
            continue;
        }
        let _ = match kind {
            Kind::Directory => fs::create_dir(&place),
            Kind::File => fs::write(&place, ""),
            Kind::Link(target) => symlink(target, &place),
            Kind::LinkFromTheTop(target) => symlink(tree.path(target), &place),
        };
    }
}

/// Resolves a path in the simplest way, for comparison: examines each name before it reads the name
/// as a link. Returns the resolved path with its links, or an error with its path.
fn by_names(path: &Path) -> Result<(PathBuf, Vec<PathBuf>), (&'static str, PathBuf)> {
    let (mut at, mut links) = (PathBuf::from("/"), Vec::new());
    let mut left: Vec<OsString> = names(path);
    while let Some(name) = left.pop() {
        if !fs::symlink_metadata(&at).is_ok_and(|found| found.is_dir()) {
            return Err(("not a directory", at));
        }
        match name.to_str() {
            Some(".") => {}
            Some("..") => drop(at.pop()),
            _ => {
                at.push(name);
                let Ok(found) = fs::symlink_metadata(&at) else {
                    return Err(("not found", at));
                };
                if found.is_symlink() && links.len() == MAX_LINKS {
                    return Err(("a loop", at));
                }
                if found.is_symlink() {
                    let target = fs::read_link(&at).unwrap();
                    left.extend(names(&target));
                    links.push(at.clone());
                    at = if target.is_absolute() {
                        PathBuf::from("/")
                    } else {
                        at.parent().unwrap().to_owned()
                    };
                }
            }
        }
    }
    Ok((at, links))
}

/// Returns the names of a path in reverse order. A trailing slash is a name `.`.
fn names(path: &Path) -> Vec<OsString> {
    let text = path.as_os_str().as_bytes();
    let end: &[&[u8]] = if text.ends_with(b"/") { &[b"."] } else { &[] };
    let names = text
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty());
    let names = names
        .chain(end.iter().copied())
        .map(|name| OsStr::from_bytes(name).to_owned());
    names.collect::<Vec<_>>().into_iter().rev().collect()
}

/// Returns the resolved path with its links, or an error with its path.
fn resolved(path: &Path) -> Result<(PathBuf, Vec<PathBuf>), (&'static str, PathBuf)> {
    match find_project(path, product(), None) {
        Ok(root) => {
            let links = root.links().iter().map(|link| link.path.clone());
            Ok((root.path().to_owned(), links.collect()))
        }
        Err(error) => {
            let kind = match &error {
                ProjectError::NotFound { .. } => "not found",
                ProjectError::NotADirectory { .. } => "not a directory",
                ProjectError::Loop { .. } => "a loop",
                _ => "something else",
            };
            Err((kind, error.path().to_owned()))
        }
    }
}

/// Returns the directory to which a path belongs: a file belongs to its directory.
fn directory_of(mut path: PathBuf) -> PathBuf {
    if !path.is_dir() {
        path.pop();
    }
    path
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_leads_to_the_same_directory_as_in_the_system(
        entries in prop::collection::vec((place(), kind()), 0..24),
        paths in prop::collection::vec(path(), 1..24),
    ) {
        let tree = Tree::new();
        plant(&tree, &entries);
        for path in paths {
            let absolute = tree.path(&path);
            let system = fs::canonicalize(&absolute).ok().map(directory_of);
            let found = |path: &Path| {
                let files = WithCurrentDir(Some(tree.top.clone()));
                let root = find_project_in(&files, path, product(), None).ok();
                root.map(|root| root.path().to_owned())
            };
            prop_assert_eq!(found(&absolute), system.clone(), "{}", path);
            prop_assert_eq!(found(Path::new(&path)), system, "{}", path);
        }
    }

    #[test]
    fn reading_a_name_before_examining_it_finds_the_same_path(
        entries in prop::collection::vec((place(), kind()), 0..24),
        paths in prop::collection::vec(path(), 1..24),
    ) {
        let tree = Tree::new();
        plant(&tree, &entries);
        for path in paths {
            let path = tree.path(&path);
            let expected = by_names(&path).map(|(at, links)| (directory_of(at), links));
            prop_assert_eq!(resolved(&path), expected, "{:?}", path);
        }
    }
}
