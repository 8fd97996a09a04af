//! Runs of programs and their results.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use crate::{Scratch, programs};

/// Builder for one run of a program.
///
/// The program starts in the scratch directory. Its environment consists of `PATH`, `HOME` and
/// `CODITECT_HOME`. The last two are inside the scratch directory, so a test cannot read or change
/// the files of the user who runs it. Standard input is empty unless [`Run::stdin`] sets it.
#[derive(Debug)]
#[must_use = "nothing happens before `run`"]
pub struct Run<'s> {
    scratch: &'s Scratch,
    command: Command,
    stdin: Vec<u8>,
}

impl<'s> Run<'s> {
    /// Creates a run of `keygen`.
    pub fn keygen(scratch: &'s Scratch) -> Self {
        Self::new(programs::keygen(), scratch)
    }

    /// Creates a run of `license`.
    pub fn license(scratch: &'s Scratch) -> Self {
        Self::new(programs::license(), scratch)
    }

    /// Creates a run of any program.
    pub fn new(program: impl AsRef<OsStr>, scratch: &'s Scratch) -> Self {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", scratch.home())
            .env("CODITECT_HOME", scratch.state());
        Self {
            scratch,
            command,
            stdin: Vec::new(),
        }
    }

    /// Starts the program through another one that executes it, such as `nsenter` or `env` with
    /// these arguments.
    pub fn through(self, words: &[&str]) -> Self {
        let mut words = words.iter();
        let mut command = Command::new(words.next().copied().unwrap_or_default());
        command.args(words).arg(self.command.get_program());
        command.args(self.command.get_args()).env_clear();
        let variables = self.command.get_envs();
        command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        Self { command, ..self }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds several arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Removes an environment variable, such as `CODITECT_HOME`.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Sets the standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Runs the program until it exits.
    ///
    /// # Panics
    ///
    /// Panics if the program cannot be started, or if its output is not UTF-8.
    #[must_use = "a test must check the outcome of a run"]
    #[track_caller]
    pub fn run(mut self) -> RunOutput {
        let line = self.line();
        let output = self
            .try_run()
            .unwrap_or_else(|error| panic!("cannot run {line}: {error}"));
        let text = |stream: &str, bytes| {
            String::from_utf8(bytes)
                .unwrap_or_else(|error| panic!("{stream} of {line} is not UTF-8: {error}"))
        };
        RunOutput {
            code: output.status.code(),
            stdout: text("stdout", output.stdout),
            stderr: text("stderr", output.stderr),
            line,
        }
    }

    /// Starts the program without waiting for it, so that a test can kill it.
    ///
    /// The standard output of the process is a pipe, and its standard error is discarded.
    ///
    /// # Panics
    ///
    /// Panics if the program cannot be started.
    #[track_caller]
    pub fn start(self) -> Child {
        self.start_with_stderr(Stdio::null())
    }

    /// Starts the program like [`start`](Self::start), with its standard error in `stderr`.
    ///
    /// # Panics
    ///
    /// Panics if the program cannot be started.
    #[track_caller]
    pub fn start_with_stderr(mut self, stderr: Stdio) -> Child {
        let line = self.line();
        let started = self
            .command
            .current_dir(self.scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn();
        started.unwrap_or_else(|error| panic!("cannot run {line}: {error}"))
    }

    pub(crate) fn try_run(&mut self) -> io::Result<Output> {
        let mut child = self
            .command
            .current_dir(self.scratch.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        feed(&mut child, std::mem::take(&mut self.stdin));
        child.wait_with_output()
    }

    fn line(&self) -> String {
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        let words: Vec<OsString> = words.map(OsStr::to_owned).collect();
        words.join(OsStr::new(" ")).to_string_lossy().into_owned()
    }
}

/// Writes the input from a separate thread.
///
/// Otherwise a program that prints before it has read its whole input could block forever.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut pipe) = child.stdin.take() {
        // A program may exit before it has read everything. The write then fails.
        thread::spawn(move || pipe.write_all(&input));
    }
}

/// The result of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOutput {
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
    line: String,
}

impl RunOutput {
    /// Checks the exit code and returns the outcome.
    ///
    /// # Panics
    ///
    /// Panics with the output of the program if the exit code is not `expected`.
    #[track_caller]
    pub fn expect_code(self, expected: i32) -> Self {
        if self.code != Some(expected) {
            self.fail(&format!("expected exit code {expected}"));
        }
        self
    }

    /// Parses the standard output as one JSON value.
    ///
    /// # Panics
    ///
    /// Panics with the output of the program if the standard output is not JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| self.fail(&format!("expected JSON on stdout: {error}")))
    }

    /// Checks that the program failed, and returns the error that it printed.
    ///
    /// # Panics
    ///
    /// Panics with the output of the program unless it exited with `code`, wrote one `error:` line
    /// and one `hint:` line to standard error, and wrote nothing to standard output.
    #[track_caller]
    pub fn expect_failure(&self, code: i32) -> PrintedError {
        if self.code != Some(code) {
            self.fail(&format!("expected exit code {code}"));
        }
        if !self.stdout.is_empty() {
            self.fail("expected nothing on stdout");
        }
        let (code, message) = split_code(&self.only_line("error: "));
        PrintedError {
            code,
            message,
            hint: self.only_line("hint: "),
        }
    }

    /// Checks that a program failed with `--json`, and returns the `code` of its error.
    ///
    /// # Panics
    ///
    /// Panics with the output of the program unless it exited with `exit`, wrote an error object to
    /// standard output, and wrote nothing to standard error.
    #[track_caller]
    pub fn expect_json_failure(&self, exit: i32) -> String {
        if self.code != Some(exit) {
            self.fail(&format!("expected exit code {exit}"));
        }
        if !self.stderr.is_empty() {
            self.fail("expected nothing on stderr");
        }
        let object = self.json();
        let members = object["error"].as_object().map(|error| error.keys());
        if !members.is_some_and(|names| names.eq(["code", "message", "hint"])) {
            self.fail("expected an error with the members code, message and hint");
        }
        let text = |member: &str| object["error"][member].as_str().map(str::to_owned);
        let (Some(code), Some(_), Some(_)) = (text("code"), text("message"), text("hint")) else {
            self.fail("expected strings in the error");
        };
        code
    }

    /// Returns standard output followed by standard error.
    pub fn all_output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    #[track_caller]
    fn only_line(&self, start: &str) -> String {
        let mut found = self
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix(start));
        match (found.next(), found.next()) {
            (Some(line), None) => line.to_owned(),
            _ => self.fail(&format!(
                "expected exactly one line that starts with `{start}` on stderr"
            )),
        }
    }

    #[track_caller]
    fn fail(&self, problem: &str) -> ! {
        let code = self.code.map_or("a signal".into(), |code| code.to_string());
        let Self {
            line,
            stdout,
            stderr,
            ..
        } = self;
        panic!(
            "{problem}\n$ {line}\nended with {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        );
    }
}

/// Splits the text after `error: ` into the reason code, if it begins with one, and the message.
/// The name of a variable is no code.
fn split_code(text: &str) -> (String, String) {
    const VARIABLES: [&str; 4] = ["CODITECT_", "KEYGEN_", "PHOTON_", "WIDGET_"];
    let is_code = |start: &str| {
        let is_letter = |byte| matches!(byte, b'A'..=b'Z' | b'_');
        let is_variable = VARIABLES.iter().any(|prefix| start.starts_with(prefix));
        start.len() > 1 && start.bytes().all(is_letter) && !is_variable
    };
    let (code, message) = text
        .split_once(": ")
        .filter(|(code, _)| is_code(code))
        .unwrap_or(("", text));
    (code.to_owned(), message.to_owned())
}

/// An error that a program printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrintedError {
    /// The reason code in front of the message, or an empty string.
    pub code: String,
    /// The text after `error: ` and the code.
    pub message: String,
    /// The text after `hint: `.
    pub hint: String,
}

impl PrintedError {
    /// Returns the text after `error: `, with the code.
    pub fn text(&self) -> String {
        match self.code.as_str() {
            "" => self.message.clone(),
            code => format!("{code}: {}", self.message),
        }
    }
}
