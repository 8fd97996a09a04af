//! Third-party programs and libraries that the tests use.
//!
//! A function that finds a tool returns `None` if the tool is not installed, and prints a line that
//! names the skipped test. If `LICENSE_TESTS_REQUIRE_TOOLS` is set, the test fails instead. A test
//! that lacks a permission or a property of the system is always skipped.

mod browser;
mod network;
mod pause;
mod time;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use license_test_services::{skip, skip_without};

use crate::programs::{self, workspace};
use crate::{Run, Scratch};

pub use browser::{Browser, browser};
pub use network::{Cable, Cut, Namespace};
pub use pause::Freezer;
pub use time::{WallClock, faketime, has_time_namespaces, keygen_at_time, license_at_time};

const PYTHON: &str = "LICENSE_TESTS_PYTHON";
const SOFTHSM_MODULE: &str = "LICENSE_TESTS_SOFTHSM_MODULE";
const NODE_MODULES: &str = "LICENSE_TESTS_NODE_MODULES";

/// A third-party program.
#[derive(Debug, Clone)]
pub struct Tool {
    program: PathBuf,
    env: Option<(&'static str, PathBuf)>,
}

/// A third-party JOSE library, called through the scripts in `tests/interop`.
#[derive(Debug, Clone)]
pub struct Library {
    interpreter: Tool,
    /// The file name extension of its scripts.
    extension: &'static str,
}

/// SoftHSM, a hardware security module (HSM) in software.
#[derive(Debug, Clone)]
pub struct SoftHsm {
    /// `softhsm2-util`, which creates tokens and imports keys.
    pub util: Tool,
    /// The PKCS#11 module.
    pub module: PathBuf,
}

/// Defines functions that find programs on the `PATH`. A program is usable if it accepts the
/// argument.
macro_rules! programs_on_path {
    ($($(#[$doc:meta])* $function:ident: $program:literal $argument:literal;)+) => {
        $($(#[$doc])*
        pub fn $function() -> Option<&'static Tool> {
            static FOUND: OnceLock<Option<Tool>> = OnceLock::new();
            let find = || Tool::new($program).if_usable(&[$argument.as_ref()]);
            or_skip($program, FOUND.get_or_init(find))
        })+
    };
}

programs_on_path! {
    /// Finds `openssl`.
    openssl: "openssl" "version";
    /// Finds `python3` on the `PATH`, without further packages.
    python3: "python3" "--version";
    /// Finds `git`.
    git: "git" "--version";
    /// Finds `promtool` of Prometheus.
    promtool: "promtool" "--version";
    /// Finds Prometheus.
    prometheus: "prometheus" "--version";
    /// Finds `systemd-analyze`, which checks units.
    systemd_analyze: "systemd-analyze" "--version";
    /// Finds the programs of OpenSC. `pkcs11-tool` itself fails without a token.
    opensc: "opensc-tool" "--version";
    /// Finds `curl`.
    curl: "curl" "--version";
    /// Finds Node.js.
    node: "node" "--version";
    /// Finds Chromium, which renders pages.
    chromium: "chromium" "--version";
    /// Finds Go. [`built_with_go`] compiles a program.
    go: "go" "version";
}

/// Finds a Python with PyJWT and `cryptography`.
///
/// Tries the interpreter that `LICENSE_TESTS_PYTHON` names. If the variable is not set, tries the
/// virtual environment that `.ci/run` creates and then `python3`.
pub fn pyjwt() -> Option<&'static Library> {
    static PYJWT: OnceLock<Option<Library>> = OnceLock::new();
    or_skip("python with PyJWT", PYJWT.get_or_init(find_python))
}

/// Finds a Python with `cryptography`. Tries the interpreters of [`pyjwt`].
pub fn cryptography() -> Option<&'static Tool> {
    static CRYPTOGRAPHY: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("cryptography");
    or_skip("python with cryptography", CRYPTOGRAPHY.get_or_init(find))
}

/// Compiles files of Go to a program. Their cache outlives the test, so that later builds are fast.
///
/// # Panics
///
/// Panics if the files do not compile.
#[track_caller]
pub fn built_with_go(go: &Tool, files: &[PathBuf], program: &Path) {
    let scratch = Scratch::new();
    let build = go.run(&scratch).args(["build", "-o"]);
    let build = build.arg(program).args(files);
    let build = build.env("GOCACHE", installed("go-cache"));
    let build = build.env("GOPROXY", "off").env("GOTOOLCHAIN", "local");
    let _ = build.run().expect_code(0);
}

/// Finds Node.js with `jose`.
///
/// Loads `jose` from the `node_modules` that `LICENSE_TESTS_NODE_MODULES` names, or from the
/// `node_modules` that `.ci/run` creates.
pub fn jose() -> Option<&'static Library> {
    static JOSE: OnceLock<Option<Library>> = OnceLock::new();
    or_skip("node with jose", JOSE.get_or_init(find_node))
}

/// Finds `script` of util-linux, which runs a program on a terminal.
pub fn terminal() -> Option<&'static Tool> {
    static TERMINAL: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("script").if_usable(&["-qec", "test -t 1", "/dev/null"].map(Path::new));
    or_skip("script of util-linux", TERMINAL.get_or_init(find))
}

/// Creates a run of a shell command under [`terminal()`], on a terminal with this number of columns
/// and with 24 rows. The terminal has UTF-8 and colors. Its output is the standard output of the
/// run.
pub fn on_terminal<'s>(terminal: &Tool, scratch: &'s Scratch, columns: u16, line: &str) -> Run<'s> {
    let line = format!("stty cols {columns} rows 24; {line}");
    let run = terminal.run(scratch).args(["-qec", &line, "/dev/null"]);
    let run = run.env("TERM", "xterm-256color").env("LANG", "C.UTF-8");
    // The shell finds the programs by these names.
    run.env("LICENSE", programs::license())
        .env("KEYGEN", programs::keygen())
}

/// Finds `sha256sum` of coreutils.
pub fn sha256sum() -> Option<&'static Tool> {
    static SHA256SUM: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("sha256sum").if_usable(&["--version".as_ref()]);
    or_skip("sha256sum", SHA256SUM.get_or_init(find))
}

/// Finds an `strace` that is permitted to trace programs.
pub fn strace() -> Option<&'static Tool> {
    static STRACE: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("strace").if_usable(&["-e", "trace=none", "true"].map(Path::new));
    or_skip("strace", STRACE.get_or_init(find))
}

/// Finds `setpriv`, which runs a program as another user. Requires root.
pub fn setpriv() -> Option<&'static Tool> {
    static SETPRIV: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "true"];
        Tool::new("setpriv").if_usable(&user.map(Path::new))
    };
    or_skip("setpriv", SETPRIV.get_or_init(find))
}

/// Creates a run of a shell script with its own mounts, which disappear with the script. Returns
/// `None` if this process may not mount file systems.
pub fn with_own_mounts<'s>(scratch: &'s Scratch, script: &str) -> Option<Run<'s>> {
    static OPTIONS: OnceLock<Option<&[&str]>> = OnceLock::new();
    let find = || {
        let options: [&[&str]; 2] = [&["--mount"], &["--user", "--map-root-user", "--mount"]];
        let mount = ["mount", "-t", "tmpfs", "none", "/mnt"];
        let is_permitted = |options: &&[&str]| {
            let args: Vec<_> = options.iter().chain(&mount).map(Path::new).collect();
            Tool::new("unshare").if_usable(&args).is_some()
        };
        options.into_iter().find(is_permitted)
    };
    let Some(options) = OPTIONS.get_or_init(find) else {
        skip("this process may not mount file systems");
        return None;
    };
    let run = Tool::new("unshare").run(scratch).args(*options);
    Some(run.args(["sh", "-ec", script]))
}

/// Returns whether this process runs as root. Only then does a directory that a test creates count
/// as the administrator's directory. Otherwise prints that the running test is skipped.
pub fn is_root() -> bool {
    let own = tempfile::tempfile().and_then(|file| file.metadata());
    let is_root = own.is_ok_and(|own| is_owned_by_root(&own));
    if !is_root {
        skip("the administrator's directory must belong to root; run the tests as root");
    }
    is_root
}

#[cfg(unix)]
fn is_owned_by_root(file: &std::fs::Metadata) -> bool {
    std::os::unix::fs::MetadataExt::uid(file) == 0
}

/// Returns `true`, because on Windows every directory is accepted.
#[cfg(not(unix))]
fn is_owned_by_root(_: &std::fs::Metadata) -> bool {
    true
}

/// Finds SoftHSM 2.
///
/// Uses the module that `LICENSE_TESTS_SOFTHSM_MODULE` names. If the variable is not set, searches
/// the directories in which common distributions install the module.
pub fn softhsm() -> Option<&'static SoftHsm> {
    static SOFTHSM: OnceLock<Option<SoftHsm>> = OnceLock::new();
    or_skip("softhsm2", SOFTHSM.get_or_init(find_softhsm))
}

/// Finds a Python with the server of moto, which simulates AWS. Tries the interpreters of
/// [`pyjwt`].
pub fn moto() -> Option<&'static Tool> {
    static MOTO: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("moto.server, flask");
    or_skip("python with moto", MOTO.get_or_init(find))
}

/// Finds a Python with localstripe, which imitates Stripe. Tries the interpreters of [`pyjwt`].
pub fn localstripe() -> Option<&'static Tool> {
    static LOCALSTRIPE: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("localstripe.server");
    or_skip("python with localstripe", LOCALSTRIPE.get_or_init(find))
}

/// Finds a Python with what `google_kms.py` needs, which simulates Google Cloud KMS. Tries the
/// interpreters of [`pyjwt`].
pub fn google_kms() -> Option<&'static Tool> {
    static GOOGLE_KMS: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("flask, jwt, cryptography");
    or_skip(
        "python with Flask, PyJWT and cryptography",
        GOOGLE_KMS.get_or_init(find),
    )
}

/// Finds Helm on the `PATH`, or the copy that `.ci/run` installs from an npm package.
pub fn helm() -> Option<&'static Tool> {
    static HELM: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let mut tools = ["helm".into(), installed("helm")]
            .into_iter()
            .map(Tool::new);
        tools.find_map(|tool| tool.if_usable(&["version".as_ref()]))
    };
    or_skip("helm", HELM.get_or_init(find))
}

/// Finds a Python with `kubernetes-validate`, which contains the schemas of Kubernetes. Tries the
/// interpreters of [`pyjwt`].
pub fn manifest_validator() -> Option<&'static Tool> {
    static VALIDATOR: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("kubernetes_validate, yaml");
    let name = "python with kubernetes-validate";
    or_skip(name, VALIDATOR.get_or_init(find))
}

/// Finds a Python with `jsonschema` and `tomllib`. Tries the interpreters of [`pyjwt`].
pub fn schema_validator() -> Option<&'static Tool> {
    static VALIDATOR: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("jsonschema, tomllib");
    or_skip("python with jsonschema", VALIDATOR.get_or_init(find))
}

/// Finds Schemathesis, which tests an HTTP interface with requests that it generates from its
/// OpenAPI document. Tries the interpreters of [`pyjwt`].
pub fn schemathesis() -> Option<&'static Tool> {
    static SCHEMATHESIS: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let python = python_with("schemathesis")?;
        let program = python.program.with_file_name("schemathesis");
        Tool::new(program).if_usable(&["--version".as_ref()])
    };
    or_skip("schemathesis", SCHEMATHESIS.get_or_init(find))
}

/// Finds Node.js with the npm package `oidc-provider`, for the script `login_provider.mjs`.
pub fn oidc_provider() -> Option<&'static Tool> {
    static PROVIDER: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let node = find_node()?.interpreter;
        let (_, modules) = node.env.as_ref()?;
        let is_installed = modules.join("oidc-provider").is_dir();
        is_installed.then_some(node)
    };
    or_skip("node with oidc-provider", PROVIDER.get_or_init(find))
}

/// Finds the file of the npm package `mermaid` that a page loads. It contains its dependencies.
pub fn mermaid() -> Option<&'static PathBuf> {
    static MERMAID: OnceLock<Option<PathBuf>> = OnceLock::new();
    let find = || installed_module("mermaid/dist/mermaid.min.js");
    or_skip("the npm package mermaid", MERMAID.get_or_init(find))
}

/// Finds a Python with `zxing-cpp` and Pillow. Tries the interpreters of [`pyjwt`].
pub fn qr_reader() -> Option<&'static Tool> {
    static READER: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("zxingcpp, PIL.Image");
    or_skip("python with zxing-cpp", READER.get_or_init(find))
}

impl Tool {
    /// Returns the path of the program, for processes that outlive a [`Run`].
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self { program, env: None }
    }

    /// Creates a run of the program.
    pub fn run<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        let run = Run::new(&self.program, scratch);
        match &self.env {
            Some((name, value)) => run.env(name, value),
            None => run,
        }
    }

    /// Returns the tool if it succeeds with `args` in the environment of the tests.
    fn if_usable(self, args: &[&Path]) -> Option<Self> {
        let scratch = Scratch::new();
        let tried = self.run(&scratch).args(args).try_run();
        tried
            .is_ok_and(|output| output.status.success())
            .then_some(self)
    }
}

impl Library {
    /// Creates a run of the `sign` script, which prints a token. The arguments of the script are
    /// `KEY_FILE ALG KID CLAIMS_FILE`.
    pub fn sign<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        self.script("sign", scratch)
    }

    /// Creates a run of the `thumbprint` script, which prints the RFC 7638 thumbprint of a key. The
    /// argument of the script is `JWK_FILE`. Only `jose` has this script.
    pub fn thumbprint<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        self.script("thumbprint", scratch)
    }

    fn script<'s>(&self, name: &str, scratch: &'s Scratch) -> Run<'s> {
        let path = script(&format!("{name}.{}", self.extension));
        self.interpreter.run(scratch).arg(path)
    }
}

fn find_python() -> Option<Library> {
    Some(Library {
        interpreter: python_with("jwt, cryptography")?,
        extension: "py",
    })
}

fn python_with(modules: &str) -> Option<Tool> {
    let candidates = match variable(PYTHON) {
        Some(named) => vec![named.into()],
        None => vec![installed("venv/bin/python"), "python3".into()],
    };
    let import = format!("import {modules}");
    let check = ["-c".as_ref(), import.as_ref()];
    let mut tools = candidates.into_iter().map(Tool::new);
    tools.find_map(|tool| tool.if_usable(&check))
}

fn find_softhsm() -> Option<SoftHsm> {
    let directories = [
        "/usr/lib/softhsm",
        "/usr/lib64/softhsm",
        "/usr/lib64/pkcs11",
        "/usr/local/lib/softhsm",
        "/opt/homebrew/lib/softhsm",
    ];
    let known = directories.map(|directory| Path::new(directory).join("libsofthsm2.so"));
    let mut modules = match variable(SOFTHSM_MODULE) {
        Some(named) => vec![named.into()],
        None => known.to_vec(),
    }
    .into_iter();
    Some(SoftHsm {
        util: Tool::new("softhsm2-util").if_usable(&["--version".as_ref()])?,
        module: modules.find(|module| module.is_file())?,
    })
}

fn find_node() -> Option<Library> {
    let node = Tool {
        program: "node".into(),
        env: Some((NODE_MODULES, node_modules())),
    };
    Some(Library {
        interpreter: node.if_usable(&[&script("jose.mjs")])?,
        extension: "mjs",
    })
}

/// Returns the directory with the npm packages.
fn node_modules() -> PathBuf {
    variable(NODE_MODULES).map_or_else(|| installed("node_modules"), PathBuf::from)
}

/// Finds a file of an npm package.
fn installed_module(path: &str) -> Option<PathBuf> {
    Some(node_modules().join(path)).filter(|file| file.is_file())
}

/// Returns the path of a script in `tests/interop`.
pub fn script(name: &str) -> PathBuf {
    workspace().join("tests").join("interop").join(name)
}

fn installed(name: &str) -> PathBuf {
    workspace().join("target").join("interop").join(name)
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

fn or_skip<T>(name: &str, tool: &'static Option<T>) -> Option<&'static T> {
    if tool.is_none() {
        skip_without(name);
    }
    tool.as_ref()
}

/// Returns whether at least two sources of system files have a file that was modified in the last
/// `days` days. With the files of the test as a third source, a new state then rejects a clock that
/// is set back further. Otherwise prints that the running test is skipped.
#[cfg(unix)]
pub fn has_files_of_last_days(days: u64) -> bool {
    use std::time::Duration;
    let is_recent = |path: &&str| {
        let found = std::fs::metadata(path).ok();
        let age = found.and_then(|found| found.modified().ok()?.elapsed().ok());
        age.is_some_and(|age| age < Duration::from_secs(days * 24 * 3600))
    };
    let sources = [
        &["/var/log/wtmp", "/var/lib/systemd/random-seed"][..],
        &["/var/lib/dpkg/status", "/etc/ld.so.cache"],
        &["/var/log", "/var/log/syslog", "/var/lib/logrotate/status"],
        &["/etc/resolv.conf", "/etc/hosts", "/etc/hostname"],
        &["/tmp", "/var/tmp"],
    ];
    let sources = sources.iter();
    // The files of the test are a third source.
    let is_enough = sources.filter(|files| files.iter().any(is_recent)).count() >= 2;
    if !is_enough {
        skip("no files of this system are recent");
    }
    is_enough
}

/// Prints that the running test is skipped, because only root can switch to another user.
pub fn skip_without_root() {
    skip("only root can switch to another user");
}
