//! Paths whose length reaches or exceeds the limit of Linux (`PATH_MAX`, 4096 bytes with the
//! terminating NUL).

use super::*;
use crate::usage::{ProcessEnvironment, UsageTypeError, detect_usage};

/// The length of the longest path that the system accepts, in bytes.
const LONGEST: usize = 4095;

impl Tree {
    /// Creates a directory whose path has this length.
    fn deep(&self, length: usize) -> PathBuf {
        let mut path = self.top.clone();
        while let Some(left) = length.checked_sub(path.as_os_str().len() + 1) {
            // A single remaining byte would be a slash without a name.
            path.push("d".repeat(if left <= 200 { left } else { 198 }));
        }
        assert_eq!(path.as_os_str().len(), length);
        fs::create_dir_all(&path).unwrap();
        path
    }
}

#[test]
fn a_path_without_room_for_the_entry_is_reported_with_its_length() {
    let tree = Tree::new();
    let room = LONGEST - "/.coditect".len();
    let found = find_project(&tree.deep(room), product(), None);
    assert_eq!(found.unwrap().reason(), RootReason::Directory);

    let error = find_project(&tree.deep(room + 1), product(), None).unwrap_err();
    assert!(error.is_too_long(), "{error:?}");
    let text = error.to_string();
    let text = text
        .split_once("/.coditect cannot be read: the path has ")
        .unwrap()
        .1;
    assert!(text.starts_with("4096 bytes and "), "{text}");
    assert!(text.ends_with(" is more than the system accepts"), "{text}");
}

#[test]
fn a_name_that_is_too_long_is_reported_with_its_length() {
    let error = Tree::new().error("n".repeat(300));
    assert!(error.is_too_long(), "{error:?}");
    assert!(
        error.to_string().contains(" its longest name has 300; "),
        "{error}"
    );
    let error = Tree::new().error("nowhere");
    assert!(!error.is_too_long(), "{error:?}");
}

#[test]
fn a_path_without_room_for_the_project_file_is_reported_with_its_length() {
    let tree = Tree::new();
    let deep = tree.deep(LONGEST - "/.coditect/project.toml".len() + 1);
    fs::create_dir(deep.join(".coditect")).unwrap();
    let root = find_project(&deep, product(), None).unwrap();
    let error = detect_usage(&root, &ProcessEnvironment::default()).unwrap_err();
    assert!(
        matches!(&error, UsageTypeError::Unreadable { .. }),
        "{error:?}"
    );
    assert!(error.is_too_long());
    assert!(
        error.to_string().contains(" the path has 4096 bytes "),
        "{error}"
    );
}
