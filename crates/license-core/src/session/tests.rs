//! Tests with a file system in memory.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod chains;
mod memory;

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use self::memory::Memory;
use super::*;
use crate::ids::ProductCode;

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

fn find(memory: &Memory, path: impl AsRef<Path>) -> Result<ProjectRoot, ProjectError> {
    find_with_state(memory, path, None)
}

fn find_with_state(
    memory: &Memory,
    path: impl AsRef<Path>,
    state: Option<&str>,
) -> Result<ProjectRoot, ProjectError> {
    let path = Path::new("/").join(path);
    let state = state.map(|state| Path::new("/").join(state));
    let state = ProductState {
        directory: state.as_deref(),
        lock_file: ".lock",
        files: &["license.lic", "quota"],
    };
    ProjectRoot::find(memory, &path, product(), &state)
}

fn root_and_reason(memory: &Memory, path: impl AsRef<Path>) -> (PathBuf, RootReason) {
    let root = find(memory, path).unwrap();
    (root.path().to_owned(), root.reason())
}

fn root(memory: &Memory, path: impl AsRef<Path>) -> PathBuf {
    root_and_reason(memory, path).0
}

fn error(memory: &Memory, path: impl AsRef<Path>) -> ProjectError {
    find(memory, path).unwrap_err()
}

#[test]
fn the_order_of_precedence_is_product_entry_git_entry_directory() {
    let mut memory = Memory::with(&["shop/.coditect", "shop/cart/.git", "shop/cart/src"]);
    memory
        .directory("bank/.git")
        .directory("bank/trees/fix/src");
    memory.file("bank/trees/fix/.git").directory("plain/src");
    for (path, expected, by, name) in [
        ("shop/cart/src", "/shop", RootReason::Product, "coditect"),
        ("shop/.coditect", "/shop", RootReason::Product, "coditect"),
        ("bank", "/bank", RootReason::Git, "git"),
        (
            "bank/trees/fix/src",
            "/bank/trees/fix",
            RootReason::Git,
            "git",
        ),
        (
            "plain/src",
            "/plain/src",
            RootReason::Directory,
            "directory",
        ),
        ("../..", "/", RootReason::Directory, "directory"),
    ] {
        let root = find(&memory, path).unwrap();
        assert_eq!(
            (root.path(), root.reason()),
            (Path::new(expected), by),
            "{path}"
        );
        assert_eq!(root.reason_name(), name);
    }
    let shop = find(&memory, "shop").unwrap();
    assert_eq!(shop.product_entry(), Path::new("/shop/.coditect"));
    let other = ProductCode::parse("ACME").unwrap();
    let none = ProductState::default();
    let cart = ProjectRoot::find(&memory, Path::new("/shop/cart"), other, &none).unwrap();
    assert_eq!(cart.path(), Path::new("/shop/cart"));
}

#[test]
fn an_entry_of_any_kind_makes_a_project() {
    let mut memory = Memory::with(&["one", "two", "three/.coditect"]);
    memory
        .file("one/.coditect")
        .link("two/.coditect", "nowhere");
    for project in ["one", "two", "three"] {
        let (_, reason) = root_and_reason(&memory, project);
        assert_eq!(reason, RootReason::Product, "{project}");
    }
}

#[test]
fn every_path_to_a_project_finds_it() {
    let mut memory = Memory::with(&["shop/.git/hooks", "shop/src/cart", "else"]);
    memory
        .file("shop/src/main.rs")
        .link("to-shop", "shop")
        .link("to-src", "/shop/src")
        .link("else/back", "../to-src/cart")
        .link("else/main", "../shop/src/main.rs")
        .link("shop/src/up", "..");
    for path in [
        "shop",
        "shop/",
        "shop//src/./cart/",
        "shop/src/..",
        "else/../shop/.",
        "shop/src/main.rs",
        "shop/.git/hooks",
        "to-shop",
        "to-shop/",
        "to-shop/src",
        "to-src/main.rs",
        "to-src/..",
        "else/back/..",
        "else/back/../../src/cart/.",
        "else/main",
        "shop/src/up/src/up/src/up",
    ] {
        assert_eq!(root(&memory, path), Path::new("/shop"), "{path}");
    }
    for (current, path) in [
        ("shop", "."),
        ("shop/src", ".."),
        ("shop", "src/cart/"),
        ("shop/src/cart", "./../../src"),
        ("else", "../shop"),
    ] {
        let mut memory = memory.clone();
        let (memory, none) = (memory.at(current), ProductState::default());
        let root = ProjectRoot::find(memory, Path::new(path), product(), &none).unwrap();
        assert_eq!(root.path(), Path::new("/shop"), "{path} in {current}");
    }
}

#[test]
fn the_parent_of_a_link_is_the_parent_of_its_target() {
    let mut memory = Memory::with(&["a/b/c", "x", "shop/.git", "bank/.git", "bank/ledger"]);
    memory
        .link("x/link", "../a/b/c")
        .link("shop/ledger", "../bank/ledger");
    assert_eq!(root(&memory, "x/link/.."), Path::new("/a/b"));
    assert_eq!(root(&memory, "shop/ledger"), Path::new("/bank"));
    assert_eq!(root(&memory, "shop/ledger/.."), Path::new("/bank"));
}

#[test]
fn links_are_listed_in_order_with_their_exact_text() {
    let mut memory = Memory::with(&["a/real"]);
    memory
        .link("one", "./two//")
        .link("two", "/a")
        .link("a/three", "real");
    let root = find(&memory, "one/three").unwrap();
    let links = root.links().iter();
    let links: Vec<_> = links
        .map(|link| (link.path.to_str().unwrap(), link.target.to_str().unwrap()))
        .collect();
    assert_eq!(
        links,
        [("/one", "./two//"), ("/two", "/a"), ("/a/three", "real")]
    );
    assert_eq!(root.path(), Path::new("/a/real"));
}

#[test]
fn the_error_for_a_loop_contains_one_of_its_links() {
    let mut memory = Memory::new(NameRules::Unix);
    memory
        .link("self", "self")
        .link("a", "b")
        .link("b", "a")
        .link("in", "a");
    for (path, names) in [
        ("self", &["/self"][..]),
        ("self/deeper", &["/self"]),
        ("a", &["/a", "/b"]),
        ("in", &["/a", "/b"]),
    ] {
        let error = error(&memory, path);
        assert!(matches!(&error, ProjectError::Loop { .. }), "{error:?}");
        assert!(
            names.iter().any(|name| error.path() == Path::new(name)),
            "{path}: {error}"
        );
    }
}

#[test]
fn the_error_for_a_missing_path_contains_its_first_missing_part() {
    let mut memory = Memory::with(&["shop"]);
    memory.link("shop/out", "../gone/src");
    for (path, missing) in [("shop/src/main.rs", "/shop/src"), ("gone/../shop", "/gone")] {
        let error = error(&memory, path);
        assert!(matches!(&error, ProjectError::NotFound { link: None, .. }));
        assert_eq!(error.to_string(), format!("{missing} does not exist"));
    }
    assert_eq!(
        error(&memory, "shop/out").to_string(),
        "/gone, reached through the symbolic link /shop/out, does not exist"
    );
    let none = ProductState::default();
    let empty = ProjectRoot::find(&memory, Path::new(""), product(), &none).unwrap_err();
    assert!(matches!(empty, ProjectError::Empty));
    let relative = ProjectRoot::find(&memory, Path::new("x"), product(), &none).unwrap_err();
    assert!(
        matches!(&relative, ProjectError::NoCurrentDirectory { .. }),
        "{relative}"
    );
}

#[test]
fn a_file_is_not_a_directory() {
    let mut memory = Memory::with(&["shop"]);
    memory
        .file("shop/main.rs")
        .link("main", "shop/main.rs")
        .link("slash", "shop/main.rs/");
    for path in [
        "shop/main.rs/",
        "shop/main.rs/.",
        "shop/main.rs/..",
        "shop/main.rs/x",
        "main/",
        "main/x",
        "slash",
    ] {
        let error = error(&memory, path);
        assert!(
            matches!(&error, ProjectError::NotADirectory { .. }),
            "{path}: {error:?}"
        );
        assert_eq!(error.path(), Path::new("/shop/main.rs"), "{path}");
    }
    assert_eq!(root(&memory, "shop/main.rs"), Path::new("/shop"));
}

#[test]
fn the_error_for_an_unreadable_entry_contains_its_path() {
    let mut memory = Memory::with(&["open/.git", "locked/shop/.git"]);
    memory.link("through", "locked/shop").lock("locked");
    assert_eq!(root(&memory, "open"), Path::new("/open"));
    for (path, unreadable) in [
        ("locked/shop", "/locked/shop"),
        ("through", "/locked/shop"),
        ("locked", "/locked/.coditect"),
    ] {
        let error = error(&memory, path);
        assert_eq!(error.to_string(), format!("{unreadable} cannot be read"));
        let source = std::error::Error::source(&error).unwrap();
        let kind = source.downcast_ref().map(std::io::Error::kind);
        assert_eq!(kind, Some(ErrorKind::PermissionDenied));
    }
}

#[test]
fn names_need_not_be_unicode() {
    let mut memory = Memory::new(NameRules::Unix);
    let odd = OsStr::from_bytes(b"sh\xFFp");
    memory
        .directory(Path::new(odd).join(".git"))
        .link(OsStr::from_bytes(b"to\xFE"), odd);
    let root = find(&memory, OsStr::from_bytes(b"to\xFE")).unwrap();
    assert_eq!(&*root.name_bytes(), b"/sh\xFFp");
}

#[test]
fn the_state_directory_is_not_the_entry_of_a_project() {
    let mut memory = Memory::with(&[
        ".coditect",
        "ann/.coditect",
        "ann/shop/.coditect",
        "ann/bank",
    ]);
    let state = Some("ann/.coditect");
    let find = |memory: &Memory, path, state| {
        let root = find_with_state(memory, path, state).unwrap();
        (root.path().to_owned(), root.reason())
    };
    let product = |path: &str| (PathBuf::from(path), RootReason::Product);
    assert_eq!(find(&memory, "ann/bank", state), product("/"));
    assert_eq!(find(&memory, "ann/shop", state), product("/ann/shop"));
    assert_eq!(
        find(&memory, "ann/bank", Some("bob/.coditect")),
        product("/ann")
    );
    assert_eq!(find(&memory, "ann/bank", Some("relative")), product("/ann"));
    // A directory with state files is ignored even if it is not the state directory of the user.
    memory
        .file("ann/.coditect/.lock")
        .file("ann/.coditect/quota");
    assert_eq!(find(&memory, "ann/bank", None), product("/"));
}

#[test]
fn the_state_directory_is_recognized_through_every_path() {
    let mut memory = Memory::with(&["disk/state", "home/ann/shop"]);
    memory
        .link("home/ann/.coditect", "../../disk/state")
        .link("users", "home");
    let itself = (PathBuf::from("/home/ann/shop"), RootReason::Directory);
    for rules in [NameRules::Unix, NameRules::MacOs, NameRules::Windows] {
        for state in [
            "home/ann/.coditect",
            "users/ann/.coditect",
            "disk/state",
            "home/ann/../ann/.coditect/",
        ] {
            let memory = memory.clone().under(rules);
            let root = find_with_state(&memory, "users/ann/shop", Some(state)).unwrap();
            assert_eq!((root.path().to_owned(), root.reason()), itself, "{state}");
        }
    }
    let mut unmounted = Memory::with(&["home/ann/shop"]);
    unmounted
        .link("home/ann/.coditect", "/no-such-disk/state")
        .link("users", "home");
    let root = find_with_state(&unmounted, "home/ann/shop", Some("users/ann/.coditect")).unwrap();
    assert_eq!((root.path().to_owned(), root.reason()), itself);
}

#[test]
fn on_windows_every_spelling_of_a_path_is_one_project() {
    let mut memory = Memory::new(NameRules::Windows);
    memory
        .directory("Users/Ann/Shop/.git")
        .directory("Users/Ann/Shop/Src")
        .link("Home", "USERS/ann");
    let expected = find(&memory, "Users/Ann/Shop").unwrap();
    assert_eq!(&*expected.name_bytes(), br"\users\ann\shop");
    for path in [
        "USERS/ann/SHOP",
        "users/ann/shop/src/",
        "home/shop/SRC/..",
        "HOME/Shop",
    ] {
        let root = find(&memory, path).unwrap();
        assert_eq!(root.path(), Path::new("/Users/Ann/Shop"), "{path}");
        assert_eq!(root.name_bytes(), expected.name_bytes(), "{path}");
    }
    // `..` is removed before the link is followed.
    memory.directory("x").link("x/link", "/Users/Ann/Shop/Src");
    assert_eq!(root(&memory, "x/link/.."), Path::new("/x"));
    assert_eq!(root(&memory, "x/LINK"), Path::new("/Users/Ann/Shop"));
}

#[test]
fn on_macos_both_paths_into_the_data_volume_are_one_project() {
    let mut memory = Memory::with(&["Users/ann/shop/.git"]).under(NameRules::MacOs);
    memory.link("data", "/Users");
    let roots = ["Users/ann/shop", "data/ann/shop"].map(|path| find(&memory, path).unwrap());
    assert_eq!(roots[0].name_bytes(), roots[1].name_bytes());
    assert_eq!(&*roots[0].name_bytes(), b"/Users/ann/shop");
}
