//! Running a program and looking at what came of it.

use std::ffi::{OsStr, OsString};
use std::io::{self, Write};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use crate::{Scratch, programs};

/// One run of a program, to be described and then started.
///
/// It starts in the scratch folder with an environment of `PATH`, `HOME` and `CODITECT_HOME`, the last two inside that folder,
/// so that no test sees or changes what the user who runs it has. Standard input is empty unless [`Run::stdin`] fills it.
#[derive(Debug)]
#[must_use = "nothing happens before `run`"]
pub struct Run<'s> {
    scratch: &'s Scratch,
    command: Command,
    stdin: Vec<u8>,
}

impl<'s> Run<'s> {
    /// A run of `keygen`.
    pub fn keygen(scratch: &'s Scratch) -> Self {
        Self::of(programs::keygen(), scratch)
    }

    /// A run of `license`.
    pub fn license(scratch: &'s Scratch) -> Self {
        Self::of(programs::license(), scratch)
    }

    /// A run of any other program.
    pub fn of(program: impl AsRef<OsStr>, scratch: &'s Scratch) -> Self {
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

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments of one type.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Unsets an environment variable, such as `CODITECT_HOME`.
    pub fn without_env(mut self, name: &str) -> Self {
        self.command.env_remove(name);
        self
    }

    /// What the program reads on standard input.
    pub fn stdin(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.stdin = input.into();
        self
    }

    /// Starts it and waits for its end.
    ///
    /// # Panics
    ///
    /// When it cannot be started, or prints what is not UTF-8.
    #[must_use = "a run that nobody looks at proves nothing"]
    #[track_caller]
    pub fn run(mut self) -> Outcome {
        let line = self.line();
        let output = self
            .try_run()
            .unwrap_or_else(|error| panic!("cannot run {line}: {error}"));
        let text = |stream: &str, bytes| {
            String::from_utf8(bytes)
                .unwrap_or_else(|error| panic!("{stream} of {line} is not UTF-8: {error}"))
        };
        Outcome {
            code: output.status.code(),
            stdout: text("stdout", output.stdout),
            stderr: text("stderr", output.stderr),
            line,
        }
    }

    /// Starts it and returns at once: its standard output is a pipe, its standard error goes nowhere. For what is to be killed.
    ///
    /// # Panics
    ///
    /// When it cannot be started.
    #[track_caller]
    pub fn start(mut self) -> Child {
        let line = self.line();
        let started = self
            .command
            .current_dir(self.scratch.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
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

/// Writes from a thread of its own, so that a program which prints before it has read everything does not lock up.
fn feed(child: &mut Child, input: Vec<u8>) {
    if let Some(mut pipe) = child.stdin.take() {
        // A program may well end without having read all of it.
        thread::spawn(move || pipe.write_all(&input));
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The exit code; `None` if a signal ended the program.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
    line: String,
}

impl Outcome {
    /// Returns itself if the program ended with `expected`.
    ///
    /// # Panics
    ///
    /// With all there is to know, if it did not.
    #[track_caller]
    pub fn expect_code(self, expected: i32) -> Self {
        if self.code != Some(expected) {
            self.complain(&format!("expected exit code {expected}"));
        }
        self
    }

    /// Standard output as one JSON value.
    ///
    /// # Panics
    ///
    /// With all there is to know, if it is none.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| self.complain(&format!("expected JSON on stdout: {error}")))
    }

    /// Returns what the program says was wrong, if it ended with `code` after one `error:` line and one `hint:` line, and
    /// with nothing on standard output.
    ///
    /// # Panics
    ///
    /// With all there is to know, if it did not.
    #[track_caller]
    pub fn expect_failure(&self, code: i32) -> Complaint {
        if self.code != Some(code) {
            self.complain(&format!("expected exit code {code}"));
        }
        if !self.stdout.is_empty() {
            self.complain("expected nothing on stdout");
        }
        Complaint {
            message: self.only_line("error: "),
            hint: self.only_line("hint: "),
        }
    }

    /// Returns the `code` of the error that the program printed with `--json`, if it ended with `exit` and said nothing else.
    ///
    /// # Panics
    ///
    /// With all there is to know, if it did not.
    #[track_caller]
    pub fn expect_json_failure(&self, exit: i32) -> String {
        if self.code != Some(exit) {
            self.complain(&format!("expected exit code {exit}"));
        }
        if !self.stderr.is_empty() {
            self.complain("expected nothing on stderr");
        }
        let object = self.json();
        let members = object["error"].as_object().map(|error| error.keys());
        if !members.is_some_and(|names| names.eq(["code", "message", "hint"])) {
            self.complain("expected an error of code, message and hint");
        }
        let text = |member: &str| object["error"][member].as_str().map(str::to_owned);
        let (Some(code), Some(_), Some(_)) = (text("code"), text("message"), text("hint")) else {
            self.complain("expected texts in the error");
        };
        code
    }

    /// Both streams, to look for what must be in neither.
    pub fn said(&self) -> String {
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
            _ => self.complain(&format!("expected one line `{start}` on stderr")),
        }
    }

    #[track_caller]
    fn complain(&self, about: &str) -> ! {
        let code = self.code.map_or("a signal".into(), |code| code.to_string());
        let Self {
            line,
            stdout,
            stderr,
            ..
        } = self;
        panic!("{about}\n$ {line}\nended with {code}\n--- stdout\n{stdout}\n--- stderr\n{stderr}");
    }
}

/// What a program says when it fails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// What was wrong.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}
