//! Other people's signers and verifiers: OpenSSL, PyJWT with `cryptography`, and npm's `jose`; `jsonschema`; ZXing; other people's keepers of keys: SoftHSM,
//! and moto in the place of AWS; and `faketime`, which runs a program at another time.
//!
//! Each is `None` where it is not installed, after a line on standard error that says so; with `LICENSE_TESTS_REQUIRE_TOOLS` set
//! the test fails instead.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use crate::programs::workspace;
use crate::{Run, Scratch};

const REQUIRE: &str = "LICENSE_TESTS_REQUIRE_TOOLS";
const PYTHON: &str = "LICENSE_TESTS_PYTHON";
const SOFTHSM_MODULE: &str = "LICENSE_TESTS_SOFTHSM_MODULE";
const NODE_MODULES: &str = "LICENSE_TESTS_NODE_MODULES";

/// A program of other people.
#[derive(Debug, Clone)]
pub struct Tool {
    program: PathBuf,
    env: Option<(&'static str, PathBuf)>,
}

/// A JOSE library of other people, behind the scripts of this package.
#[derive(Debug, Clone)]
pub struct Library {
    interpreter: Tool,
    /// Of the scripts in its language.
    extension: &'static str,
}

/// An HSM in software.
#[derive(Debug, Clone)]
pub struct SoftHsm {
    /// `softhsm2-util`, which makes tokens and puts keys into them.
    pub util: Tool,
    /// Its PKCS#11 module.
    pub module: PathBuf,
}

/// OpenSSL's command line.
pub fn openssl() -> Option<&'static Tool> {
    static OPENSSL: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("openssl").that_runs(&["version".as_ref()]);
    found("openssl", OPENSSL.get_or_init(find))
}

/// A Python that has PyJWT and `cryptography`: the one that `LICENSE_TESTS_PYTHON` names, or else the one that `.ci/run`
/// made, or else `python3`.
pub fn python() -> Option<&'static Library> {
    static PYJWT: OnceLock<Option<Library>> = OnceLock::new();
    found("python with PyJWT", PYJWT.get_or_init(find_python))
}

/// Node.js with `jose`, from the `node_modules` that `LICENSE_TESTS_NODE_MODULES` names, or else from those that `.ci/run` made.
pub fn node() -> Option<&'static Library> {
    static JOSE: OnceLock<Option<Library>> = OnceLock::new();
    found("node with jose", JOSE.get_or_init(find_node))
}

/// `faketime`, which sets the clock of one program.
pub fn faketime() -> Option<&'static Tool> {
    static FAKETIME: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("faketime").that_runs(&["-f", "+1d", "true"].map(Path::new));
    found("faketime", FAKETIME.get_or_init(find))
}

/// `sha256sum`, of coreutils.
pub fn sha256sum() -> Option<&'static Tool> {
    static SHA256SUM: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("sha256sum").that_runs(&["--version".as_ref()]);
    found("sha256sum", SHA256SUM.get_or_init(find))
}

/// `strace`, which tells what a program asks of the system; not where it may not look on.
pub fn strace() -> Option<&'static Tool> {
    static STRACE: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || Tool::new("strace").that_runs(&["-e", "trace=none", "true"].map(Path::new));
    found("strace", STRACE.get_or_init(find))
}

/// `setpriv`, which runs a program as a user who owns nothing; only root can use it.
pub fn setpriv() -> Option<&'static Tool> {
    static SETPRIV: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let user = ["--reuid=65534", "--regid=65534", "--clear-groups", "true"];
        Tool::new("setpriv").that_runs(&user.map(Path::new))
    };
    found("setpriv", SETPRIV.get_or_init(find))
}

/// SoftHSM 2, with the module that `LICENSE_TESTS_SOFTHSM_MODULE` names, or else from where distributions keep it.
pub fn softhsm() -> Option<&'static SoftHsm> {
    static SOFTHSM: OnceLock<Option<SoftHsm>> = OnceLock::new();
    found("softhsm2", SOFTHSM.get_or_init(find_softhsm))
}

/// A Python that has moto's server: one of those in which [`python()`] looks.
pub fn moto() -> Option<&'static Tool> {
    static MOTO: OnceLock<Option<Tool>> = OnceLock::new();
    found("python with moto", MOTO.get_or_init(find_moto))
}

/// Helm: the one on the `PATH`, or else the one that `.ci/run` took out of an npm package.
pub fn helm() -> Option<&'static Tool> {
    static HELM: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || {
        let mut tools = ["helm".into(), installed("helm")]
            .into_iter()
            .map(Tool::new);
        tools.find_map(|tool| tool.that_runs(&["version".as_ref()]))
    };
    found("helm", HELM.get_or_init(find))
}

/// A Python that has `kubernetes-validate`, with the schemas of Kubernetes: one of those in which [`python()`] looks.
pub fn manifest_validator() -> Option<&'static Tool> {
    static VALIDATOR: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("kubernetes_validate, yaml");
    let name = "python with kubernetes-validate";
    found(name, VALIDATOR.get_or_init(find))
}

/// A Python that has `jsonschema` and `tomllib`: one of those in which [`python()`] looks.
pub fn schema_validator() -> Option<&'static Tool> {
    static VALIDATOR: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("jsonschema, tomllib");
    found("python with jsonschema", VALIDATOR.get_or_init(find))
}

/// A Python that has `zxing-cpp` and Pillow: one of those in which [`python()`] looks.
pub fn qr_reader() -> Option<&'static Tool> {
    static READER: OnceLock<Option<Tool>> = OnceLock::new();
    let find = || python_with("zxingcpp, PIL.Image");
    found("python with zxing-cpp", READER.get_or_init(find))
}

impl Tool {
    /// Where it is, for what is to run longer than one [`Run`].
    pub fn program(&self) -> &Path {
        &self.program
    }

    fn new(program: impl Into<PathBuf>) -> Self {
        let program = program.into();
        Self { program, env: None }
    }

    /// A run of it.
    pub fn run<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        let run = Run::of(&self.program, scratch);
        match &self.env {
            Some((name, value)) => run.env(name, value),
            None => run,
        }
    }

    /// Tries it just as tests will use it, with the same bare environment.
    fn that_runs(self, args: &[&Path]) -> Option<Self> {
        let scratch = Scratch::new();
        let tried = self.run(&scratch).args(args).try_run();
        tried
            .is_ok_and(|output| output.status.success())
            .then_some(self)
    }
}

impl Library {
    /// A run of its `verify` script, which still needs `TOKEN_FILE JWKS_FILE ALG AUDIENCE [--ignore-expiry]`.
    ///
    /// It prints the payload and ends with 0, or says why not and ends with 1; any other code is a failure of the test.
    pub fn verify<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        self.script("verify", scratch)
    }

    /// A run of its `sign` script, which still needs `KEY_FILE ALG KID CLAIMS_FILE` and prints the token.
    pub fn sign<'s>(&self, scratch: &'s Scratch) -> Run<'s> {
        self.script("sign", scratch)
    }

    /// A run of its `thumbprint` script, which still needs `JWK_FILE` and prints the RFC 7638 thumbprint; `jose` alone has one.
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

fn find_moto() -> Option<Tool> {
    python_with("moto.server, flask")
}

fn python_with(modules: &str) -> Option<Tool> {
    let candidates = match set(PYTHON) {
        Some(named) => vec![named.into()],
        None => vec![installed("venv/bin/python"), "python3".into()],
    };
    let import = format!("import {modules}");
    let check = ["-c".as_ref(), import.as_ref()];
    let mut tools = candidates.into_iter().map(Tool::new);
    tools.find_map(|tool| tool.that_runs(&check))
}

fn find_softhsm() -> Option<SoftHsm> {
    let folders = [
        "/usr/lib/softhsm",
        "/usr/lib64/softhsm",
        "/usr/lib64/pkcs11",
        "/usr/local/lib/softhsm",
        "/opt/homebrew/lib/softhsm",
    ];
    let known = folders.map(|folder| Path::new(folder).join("libsofthsm2.so"));
    let mut modules = match set(SOFTHSM_MODULE) {
        Some(named) => vec![named.into()],
        None => known.to_vec(),
    }
    .into_iter();
    Some(SoftHsm {
        util: Tool::new("softhsm2-util").that_runs(&["--version".as_ref()])?,
        module: modules.find(|module| module.is_file())?,
    })
}

fn find_node() -> Option<Library> {
    let modules = set(NODE_MODULES).map_or_else(|| installed("node_modules"), PathBuf::from);
    let node = Tool {
        program: "node".into(),
        env: Some((NODE_MODULES, modules)),
    };
    Some(Library {
        interpreter: node.that_runs(&[&script("jose.mjs")])?,
        extension: "mjs",
    })
}

/// The path of a script of this package.
pub fn script(name: &str) -> PathBuf {
    workspace().join("tests").join("interop").join(name)
}

fn installed(name: &str) -> PathBuf {
    workspace().join("target").join("interop").join(name)
}

fn set(variable: &str) -> Option<OsString> {
    std::env::var_os(variable).filter(|value| !value.is_empty())
}

fn found<T>(name: &str, tool: &'static Option<T>) -> Option<&'static T> {
    if tool.is_none() {
        skip(name);
    }
    tool.as_ref()
}

/// Written to the stream itself, for what is printed by a test that passes is not shown.
fn skip(tool: &str) {
    let what = format!("{tool} not found; run .ci/run to install it");
    assert!(set(REQUIRE).is_none(), "{what}");
    let thread = thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("SKIPPED: {test}: {what}\n");
    // In one piece, for other tests write too. Without standard error nobody is there to be told.
    let _ = io::stderr().write_all(line.as_bytes());
}
