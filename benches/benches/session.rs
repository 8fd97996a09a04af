//! Time to compute the session id of a project, compared with `realpath(3)` of the same path, which
//! `std::fs::canonicalize` calls on Unix.
//!
//!     chrt -f 10 cargo bench -p license-benches --bench session
#![allow(missing_docs, reason = "a benchmark is not a library")]
#![allow(clippy::unwrap_used, reason = "a benchmark panics if its setup fails")]

use std::fs;
use std::hint::black_box;
use std::path::Path;

use license_benches::{Subject, compare};
use license_client::{LicenseManager, RootReason, Session, StateDir, find_project};
use license_core::{LicenseId, ProductCode};

fn main() {
    let scratch = license_tests::Scratch::new();
    let product = ProductCode::parse("CODITECT").unwrap();
    let license = LicenseId::parse("01980000-0000-7000-8000-000000000001");
    let state = StateDir::at(scratch.home().join(".coditect"));
    fs::create_dir_all(state.path()).unwrap();
    let manager = LicenseManager::at(product, state.clone());
    for (title, path) in [
        ("a project behind five links", behind_links(&scratch)),
        (
            "the same project without a link",
            scratch.file("work/team/shop"),
        ),
    ] {
        let root = find_project(&path, product, Some(state.path())).unwrap();
        assert!(root.path().ends_with("work/team/shop"), "{root:?}");
        assert_eq!(root.reason(), RootReason::Product);
        let find =
            |path: &Path, user| Session::find(&manager, license.as_ref(), user, path).unwrap();
        let subjects = vec![
            Subject::new("realpath(3)", || {
                let _ = black_box(fs::canonicalize(&path).unwrap());
            }),
            Subject::new("find_project", || {
                let root = find_project(&path, product, Some(state.path()));
                let _ = black_box(root.unwrap());
            }),
            Subject::new("session id for a given user", || {
                let _ = black_box(find(&path, Some("ann")).id());
            }),
            Subject::new("session id for the current user", || {
                let _ = black_box(find(&path, None).id());
            }),
        ];
        compare(title, 400, 50, subjects);
    }
}

/// Creates a chain of five symbolic links from `desk/now` to the project `work/team/shop`.
fn behind_links(scratch: &license_tests::Scratch) -> std::path::PathBuf {
    for directory in [
        "desk/team",
        "links/of/ann",
        "old",
        "work/team/shop/.coditect",
    ] {
        fs::create_dir_all(scratch.file(directory)).unwrap();
    }
    for (link, target) in [
        ("desk/now", "team/now"),
        ("desk/team/now", "../../links/of/ann/shop"),
        ("links/of/ann/shop", "../../../old/shop"),
        ("old/shop", "../current"),
        ("current", "work/team/shop"),
    ] {
        std::os::unix::fs::symlink(target, scratch.file(link)).unwrap();
    }
    scratch.file("desk/now")
}
