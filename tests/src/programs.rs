//! Builds the programs and the examples from the current sources.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::OnceLock;

/// Returns the path of `keygen`, built on the first call.
pub fn keygen() -> &'static Path {
    &built().keygen
}

/// Returns the path of `license`, built on the first call.
pub fn license() -> &'static Path {
    &built().license
}

/// Returns the path of `license-server`, built on the first call.
pub fn license_server() -> &'static Path {
    static SERVER: OnceLock<PathBuf> = OnceLock::new();
    SERVER.get_or_init(|| {
        let output = ProfileDir::of_current_process();
        if output.profile() == "dev" {
            built();
        } else {
            output.build(&["-p", "license-server"]);
        }
        output.program("license-server")
    })
}

/// Builds an example of a workspace package and returns its path.
///
/// # Panics
///
/// Panics if the build fails.
pub fn example(name: &str) -> PathBuf {
    let output = ProfileDir::of_current_process();
    output.build(&all_without(EMBEDDED));
    output.program(&format!("examples/{name}"))
}

/// Builds `license` with these variables, as a vendor does, and returns its path.
///
/// The variables name what the program contains, such as `LICENSE_TRUST_SET`. A process can call
/// this for one program only, because a second build replaces the program.
///
/// # Panics
///
/// Panics with the output of Cargo if the build fails.
pub fn license_with(variables: &[(&str, &OsStr)]) -> PathBuf {
    let output = ProfileDir::of_current_process();
    let built = try_license_with(variables);
    assert!(built.status.success(), "{built:?}");
    let [license, _] = EMBEDDED;
    output.program(license)
}

/// Builds `license-server` with these variables, as a vendor does, and returns its path.
///
/// # Panics
///
/// Panics with the output of Cargo if the build fails.
pub fn license_server_with(variables: &[(&str, &OsStr)]) -> PathBuf {
    let output = ProfileDir::of_current_process();
    let built = try_license_with(variables);
    assert!(built.status.success(), "{built:?}");
    let [_, server] = EMBEDDED;
    output.program(server)
}

/// Builds `license` with these variables, and returns the output of Cargo.
///
/// # Panics
///
/// Panics if Cargo cannot be started.
pub fn try_license_with(variables: &[(&str, &OsStr)]) -> process::Output {
    // The ordinary programs are excluded. This build would embed the files in them too, and other
    // tests run them without the files.
    let mut build = ProfileDir::of_current_process().cargo(&all_without(ORDINARY));
    build
        .envs(variables.iter().copied())
        .env("PWD", workspace());
    build.output().expect("cargo can be started")
}

/// Copies a program to a file that every user can execute.
///
/// A process of its own writes the copy. If this process did, a program that another test starts at
/// that moment would inherit the open file, and the system would refuse to execute the copy (`Text
/// file busy`).
///
/// # Panics
///
/// Panics if the program cannot be copied.
#[cfg(unix)]
pub fn copy_for_all_users(program: &Path, to: &Path) {
    use std::os::unix::fs::PermissionsExt;

    let copied = Command::new("cp").arg("--").arg(program).arg(to).output();
    let copied = copied.expect("cp can be started");
    assert!(copied.status.success(), "{copied:?}");
    let permissions = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(to, permissions).expect("an owner may change the mode");
}

/// Returns the root directory of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the tests are in the workspace")
}

struct Programs {
    keygen: PathBuf,
    license: PathBuf,
}

/// The packages for builds of `license` and `license-server` with embedded files, and their
/// programs.
const EMBEDDED: [&str; 2] = ["license-embedded", "license-server-embedded"];

/// The packages that are compiled from the same sources without embedded files.
const ORDINARY: [&str; 2] = ["license-cli", "license-server"];

/// Selects everything that `cargo test --workspace` builds, so that little remains to be built.
///
/// Cargo unifies the features of the packages that it builds together. Another selection would
/// rebuild the dependencies with other features.
const ALL: [&str; 3] = ["--workspace", "--bins", "--examples"];
/// Selects the programs with the features of a release, which the benchmarks measure.
const SHIPPED: &[&str] = &["-p", "license-keygen", "-p", "license-cli"];

/// Selects everything except two of the four packages that are compiled from the sources of
/// `license` and `license-server`. The other two have the same dependencies, so each selection has
/// the same features.
fn all_without([license, server]: [&'static str; 2]) -> [&'static str; 7] {
    let [workspace, programs, examples] = ALL;
    let exclude = "--exclude";
    [
        workspace, programs, examples, exclude, license, exclude, server,
    ]
}

/// Returns the paths of the programs.
///
/// Cargo does not build the programs of other packages for a test, so the first call builds them.
fn built() -> &'static Programs {
    static PROGRAMS: OnceLock<Programs> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        let output = ProfileDir::of_current_process();
        let all = all_without(EMBEDDED);
        output.build(match output.profile() {
            "dev" => &all,
            _ => SHIPPED,
        });
        Programs {
            keygen: output.program("keygen"),
            license: output.program("license"),
        }
    })
}

/// The directory in which Cargo puts programs: `TARGET_DIR/[TRIPLE/]PROFILE_DIR`.
struct ProfileDir {
    directory: PathBuf,
}

impl ProfileDir {
    /// Returns the directory of the running program.
    ///
    /// A test is `DIRECTORY/deps/NAME-HASH`, another program is `DIRECTORY/NAME`.
    fn of_current_process() -> Self {
        let process = std::env::current_exe().expect("a process knows its own path");
        let directory = process.parent().expect("a program is in a directory");
        let directory = if directory.ends_with("deps") {
            directory.parent()
        } else {
            Some(directory)
        };
        let directory = directory
            .unwrap_or_else(|| panic!("{} is not in a target directory", process.display()));
        Self {
            directory: directory.to_owned(),
        }
    }

    fn build(&self, selection: &[&str]) {
        let status = self
            .cargo(selection)
            .status()
            .expect("cargo can be started");
        assert!(status.success(), "`cargo build {selection:?}` failed");
    }

    fn cargo(&self, selection: &[&str]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .arg("build")
            .args(selection)
            .args(["--profile", self.profile()])
            .args(self.target())
            .arg("--manifest-path")
            .arg(workspace().join("Cargo.toml"))
            .arg("--quiet");
        // The environment of the tests may set these variables for other builds.
        for variable in [
            "LICENSE_TRUST_SET",
            "LICENSE_PRODUCT_FILE",
            "LICENSE_PROGRAM",
        ] {
            cargo.env_remove(variable);
        }
        cargo
    }

    /// Returns the profile, which is the name of the directory. The directory of `dev` is `debug`.
    fn profile(&self) -> &str {
        match name(&self.directory) {
            "debug" => "dev",
            other => other,
        }
    }

    /// Returns the options that select the target directory and, if there is one, the triple of the
    /// running program.
    ///
    /// Cargo writes `.rustc_info.json` to the root of the target directory. If the parent of the
    /// profile directory is not this root, the parent is named after the triple.
    fn target(&self) -> Vec<&Path> {
        let is_root = |directory: &Path| directory.join(".rustc_info.json").exists();
        let parent = self.directory.parent().expect("the directory has a parent");
        let target_dir = Path::new("--target-dir");
        match parent.parent() {
            Some(root) if is_root(root) && !is_root(parent) => {
                vec![
                    target_dir,
                    root,
                    Path::new("--target"),
                    Path::new(name(parent)),
                ]
            }
            _ => vec![target_dir, parent],
        }
    }

    fn program(&self, name: &str) -> PathBuf {
        let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
        self.directory.join(file)
    }
}

fn name(directory: &Path) -> &str {
    let name = directory.file_name().and_then(|name| name.to_str());
    name.expect("the names of these directories are ASCII")
}
