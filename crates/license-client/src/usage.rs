//! The usage type: whether the product is used to build an application, or runs in a deployed
//! application.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use license_core::ProductCode;
use license_core::encoding::decode_text;
use license_core::policy::UsageType;

use license_core::session::{ProjectRoot, RootReason};

mod error;

pub use self::error::UsageTypeError;
use crate::files::read_capped;

/// The name of the project file, which is in the product's entry and may contain the usage type.
const PROJECT_FILE: &str = "project.toml";

/// The maximum size of a project file in bytes. Usual settings need much less.
const MAX_PROJECT_FILE: usize = 64 * 1024;

/// Names of manifests of build tools, which are in a project but not in a deployed application.
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

/// Extensions of manifests whose name the project chooses.
const MANIFEST_EXTENSIONS: &[&str] = &["sln", "slnx", "csproj", "fsproj", "vbproj", "cabal"];

/// The environment of a process that determines the usage type.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let project = scratch.path();
/// use license_client::{
///     ProcessEnvironment, ProductCode, detect_usage, find_project, usage_variable,
/// };
/// use std::io::{IsTerminal, stdin};
///
/// let product = ProductCode::parse("CODITECT")?;
/// let environment = ProcessEnvironment {
///     variable: std::env::var_os(usage_variable(product)),
///     on_terminal: stdin().is_terminal(),
///     ..ProcessEnvironment::default()
/// };
/// let root = find_project(project, product, None)?;
/// println!("{}", detect_usage(&root, &environment)?.usage_type);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct ProcessEnvironment {
    /// The value of the environment variable [`usage_variable`]. An empty value counts as unset.
    pub variable: Option<OsString>,
    /// Whether the process runs in a container.
    pub in_container: bool,
    /// Whether the process has a terminal.
    pub on_terminal: bool,
}

/// The usage type, and the reason for it.
///
/// ```
/// # let scratch = tempfile::tempdir()?;
/// # let project = scratch.path();
/// use license_client::{ProcessEnvironment, ProductCode, detect_usage, find_project};
///
/// let root = find_project(project, ProductCode::parse("CODITECT")?, None)?;
/// let usage = detect_usage(&root, &ProcessEnvironment::default())?;
/// println!("{}: {}", usage.usage_type, usage.reason);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DetectedUsage {
    /// The usage type.
    pub usage_type: UsageType,
    /// The reason.
    pub reason: UsageReason,
}

/// The reason for a usage type.
///
/// ```
/// use license_client::UsageReason;
///
/// assert_eq!(UsageReason::Default.as_str(), "default");
/// assert_eq!(UsageReason::Default.to_string(), "the default");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum UsageReason {
    /// The environment variable is set.
    Variable {
        /// The variable, such as `CODITECT_USAGE_TYPE`.
        name: String,
    },
    /// The project file sets the usage type.
    ProjectFile {
        /// The project file.
        path: PathBuf,
    },
    /// The process runs in a container without a terminal, and there are no project sources. This
    /// indicates a deployed application.
    Deployed {
        /// The directory without sources.
        path: PathBuf,
    },
    /// The process runs in a container without a terminal, but there are project sources. This
    /// indicates a build.
    Sources {
        /// The directory with the sources.
        path: PathBuf,
    },
    /// The process runs in a container, but on a terminal.
    Terminal,
    /// Nothing indicates a deployed application.
    Default,
}

impl UsageReason {
    /// Returns the name in reports.
    ///
    /// ```
    /// use license_client::UsageReason;
    ///
    /// let reason = UsageReason::Variable { name: "CODITECT_USAGE_TYPE".to_owned() };
    /// assert_eq!(reason.as_str(), "variable");
    /// ```
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
            Self::Variable { name } => write!(f, "set by the environment variable {name}"),
            Self::ProjectFile { path } => write!(f, "set in {}", path.display()),
            Self::Deployed { path } => write!(
                f,
                "the process runs in a container without a terminal, and there are no project sources in {}",
                path.display()
            ),
            Self::Sources { path } => {
                write!(f, "there are project sources in {}", path.display())
            }
            Self::Terminal => f.write_str("the process runs in a container, but on a terminal"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// Returns the environment variable for the usage type, such as `CODITECT_USAGE_TYPE`.
///
/// ```
/// use license_client::{ProductCode, usage_variable};
///
/// assert_eq!(usage_variable(ProductCode::parse("CODITECT")?), "CODITECT_USAGE_TYPE");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn usage_variable(product: ProductCode) -> String {
    format!("{product}_USAGE_TYPE")
}

/// Detects the usage type of the product in a project.
///
/// The first of these rules that gives a result applies:
///
/// 1. The environment variable, which must be `builder` or `runtime`.
/// 2. `usage_type` in `.coditect/project.toml` of the project root, with the same values.
/// 3. `runtime`, if the process runs in a container without a terminal and the root contains no
///    sources: no entry of the product, no `.git`, and no manifest of a common build tool.
/// 4. `builder`.
///
/// ```
/// use license_client::{ProcessEnvironment, detect_usage, find_project};
/// use license_core::ProductCode;
/// use license_core::policy::UsageType;
/// use std::fs;
///
/// # let app = tempfile::tempdir()?;
/// let product = ProductCode::parse("CODITECT")?;
/// let surroundings = ProcessEnvironment { in_container: true, ..ProcessEnvironment::default() };
///
/// let root = find_project(app.path(), product, None)?;
/// let usage = detect_usage(&root, &surroundings)?;
/// assert_eq!((usage.usage_type, usage.reason.as_str()), (UsageType::Runtime, "container"));
///
/// fs::write(app.path().join("Cargo.toml"), "[package]")?;
/// let usage = detect_usage(&root, &surroundings)?;
/// assert_eq!((usage.usage_type, usage.reason.as_str()), (UsageType::Builder, "sources"));
///
/// let chosen = ProcessEnvironment { variable: Some("runtime".into()), ..surroundings };
/// let usage = detect_usage(&root, &chosen)?;
/// assert_eq!(usage.usage_type, UsageType::Runtime);
/// assert_eq!(usage.reason.to_string(), "set by the environment variable CODITECT_USAGE_TYPE");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// Returns [`UsageTypeError`] if the variable or the file has another value, or if the file or the
/// root cannot be read.
pub fn detect_usage(
    root: &ProjectRoot,
    surroundings: &ProcessEnvironment,
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
    surroundings: &ProcessEnvironment,
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

/// Reads the usage type from the project file. The file counts only if the product's entry marks
/// the root. Otherwise the entry is missing, or it is the state directory, which belongs to no
/// project.
fn by_project_file(root: &ProjectRoot) -> Result<Option<DetectedUsage>, UsageTypeError> {
    if root.reason() != RootReason::Product {
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
    surroundings: &ProcessEnvironment,
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
    Ok(root.reason() != RootReason::Directory || has_manifest(root.path())?)
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

/// Returns the text of a project file. Returns `None` if there is no such file, for example because
/// the product's entry is not a directory.
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
    let text = decode_text(bytes).map_err(|_| UsageTypeError::not_utf8(path))?;
    Ok(Some(text))
}

#[cfg(test)]
mod tests;
