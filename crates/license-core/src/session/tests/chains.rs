//! Chains and trees of symbolic links.

use proptest::prelude::*;

use super::memory::LOOP;
use super::*;

/// Creates a chain of links and returns its last link: `l1` leads to `/shop/src`, `l2` leads to
/// `l1`, and so on. Each link is in one of three directories and has a relative or absolute target.
fn chain(links: &[(u8, bool)]) -> (Memory, PathBuf) {
    let mut memory = Memory::with(&["shop/.git", "shop/src", "d0", "d1", "d2/e"]);
    let mut last = PathBuf::from("/shop/src");
    for (number, (directory, is_absolute)) in links.iter().enumerate() {
        let (directory, up) = match directory {
            0 => ("/d0", ".."),
            1 => ("/d1", ".."),
            _ => ("/d2/e", "../.."),
        };
        let target = if *is_absolute {
            last.clone()
        } else {
            Path::new(up).join(last.strip_prefix("/").unwrap())
        };
        last = Path::new(directory).join(format!("l{}", number + 1));
        memory.link(&last, target);
    }
    (memory, last)
}

fn links(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(u8, bool)>> {
    prop::collection::vec((0_u8..3, any::<bool>()), length)
}

/// Paths from a small set of names, so that the paths often overlap.
fn path() -> impl Strategy<Value = String> {
    let name = prop_oneof![4 => Just("a"), 4 => Just("b"), 3 => Just("c"), 1 => Just("."), 3 => Just("..")];
    let names = prop::collection::vec(name, 1..6);
    (names, prop::bool::weighted(0.2)).prop_map(|(names, slash)| {
        let end = if slash { "/" } else { "" };
        format!("{}{end}", names.join("/"))
    })
}

#[derive(Debug, Clone)]
enum Kind {
    Directory,
    File,
    Link(String),
    AbsoluteLink(String),
}

fn trees() -> impl Strategy<Value = Vec<(Vec<&'static str>, Kind)>> {
    let place = prop::collection::vec(prop::sample::select(vec!["a", "b", "c"]), 1..4);
    let kind = prop_oneof![
        4 => Just(Kind::Directory),
        1 => Just(Kind::File),
        4 => path().prop_map(Kind::Link),
        1 => path().prop_map(Kind::AbsoluteLink),
    ];
    prop::collection::vec((place, kind), 0..24)
}

/// Creates the entries. An entry that already exists, or whose parent is missing, is omitted.
fn create(entries: &[(Vec<&'static str>, Kind)]) -> Memory {
    let mut memory = Memory::new(NameRules::Unix);
    for (place, kind) in entries {
        let place = PathBuf::from_iter(place);
        match kind {
            Kind::Directory => memory.directory(&place),
            Kind::File => memory.file(&place),
            Kind::Link(target) => memory.link(&place, target),
            Kind::AbsoluteLink(target) => memory.link(&place, Path::new("/").join(target)),
        };
    }
    memory
}

/// Returns the project of a path in the form of [`memory::Resolved`].
fn resolved(memory: &Memory, path: &Path) -> memory::Resolved {
    let kind = |error: &ProjectError| match error {
        ProjectError::NotFound { .. } => ErrorKind::NotFound,
        ProjectError::NotADirectory { .. } => ErrorKind::NotADirectory,
        ProjectError::Loop { .. } => LOOP,
        other => panic!("{other}"),
    };
    match find(memory, path) {
        Ok(root) => {
            let links = root.links().iter().map(|link| link.path.clone());
            Ok((root.path().to_owned(), links.collect()))
        }
        Err(error) => Err((kind(&error), error.path().to_owned())),
    }
}

#[test]
fn a_chain_of_40_links_is_followed_and_a_chain_of_41_links_is_refused() {
    let (memory, last) = chain(&[(0, false); MAX_LINKS]);
    assert_eq!(find(&memory, &last).unwrap().links().len(), MAX_LINKS);
    assert_eq!(root(&memory, &last), Path::new("/shop"));
    let (memory, one_more) = chain(&[(0, false); MAX_LINKS + 1]);
    assert_eq!(
        error(&memory, &one_more).to_string(),
        "symbolic links form a loop at /d0/l1, or there are more than 40"
    );
    let mut memory = Memory::with(&["shop"]);
    memory.link("shop/here", ".");
    let here = |times: usize| format!("shop/{}", "here/".repeat(times));
    assert_eq!(root(&memory, here(40)), Path::new("/shop"));
    assert!(matches!(
        error(&memory, here(41)),
        ProjectError::Loop { .. }
    ));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_chain_of_links_leads_to_the_same_root_and_session_id(links in links(0..MAX_LINKS + 1)) {
        let (memory, last) = chain(&links);
        let direct = find(&memory, "shop/src").unwrap();
        for rules in [NameRules::Unix, NameRules::MacOs, NameRules::Windows] {
            let memory = memory.clone().under(rules);
            let found = find(&memory, &last).unwrap();
            prop_assert_eq!(found.path(), direct.path());
            prop_assert_eq!(found.reason(), RootReason::Git);
            prop_assert_eq!(found.links().len(), links.len());
        }
        let id = |root: &ProjectRoot| SessionId::new(None, None, "ann", &root.name_bytes());
        prop_assert_eq!(id(&find(&memory, &last).unwrap()), id(&direct));
    }

    #[test]
    fn random_paths_resolve_as_in_the_reference_implementation(
        entries in trees(),
        paths in prop::collection::vec(path(), 1..24),
    ) {
        let memory = create(&entries);
        for path in paths {
            let path = Path::new("/").join(path);
            let expected = memory.resolve(&path).map(|(mut at, links)| {
                // A file belongs to the project of its directory.
                if memory.entry(&at).unwrap().kind == FileKind::File {
                    at.pop();
                }
                (at, links)
            });
            prop_assert_eq!(resolved(&memory, &path), expected, "{:?}", path);
        }
    }
}
