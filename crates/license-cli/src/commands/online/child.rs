//! The child process of `license run`, and the signals that it gets.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode, ExitStatus};

use license_cli_support::{Exit, Failure, Terminal, show_name};

#[cfg(not(unix))]
pub(super) use self::other::{ChildProcess, SignalWatch};
#[cfg(unix)]
pub(super) use self::unix::{ChildProcess, SignalWatch};

/// The exit codes of a shell for a command that cannot be executed, and for one that does not
/// exist.
const NOT_EXECUTABLE: u8 = 126;
const NOT_FOUND: u8 = 127;

/// Prepares the command.
pub(super) fn command(words: &[OsString]) -> Command {
    let mut words = words.iter();
    // The parser requires a first word.
    let mut command = Command::new(words.next().cloned().unwrap_or_default());
    command.args(words);
    command
}

/// Reports a command that did not start, and returns the exit code of a shell for it.
fn not_started(command: &Command, error: &io::Error, terminal: &Terminal) -> ExitCode {
    let name = show_name(&command.get_program().to_string_lossy());
    let message = format!("cannot run {name}: {error}");
    let hint = "check the name of the command, its path and its permissions";
    terminal.failure(&Failure::new(Exit::System, "IO", message).hint(hint));
    match error.kind() {
        io::ErrorKind::NotFound => NOT_FOUND.into(),
        _ => NOT_EXECUTABLE.into(),
    }
}

/// Returns the failure of a child process that cannot be waited for.
fn not_waited(error: &io::Error) -> Failure {
    Failure::new(
        Exit::System,
        "IO",
        format!("cannot wait for the command: {error}"),
    )
    .hint("run the command again")
}

/// Returns the exit code of the command: its own, or 128 plus the number of the signal that ended
/// it, as in a shell.
fn exit_code(status: ExitStatus) -> ExitCode {
    #[cfg(unix)]
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    #[cfg(not(unix))]
    let signal: Option<i32> = None;
    let code = status.code().or_else(|| signal.map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
        .into()
}

#[cfg(unix)]
mod unix {
    use std::io::IsTerminal;
    use std::process::{Command, ExitCode};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use license_cli_support::{Exit, Failure, Terminal};
    use rustix::process::{Pid, Signal, kill_process};
    use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
    use signal_hook::iterator::Signals;

    use super::{exit_code, not_started, not_waited};

    /// The signals that the child process gets too.
    const FORWARDED: [i32; 6] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2];

    /// The signals of this process, which no longer end it.
    pub(in super::super) struct SignalWatch {
        signals: Signals,
        /// The first signal before the child process started.
        early: Option<i32>,
    }

    impl SignalWatch {
        /// Starts to receive signals.
        ///
        /// A signal that was ignored when the program started stays ignored. The command inherits
        /// this, as after `nohup`.
        ///
        /// # Errors
        ///
        /// Returns a failure if the system refuses the handlers.
        pub(in super::super) fn start() -> Result<Self, Failure> {
            let ignored = ignored_signals();
            let is_ignored = |signal: &i32| ignored & (1 << (signal - 1)) != 0;
            let forwarded = FORWARDED.into_iter().filter(|signal| !is_ignored(signal));
            let all = forwarded.chain([SIGCHLD]);
            let signals = Signals::new(all).map_err(|error| {
                let message = format!("cannot receive signals: {error}");
                Failure::new(Exit::System, "IO", message).hint("run the command again")
            })?;
            Ok(Self {
                signals,
                early: None,
            })
        }

        /// Returns whether a signal has arrived that ends the program.
        pub(in super::super) fn has_pending(&mut self) -> bool {
            let ends = |signal: &i32| [SIGHUP, SIGINT, SIGQUIT, SIGTERM].contains(signal);
            self.early = self.early.or_else(|| self.signals.pending().find(ends));
            self.early.is_some()
        }

        /// Returns the exit code if a signal has arrived that ends the program.
        pub(in super::super) fn pending(&mut self) -> Option<ExitCode> {
            self.has_pending();
            let code = u8::try_from(self.early?).ok()?;
            Some(code.saturating_add(128).into())
        }
    }

    /// Returns the signals that this process ignores, as a bit mask in which bit 0 is signal 1.
    /// Returns 0 on systems other than Linux, where only `unsafe` code can ask.
    fn ignored_signals() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.unwrap_or(0)
    }

    /// The child process while it runs.
    #[derive(Default)]
    pub(in super::super) struct ChildProcess {
        /// The id of the process, until the process is reaped. Later, another process can have it.
        id: Mutex<Option<Pid>>,
    }

    impl ChildProcess {
        /// Runs the command, forwards signals to it, and returns its exit code.
        ///
        /// # Errors
        ///
        /// Returns a failure if the process cannot be waited for.
        pub(in super::super) fn run(
            &self,
            mut command: Command,
            signals: &mut SignalWatch,
            terminal: &Terminal,
        ) -> Result<ExitCode, Failure> {
            let mut child = match command.spawn() {
                Ok(child) => child,
                Err(error) => return Ok(not_started(&command, &error, terminal)),
            };
            *self.id() = Some(Pid::from_child(&child));
            for signal in signals.signals.forever() {
                if signal != SIGCHLD {
                    self.forward(signal);
                    continue;
                }
                let mut id = self.id();
                if let Some(status) = child.try_wait().map_err(|error| not_waited(&error))? {
                    *id = None;
                    return Ok(exit_code(status));
                }
            }
            // The iterator ends only when it is closed, which happens nowhere.
            let status = child.wait().map_err(|error| not_waited(&error))?;
            Ok(exit_code(status))
        }

        /// Asks the process to stop.
        pub(in super::super) fn stop(&self) {
            self.send(SIGTERM);
        }

        /// Sends a signal of this process to the child process. A terminal sends Ctrl-C to both, so
        /// it is not sent twice.
        fn forward(&self, signal: i32) {
            let is_from_terminal =
                matches!(signal, SIGINT | SIGQUIT) && std::io::stdin().is_terminal();
            if !is_from_terminal {
                self.send(signal);
            }
        }

        fn send(&self, signal: i32) {
            if let (Some(id), Some(signal)) = (*self.id(), Signal::from_named_raw(signal)) {
                // The process may have ended.
                let _ = kill_process(id, signal);
            }
        }

        fn id(&self) -> MutexGuard<'_, Option<Pid>> {
            self.id.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }
}

#[cfg(not(unix))]
mod other {
    use std::process::{Child, Command, ExitCode};
    use std::sync::{Mutex, PoisonError};
    use std::thread;
    use std::time::Duration;

    use license_cli_support::{Failure, Terminal};

    use super::{exit_code, not_started, not_waited};

    /// How often the child process is looked at.
    const POLL: Duration = Duration::from_millis(50);

    /// This system has no signals. Ctrl-C ends both processes, and the seat ends with its lease.
    pub(in super::super) struct SignalWatch;

    #[allow(clippy::unused_self, reason = "other systems need the value")]
    impl SignalWatch {
        pub(in super::super) fn start() -> Result<Self, Failure> {
            Ok(Self)
        }

        pub(in super::super) fn has_pending(&mut self) -> bool {
            false
        }

        pub(in super::super) fn pending(&mut self) -> Option<ExitCode> {
            None
        }
    }

    /// The child process while it runs.
    #[derive(Default)]
    pub(in super::super) struct ChildProcess {
        child: Mutex<Option<Child>>,
    }

    impl ChildProcess {
        /// Runs the command, and returns its exit code.
        ///
        /// # Errors
        ///
        /// Returns a failure if the process cannot be waited for.
        pub(in super::super) fn run(
            &self,
            mut command: Command,
            _: &mut SignalWatch,
            terminal: &Terminal,
        ) -> Result<ExitCode, Failure> {
            match command.spawn() {
                Ok(child) => {
                    *self.child.lock().unwrap_or_else(PoisonError::into_inner) = Some(child)
                }
                Err(error) => return Ok(not_started(&command, &error, terminal)),
            }
            loop {
                let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
                let status = child.as_mut().map(Child::try_wait).transpose();
                if let Some(Some(status)) = status.map_err(|error| not_waited(&error))? {
                    return Ok(exit_code(status));
                }
                drop(child);
                thread::sleep(POLL);
            }
        }

        /// Ends the process.
        pub(in super::super) fn stop(&self) {
            let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(child) = child.as_mut() {
                let _ = child.kill();
            }
        }
    }
}
