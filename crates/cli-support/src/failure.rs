//! An error as both programs print it.

use crate::escape::show_path;
use crate::exit::Exit;
use std::borrow::Cow;
use std::io::{self, ErrorKind};
use std::path::Path;

/// An error as both programs print it: one line for the error and one for the hint.
///
/// ```
/// use license_cli_support::{Exit, Failure};
///
/// let failure = Failure::usage("expected a number of seats from 1 to 100000, found 0")
///     .hint("omit --seats for a license without a seat limit");
/// assert_eq!(failure.exit(), Exit::Usage);
/// assert_eq!(failure.to_json()["error"]["code"], "USAGE");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    exit: Exit,
    code: Cow<'static, str>,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Creates a failure that ends the program with `exit`.
    ///
    /// Scripts distinguish failures by `code`, which is part of the public format.
    #[must_use]
    pub fn new(exit: Exit, code: impl Into<Cow<'static, str>>, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.into(),
            message: message.into(),
            hint: None,
        }
    }

    /// Creates the failure of an invalid command line: exit code 2, code `USAGE`.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "USAGE", message)
    }

    /// Creates the failure of malformed input: exit code 3, code `MALFORMED`.
    #[must_use]
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(Exit::Indeterminate, "MALFORMED", message)
    }

    /// Creates the failure of an I/O error: exit code 4, code `IO`, message "cannot `action`
    /// `path`: reason".
    ///
    /// ```
    /// use license_cli_support::Failure;
    /// use std::path::Path;
    ///
    /// let error = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
    /// let failure = Failure::io("read", Path::new("acme.lic"), &error);
    /// assert_eq!(failure.message(), "cannot read acme.lic: permission denied");
    /// ```
    #[must_use]
    pub fn io(action: &str, path: &Path, error: &io::Error) -> Self {
        let message = format!("cannot {action} {}: {}", show_path(path), reason(error));
        let failure = Self::new(Exit::System, "IO", message);
        match io_hint(error.kind()) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    }

    /// Sets the hint: what the user can do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the subject of the failure before its message.
    #[must_use]
    pub fn with_subject(mut self, subject: &str) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// Adds a remark after the message, in parentheses.
    ///
    /// ```
    /// use license_cli_support::Failure;
    ///
    /// let failure = Failure::usage("cannot read vendor.key").with_remark("key from KEYGEN_KEY");
    /// assert_eq!(failure.message(), "cannot read vendor.key (key from KEYGEN_KEY)");
    /// ```
    #[must_use]
    pub fn with_remark(mut self, remark: &str) -> Self {
        self.message = format!("{} ({remark})", self.message);
        self
    }

    /// Returns the exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Returns the code by which scripts distinguish failures.
    #[must_use]
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Returns the message. If it contains line breaks, they are escaped when it is printed.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns the hint.
    #[must_use]
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Returns the failure as `--json` prints it: `{"error": {"code", "message", "hint"}}`. The
    /// hint is null if there is none.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({
            "error": { "code": self.code, "message": self.message, "hint": self.hint }
        })
    }
}

/// Returns the message of the operating system without its number. The first letter becomes lower
/// case, because the message continues a sentence. An abbreviation such as `I/O` stays as it is.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let text = match text.rfind(" (os error ") {
        Some(end) => text.get(..end).unwrap_or(&text),
        None => &text,
    };
    let mut rest = text.chars();
    match (rest.next(), rest.clone().next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(rest).collect()
        }
        _ => text.to_owned(),
    }
}

fn io_hint(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::NotFound => {
            Some("check the path: the file or one of its parent directories does not exist")
        }
        ErrorKind::PermissionDenied => {
            Some("check the owner and the permissions, or choose another path")
        }
        ErrorKind::AlreadyExists => Some("choose another name, or add --force to replace the file"),
        ErrorKind::StorageFull => Some("free some space, or choose another path"),
        ErrorKind::IsADirectory => Some("give the path of a file, not of a directory"),
        ErrorKind::NotADirectory => Some("check the path: one of its parent directories is a file"),
        ErrorKind::ReadOnlyFilesystem => Some("choose another path; the file system is read-only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_a_null_hint_if_there_is_no_hint() {
        let failure = Failure::new(Exit::Denied, "EXPIRED", "expired on 2025-01-01");
        let expected = serde_json::json!({
            "error": {"code": "EXPIRED", "message": "expired on 2025-01-01", "hint": null}
        });
        assert_eq!(failure.to_json(), expected);
    }

    #[test]
    fn json_has_the_hint_if_there_is_one() {
        let failure = Failure::usage("no key").hint("add --key FILE");
        assert_eq!(failure.to_json()["error"]["hint"], "add --key FILE");
        assert_eq!(failure.advice(), Some("add --key FILE"));
    }

    #[test]
    fn display_prints_the_message_without_the_hint() {
        assert_eq!(
            Failure::usage("no key").hint("add one").to_string(),
            "no key"
        );
    }

    #[cfg(unix)]
    #[test]
    fn an_io_failure_has_action_path_and_reason_in_one_line() {
        let error = io::Error::from_raw_os_error(2);
        let failure = Failure::io("read", Path::new("a\nb\u{202e}.lic"), &error);
        assert_eq!(
            failure.message(),
            r"cannot read a\u{a}b\u{202e}.lic: no such file or directory"
        );
        assert_eq!((failure.exit(), failure.code()), (Exit::System, "IO"));
    }

    #[test]
    fn common_io_errors_have_a_hint() {
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::AlreadyExists,
            ErrorKind::StorageFull,
            ErrorKind::IsADirectory,
        ] {
            let failure = Failure::io("write", Path::new("x"), &io::Error::from(kind));
            assert!(failure.advice().is_some(), "{kind:?}");
        }
    }

    #[test]
    fn an_abbreviation_at_the_start_stays_in_upper_case() {
        assert_eq!(
            reason(&io::Error::other("I/O error (os error 5)")),
            "I/O error"
        );
    }
}
