//! On any forest of links a path leads where the system says it does.

use proptest::prelude::*;

use super::*;

/// Few names, so that paths meet each other.
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

/// What cannot be made, for there is something else or no parent, is left out. Nothing is made above the top.
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

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_path_leads_where_the_system_says(
        entries in prop::collection::vec((place(), kind()), 0..24),
        paths in prop::collection::vec(path(), 1..24),
    ) {
        let tree = Tree::new();
        plant(&tree, &entries);
        for path in paths {
            let absolute = tree.path(&path);
            let system = fs::canonicalize(&absolute).ok();
            let resolved = |path: &Path| {
                let walk = Walk::along(|| Ok(tree.top.clone()), path).ok();
                walk.map(|walk| walk.at().to_owned())
            };
            prop_assert_eq!(resolved(&absolute), system.clone(), "{}", path);
            prop_assert_eq!(resolved(Path::new(&path)), system, "{}", path);
        }
    }
}
