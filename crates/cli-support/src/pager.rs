//! A pager for output that does not fit the terminal.

use std::ffi::OsString;
use std::io::{ErrorKind, Write};
use std::process::{Command, ExitStatus, Stdio};

/// The options of `less` if the user has not chosen any. It ends at once if the text fits, keeps
/// colors, and leaves the text on the terminal.
const LESS: &str = "-FRX";

/// The pager if `PAGER` is not set.
const DEFAULT_PAGER: [&str; 2] = ["less", LESS];

/// Variables that `sudo`, `doas` and `pkexec` set.
const PRIVILEGE_VARIABLES: [&str; 4] = ["SUDO_UID", "SUDO_USER", "DOAS_USER", "PKEXEC_UID"];

/// A program that shows text page by page.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Pager {
    program: String,
    arguments: Vec<String>,
}

impl Pager {
    /// Returns the pager of the user, or `None` if text is printed without one.
    ///
    /// A pager can start other programs. A process with more rights than its user, such as one that
    /// `sudo` started, therefore has no pager.
    pub(crate) fn find() -> Option<Self> {
        let variable = |name: &str| std::env::var_os(name);
        Self::from_environment(variable).filter(|_| !has_other_identity())
    }

    fn from_environment(variable: impl Fn(&str) -> Option<OsString>) -> Option<Self> {
        let is_set = |name: &&str| variable(name).is_some();
        let is_dumb = variable("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        if cfg!(not(unix)) || is_dumb || PRIVILEGE_VARIABLES.iter().any(is_set) {
            return None;
        }
        let words = match variable("PAGER") {
            None => DEFAULT_PAGER.map(str::to_owned).to_vec(),
            // The variable is split like a command line, but no shell interprets it.
            Some(pager) => shell_words::split(pager.to_str()?).ok()?,
        };
        let mut words = words.into_iter();
        let program = words.next().filter(|program| program != "cat")?;
        let arguments = words.collect();
        Some(Self { program, arguments })
    }

    /// Shows a text, and waits until the user leaves the pager.
    ///
    /// Returns whether the text was shown. It was not if the pager cannot be started or fails.
    pub(crate) fn show(&self, text: &[u8]) -> bool {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", LESS);
        }
        let _interrupts = interrupts::Ignored::new();
        let Ok(mut pager) = command.spawn() else {
            return false;
        };
        // The pipe is closed at the end of the statement, so that the pager sees the end.
        let written = pager.stdin.take().map(|mut stdin| stdin.write_all(text));
        let is_written = match written {
            // The user may leave the pager before it has read everything.
            Some(Err(error)) => error.kind() == ErrorKind::BrokenPipe,
            written => written.is_some(),
        };
        let status = pager.wait();
        is_written && status.is_ok_and(|status| status.success() || is_interrupt(status))
    }
}

/// Returns whether the user ended the pager with Ctrl-C.
#[cfg(unix)]
fn is_interrupt(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(signal_hook::consts::SIGINT)
}

#[cfg(not(unix))]
fn is_interrupt(_: ExitStatus) -> bool {
    false
}

/// Returns whether the process runs with the rights of another user or group.
#[cfg(unix)]
fn has_other_identity() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    geteuid() != getuid() || getegid() != getgid()
}

#[cfg(not(unix))]
fn has_other_identity() -> bool {
    false
}

/// Interrupts of the terminal, such as Ctrl-C.
#[cfg(unix)]
mod interrupts {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use signal_hook::consts::{SIGINT, SIGQUIT};
    use signal_hook::flag;

    /// Ignores interrupts while it lives.
    ///
    /// The terminal sends an interrupt to the pager and to this process. It is meant for the pager,
    /// which otherwise would lose its parent and compete with the shell for the keyboard.
    pub(super) struct Ignored(Arc<AtomicBool>);

    impl Ignored {
        pub(super) fn new() -> Self {
            let ends_process = Arc::new(AtomicBool::new(false));
            for signal in [SIGINT, SIGQUIT] {
                // If the signal cannot be ignored, it ends the process as it would without a pager.
                let _ = flag::register_conditional_default(signal, Arc::clone(&ends_process));
            }
            Self(ends_process)
        }
    }

    impl Drop for Ignored {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(not(unix))]
mod interrupts {
    pub(super) struct Ignored;

    impl Ignored {
        pub(super) fn new() -> Self {
            Self
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn found(set: &[(&str, &str)]) -> Option<String> {
        let variable = |name: &str| {
            let found = set.iter().find(|(set, _)| *set == name);
            found.map(|(_, value)| OsString::from(value))
        };
        let pager = Pager::from_environment(variable)?;
        let words = [pager.program].into_iter().chain(pager.arguments);
        Some(words.collect::<Vec<_>>().join("|"))
    }

    #[test]
    fn the_pager_is_the_choice_of_the_user_on_a_capable_terminal() {
        let term = ("TERM", "xterm");
        for (set, expected) in [
            (&[term][..], Some("less|-FRX")),
            (&[term, ("PAGER", "more")], Some("more")),
            (
                &[term, ("PAGER", "less -P 'page %d'")],
                Some("less|-P|page %d"),
            ),
            (&[term, ("PAGER", "")], None),
            (&[term, ("PAGER", " ")], None),
            (&[term, ("PAGER", "cat")], None),
            (&[term, ("PAGER", "less 'unclosed")], None),
            (&[("TERM", "dumb"), ("PAGER", "less")], None),
            (&[("PAGER", "less")], None),
        ] {
            assert_eq!(found(set).as_deref(), expected, "{set:?}");
        }
    }

    #[test]
    fn a_process_with_more_rights_than_its_user_has_no_pager() {
        for name in PRIVILEGE_VARIABLES {
            let set = [("TERM", "xterm"), ("PAGER", "/tmp/evil"), (name, "1000")];
            assert_eq!(found(&set), None, "{name}");
        }
    }

    #[test]
    fn the_text_was_shown_only_if_the_pager_succeeds() {
        let shows = |words: &[&str], text: &[u8]| {
            let (program, arguments) = words.split_first().unwrap();
            let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
            let program = (*program).to_owned();
            Pager { program, arguments }.show(text)
        };
        let long = vec![b'x'; 1 << 20];
        assert!(shows(&["sh", "-c", "cat > /dev/null"], &long));
        assert!(shows(&["true"], &long), "a user may leave the pager early");
        assert!(!shows(&["false"], &long));
        assert!(!shows(&["sh", "-c", "kill -9 $$"], b"x"));
        assert!(shows(&["sh", "-c", "kill -2 $$"], b"x"), "Ctrl-C");
        assert!(!shows(&["/nonexistent/pager"], b"x"));
    }
}
