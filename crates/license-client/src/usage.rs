//! Whether the product is used to build something here, or runs in what was built.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use license_core::{ProductCode, UsageType};

use license_core::session::{FoundBy, ProjectRoot};

mod error;

pub use self::error::UsageTypeError;
use crate::files::read_capped;

/// The file, in the product's entry of a project, that may name the usage type.
const PROJECT_FILE: &str = "project.toml";

/// A project file is a page of settings. One that is much longer is something else.
const MAX_PROJECT_FILE: usize = 64 * 1024;

/// Files that a project has and a deployed application leaves behind, by the tools that read them.
const MANIFESTS: &[&str] = &[
    "Cargo.toml",
    "package.json",
    "deno.json",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "build.sbt",
    "CMakeLists.txt",
    "Makefile",
    "meson.build",
    "configure.ac",
    "MODULE.bazel",
    "Gemfile",
    "composer.json",
    "mix.exs",
    "pubspec.yaml",
    "Package.swift",
    "stack.yaml",
];

/// The same, where a project names the file.
const MANIFEST_EXTENSIONS: &[&str] = &["sln", "slnx", "csproj", "fsproj", "vbproj", "cabal"];

/// What surrounds a process, as far as it tells how the product is used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Surroundings {
    /// What the environment variable [`usage_variable`] holds; empty counts as not set.
    pub variable: Option<OsString>,
    /// Whether the process runs in a container.
    pub in_container: bool,
    /// Whether a person is at its terminal.
    pub on_terminal: bool,
}

/// How the product is used here, and how that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetectedUsage {
    /// How it is used.
    pub usage_type: UsageType,
    /// What says so.
    pub reason: UsageReason,
}

/// What says how the product is used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageReason {
    /// The environment does.
    Variable {
        /// The variable, such as `CODITECT_USAGE_TYPE`.
        name: String,
    },
    /// The project does.
    ProjectFile {
        /// Its file.
        path: PathBuf,
    },
    /// Nobody does, but it runs in a container, without a terminal and without a project's sources: a runtime.
    Deployed {
        /// Where no sources are.
        path: PathBuf,
    },
    /// It runs in a container without a terminal, but on a project's sources, as a build does.
    Sources {
        /// Where the sources are.
        path: PathBuf,
    },
    /// It runs in a container, but a person is at the terminal.
    Terminal,
    /// Nothing says otherwise.
    Default,
}

impl UsageReason {
    /// The name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Variable { .. } => "variable",
            Self::ProjectFile { .. } => "project_file",
            Self::Deployed { .. } => "container",
            Self::Sources { .. } => "sources",
            Self::Terminal => "terminal",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for UsageReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable { name } => write!(f, "the environment variable {name} says so"),
            Self::ProjectFile { path } => write!(f, "{} says so", path.display()),
            Self::Deployed { path } => write!(
                f,
                "it runs in a container without a terminal, and there are no project sources in {}",
                path.display()
            ),
            Self::Sources { path } => {
                write!(f, "there are project sources in {}", path.display())
            }
            Self::Terminal => f.write_str("it runs in a container, but on a terminal"),
            Self::Default => f.write_str("nothing says otherwise"),
        }
    }
}

/// The environment variable that names the usage type, such as `CODITECT_USAGE_TYPE`.
pub fn usage_variable(product: ProductCode) -> String {
    format!("{product}_USAGE_TYPE")
}

/// Says how the product is used in a project.
///
/// The environment variable decides, else `usage_type` in `.coditect/project.toml` of the project root, each of which
/// must say `builder` or `runtime`. Else it is `runtime` in a container without a terminal where the root holds no sources
/// (no entry of the product, no `.git` and no manifest of the usual build tools), and `builder` anywhere else.
///
/// ```
/// use license_client::{Surroundings, detect_usage, find_project};
/// use license_core::{ProductCode, UsageType};
/// use std::fs;
///
/// # let app = tempfile::tempdir()?;
/// let product = ProductCode::parse("CODITECT")?;
/// let surroundings = Surroundings { in_container: true, ..Surroundings::default() };
///
/// let root = find_project(app.path(), product, None)?;
/// let usage = detect_usage(&root, &surroundings)?;
/// assert_eq!((usage.usage_type, usage.reason.as_str()), (UsageType::Runtime, "container"));
///
/// fs::write(app.path().join("Cargo.toml"), "[package]")?;
/// let usage = detect_usage(&root, &surroundings)?;
/// assert_eq!((usage.usage_type, usage.reason.as_str()), (UsageType::Builder, "sources"));
///
/// let chosen = Surroundings { variable: Some("runtime".into()), ..surroundings };
/// let usage = detect_usage(&root, &chosen)?;
/// assert_eq!(usage.usage_type, UsageType::Runtime);
/// assert_eq!(usage.reason.to_string(), "the environment variable CODITECT_USAGE_TYPE says so");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// [`UsageTypeError`] when the variable or the file says something else, or when the file or the root cannot be read.
pub fn detect_usage(
    root: &ProjectRoot,
    surroundings: &Surroundings,
) -> Result<DetectedUsage, UsageTypeError> {
    if let Some(detected) = by_variable(root.product(), surroundings)? {
        return Ok(detected);
    }
    if let Some(detected) = by_project_file(root)? {
        return Ok(detected);
    }
    by_surroundings(root, surroundings)
}

fn by_variable(
    product: ProductCode,
    surroundings: &Surroundings,
) -> Result<Option<DetectedUsage>, UsageTypeError> {
    let Some(value) = surroundings.variable.as_deref().filter(|v| !v.is_empty()) else {
        return Ok(None);
    };
    let name = usage_variable(product);
    match value.to_str().and_then(UsageType::parse) {
        Some(usage_type) => Ok(Some(DetectedUsage {
            usage_type,
            reason: UsageReason::Variable { name },
        })),
        None => Err(UsageTypeError::bad_variable(name, value)),
    }
}

/// Only where the product's entry made the root: else it is missing, or the state directory, which speaks for no project.
fn by_project_file(root: &ProjectRoot) -> Result<Option<DetectedUsage>, UsageTypeError> {
    if root.found_by() != FoundBy::Product {
        return Ok(None);
    }
    let path = root.product_entry().join(PROJECT_FILE);
    let Some(text) = read(&path)? else {
        return Ok(None);
    };
    let table: toml::Table = text
        .parse()
        .map_err(|error| UsageTypeError::not_toml(&path, &text, &error))?;
    let Some(value) = table.get("usage_type") else {
        return Ok(None);
    };
    match value.as_str().and_then(UsageType::parse) {
        Some(usage_type) => Ok(Some(DetectedUsage {
            usage_type,
            reason: UsageReason::ProjectFile { path },
        })),
        None => Err(UsageTypeError::bad_member(path, value)),
    }
}

fn by_surroundings(
    root: &ProjectRoot,
    surroundings: &Surroundings,
) -> Result<DetectedUsage, UsageTypeError> {
    let path = root.path().to_owned();
    let (usage_type, reason) = if !surroundings.in_container {
        (UsageType::Builder, UsageReason::Default)
    } else if surroundings.on_terminal {
        (UsageType::Builder, UsageReason::Terminal)
    } else if has_sources(root)? {
        (UsageType::Builder, UsageReason::Sources { path })
    } else {
        (UsageType::Runtime, UsageReason::Deployed { path })
    };
    Ok(DetectedUsage { usage_type, reason })
}

fn has_sources(root: &ProjectRoot) -> Result<bool, UsageTypeError> {
    Ok(root.found_by() != FoundBy::Directory || has_manifest(root.path())?)
}

fn has_manifest(directory: &Path) -> Result<bool, UsageTypeError> {
    let unreadable = |source| UsageTypeError::unreadable(directory, source);
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        if is_manifest(&entry.map_err(unreadable)?.file_name()) {
            return Ok(true);
        }
    }
    Ok(false)
}

fn is_manifest(name: &OsStr) -> bool {
    let extension = Path::new(name).extension();
    MANIFESTS.iter().any(|manifest| name == *manifest)
        || MANIFEST_EXTENSIONS
            .iter()
            .any(|manifest| extension.is_some_and(|extension| extension == *manifest))
}

/// Returns the text of a project file, or `None` if there is none, even if the product's entry is
/// not a directory.
fn read(path: &Path) -> Result<Option<String>, UsageTypeError> {
    use io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
    let bytes = match read_capped(path, MAX_PROJECT_FILE) {
        Ok(bytes) => bytes,
        Err(error) => {
            return match error.kind() {
                NotFound | NotADirectory => Ok(None),
                IsADirectory => Err(UsageTypeError::NotAFile {
                    path: path.to_owned(),
                }),
                _ => Err(UsageTypeError::unreadable(path, error)),
            };
        }
    };
    if bytes.len() > MAX_PROJECT_FILE {
        return Err(UsageTypeError::TooLarge {
            path: path.to_owned(),
            cap: MAX_PROJECT_FILE,
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| UsageTypeError::not_utf8(path))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
