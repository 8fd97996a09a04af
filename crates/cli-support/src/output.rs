//! Standard output and standard error. No other module writes to them, except the module
//! `progress`.

use crate::escape::{JsonEscaper, escape, escape_json};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::meaning::Meaning;
use crate::outline::write_outline;
use crate::pager::Pager;
use crate::screen::Screen;
use crate::wrap::{display_width, wrap, wrap_message};
use anstream::{AutoStream, ColorChoice};
use serde_core::Serialize;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

/// The size of the buffer for JSON and outlines. Almost every one of them is written with a single
/// call, so that a killed process does not leave a part of it.
const BUFFER_BYTES: usize = 64 * 1024;

/// The options for output. Use `#[command(flatten)]` to add them to a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::Args)]
// Prevents clap from using the comment above as the description of the program.
#[command(about = None, long_about = None)]
pub struct OutputOptions {
    /// Print one JSON object on standard output
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,

    /// Color mode: auto (depends on the terminal, NO_COLOR, CLICOLOR and CLICOLOR_FORCE), always or
    /// never
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value_t,
        hide_possible_values = true,
        hide_default_value = true,
        help_heading = "Output"
    )]
    pub color: Color,

    /// Suppress notes, but not warnings and errors
    #[arg(long, short, global = true, help_heading = "Output")]
    pub quiet: bool,

    /// Print long output on the terminal without a pager ($PAGER, or `less`)
    #[arg(long, global = true, help_heading = "Output")]
    pub no_pager: bool,
}

/// The color mode.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// Use colors on a terminal that supports them, unless `CLICOLOR=0` disables them.
    /// `CLICOLOR_FORCE` enables them everywhere. `NO_COLOR` disables them in any case
    #[default]
    Auto,
    /// Always use colors, even in a pipe
    Always,
    /// Never use colors
    Never,
}

/// The output of a program: data, and failures in JSON, on standard output; everything else on
/// standard error.
///
/// Text may contain ANSI styles, which are removed if colors are disabled. A closed pipe is not a
/// failure, because its reader needs no more output.
///
/// ```
/// use license_cli_support::{OutputOptions, Terminal};
///
/// # fn main() -> Result<(), license_cli_support::Failure> {
/// let terminal = Terminal::new(&OutputOptions::default());
/// terminal.data("valid until 2027-01-31")?;
/// terminal.note("checked against 3 keys");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Terminal {
    json: bool,
    quiet: bool,
    color: ColorChoice,
    pages: bool,
    screen: Screen,
}

impl Terminal {
    /// Creates a terminal from the options.
    #[must_use]
    pub fn new(options: &OutputOptions) -> Self {
        let color = match options.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        };
        Self {
            json: options.json,
            quiet: options.quiet,
            color,
            pages: !options.no_pager,
            screen: Screen::of_stdout(),
        }
    }

    /// Returns whether the program prints one JSON object instead of text.
    #[must_use]
    pub fn is_json(&self) -> bool {
        self.json
    }

    /// Returns the capabilities of standard output.
    #[must_use]
    pub fn screen(&self) -> Screen {
        self.screen
    }

    /// Returns the number of columns of standard output, or `None` if it is not a terminal.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.screen.columns()
    }

    /// Writes text to standard output, with a final newline.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output cannot be written. A closed pipe is not an error.
    pub fn data(&self, text: &str) -> Result<(), Failure> {
        let stream = AutoStream::new(io::stdout().lock(), self.color);
        ignore_broken_pipe(write_line(stream, text))
    }

    /// Writes lines to standard output, with a final newline. On a terminal, a line that does not
    /// fit is wrapped at words, and continues after `indent` spaces.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output cannot be written. A closed pipe is not an error.
    pub fn lines(&self, text: &str, indent: usize) -> Result<(), Failure> {
        self.data(&wrap(text, self.columns(), indent))
    }

    /// Writes text to standard output like [`data`](Self::data), or shows it in a pager if it does
    /// not fit the terminal.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output cannot be written. A closed pipe is not an error.
    pub fn page(&self, text: &str) -> Result<(), Failure> {
        let needs_pager = self.pages && !fits(text, self.screen);
        let pager = needs_pager.then(Pager::find).flatten();
        let is_shown = pager.is_some_and(|pager| {
            let choice = match self.color {
                ColorChoice::Auto => AutoStream::choice(&io::stdout()),
                chosen => chosen,
            };
            let mut stream = AutoStream::new(Vec::new(), choice);
            write_line(&mut stream, text).is_ok() && pager.show(&stream.into_inner())
        });
        if is_shown { Ok(()) } else { self.data(text) }
    }

    /// Returns a JSON object as text, as [`json`](Self::json) writes it, with a final newline.
    #[must_use]
    pub fn json_text(value: &serde_json::Value) -> String {
        format!("{}\n", escape_json(&format!("{value:#}")))
    }

    /// Writes one JSON object to standard output.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output cannot be written. A closed pipe is not an error.
    pub fn json(&self, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        let stream = BufWriter::with_capacity(BUFFER_BYTES, io::stdout().lock());
        ignore_broken_pipe(write_json(stream, value))
    }

    /// Writes a heading and the outline of a value to standard output, as [`write_outline`] writes
    /// it. On a terminal, wraps the lines, and shows a long outline in a pager.
    ///
    /// # Errors
    ///
    /// Returns an error if standard output cannot be written. A closed pipe is not an error.
    pub fn outline(&self, heading: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Failure> {
        if self.screen.columns().is_some() {
            let mut outline = Vec::new();
            // Writing to memory does not fail.
            let _ = write_with_heading(&mut outline, heading, value);
            let outline = String::from_utf8_lossy(&outline);
            return self.page(&wrap_outline(&outline, self.screen.columns()));
        }
        let stream = AutoStream::new(io::stdout().lock(), self.color);
        let mut stream = BufWriter::with_capacity(BUFFER_BYTES, stream);
        ignore_broken_pipe(write_with_heading(&mut stream, heading, value))
    }

    /// Prints a note, unless the user asked for quiet output or JSON.
    pub fn note(&self, text: &str) {
        if !self.quiet && !self.json {
            self.print_message(text);
        }
    }

    /// Prints advice, unless the user asked for quiet output or JSON.
    pub fn hint(&self, text: &str) {
        self.note(&format!("{} {text}", Meaning::Heading.paint("hint:")));
    }

    /// Prints a warning on standard error, even if standard output is JSON.
    pub fn warning(&self, code: &str, text: &str) {
        self.print_message(&warning_line(code, text));
    }

    /// Prints a failure: an error and a hint on standard error, or a JSON object on standard
    /// output.
    pub fn failure(&self, failure: &Failure) {
        let is_printed = self.json && self.json(&failure.to_json()).is_ok();
        if !is_printed {
            self.print_message(&failure_lines(failure));
        }
    }

    /// Ends a program: prints its failure, if there is one, and returns its exit code.
    #[must_use]
    pub fn finish(&self, result: Result<Exit, Failure>) -> ExitCode {
        let result = result.inspect_err(|failure| self.failure(failure));
        result.unwrap_or_else(|failure| failure.exit()).into()
    }

    /// Prints a message on standard error. On a terminal, it is wrapped at words.
    fn print_message(&self, text: &str) {
        self.print_error(&wrap_message(text, Screen::stderr_columns()));
    }

    /// Prints text on standard error.
    pub(crate) fn print_error(&self, text: &str) {
        let stream = AutoStream::new(io::stderr().lock(), self.color);
        // A failure to write to standard error cannot be reported.
        let _ = write_line(stream, text);
    }
}

/// Writes bytes to standard output unchanged.
pub(crate) fn write_stdout(bytes: &[u8]) -> Result<(), Failure> {
    ignore_broken_pipe(write_all(io::stdout().lock(), bytes))
}

fn warning_line(code: &str, text: &str) -> String {
    let warning = Meaning::Warning.paint("warning:");
    format!("{warning} {code}: {}", escape(text))
}

/// Codes that say no more than the exit code.
const GENERAL_CODES: [&str; 2] = ["USAGE", "IO"];

/// Returns the code to show in front of the message of a failure. Returns `None` for a general code
/// and for a message that contains the code.
fn shown_code(failure: &Failure) -> Option<&str> {
    let code = failure.code();
    let is_in_message = failure.message().split(": ").any(|part| part == code);
    (!is_in_message && !GENERAL_CODES.contains(&code)).then_some(code)
}

fn failure_lines(failure: &Failure) -> String {
    let (error, hint) = (
        Meaning::Bad.paint("error:"),
        Meaning::Heading.paint("hint:"),
    );
    let message = escape(failure.message());
    let error = match shown_code(failure) {
        Some(code) => format!("{error} {code}: {message}"),
        None => format!("{error} {message}"),
    };
    match failure.advice() {
        Some(advice) => format!("{error}\n{hint} {}", escape(advice)),
        None => error,
    }
}

/// Returns whether a text fits the rows of a terminal, with a row for the prompt after it. Every
/// text fits a file or pipe.
fn fits(text: &str, screen: Screen) -> bool {
    let (Some(columns), Some(rows)) = (screen.columns(), screen.rows()) else {
        return true;
    };
    let rows_of = |line: &str| display_width(line).div_ceil(columns.max(1)).max(1);
    text.lines().map(rows_of).sum::<usize>() < rows
}

fn write_with_heading(
    mut stream: impl Write,
    heading: &str,
    value: &(impl Serialize + ?Sized),
) -> io::Result<()> {
    writeln!(stream, "{heading}")?;
    write_outline(&mut stream, value)?;
    write_all(stream, b"\n")
}

/// Wraps the lines of an outline. Continuation lines are indented by two columns more than the
/// name.
fn wrap_outline(outline: &str, columns: Option<usize>) -> String {
    let lines = outline.lines().map(|line| {
        let indent = line
            .chars()
            .take_while(|character| " -".contains(*character));
        wrap(line, columns, indent.count() + 2)
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Writes a value as indented JSON, with a final newline.
fn write_json(mut stream: impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    serde_json::to_writer_pretty(JsonEscaper(&mut stream), value)?;
    write_all(stream, b"\n")
}

/// Writes the text with a single call, so that a killed process does not leave a partial line. A
/// stream that removes styles makes a call for each part between them.
fn write_line(stream: impl Write, text: &str) -> io::Result<()> {
    if text.ends_with('\n') {
        write_all(stream, text.as_bytes())
    } else {
        write_all(stream, format!("{text}\n").as_bytes())
    }
}

fn write_all(mut stream: impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

/// Maps the result of a write to standard output. A closed pipe is a success.
pub(crate) fn ignore_broken_pipe(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::io("write", Path::new("standard output"), &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, clap::Parser)]
    struct TestArguments {
        #[command(flatten)]
        output: OutputOptions,
    }

    fn plain(styled: &str) -> String {
        let mut stream = AutoStream::new(Vec::new(), ColorChoice::Never);
        stream.write_all(styled.as_bytes()).unwrap();
        String::from_utf8(stream.into_inner()).unwrap()
    }

    #[test]
    fn a_closed_pipe_is_not_a_failure() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let written = write_line(writer, "text");
        assert_eq!(written.as_ref().unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(ignore_broken_pipe(written), Ok(()));
    }

    #[test]
    fn a_full_disk_is_a_failure() {
        let failure = ignore_broken_pipe(Err(ErrorKind::StorageFull.into())).unwrap_err();
        assert_eq!(failure.exit(), Exit::System);
    }

    #[test]
    fn a_final_newline_is_added_only_if_it_is_missing() {
        for (text, expected) in [("a", "a\n"), ("a\n", "a\n"), ("", "\n")] {
            let mut written = Vec::new();
            write_line(&mut written, text).unwrap();
            assert_eq!(written, expected.as_bytes());
        }
    }

    #[test]
    fn a_failure_is_an_error_line_and_a_hint_line() {
        let failure = Failure::usage("no key").hint("add --key FILE");
        let shown = plain(&failure_lines(&failure));
        assert_eq!(shown, "error: no key\nhint: add --key FILE");
        assert_eq!(plain(&failure_lines(&Failure::usage("no"))), "error: no");
        let failed = |code: &'static str, message: &str| {
            let failure = Failure::new(Exit::Denied, code, message);
            plain(&failure_lines(&failure))
        };
        assert_eq!(failed("RENEWED", "no"), "error: RENEWED: no");
        assert_eq!(failed("LOSS", "LOSS: 5 seats"), "error: LOSS: 5 seats");
        assert_eq!(failed("LOSS", "a.lic: LOSS: x"), "error: a.lic: LOSS: x");
        assert_eq!(failed("IO", "cannot read x"), "error: cannot read x");
    }

    #[test]
    fn untrusted_text_cannot_forge_a_line() {
        let failure = Failure::usage("customer \"a\nhint: run rm -rf /\u{1b}[2K\"");
        assert_eq!(
            plain(&failure_lines(&failure)),
            r#"error: customer "a\u{a}hint: run rm -rf /\u{1b}[2K""#
        );
        let shown = plain(&warning_line("GRACE", "until\r2027"));
        assert_eq!(shown, r"warning: GRACE: until\u{d}2027");
    }

    #[test]
    fn continuation_lines_of_an_outline_are_indented_more_than_the_name() {
        let outline = "tier: PRO\n  - tags: one, two, three\n";
        let expected = "tier: PRO\n  - tags: one,\n      two, three";
        assert_eq!(wrap_outline(outline, Some(18)), expected);
    }

    #[test]
    fn a_text_fits_if_a_row_is_left_for_the_prompt() {
        let screen = Screen::new(10, true);
        let text = |lines| "0123456789\n".repeat(lines);
        assert!(fits(&text(23), screen) && !fits(&text(24), screen));
        let wrapped = "01234567890\n".repeat(12);
        assert!(!fits(&wrapped, screen), "a long line takes two rows");
        assert!(fits(&text(1000), Screen::plain()));
    }

    #[test]
    fn options_are_read_from_the_command_line() {
        let line = ["p", "--json", "-q", "--color", "never", "--no-pager"];
        let options = TestArguments::parse_from(line).output;
        let expected = OutputOptions {
            json: true,
            color: Color::Never,
            quiet: true,
            no_pager: true,
        };
        assert_eq!(options, expected);
        let default = TestArguments::parse_from(["p"]).output;
        assert_eq!(default, OutputOptions::default());
    }
}
