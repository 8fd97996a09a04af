//! The build script that sets the build date, in a package and a repository of its own.

use std::fs;
use std::process::{Command, Output};

use license_tests::{Scratch, programs, tools};

/// A program that prints the build date.
const PACKAGE: [(&str, &str); 2] = [
    (
        "Cargo.toml",
        "[package]\nname = \"dated\"\nedition = \"2024\"\n[[bin]]\nname = \"dated\"\npath = \"main.rs\"\n",
    ),
    (
        "main.rs",
        "fn main() {\n    println!(\"{}\", env!(\"BUILD_DATE\"));\n}\n",
    ),
];

/// Returns a directory with the package and the build script of the guide.
fn package() -> Scratch {
    let package = Scratch::new();
    for (name, text) in PACKAGE {
        package.write(name, text);
    }
    let script = programs::workspace().join("tests/guide/build.rs");
    package.write("build.rs", fs::read(script).unwrap());
    package
}

/// Builds and runs the package. The build does not search for a repository above the package.
fn run(package: &Scratch) -> Output {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--offline", "--target-dir", "target"]);
    cargo.env("GIT_CEILING_DIRECTORIES", package.path().parent().unwrap());
    cargo.env("LC_ALL", "C").env_remove("BUILD_DATE");
    cargo.current_dir(package.path());
    cargo.output().unwrap()
}

#[test]
fn the_build_script_of_the_guide_sets_the_date_of_the_last_commit() {
    let Some(git) = tools::git() else { return };
    let package = package();
    let git = |arguments: &[&str], date: &str| {
        let run = git.run(&package).args(arguments);
        let run = ["AUTHOR", "COMMITTER"].into_iter().fold(run, |run, role| {
            run.env(&format!("GIT_{role}_NAME"), "Ann")
                .env(&format!("GIT_{role}_EMAIL"), "ann@shop.example")
                .env(&format!("GIT_{role}_DATE"), format!("{date}T12:00:00Z"))
        });
        let _ = run.run().expect_code(0);
    };
    git(&["init", "--quiet"], "2027-03-01");
    git(&["add", "Cargo.toml", "build.rs", "main.rs"], "2027-03-01");
    // The second commit changes no file of the package.
    for date in ["2027-03-01", "2027-04-01"] {
        let commit = "commit --quiet --message Release --no-gpg-sign --allow-empty";
        git(&commit.split(' ').collect::<Vec<_>>(), date);
        let outcome = run(&package);
        assert!(outcome.status.success(), "{outcome:?}");
        let printed = String::from_utf8(outcome.stdout).unwrap();
        assert_eq!(printed, format!("{date}\n"));
    }
}

#[test]
fn the_build_script_of_the_guide_stops_the_build_outside_a_repository() {
    if tools::git().is_none() {
        return;
    }
    let outcome = run(&package());
    assert!(!outcome.status.success(), "{outcome:?}");
    let stderr = String::from_utf8(outcome.stderr).unwrap();
    assert!(stderr.contains("not a git repository"), "{stderr}");
}
