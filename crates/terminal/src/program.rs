//! A program's command line: usage errors in our shape, completions, man pages.

use crate::later::for_line;
use crate::output::write_stdout;
use crate::{
    Audience, Color, Destination, Exit, Failure, OutputOptions, Overwrite, Shell, Terminal, escape,
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Parser, ValueEnum};
use clap_mangen::Man;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longer values are cut in a usage error: what was pasted in the wrong place may be a license.
const LONGEST_ECHO: usize = 40;

/// Reads the command line, or answers it: help and version on standard output, a usage error as any other failure.
///
/// # Errors
///
/// The code to end with, after everything was said: 0 for help and version, 2 for a usage error.
///
/// ```
/// use license_terminal::program;
///
/// #[derive(clap::Parser)]
/// struct Arguments {
///     #[command(flatten)]
///     output: license_terminal::OutputOptions,
/// }
///
/// let arguments = program::parse::<Arguments>(["keygen".into(), "--json".into()]);
/// assert!(arguments.unwrap().output.json);
/// ```
pub fn parse<P: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<P, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    parsed(&arguments).map_err(|error| {
        let terminal = Terminal::new(&peek(&arguments));
        let command = || addressed(&P::command(), &arguments);
        ExitCode::from(answer(&terminal, error, command))
    })
}

/// Describes as much of the program as the line is about, and all of it where that is not enough: what is said of an error is then the same.
pub(crate) fn parsed<P: Parser>(arguments: &[OsString]) -> Result<P, clap::Error> {
    let command = for_line(arguments, P::command);
    let matches = command.try_get_matches_from(arguments);
    match matches.and_then(|mut matches| P::from_arg_matches_mut(&mut matches)) {
        Err(error) if error.kind() != ErrorKind::DisplayVersion => P::try_parse_from(arguments),
        parsed => parsed,
    }
}

/// The commands with which a program describes itself: `#[command(flatten)]` them among its own.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Description {
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page, or write all of them into a directory
    Man {
        /// Write the pages of all commands into this directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
        /// Replace files that exist
        #[arg(long)]
        force: bool,
    },
}

impl Description {
    /// Prints or writes what was asked for of `program`.
    ///
    /// # Errors
    ///
    /// As [`completions`] and [`man`].
    pub fn write(&self, program: Command) -> Result<(), Failure> {
        match self {
            Self::Completions { shell } => completions(program, *shell),
            Self::Man { out, force } => man(program, out.as_deref(), Overwrite::forced(*force)),
        }
    }
}

/// Writes the completions of `command` for `shell` to standard output.
///
/// # Errors
///
/// When standard output cannot be written; a closed pipe is no error.
pub fn completions(mut command: Command, shell: Shell) -> Result<(), Failure> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, name, &mut script);
    write_stdout(&script)
}

/// Writes the man page of `command` to standard output, or into `directory` that page and one for each subcommand.
///
/// The directory is created when it is missing.
///
/// # Errors
///
/// `EXISTS` when a page is there and may not be replaced, `IO` when the machine fails.
pub fn man(
    command: Command,
    directory: Option<&Path>,
    overwrite: Overwrite,
) -> Result<(), Failure> {
    let Some(directory) = directory else {
        return write_stdout(&page(&Man::new(command))?);
    };
    fs::create_dir_all(directory).map_err(|error| Failure::io("create", directory, &error))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_pages(&command, directory, overwrite)
}

fn write_pages(command: &Command, directory: &Path, overwrite: Overwrite) -> Result<(), Failure> {
    for subcommand in command
        .get_subcommands()
        .filter(|found| !found.is_hide_set())
    {
        write_pages(subcommand, directory, overwrite)?;
    }
    let man = Man::new(command.clone());
    let file = Destination::File(directory.join(man.get_filename()));
    file.write(&page(&man)?, overwrite, Audience::Everyone)
}

fn page(man: &Man) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    let written = man.render(&mut page);
    written.map_err(|error| Failure::io("write", Path::new("the man page"), &error))?;
    Ok(page)
}

/// How to speak when the command line could not be read as a whole.
fn peek(arguments: &[OsString]) -> OutputOptions {
    let color = given(arguments)
        .zip(given(arguments).skip(1).map(Some).chain([None]))
        .find_map(|(argument, next)| peek_color(argument, next));
    OutputOptions {
        json: given(arguments).any(|argument| argument == "--json"),
        color: color.unwrap_or_default(),
        quiet: false,
    }
}

fn peek_color(argument: &OsStr, next: Option<&OsString>) -> Option<Color> {
    let argument = argument.to_str()?;
    let value = match argument.strip_prefix("--color=") {
        Some(value) => value,
        None if argument == "--color" => next?.to_str()?,
        None => return None,
    };
    Color::from_str(value, false).ok()
}

fn answer(terminal: &Terminal, error: clap::Error, command: impl FnOnce() -> String) -> Exit {
    let text = || error.render().ansi().to_string();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match terminal.data(&text()) {
            Ok(()) => Exit::Licensed,
            Err(failure) => report(terminal, &failure),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            terminal.say(&text());
            Exit::Usage
        }
        _ => report(terminal, &usage(error, &command())),
    }
}

fn report(terminal: &Terminal, failure: &Failure) -> Exit {
    terminal.failure(failure);
    failure.exit()
}

fn usage(error: clap::Error, command: &str) -> Failure {
    let hint = suggestion(&error).unwrap_or_else(|| format!("see `{command} --help`"));
    let rendered = shortened(error).render().to_string();
    let text = rendered.strip_prefix("error: ").unwrap_or(&rendered);
    // What follows the first blank line is clap's own tip and usage.
    let text = text.split("\n\n").next().unwrap_or(text);
    let words: Vec<&str> = text.lines().map(str::trim).collect();
    Failure::usage(escape(&words.join(" "))).hint(escape(&hint))
}

fn shortened(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
        ContextKind::InvalidSubcommand,
    ] {
        if let Some(ContextValue::String(value)) = error.get(kind)
            && value.chars().count() > LONGEST_ECHO
        {
            let start: String = value.chars().take(LONGEST_ECHO / 4).collect();
            error.insert(kind, ContextValue::String(format!("{start}…")));
        }
    }
    error
}

fn suggestion(error: &clap::Error) -> Option<String> {
    if let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg)
        && argument.chars().count() > LONGEST_ECHO
    {
        return Some("give a long text through standard input, as -, or after --".to_owned());
    }
    let similar = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    let found = similar.into_iter().find_map(|kind| error.get(kind));
    match found.or_else(|| error.get(ContextKind::Suggested))? {
        ContextValue::String(one) => Some(format!("did you mean `{one}`?")),
        ContextValue::Strings(some) => Some(format!("did you mean `{}`?", some.join("` or `"))),
        // Tips repeat the argument, which may be a license.
        ContextValue::StyledStrs(tips) => {
            let tip = tips.first().map(ToString::to_string)?;
            (tip.chars().count() <= 2 * LONGEST_ECHO).then_some(tip)
        }
        _ => None,
    }
}

/// The subcommand that the arguments are for, as it is typed; clap does not always say.
fn addressed(program: &Command, arguments: &[OsString]) -> String {
    let mut command = program;
    let mut typed = program.get_name().to_owned();
    for argument in given(arguments) {
        if let Some(subcommand) = command.find_subcommand(argument) {
            command = subcommand;
            typed = format!("{typed} {}", command.get_name());
        }
    }
    typed
}

/// What may be an option or a command: the program's own name and all that follows `--` may not.
fn given(arguments: &[OsString]) -> impl Iterator<Item = &OsString> {
    let rest = arguments.iter().skip(1);
    rest.take_while(|argument| *argument != "--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Mints licenses
    #[derive(Debug, clap::Parser)]
    #[command(name = "keygen", version)]
    struct Program {
        #[command(flatten)]
        output: OutputOptions,
        #[command(subcommand)]
        command: Subcommand,
    }

    #[derive(Debug, clap::Subcommand)]
    enum Subcommand {
        /// Issues a license
        Issue {
            #[arg(long)]
            seats: u32,
            #[arg(long)]
            customer: String,
        },
        /// Shows the public key
        Public,
    }

    fn arguments(line: &[&str]) -> Vec<OsString> {
        line.iter().map(OsString::from).collect()
    }

    fn refused(line: &[&str]) -> Failure {
        let error = Program::try_parse_from(line).unwrap_err();
        usage(error, &addressed(&Program::command(), &arguments(line)))
    }

    fn answered(line: &[&str]) -> Exit {
        let terminal = Terminal::new(&peek(&arguments(line)));
        answer(
            &terminal,
            Program::try_parse_from(line).unwrap_err(),
            || "keygen".to_owned(),
        )
    }

    #[test]
    fn a_usage_error_is_one_line_and_says_where_help_is() {
        let failure = refused(&["keygen", "issue", "--seats", "many", "--customer", "Acme"]);
        assert_eq!(
            failure.message(),
            "invalid value 'many' for '--seats <SEATS>': invalid digit found in string"
        );
        assert_eq!((failure.exit(), failure.code()), (Exit::Usage, "USAGE"));
        assert_eq!(failure.advice(), Some("see `keygen issue --help`"));
    }

    #[test]
    fn missing_arguments_are_named_in_the_same_line() {
        let failure = refused(&["keygen", "issue"]);
        assert_eq!(
            failure.message(),
            "the following required arguments were not provided: --seats <SEATS> --customer <CUSTOMER>"
        );
        assert_eq!(failure.advice(), Some("see `keygen issue --help`"));
    }

    #[test]
    fn a_slip_of_the_finger_gets_a_suggestion() {
        let option = refused(&["keygen", "issue", "--customr", "Acme"]);
        assert_eq!(option.advice(), Some("did you mean `--customer`?"));
        let command = refused(&["keygen", "isue"]);
        assert_eq!(command.message(), "unrecognized subcommand 'isue'");
        assert_eq!(command.advice(), Some("did you mean `issue`?"));
    }

    #[test]
    fn possible_values_are_listed() {
        let failure = refused(&["keygen", "public", "--color", "red"]);
        let expected =
            "invalid value 'red' for '--color <WHEN>' [possible values: auto, always, never]";
        assert_eq!(failure.message(), expected);
    }

    #[test]
    fn what_may_be_a_license_is_not_repeated() {
        let token = "eyJhbGciOiJSUzI1NiJ9.".repeat(10);
        for line in [["keygen", "public", &token], ["keygen", &token, "public"]] {
            let failure = refused(&line);
            assert!(failure.message().contains("'eyJhbGciOi…'"), "{failure}");
            assert!(failure.message().len() < 80, "{failure}");
        }
    }

    #[test]
    fn a_value_cannot_forge_a_line() {
        let failure = refused(&["keygen", "x\nerror: y\u{202e}"]);
        assert_eq!(
            failure.message(),
            r"unrecognized subcommand 'x error: y\u{202e}'"
        );
    }

    #[test]
    fn help_and_version_succeed_and_errors_do_not() {
        assert_eq!(answered(&["keygen", "--help"]), Exit::Licensed);
        assert_eq!(answered(&["keygen", "--version"]), Exit::Licensed);
        assert_eq!(answered(&["keygen"]), Exit::Usage);
        assert_eq!(answered(&["keygen", "--json", "nonsense"]), Exit::Usage);
    }

    #[test]
    fn the_shared_options_do_not_describe_the_program() {
        let help = Program::command().render_long_help().to_string();
        assert!(help.starts_with("Mints licenses\n"), "{help}");
    }

    #[test]
    fn how_to_speak_is_known_even_when_the_rest_is_not() {
        let options = peek(&arguments(&[
            "keygen", "nonsense", "--json", "--color", "never",
        ]));
        assert!(options.json);
        assert_eq!(options.color, Color::Never);
        let joined = peek(&arguments(&["keygen", "--color=always"]));
        assert_eq!(joined.color, Color::Always);
        let behind = peek(&arguments(&["keygen", "--", "--json"]));
        assert!(!behind.json, "what follows -- is no option");
        assert!(
            !peek(&arguments(&["--json"])).json,
            "nor is the program's name"
        );
    }

    #[test]
    fn every_subcommand_gets_a_man_page_and_none_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let pages = directory.path().join("man1");
        man(Program::command(), Some(&pages), Overwrite::Refuse).unwrap();
        for (name, word) in [("keygen.1", "issue"), ("keygen-issue.1", "customer")] {
            let page = fs::read_to_string(pages.join(name)).unwrap();
            assert!(page.contains(word), "{name}");
        }
        assert!(pages.join("keygen-public.1").exists());
        let again = man(Program::command(), Some(&pages), Overwrite::Refuse);
        assert_eq!(again.unwrap_err().code(), "EXISTS");
        man(Program::command(), Some(&pages), Overwrite::Force).unwrap();
    }

    #[test]
    fn completions_are_written_for_every_shell() {
        for shell in Shell::value_variants() {
            completions(Program::command(), *shell).unwrap();
        }
    }
}
