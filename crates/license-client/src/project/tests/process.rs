//! Tests that need another process: they run this test program again.

use std::error::Error;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use super::*;

/// The environment variable with the path whose project the other process finds.
const PATH_VARIABLE: &str = "PROJECT_ROOT_TEST_PATH";
/// The user that Linux distributions call `nobody`.
const NOBODY: &str = "65534";

/// Prints the project of the path in [`PATH_VARIABLE`]. Does nothing if the variable is not set.
/// The other tests of this module run this test in another process.
#[test]
fn answer() {
    let Some(path) = env::var_os(PATH_VARIABLE) else {
        return;
    };
    let answer = match find_project(Path::new(&path), product(), None) {
        Ok(found) => format!("found {}", found.path().display()),
        Err(error) => {
            let kind = error.source().map(ToString::to_string);
            format!("{error}: {}", kind.unwrap_or_default())
        }
    };
    println!("\nANSWER {answer}");
}

/// Runs the test `answer` through `command`, and returns the line that the test prints.
fn run_answer(mut command: Command, path: &Path) -> Option<String> {
    let name = format!("{}::answer", module_path!().split_once("::").unwrap().1);
    command.args(["--exact", &name, "--nocapture"]);
    let output = command.env(PATH_VARIABLE, path).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let answer = text.lines().find_map(|line| line.strip_prefix("ANSWER "));
    answer.map(str::to_owned)
}

/// Calls [`run_answer`] as this user. If this user is root, who may read everything, calls it as
/// `nobody`.
fn run_answer_as_user(tree: &Tree, path: &Path) -> Option<String> {
    let this = env::current_exe().unwrap();
    fs::set_permissions(&tree.top, fs::Permissions::from_mode(0o755)).unwrap();
    if fs::read_dir(tree.path("locked")).is_err() {
        return run_answer(Command::new(this), path);
    }
    let mut other = Command::new("setpriv");
    other.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    other.arg(this);
    run_answer(other, path)
}

/// Writes to standard error directly, so that the test harness does not capture the message.
fn skip(what: &str) {
    let line = format!("SKIPPED: {}: {what}\n", module_path!());
    let _ = io::stderr().write_all(line.as_bytes());
}

fn tree_with_a_locked_directory() -> Tree {
    let tree = Tree::with(&["open/.git", "locked/shop/.git"]);
    tree.link("through", "locked/shop");
    let closed = fs::Permissions::from_mode(0o000);
    fs::set_permissions(tree.path("locked"), closed).unwrap();
    tree
}

fn unlock(tree: &Tree) {
    let open = fs::Permissions::from_mode(0o700);
    fs::set_permissions(tree.path("locked"), open).unwrap();
}

#[test]
fn a_path_without_permission_is_an_error_that_names_the_path() {
    let tree = tree_with_a_locked_directory();
    let answer_as_user = |name: &str| run_answer_as_user(&tree, &tree.path(name));
    let Some(control) = answer_as_user("open") else {
        unlock(&tree);
        return skip("this is root, and `setpriv` cannot run the tests as another user");
    };
    let answers = ["locked/shop", "through", "locked"].map(|name| answer_as_user(name).unwrap());
    unlock(&tree);
    assert_eq!(control, format!("found {}", tree.path("open").display()));
    let unreadable = ["locked/shop", "locked/shop", "locked/.coditect"];
    for (answer, unreadable) in answers.iter().zip(unreadable) {
        let expected = format!("{} cannot be read: ", tree.path(unreadable).display());
        assert!(answer.starts_with(&expected), "{answer}");
    }
}

#[test]
fn a_removed_current_directory_is_an_error_that_names_the_directory() {
    let tree = Tree::with(&["gone", "shop"]);
    let gone = tree.path("gone");
    let answer_in_removed = |path: &Path| {
        fs::create_dir_all(&gone).unwrap();
        let mut shell = Command::new("sh");
        let script = "rmdir \"$PWD\" && exec \"$0\" \"$@\"";
        shell.args(["-c", script]).arg(env::current_exe().unwrap());
        shell.current_dir(&gone).env("PWD", &gone);
        run_answer(shell, path).unwrap()
    };
    let answer = answer_in_removed(Path::new("."));
    let named = if cfg!(target_os = "linux") {
        &*gone
    } else {
        Path::new(".")
    };
    let expected = format!("the current directory {} was removed", named.display());
    assert!(answer.starts_with(&expected), "{answer}");
    assert!(answer_in_removed(Path::new("../shop")).starts_with(&expected));
    let absolute = tree.path("shop");
    assert_eq!(
        answer_in_removed(&absolute),
        format!("found {}", absolute.display())
    );
}
