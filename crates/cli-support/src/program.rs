//! The command line of a program: parsing, usage errors, completions and man pages.

mod argument_error;
mod command_group;
mod description;

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Command, Parser, ValueEnum};

pub use argument_error::ArgumentError;
pub use command_group::{CommandGroup, misplaced};
pub use description::{Description, completions, man};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::{Color, OutputOptions, Terminal};

/// Parses the command line. Prints help, the version or a usage error if the program does not run.
///
/// Help and version are printed on standard output, a usage error like any other failure. The help
/// of the program lists its commands in `groups`.
///
/// # Errors
///
/// Returns the exit code of the program: 0 for help and version, 2 for a usage error.
///
/// ```
/// use license_cli_support::program;
///
/// #[derive(clap::Parser)]
/// struct Arguments {
///     #[command(flatten)]
///     output: license_cli_support::OutputOptions,
/// }
///
/// let arguments = program::parse::<Arguments>(["keygen".into(), "--json".into()], &[]);
/// assert!(arguments.unwrap().output.json);
/// ```
pub fn parse<P: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    groups: &[CommandGroup],
) -> Result<P, ExitCode> {
    parse_with_hints(arguments, groups, &[])
}

/// A hint for an option that a command does not have, but that users may expect.
#[derive(Clone, Copy, Debug)]
pub struct OptionHint {
    /// The program and the command, such as `keygen upgrade`.
    pub command: &'static str,
    /// The names of the options, without `--`.
    pub options: &'static [&'static str],
    /// The hint.
    pub hint: &'static str,
}

/// Parses the command line like [`parse`]. A usage error about an option that a command does not
/// have shows the hint of `hints`.
///
/// # Errors
///
/// Returns the exit code of the program: 0 for help and version, 2 for a usage error.
pub fn parse_with_hints<P: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    groups: &[CommandGroup],
    hints: &[OptionHint],
) -> Result<P, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = P::command();
    parse_with(&mut command, &arguments).map_err(|error| {
        let terminal = Terminal::new(&output_options(&arguments));
        let typed = command_name(&command, &arguments);
        let hint = option_hint(&error, &typed, hints);
        print_response(
            &terminal,
            &error,
            (&command, groups, &arguments),
            |terminal, failure| {
                let failure = failure.clone();
                let failure = match hint {
                    Some(hint) => failure.hint(hint),
                    None => failure,
                };
                report(terminal, &failure).into()
            },
        )
    })
}

/// Returns the hint for the option of an error that a command does not have.
fn option_hint(error: &clap::Error, command: &str, hints: &[OptionHint]) -> Option<&'static str> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let error = ArgumentError::from(error);
    let is_meant = |hint: &&OptionHint| {
        let mut options = error.options();
        hint.command == command && options.any(|option| hint.options.contains(&option))
    };
    hints.iter().find(is_meant).map(|found| found.hint)
}

/// Parses the command line like [`parse`]. `report` prints a usage error, and returns the exit code
/// of the program.
///
/// # Errors
///
/// Returns the exit code of the program: 0 for help and version, or the result of `report`.
pub fn parse_or_report<P: Parser>(
    arguments: impl IntoIterator<Item = OsString>,
    groups: &[CommandGroup],
    report: impl FnOnce(&Terminal, &Failure) -> ExitCode,
) -> Result<P, ExitCode> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let mut command = P::command();
    parse_with(&mut command, &arguments).map_err(|error| {
        let terminal = Terminal::new(&output_options(&arguments));
        print_response(&terminal, &error, (&command, groups, &arguments), report)
    })
}

/// Parses like [`Parser::try_parse_from`], and builds `command` for use in messages.
///
/// clap copies each global option to each command. The copies of a program with many options take
/// more time than the rest of its start, so a correct command line is parsed with its own command
/// only. The whole program finds the error of another one.
fn parse_with<P: Parser>(command: &mut Command, arguments: &[OsString]) -> Result<P, clap::Error> {
    let short = with_one_command(command, arguments);
    let parsed = short.and_then(|short| {
        let mut matches = short.try_get_matches_from(arguments).ok()?;
        P::from_arg_matches_mut(&mut matches).ok()
    });
    if let Some(parsed) = parsed {
        return Ok(parsed);
    }
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    P::from_arg_matches_mut(&mut matches).map_err(|error| error.format(command))
}

/// Returns a program with only the first command that the arguments name, if they name one. The name
/// can be the value of an option. Such a command line does not parse with this command.
fn with_one_command(program: &Command, arguments: &[OsString]) -> Option<Command> {
    let mut typed = arguments.iter().skip(1);
    let command = typed.find_map(|argument| program.find_subcommand(argument))?;
    let short = Command::default()
        .args(program.get_arguments().cloned())
        .groups(program.get_groups().cloned())
        .subcommand_required(true)
        .subcommand(command.clone());
    Some(short)
}

/// Returns the output options of a command line that does not parse.
///
/// clap returns no values with an error, so the options that determine the output, `--json`,
/// `--color` and `--no-pager`, are searched for in the arguments.
fn output_options(arguments: &[OsString]) -> OutputOptions {
    let following = options(arguments).skip(1).map(Some).chain([None]);
    let color = options(arguments)
        .zip(following)
        .find_map(|(argument, next)| color_option(argument, next));
    let has = |name: &str| options(arguments).any(|argument| argument == name);
    OutputOptions {
        json: has("--json"),
        color: color.unwrap_or_default(),
        quiet: false,
        no_pager: has("--no-pager"),
    }
}

fn color_option(argument: &OsStr, next: Option<&OsString>) -> Option<Color> {
    let argument = argument.to_str()?;
    let value = match argument.strip_prefix("--color=") {
        Some(value) => value,
        None if argument == "--color" => next?.to_str()?,
        None => return None,
    };
    Color::from_str(value, false).ok()
}

/// Prints the help or the version, or lets `report` print an error. Returns the exit code.
fn print_response<E: From<Exit>>(
    terminal: &Terminal,
    error: &clap::Error,
    (command, groups, arguments): (&Command, &[CommandGroup], &[OsString]),
    report: impl FnOnce(&Terminal, &Failure) -> E,
) -> E {
    let text = || command_group::help(error, command, groups, terminal.columns());
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => match terminal.page(&text()) {
            Ok(()) => Exit::Success.into(),
            Err(failure) => report(terminal, &failure),
        },
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            terminal.print_error(&text());
            Exit::Usage.into()
        }
        _ => {
            let command = command_name(command, arguments);
            report(terminal, &ArgumentError::from(error).into_failure(&command))
        }
    }
}

fn report(terminal: &Terminal, failure: &Failure) -> Exit {
    terminal.failure(failure);
    failure.exit()
}

/// Returns the program and subcommand of a command line, as a user types them. Some errors of clap
/// do not name the subcommand.
fn command_name(program: &Command, arguments: &[OsString]) -> String {
    let mut command = program;
    let mut typed = program.get_name().to_owned();
    for argument in options(arguments).filter(|argument| *argument != "help") {
        if let Some(subcommand) = command.find_subcommand(argument) {
            command = subcommand;
            typed = format!("{typed} {}", command.get_name());
        }
    }
    typed
}

/// Returns the arguments that can be options or commands: all arguments between the program name
/// and `--`.
fn options(arguments: &[OsString]) -> impl Iterator<Item = &OsString> {
    let rest = arguments.iter().skip(1);
    rest.take_while(|argument| *argument != "--")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::Overwrite;
    use clap::{CommandFactory, FromArgMatches};
    use clap_complete::Shell;
    use std::fs;

    /// Issues licenses
    #[derive(Debug, clap::Parser)]
    #[command(name = "keygen", version)]
    struct TestProgram {
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
            #[arg(long, conflicts_with = "seats")]
            few: bool,
        },
        /// Takes two values
        Pair {
            #[arg(long, num_args = 2)]
            two: Vec<String>,
        },
        /// Shows the public key
        Public,
    }

    fn arguments(line: &[&str]) -> Vec<OsString> {
        line.iter().map(OsString::from).collect()
    }

    fn refused(line: &[&str]) -> Failure {
        let (mut command, arguments) = (TestProgram::command(), arguments(line));
        let error = parse_with::<TestProgram>(&mut command, &arguments).unwrap_err();
        ArgumentError::from(&error).into_failure(&command_name(&command, &arguments))
    }

    fn exit_of(line: &[&str]) -> Exit {
        let (mut command, arguments) = (TestProgram::command(), arguments(line));
        let error = parse_with::<TestProgram>(&mut command, &arguments).unwrap_err();
        let terminal = Terminal::new(&output_options(&arguments));
        print_response(&terminal, &error, (&command, &[], &arguments), report)
    }

    #[test]
    fn a_program_with_one_command_parses_like_the_whole_program() {
        let parsed = |line: &[&str]| {
            let short = with_one_command(&TestProgram::command(), &arguments(line));
            let short = short.map(|short| short.try_get_matches_from(line));
            let parsed =
                short.and_then(|matches| TestProgram::from_arg_matches(&matches.ok()?).ok());
            parsed.map(|program| format!("{program:?}"))
        };
        for line in [
            &["keygen", "issue", "--seats", "5", "--customer", "Acme"][..],
            &["keygen", "--json", "public"],
            &["keygen", "public", "--json"],
            &["keygen", "issue", "--seats=5", "--customer", "public"],
            &["keygen", "pair", "--two", "issue", "public", "--quiet"],
        ] {
            let whole = TestProgram::try_parse_from(line).unwrap();
            assert_eq!(parsed(line), Some(format!("{whole:?}")), "{line:?}");
        }
        for line in [
            &["keygen"][..],
            &["keygen", "isue"],
            &["keygen", "public", "issue"],
            &["keygen", "--color", "issue", "public"],
            &["keygen", "help", "issue"],
            &["keygen", "issue", "--help"],
            &["keygen", "public", "--version"],
        ] {
            assert_eq!(parsed(line), None, "{line:?}");
        }
    }

    #[test]
    fn an_argument_error_is_one_line_with_a_hint_about_the_help() {
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
            "the following required arguments were not provided: --seats <SEATS>, --customer <CUSTOMER>"
        );
        assert_eq!(failure.advice(), Some("see `keygen issue --help`"));
    }

    #[test]
    fn a_misspelled_option_or_command_gets_a_suggestion() {
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
    fn an_argument_that_may_be_a_license_is_not_repeated() {
        let token = "eyJhbGciOiJSUzI1NiJ9.".repeat(10);
        for line in [["keygen", "public", &token], ["keygen", &token, "public"]] {
            let failure = refused(&line);
            assert!(failure.message().contains("'eyJhbGciOi…'"), "{failure}");
            assert!(failure.message().len() < 80, "{failure}");
        }
    }

    #[test]
    fn an_error_names_its_options() {
        let options = |line: &[&str]| {
            let error = TestProgram::try_parse_from(line).unwrap_err();
            let error = ArgumentError::from(&error);
            let names: Vec<_> = error.options().map(str::to_owned).collect();
            (error.is_missing(), names)
        };
        let missing = options(&["keygen", "issue"]);
        assert_eq!(missing, (true, vec!["seats".into(), "customer".into()]));
        let invalid = options(&["keygen", "issue", "--seats", "many"]);
        assert_eq!(invalid, (false, vec!["seats".into()]));
        let unknown = options(&["keygen", "isue"]);
        assert_eq!(unknown, (false, Vec::new()));
    }

    #[test]
    fn every_kind_of_error_is_described_by_its_context() {
        for (line, expected) in [
            (
                &["keygen", "public", "--json", "--json"][..],
                "the argument '--json' cannot be used multiple times",
            ),
            (
                &[
                    "keygen",
                    "issue",
                    "--few",
                    "--seats",
                    "1",
                    "--customer",
                    "Acme",
                ],
                "the argument '--few' cannot be used with '--seats <SEATS>'",
            ),
            (
                &["keygen", "public", "--color"],
                "a value is required for '--color <WHEN>' but none was supplied \
                 [possible values: auto, always, never]",
            ),
            (
                &["keygen", "public", "--json=yes"],
                "unexpected value 'yes' for '--json' found; no more were expected",
            ),
            (&["keygen", "public", "x"], "unexpected argument 'x' found"),
            // A file is shown as a whole, unlike other long texts.
            (
                &[
                    "keygen",
                    "public",
                    "src/../src/../src/../src/../src/program.rs",
                ],
                "unexpected argument 'src/../src/../src/../src/../src/program.rs' found",
            ),
            (
                &["keygen", "pair", "--two", "a"],
                "expected 2 values for '--two <TWO> <TWO>', found 1",
            ),
        ] {
            assert_eq!(refused(line).message(), expected, "{line:?}");
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
        assert_eq!(exit_of(&["keygen", "--help"]), Exit::Success);
        assert_eq!(exit_of(&["keygen", "--version"]), Exit::Success);
        assert_eq!(exit_of(&["keygen"]), Exit::Usage);
        assert_eq!(exit_of(&["keygen", "--json", "nonsense"]), Exit::Usage);
    }

    #[test]
    fn the_shared_options_do_not_describe_the_program() {
        let help = TestProgram::command().render_long_help().to_string();
        assert!(help.starts_with("Issues licenses\n"), "{help}");
    }

    #[test]
    fn the_output_options_are_found_in_a_command_line_that_does_not_parse() {
        let options = output_options(&arguments(&[
            "keygen",
            "nonsense",
            "--json",
            "--color",
            "never",
            "--no-pager",
        ]));
        assert!(options.json && options.no_pager);
        assert_eq!(options.color, Color::Never);
        let joined = output_options(&arguments(&["keygen", "--color=always"]));
        assert_eq!(joined.color, Color::Always);
        let after_dashes = output_options(&arguments(&["keygen", "--", "--json"]));
        assert!(!after_dashes.json, "arguments after -- are not options");
        assert!(
            !output_options(&arguments(&["--json"])).json,
            "the program name is not an option"
        );
    }

    #[test]
    fn every_subcommand_gets_a_man_page_and_no_file_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let pages = directory.path().join("man1");
        man(TestProgram::command(), Some(&pages), Overwrite::Refuse).unwrap();
        for (name, word) in [("keygen.1", "issue"), ("keygen-issue.1", "customer")] {
            let page = fs::read_to_string(pages.join(name)).unwrap();
            assert!(page.contains(word), "{name}");
        }
        assert!(pages.join("keygen-public.1").exists());
        let again = man(TestProgram::command(), Some(&pages), Overwrite::Refuse);
        assert_eq!(again.unwrap_err().code(), "EXISTS");
        man(TestProgram::command(), Some(&pages), Overwrite::Force).unwrap();
    }

    #[test]
    fn completions_are_written_for_every_shell() {
        for shell in Shell::value_variants() {
            completions(TestProgram::command(), *shell).unwrap();
        }
    }
}
