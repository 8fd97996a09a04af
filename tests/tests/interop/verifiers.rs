//! The verifiers in `examples/verifiers`, which were written from `docs/format.md`, agree with the
//! test vectors. Each verifier runs once, with all vectors as arguments.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;

use license_tests::programs;

use super::*;

/// The instant for vectors that state none, because they are refused.
const AT: &str = "2027-01-15T09:00:00Z";
/// The license of revocation lists and trust sets.
const PRO: &str = "valid-pro";

/// A verifier in one language.
pub(super) struct Verifier {
    pub(super) name: &'static str,
    program: PathBuf,
    script: Option<PathBuf>,
}

/// The answer of a verifier for a file.
pub(super) struct Answer {
    pub(super) file: String,
    pub(super) code: String,
    /// The message of a refusal, or null.
    message: Value,
    /// The claims of the first license, or null.
    pub(super) claims: Value,
}

impl Verifier {
    /// Runs the verifier with settings and files, of which one is refused.
    pub(super) fn answers(
        &self,
        scratch: &Scratch,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Vec<Answer> {
        let run = Run::new(&self.program, scratch).args(&self.script);
        let output = run.args(arguments).run().expect_code(3);
        output.stdout.lines().map(Answer::parse).collect()
    }
}

impl Answer {
    fn parse(line: &str) -> Self {
        let answer: Value = serde_json::from_str(line).unwrap();
        let (error, license) = (&answer["error"], &answer["licenses"][0]);
        let code = error["code"].as_str().or(license["code"].as_str());
        Self {
            file: answer["file"].as_str().unwrap().to_owned(),
            code: code.unwrap().to_owned(),
            message: error["message"].clone(),
            claims: license["claims"].clone(),
        }
    }
}

/// Returns the verifiers in Python, JavaScript and Go, or `None` if a tool is missing.
pub(super) fn verifiers() -> Option<&'static [Verifier; 3]> {
    static VERIFIERS: LazyLock<Option<[Verifier; 3]>> = LazyLock::new(|| {
        let sources = programs::workspace().join("examples/verifiers");
        let (python, node, go) = (tools::cryptography(), tools::node(), tools::go());
        let interpreted = |name, tool: &Tool| Verifier {
            name,
            program: tool.program().to_owned(),
            script: Some(sources.join(name)),
        };
        let program = programs::workspace().join("target/interop/verify");
        let files = ["verify.go", "rules.go", "strict.go"].map(|name| sources.join(name));
        tools::built_with_go(go?, &files, &program);
        Some([
            interpreted("verify.py", python?),
            interpreted("verify.mjs", node?),
            Verifier {
                name: "verify.go",
                program,
                script: None,
            },
        ])
    });
    VERIFIERS.as_ref()
}

/// Directories of vectors that the verifiers read.
const DIRECTORIES: [&str; 6] = [
    "decisions",
    "files",
    "revocations",
    "tokens",
    "trust",
    "validations",
];

/// Directories of vectors that the verifiers do not read, with the reason.
const OTHER_DIRECTORIES: [(&str, &str); 7] = [
    (
        "answers",
        "activations and clock repairs need the state of a machine",
    ),
    ("enterprise-keys", "an enterprise key is not a license file"),
    ("leases", "a floating seat needs a session"),
    ("license-keys", "a standard key proves nothing"),
    ("matrices", "a product file is not signed"),
    (
        "server-requests",
        "the vendor reads them, and not a verifier of licenses",
    ),
    (
        "trust-statements",
        "the caller gives the keys that are trusted now",
    ),
];

const CORRECTED: &str = "the text was altered in transit, which readers may correct";
const PEM: &str = "a key in PEM needs a parser of DER, and each key can be a JWK";
const QUORUM: &str = "a machine without the same id needs more than a page";
const SEAT: &str = "the verifiers read no leases";
const SERVER: &str = "the verifiers read no tokens of the customer's own server";
const VERSION: &str = "a semantic version requirement needs more than a page";

/// Vectors for which the verifiers may have another answer than `license`, with the reason. They
/// must never accept one that `license` does not accept.
const LEFT_OUT: [(&str, &str, &[&str]); 8] = [
    (
        "tokens",
        CORRECTED,
        &[
            "ok-pasted-blanks",
            "ok-pasted-bom",
            "ok-pasted-curly-quotes",
            "ok-pasted-dashes",
            "ok-pasted-indented",
            "ok-pasted-no-break-spaces",
            "ok-pasted-quotes",
        ],
    ),
    ("decisions", QUORUM, &["machine-fingerprint-most"]),
    (
        "decisions",
        VERSION,
        &[
            "maintenance-and-version",
            "version-at-a-bound-that-is-covered",
            "version-below",
            "version-pre-release-below",
            "version-with-build",
        ],
    ),
    (
        "decisions",
        SEAT,
        &[
            "seat-held",
            "seat-last-second",
            "seat-of-a-replaced-license",
            "seat-of-this-session",
            "seat-with-a-clock-behind-that-of-the-server",
        ],
    ),
    (
        "decisions",
        SERVER,
        &[
            "server-says-less",
            "server-says-more",
            "server-says-the-same",
            "server-says-then-vendor",
            "status-suspended-by-the-server",
            "vendor-says-less-then-server-more",
        ],
    ),
    (
        "files",
        CORRECTED,
        &[
            "ok-bom",
            "ok-bom-and-crlf",
            "ok-em-dashes",
            "ok-en-dashes",
            "ok-indented",
            "ok-mail-with-copies",
            "ok-quoted",
            "ok-quoted-mail",
            "ok-text-around",
            "ok-text-around-quoted",
        ],
    ),
    (
        "validations",
        SERVER,
        &[
            "by-a-stranger-in-the-servers-name",
            "by-the-server-with-ps256",
            "ok-server-active",
            "ok-server-active-later",
            "ok-server-downgraded",
            "ok-server-suspended",
            "ok-server-upgraded",
        ],
    ),
    (
        "trust",
        PEM,
        &[
            "ok-bundle-crlf.pem",
            "ok-bundle.pem",
            "ok-ps256.pem",
            "ok-same-key-twice.pem",
            "ok-server.pem",
            "ok-spare-pkcs1.pem",
            "ok-vendor.pem",
        ],
    ),
];

/// A vector as a file, with the settings of the verifiers.
struct Case {
    file: String,
    settings: Vec<(&'static str, String)>,
    expected: String,
}

/// A vector: headers, an empty line and the input.
struct Vector {
    headers: Vec<(String, String)>,
    input: String,
}

impl Vector {
    fn read(directory: &str, name: &str) -> Self {
        let text = fixture(&format!("vectors/{directory}/{name}"));
        let (head, input) = text.split_once("\n\n").unwrap();
        let header = |line: &str| {
            let (name, value) = line.split_once(": ").unwrap();
            (name.to_owned(), value.to_owned())
        };
        Self {
            headers: head.lines().map(header).collect(),
            input: input.to_owned(),
        }
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let headers = self.headers.iter();
        headers.filter_map(move |(other, value)| (other == name).then_some(value.as_str()))
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }
}

fn fixture(path: &str) -> String {
    let path = programs::workspace().join("fixtures").join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn token(name: &str) -> String {
    fixture(&format!("tokens/{name}.jwt"))
}

/// Returns the names in a directory of the fixtures, sorted.
fn names(path: &str) -> Vec<String> {
    let entries = fs::read_dir(programs::workspace().join("fixtures").join(path)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names.collect();
    names.sort();
    names
}

/// Returns a token as an armor block.
pub(super) fn block(label: &str, token: &str) -> String {
    let token = token.strip_suffix('\n').unwrap_or(token);
    format!("-----BEGIN {label}-----\n{token}\n-----END {label}-----\n")
}

/// Returns the file with which a verifier reads the input of a vector, and writes the trust set.
fn file(directory: &str, vector: &Vector) -> String {
    let input = &vector.input;
    match directory {
        "validations" => {
            block("LICENSE", &token(vector.get("license").unwrap()))
                + &block("LICENSE VALIDATION", input)
        }
        "revocations" => block("LICENSE", &token(PRO)) + &block("LICENSE REVOCATIONS", input),
        "trust" => token(PRO),
        "decisions" => {
            let other = |directory, name| Vector::read(directory, name).input;
            let installed = vector
                .all("installed")
                .map(|name| block("LICENSE", &token(name)));
            let validations = vector.all("validation");
            let validations =
                validations.map(|name| block("LICENSE VALIDATION", &other("validations", name)));
            let lists = vector.all("revocations");
            let lists = lists.map(|name| block("LICENSE REVOCATIONS", &other("revocations", name)));
            let others = installed.chain(validations).chain(lists);
            others.fold(block("LICENSE", input), |file, block| file + &block)
        }
        _ => input.clone(),
    }
}

/// Writes the files of a vector.
fn case(scratch: &Scratch, directory: &str, name: &str) -> Case {
    let vector = Vector::read(directory, name);
    let path = format!("{directory}/{name}");
    scratch.write(&path, file(directory, &vector));
    let trust = if directory == "trust" {
        scratch.write(&format!("{path}.set"), &vector.input)
    } else {
        let trust = vector.get("trust").unwrap_or("vendor.jwks");
        programs::workspace().join("fixtures/trust").join(trust)
    };
    // RFC 3339 in UTC is in the order of time.
    let clock = vector.get("at").unwrap_or(AT);
    let at = vector
        .get("high-water")
        .map_or(clock, |mark| mark.max(clock));
    let context = |name: &str| vector.get(name).unwrap_or_default().to_owned();
    Case {
        settings: vec![
            ("trust", trust.to_str().unwrap().to_owned()),
            ("product", PRODUCT.to_owned()),
            ("at", at.to_owned()),
            ("machine", context("machine")),
            ("user", context("user")),
            ("usage-type", context("usage-type")),
            ("build-date", context("build-date")),
        ],
        file: path,
        expected: vector.get("expect").unwrap().to_owned(),
    }
}

impl Case {
    fn arguments(&self) -> impl Iterator<Item = String> {
        let setting = |(name, value): &(&str, String)| format!("--{name}={value}");
        let settings = self.settings.iter().map(setting);
        settings.chain([self.file.clone()])
    }

    /// Compares the answer of a verifier with the vector, and describes a difference.
    fn difference(&self, answer: &Answer) -> Option<String> {
        assert_eq!(answer.file, self.file);
        let Answer { code, message, .. } = answer;
        let is_refused = !message.is_null();
        let agrees = match self.file.split_once('/').unwrap().0 {
            // The input comes with a license, which was not signed with each trusted key.
            "revocations" | "trust" | "validations" if self.expected == "VALID" => {
                !is_refused || self.file.starts_with("trust/") && code == "UNTRUSTED_KEY"
            }
            "revocations" | "trust" | "validations" => is_refused && *code == self.expected,
            _ => *code == self.expected,
        };
        let is_accepted = |code: &str| code == "VALID" || code.starts_with("GRACE_");
        let is_left_out = left_out().any(|file| file == self.file);
        let is_strict = is_accepted(&self.expected) || !is_accepted(code);
        let is_correct = agrees || is_left_out && is_strict;
        (!is_correct).then(|| {
            let Self { file, expected, .. } = self;
            format!("{file}: expected {expected}, found {code} {message}")
        })
    }
}

fn left_out() -> impl Iterator<Item = String> {
    let files = |(directory, _, names): (&'static str, _, &'static [&str])| {
        names.iter().map(move |name| format!("{directory}/{name}"))
    };
    LEFT_OUT.into_iter().flat_map(files)
}

#[test]
fn the_verifiers_agree_with_the_vectors() {
    let Some(verifiers) = verifiers() else { return };
    let scratch = Scratch::new();
    let cases = DIRECTORIES.iter().flat_map(|directory| {
        fs::create_dir(scratch.file(directory)).unwrap();
        let names = names(&format!("vectors/{directory}"));
        names
            .into_iter()
            .map(|name| case(&scratch, directory, &name))
    });
    let cases: Vec<_> = cases.collect();
    for verifier in verifiers {
        let answers = verifier.answers(&scratch, cases.iter().flat_map(Case::arguments));
        assert_eq!(answers.len(), cases.len(), "{}", verifier.name);
        let pairs = cases.iter().zip(&answers);
        let differences = pairs.filter_map(|(case, answer)| case.difference(answer));
        let differences: Vec<_> = differences.collect();
        println!("{}: {} vectors", verifier.name, cases.len());
        assert!(
            differences.is_empty(),
            "{}:\n{}",
            verifier.name,
            differences.join("\n")
        );
    }
}

#[test]
fn each_verifier_starts_with_a_page() {
    for name in ["verify.py", "verify.mjs", "verify.go"] {
        let path = programs::workspace().join("examples/verifiers").join(name);
        assert!(fs::read_to_string(path).unwrap().lines().count() <= 150);
    }
}

#[test]
fn each_vector_is_read_or_left_out_for_a_reason() {
    let others = OTHER_DIRECTORIES.map(|(directory, _)| directory);
    let directories: BTreeSet<_> = DIRECTORIES.into_iter().chain(others).collect();
    assert!(names("vectors").iter().eq(directories));
    for file in left_out() {
        let path = programs::workspace().join("fixtures/vectors").join(&file);
        assert!(path.is_file(), "there is no vector {file}");
    }
}

#[test]
fn a_missing_or_inexact_date_gives_no_verdict() {
    let Some(verifiers) = verifiers() else { return };
    let vendor = &VENDORS[0];
    let issued = team_license(vendor);
    let scratch = Scratch::new();
    scratch.write("trust.jwks", &vendor.trust);
    scratch.write("acme.lic", &issued.file);
    for verifier in verifiers {
        for at in [None, Some(""), Some("soon"), Some("2027-01-15T09:00:00")] {
            let settings = [
                "--trust=trust.jwks".to_owned(),
                format!("--product={PRODUCT}"),
            ];
            let at = at.map(|at| format!("--at={at}"));
            let run = Run::new(&verifier.program, &scratch).args(&verifier.script);
            let run = run.args(settings).args(&at).args(["acme.lic"]).run();
            assert!(
                run.code.is_some_and(|code| code != 0 && code != 3),
                "{at:?}: {run:?}"
            );
            assert_eq!(run.stdout, "", "{}: {at:?}", verifier.name);
        }
    }
}
