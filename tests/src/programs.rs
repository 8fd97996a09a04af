//! `keygen` and `license`, as the sources of this moment make them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

/// The path of `keygen`.
pub fn keygen() -> &'static Path {
    &built().keygen
}

/// The path of `license`.
pub fn license() -> &'static Path {
    &built().license
}

/// The path of an example of another package of the workspace, as a program that its developer would build.
///
/// # Panics
///
/// When it does not build.
pub fn example(name: &str) -> PathBuf {
    let output = Output::of_this_process();
    output.build(ALL);
    output.program(&format!("examples/{name}"))
}

/// `license` as a vendor builds it: with the keys of this file inside. One file a process, for the program is built anew for another.
///
/// # Panics
///
/// With what Cargo said, when it does not build.
pub fn license_with_keys(trust: &Path) -> PathBuf {
    let output = Output::of_this_process();
    let built = try_license_with_keys(trust.as_os_str());
    assert!(built.status.success(), "{built:?}");
    output.program("license-embedded")
}

/// Builds it, and returns what Cargo said.
///
/// # Panics
///
/// When Cargo can't be started.
pub fn try_license_with_keys(trust: &OsStr) -> process::Output {
    // `license` itself would be built with these keys too, and tests run it without.
    let what = [ALL, &["--exclude", "license-cli"]].concat();
    let mut build = Output::of_this_process().cargo(&what);
    build
        .env("CODITECT_TRUST_SET", trust)
        .env("PWD", workspace());
    build.output().expect("cargo can be started")
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in the workspace")
}

struct Programs {
    keygen: PathBuf,
    license: PathBuf,
}

/// What is built together decides on the features of what all depend on. All of it, with the examples and what only they need, is what
/// `cargo test --workspace` has then built already, but for `keygen`.
const ALL: &[&str] = &["--workspace", "--bins", "--examples"];
/// As they are shipped, which is what benches measure.
const SHIPPED: &[&str] = &["-p", "keygen", "-p", "license-cli"];

/// Cargo builds the programs of other packages for no test, so that the first one to ask has them built.
fn built() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let output = Output::of_this_process();
        output.build(match output.profile() {
            "dev" => ALL,
            _ => SHIPPED,
        });
        Programs {
            keygen: output.program("keygen"),
            license: output.program("license"),
        }
    })
}

/// Where Cargo puts what it builds: `TARGET_DIR/[TRIPLE/]PROFILE_DIR`.
struct Output {
    folder: PathBuf,
}

impl Output {
    /// A running test is `FOLDER/deps/NAME-HASH`, a running program `FOLDER/NAME`.
    fn of_this_process() -> Self {
        let process = std::env::current_exe().expect("a process knows its own path");
        let folder = process.parent().expect("a program is in a folder");
        let folder = if folder.ends_with("deps") {
            folder.parent()
        } else {
            Some(folder)
        };
        let folder =
            folder.unwrap_or_else(|| panic!("{} is in no target folder", process.display()));
        Self {
            folder: folder.to_owned(),
        }
    }

    fn build(&self, what: &[&str]) {
        let status = self.cargo(what).status().expect("cargo can be started");
        assert!(status.success(), "{what:?} does not build");
    }

    fn cargo(&self, what: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet"])
            .args(what)
            .args(["--profile", self.profile()])
            .args(self.target())
            .arg("--manifest-path")
            .arg(workspace().join("Cargo.toml"))
            // Whoever runs the tests may build programs with keys inside.
            .env_remove("CODITECT_TRUST_SET");
        cargo
    }

    /// The profile `dev`, and only it, has a folder of another name.
    fn profile(&self) -> &str {
        match name(&self.folder) {
            "debug" => "dev",
            other => other,
        }
    }

    /// Cargo keeps what it learned of rustc at the root of the target directory; where that is one level further up,
    /// there is a folder for the triple between.
    fn target(&self) -> Vec<&Path> {
        let is_root = |folder: &Path| folder.join(".rustc_info.json").exists();
        let parent = self.folder.parent().expect("a profile's folder has one");
        let target_dir = Path::new("--target-dir");
        match parent.parent() {
            Some(above) if is_root(above) && !is_root(parent) => {
                vec![
                    target_dir,
                    above,
                    Path::new("--target"),
                    Path::new(name(parent)),
                ]
            }
            _ => vec![target_dir, parent],
        }
    }

    fn program(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.folder.join(file)
    }
}

fn name(folder: &Path) -> &str {
    let name = folder.file_name().and_then(|name| name.to_str());
    name.expect("Cargo names its folders in ASCII")
}
