//! Failures of a project and of its usage type.

use std::path::Path;

use license_cli_support::{Exit, Failure, may_be_pasted_path, show_name};
use license_client::{ProjectError, UsageTypeError};
use license_core::with_causes;

/// The hint for a path that is too long. A symbolic link does not help, because it resolves to the
/// same path.
const TOO_LONG: &str = "move the project to a shorter path; a symbolic link does not help";

/// Returns the failure of a project that cannot be found.
///
/// A message does not repeat an argument that may be a pasted key.
pub(crate) fn project(error: &ProjectError, argument: &Path) -> Failure {
    if may_be_pasted_path(argument) {
        let shown = show_name(&argument.to_string_lossy());
        return Failure::usage(format!("expected the path of a project, found {shown}"))
            .hint("give the path of an existing file or directory");
    }
    let (exit, hint) = match error {
        error if error.is_too_long() => (Exit::System, TOO_LONG),
        ProjectError::Unreadable { .. } | ProjectError::NoCurrentDirectory { .. } => (
            Exit::System,
            "change to a directory that exists and is readable, or give another path",
        ),
        ProjectError::Loop { .. } => (
            Exit::Usage,
            "correct the symbolic link, or give another path",
        ),
        _ => (
            Exit::Usage,
            "give the path of an existing file or directory",
        ),
    };
    let code = match exit {
        Exit::System => "IO",
        _ => "USAGE",
    };
    Failure::new(exit, code, with_causes(error)).hint(hint)
}

/// Returns the failure of a usage type that cannot be detected.
pub(crate) fn usage_type(error: &UsageTypeError) -> Failure {
    let exit = match error {
        UsageTypeError::BadVariable { .. } => Exit::Usage,
        UsageTypeError::Unreadable { .. } => Exit::System,
        _ => Exit::Indeterminate,
    };
    let code = match (error.code(), exit) {
        (Some(code), _) => code.as_str(),
        (None, Exit::System) => "IO",
        (None, _) => "USAGE",
    };
    let hint = match error {
        UsageTypeError::BadVariable { name, .. } => {
            format!("set {name} to builder or runtime, or unset it")
        }
        error if error.is_too_long() => TOO_LONG.to_owned(),
        UsageTypeError::Unreadable { .. } => "check the permissions of the project file".to_owned(),
        _ => "set usage_type = \"builder\" or \"runtime\" in the project file".to_owned(),
    };
    Failure::new(exit, code, with_causes(error)).hint(hint)
}
