//! Tests of finding a project in the local file system.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use license_core::session::{MAX_LINKS, RootReason};

use super::*;

mod agreement;
#[cfg(target_os = "linux")]
mod length;
mod process;
mod state;

/// A temporary directory with files and links.
struct Tree {
    _scratch: tempfile::TempDir,
    top: PathBuf,
}

impl Tree {
    fn new() -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let top = fs::canonicalize(scratch.path()).unwrap();
        Self {
            _scratch: scratch,
            top,
        }
    }

    /// Returns a tree with these directories and their parents.
    fn with(directories: &[&str]) -> Self {
        let tree = Self::new();
        for directory in directories {
            fs::create_dir_all(tree.path(directory)).unwrap();
        }
        tree
    }

    fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.top.join(name)
    }

    fn file(&self, name: &str) -> &Self {
        fs::write(self.path(name), "").unwrap();
        self
    }

    fn link(&self, name: impl AsRef<Path>, target: impl AsRef<Path>) -> &Self {
        symlink(target, self.path(name)).unwrap();
        self
    }

    /// Creates a chain of links: `l1` leads to `target`, `l2` to `l1`, and so on. Returns the name
    /// of the last link.
    fn chain(&self, length: usize, target: &str) -> String {
        self.link("l1", target);
        for number in 2..=length {
            self.link(format!("l{number}"), format!("l{}", number - 1));
        }
        format!("l{length}")
    }

    fn found(&self, name: impl AsRef<Path>) -> Result<ProjectRoot, ProjectError> {
        find_project(&self.path(name), product(), None)
    }

    /// Returns the root of a path, relative to the top of the tree.
    fn root(&self, name: impl AsRef<Path>) -> PathBuf {
        let name = name.as_ref();
        let root = self.found(name).unwrap_or_else(|error| panic!("{error}"));
        let below = root.path().strip_prefix(&self.top);
        below.unwrap_or(root.path()).to_owned()
    }

    fn error(&self, name: impl AsRef<Path>) -> ProjectError {
        self.found(name).unwrap_err()
    }

    /// Finds the project of a relative path, with `base` as the current directory.
    fn found_from(&self, base: &str, path: &str) -> Result<ProjectRoot, ProjectError> {
        let files = WithCurrentDir(Some(self.path(base)));
        find_project_in(&files, Path::new(path), product(), None)
    }
}

/// The local file system with another current directory. `None` means that the current directory
/// was removed.
struct WithCurrentDir(Option<PathBuf>);

impl FileSystem for WithCurrentDir {
    fn name_rules(&self) -> NameRules {
        LocalFileSystem.name_rules()
    }
    fn current_dir(&self) -> io::Result<PathBuf> {
        self.0.clone().ok_or(io::ErrorKind::NotFound.into())
    }
    fn entry(&self, path: &Path) -> io::Result<FileSystemEntry> {
        LocalFileSystem.entry(path)
    }
    fn target(&self, path: &Path) -> io::Result<FileSystemEntry> {
        LocalFileSystem.target(path)
    }
    fn read_link(&self, path: &Path) -> io::Result<PathBuf> {
        LocalFileSystem.read_link(path)
    }
    fn stored_path(&self, path: &Path) -> io::Result<PathBuf> {
        LocalFileSystem.stored_path(path)
    }
    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        LocalFileSystem.absolute(path)
    }
}

fn product() -> ProductCode {
    ProductCode::parse("CODITECT").unwrap()
}

#[test]
fn without_an_entry_the_directory_itself_is_the_root() {
    let tree = Tree::with(&["shop/src"]);
    let found = tree.found("shop/src").unwrap();
    assert_eq!(found.path(), tree.path("shop/src"));
    assert_eq!(found.reason(), RootReason::Directory);
    assert_eq!(found.reason_name(), "directory");
    assert_eq!(found.links(), []);
}

#[test]
fn the_nearest_git_entry_marks_the_root() {
    let tree = Tree::with(&["shop/.git", "shop/cart/.git", "shop/cart/src"]);
    let found = tree.found("shop/cart/src").unwrap();
    assert_eq!(found.path(), tree.path("shop/cart"));
    assert_eq!(found.reason_name(), "git");
}

#[test]
fn a_worktree_with_a_git_file_is_a_project() {
    let tree = Tree::with(&["shop/.git", "shop/trees/fix/src"]);
    tree.file("shop/trees/fix/.git");
    assert_eq!(tree.root("shop/trees/fix/src"), Path::new("shop/trees/fix"));
}

#[test]
fn the_products_entry_takes_precedence_over_a_nearer_git_entry() {
    let tree = Tree::with(&["shop/.coditect", "shop/cart/.git"]);
    let found = tree.found("shop/cart").unwrap();
    assert_eq!(found.path(), tree.path("shop"));
    assert_eq!(found.reason(), RootReason::Product);
    assert_eq!(found.reason_name(), "coditect");
    assert_eq!(found.product_entry(), tree.path("shop/.coditect"));
}

#[test]
fn the_nearest_of_two_product_entries_counts() {
    let tree = Tree::with(&["shop/.coditect", "shop/cart/.coditect", "shop/cart/src"]);
    assert_eq!(tree.root("shop/cart/src"), Path::new("shop/cart"));
}

#[test]
fn an_entry_of_any_kind_counts() {
    let tree = Tree::with(&["one", "two", "three/.coditect"]);
    tree.file("one/.coditect").link("two/.coditect", "nowhere");
    for project in ["one", "two", "three"] {
        let found = tree.found(project).unwrap();
        assert_eq!(found.reason(), RootReason::Product, "{project}");
    }
}

#[test]
fn the_entry_of_another_product_is_ignored() {
    let tree = Tree::with(&["shop/.coditect", "shop/cart/.git"]);
    let other = ProductCode::parse("ACME").unwrap();
    let found = find_project(&tree.path("shop/cart"), other, None).unwrap();
    assert_eq!(found.path(), tree.path("shop/cart"));
}

#[test]
fn a_directory_in_the_entry_belongs_to_the_project() {
    let tree = Tree::with(&["shop/.coditect/cache"]);
    assert_eq!(tree.root("shop/.coditect/cache"), Path::new("shop"));
}

#[test]
fn every_path_to_a_project_finds_the_same_root() {
    let tree = Tree::with(&["shop/.git/hooks", "shop/src/cart", "else"]);
    tree.file("shop/src/main.rs")
        .link("to-shop", "shop")
        .link("to-src", tree.path("shop/src"))
        .link("else/back", "../to-src/cart");
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
    ] {
        assert_eq!(tree.root(path), Path::new("shop"), "{path}");
    }
}

#[test]
fn a_relative_path_starts_at_the_current_directory() {
    let tree = Tree::with(&["shop/.git", "shop/src/cart", "else"]);
    tree.link("else/shop", "../shop");
    for (base, path) in [
        ("shop", "."),
        ("shop/src", ".."),
        ("shop", "src/cart/"),
        ("shop/src/cart", "./../../src"),
        ("else", "../shop"),
        ("else", "shop"),
    ] {
        let found = tree.found_from(base, path).unwrap();
        assert_eq!(found.path(), tree.path("shop"), "{path} in {base}");
    }
}

#[test]
fn an_absolute_path_needs_no_current_directory() {
    let tree = Tree::new();
    let found = find_project_in(&WithCurrentDir(None), &tree.top, product(), None);
    assert_eq!(found.unwrap().path(), tree.top);
}

#[test]
fn the_parent_of_the_root_directory_is_the_root_directory() {
    let found = find_project(Path::new("/../.."), product(), None).unwrap();
    assert_eq!(found.path(), Path::new("/"));
}

#[test]
fn a_link_into_another_project_finds_that_project() {
    let tree = Tree::with(&["shop/.git", "bank/.git", "bank/ledger"]);
    tree.link("shop/ledger", "../bank/ledger");
    assert_eq!(tree.root("shop/ledger"), Path::new("bank"));
    assert_eq!(tree.root("shop/ledger/.."), Path::new("bank"));
}

#[test]
fn a_link_to_a_parent_can_be_followed_repeatedly() {
    let tree = Tree::with(&["shop/.git", "shop/src"]);
    tree.link("shop/src/up", "..");
    assert_eq!(tree.root("shop/src/up/src/up/src/up"), Path::new("shop"));
}

#[test]
fn the_parent_of_a_link_is_the_parent_of_its_target() {
    let tree = Tree::with(&["a/b/c", "x"]);
    tree.link("x/link", "../a/b/c");
    assert_eq!(tree.root("x/link/.."), Path::new("a/b"));
}

#[test]
fn a_link_to_a_file_finds_the_project_of_the_file() {
    let tree = Tree::with(&["shop/.git", "else"]);
    tree.file("shop/main.rs")
        .link("else/main", "../shop/main.rs");
    assert_eq!(tree.root("else/main"), Path::new("shop"));
}

#[test]
fn followed_links_are_reported_in_order_with_their_exact_targets() {
    let tree = Tree::with(&["a/real"]);
    let absolute = tree.path("a");
    tree.link("one", "./two//").link("two", &absolute);
    tree.link("a/three", "real");
    let found = tree.found("one/three").unwrap();
    let links = found.links().iter();
    let links: Vec<_> = links
        .map(|link| (&*link.path, link.target.to_str().unwrap()))
        .collect();
    assert_eq!(
        links,
        [
            (&*tree.path("one"), "./two//"),
            (&*tree.path("two"), absolute.to_str().unwrap()),
            (&*tree.path("a/three"), "real"),
        ]
    );
    assert_eq!(found.path(), tree.path("a/real"));
}

#[test]
fn a_chain_of_40_links_is_followed_and_a_chain_of_41_links_is_rejected() {
    let tree = Tree::with(&["shop/.git"]);
    let (last, one_more) = ("l40", tree.chain(41, "shop"));
    assert_eq!(tree.found(last).unwrap().links().len(), MAX_LINKS);
    assert_eq!(tree.root(last), Path::new("shop"));
    assert!(matches!(tree.error(&one_more), ProjectError::Loop { .. }));
    assert_eq!(tree.error(&one_more).path(), tree.path("l1"));
}

#[test]
fn links_are_counted_for_the_whole_path() {
    let tree = Tree::with(&["shop"]);
    tree.link("shop/here", ".");
    let here = |times: usize| format!("shop/{}", "here/".repeat(times));
    assert_eq!(tree.root(here(40)), Path::new("shop"));
    assert!(matches!(tree.error(here(41)), ProjectError::Loop { .. }));
}

#[cfg(target_os = "linux")]
#[test]
fn the_system_follows_the_same_number_of_links() {
    let tree = Tree::with(&["shop"]);
    tree.chain(41, "shop");
    assert!(fs::metadata(tree.path("l40")).is_ok() && fs::canonicalize(tree.path("l40")).is_ok());
    assert!(fs::metadata(tree.path("l41")).is_err() && fs::canonicalize(tree.path("l41")).is_err());
}

#[test]
fn a_loop_is_rejected_and_the_error_names_one_of_its_links() {
    let tree = Tree::new();
    tree.link("self", "self")
        .link("a", "b")
        .link("b", "a")
        .link("in", "a");
    for (path, names) in [
        ("self", &["self"][..]),
        ("self/deeper", &["self"]),
        ("a", &["a", "b"]),
        ("in", &["a", "b"]),
    ] {
        let error = tree.error(path);
        assert!(matches!(&error, ProjectError::Loop { .. }), "{error:?}");
        let named = names.iter().any(|name| error.path() == tree.path(name));
        assert!(named, "{path}: {error}");
    }
}

#[test]
fn the_first_missing_component_of_a_path_is_named() {
    let tree = Tree::with(&["shop"]);
    let error = tree.error("shop/src/main.rs");
    assert!(matches!(&error, ProjectError::NotFound { link: None, .. }));
    assert_eq!(error.path(), tree.path("shop/src"));
    assert_eq!(tree.error("gone/../shop").path(), tree.path("gone"));
    let relative = tree.found_from("shop", "src").unwrap_err();
    assert_eq!(relative.path(), tree.path("shop/src"));
}

#[test]
fn a_dangling_link_is_named_with_the_missing_path() {
    let tree = Tree::with(&["shop"]);
    tree.link("shop/out", "../gone/src");
    let error = tree.error("shop/out");
    assert_eq!(error.path(), tree.path("gone"));
    let named = tree.path("shop/out");
    assert!(matches!(&error, ProjectError::NotFound { link: Some(link), .. } if *link == named));
    assert!(error.to_string().contains(named.to_str().unwrap()));
}

#[test]
fn a_file_cannot_be_used_as_a_directory() {
    let tree = Tree::with(&["shop"]);
    tree.file("shop/main.rs")
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
        let error = tree.error(path);
        assert!(
            matches!(&error, ProjectError::NotADirectory { .. }),
            "{path}: {error:?}"
        );
        assert_eq!(error.path(), tree.path("shop/main.rs"));
    }
    assert_eq!(tree.root("shop/main.rs"), Path::new("shop"));
}

#[test]
fn an_empty_path_is_rejected() {
    let error = find_project(Path::new(""), product(), None).unwrap_err();
    assert!(matches!(&error, ProjectError::Empty));
    assert_eq!(error.path(), Path::new(""));
}

// macOS does not allow names that are not UTF-8.
#[cfg(not(target_os = "macos"))]
#[test]
fn names_need_not_be_unicode() {
    let odd = OsStr::from_bytes(b"sh\xFFp");
    let tree = Tree::new();
    fs::create_dir_all(tree.path(odd).join(".git")).unwrap();
    tree.link(OsStr::from_bytes(b"to\xFE"), odd);
    let found = tree.found(OsStr::from_bytes(b"to\xFE")).unwrap();
    assert_eq!(found.path(), tree.path(odd));
    assert!(found.name_bytes().ends_with(b"/sh\xFFp"));
}

#[test]
fn name_bytes_returns_the_name_of_the_root_and_not_of_the_path() {
    let tree = Tree::with(&["shop/.git", "shop/src"]);
    tree.link("also", "shop/src");
    let roots = ["shop", "shop/src/", "also"].map(|path| tree.found(path).unwrap());
    assert!(
        roots
            .iter()
            .all(|found| found.name_bytes() == roots[0].name_bytes())
    );
    assert_ne!(roots[0].name_bytes(), tree.found(".").unwrap().name_bytes());
}
