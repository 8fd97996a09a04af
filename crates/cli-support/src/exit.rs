//! Exit codes.

use std::process::ExitCode;

/// The exit codes of both programs.
///
/// ```
/// use license_cli_support::Exit;
/// use std::process::ExitCode;
///
/// assert_eq!(Exit::Denied.code(), 1);
/// // `main` returns this value to the shell.
/// let status = ExitCode::from(Exit::Success);
/// # let _ = status;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: success, such as a valid license.
    Success,
    /// 1: denied.
    Denied,
    /// 2: usage error; the command line or a file that it names is not acceptable.
    Usage,
    /// 3: indeterminate; the input is malformed, badly signed or untrusted.
    Indeterminate,
    /// 4: a system error: input, output or permissions.
    System,
}

impl Exit {
    /// Returns the number for the shell.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Denied => 1,
            Self::Usage => 2,
            Self::Indeterminate => 3,
            Self::System => 4,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_codes_match_the_specification() {
        let all = [
            Exit::Success,
            Exit::Denied,
            Exit::Usage,
            Exit::Indeterminate,
            Exit::System,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4]);
    }
}
