//! Tests with a state directory, which has the same name as the product's entry in a project.

use super::*;

fn found(tree: &Tree, path: &str, state: &Path) -> (PathBuf, RootReason) {
    let found = find_project(&tree.path(path), product(), Some(state)).unwrap();
    (found.path().to_owned(), found.reason())
}

#[test]
fn the_state_directory_does_not_make_the_home_directory_a_project() {
    let tree = Tree::with(&["ann/.coditect", "ann/shop"]);
    let state = tree.path("ann/.coditect");
    let itself = (tree.path("ann/shop"), RootReason::Directory);
    assert_eq!(found(&tree, "ann/shop", &state), itself);
    let home = (tree.path("ann"), RootReason::Directory);
    assert_eq!(found(&tree, "ann", &state), home);
}

#[test]
fn entries_below_and_above_the_state_directory_count() {
    let tree = Tree::with(&[".coditect", "ann/.coditect", "ann/shop/.coditect"]);
    let state = tree.path("ann/.coditect");
    let below = (tree.path("ann/shop"), RootReason::Product);
    assert_eq!(found(&tree, "ann/shop", &state), below);
    let above = (tree.top.clone(), RootReason::Product);
    assert_eq!(found(&tree, "ann", &state), above);
}

#[test]
fn the_state_directory_is_recognized_by_every_path_that_leads_to_it() {
    let tree = Tree::with(&["disk/state", "home/ann/shop"]);
    tree.link("home/ann/.coditect", "../../disk/state")
        .link("users", "home");
    for state in [
        "home/ann/.coditect",
        "users/ann/.coditect",
        "disk/state",
        "home/ann/../ann/.coditect/",
    ] {
        let itself = (tree.path("home/ann/shop"), RootReason::Directory);
        assert_eq!(
            found(&tree, "users/ann/shop", &tree.path(state)),
            itself,
            "{state}"
        );
    }
}

#[test]
fn the_state_directory_is_recognized_by_its_path_while_its_disk_is_not_mounted() {
    let tree = Tree::with(&["home/ann/shop"]);
    tree.link("home/ann/.coditect", "/no-such-disk/state")
        .link("users", "home");
    let itself = (tree.path("home/ann/shop"), RootReason::Directory);
    let state = tree.path("users/ann/.coditect");
    assert_eq!(found(&tree, "home/ann/shop", &state), itself);
}

#[test]
fn a_missing_state_directory_hides_no_project() {
    let tree = Tree::with(&["shop/.coditect", "ann"]);
    let state = tree.path("ann/.coditect");
    assert_eq!(found(&tree, "shop", &state).1, RootReason::Product);
    assert_eq!(
        found(&tree, "shop", Path::new("relative")).1,
        RootReason::Product
    );
}
