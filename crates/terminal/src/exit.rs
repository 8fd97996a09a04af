//! How a program ends.

use std::process::ExitCode;

/// How a program ends, the same for both programs.
///
/// ```
/// use license_terminal::Exit;
///
/// assert_eq!(Exit::Denied.code(), 1);
/// let code = std::process::ExitCode::from(Exit::Licensed);
/// # let _ = code;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Exit {
    /// 0: licensed, or plain success.
    Licensed,
    /// 1: judged, and denied.
    Denied,
    /// 2: the command line, or what it points to, has to change.
    Usage,
    /// 3: could not be judged: malformed, badly signed or untrusted.
    Unjudged,
    /// 4: the machine failed: input, output or permissions.
    Machine,
}

impl Exit {
    /// The number the shell sees.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Licensed => 0,
            Self::Denied => 1,
            Self::Usage => 2,
            Self::Unjudged => 3,
            Self::Machine => 4,
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
    fn the_numbers_are_those_of_the_specification() {
        let all = [
            Exit::Licensed,
            Exit::Denied,
            Exit::Usage,
            Exit::Unjudged,
            Exit::Machine,
        ];
        assert_eq!(all.map(Exit::code), [0, 1, 2, 3, 4]);
    }
}
