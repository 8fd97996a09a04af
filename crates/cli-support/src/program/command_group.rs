//! The commands of a program, grouped under headings in its help.

use clap::{Command, Error};

use crate::fields::Fields;
use crate::meaning::Meaning;
use crate::styled_text::StyledText;
use crate::wrap::wrap;

/// The width of the help if it is not printed on a terminal, as clap has it.
const DEFAULT_COLUMNS: usize = 100;

/// The start of the line with the usage.
const USAGE: &str = "Usage: ";

/// Commands of a program under one heading of its help.
///
/// clap has headings for options, but not for commands.
#[derive(Debug, Clone, Copy)]
pub struct CommandGroup {
    /// The heading.
    pub heading: &'static str,
    /// The names of the commands.
    pub commands: &'static [&'static str],
}

/// Returns the names of the visible commands of a program that are in no group or in several, and
/// the names in groups that no command has. A test of each program expects none.
#[must_use]
pub fn misplaced(program: &Command, groups: &[CommandGroup]) -> Vec<String> {
    let mut program = program.clone();
    program.build();
    let grouped = || groups.iter().flat_map(|group| group.commands);
    let commands = program
        .get_subcommands()
        .filter(|command| !command.is_hide_set());
    let commands: Vec<_> = commands.map(Command::get_name).collect();
    let is_unknown = |name: &&&str| !commands.contains(*name);
    let places = |name: &str| grouped().filter(|grouped| **grouped == name).count();
    let unknown = grouped().filter(is_unknown).copied();
    let misplaced = commands.iter().copied().filter(|name| places(name) != 1);
    misplaced.chain(unknown).map(str::to_owned).collect()
}

/// Returns the text that clap prints for a request of help or of the version. If it is the help of
/// the program, its commands are grouped.
pub(super) fn help(
    response: &Error,
    program: &Command,
    groups: &[CommandGroup],
    columns: Option<usize>,
) -> String {
    let text = response.render();
    let columns = columns.unwrap_or(DEFAULT_COLUMNS);
    let is = |help: clap::builder::StyledStr| help.to_string() == text.to_string();
    let grouped = || grouped(program, groups, columns);
    let text = if groups.is_empty() {
        text
    } else if is(program.clone().render_long_help()) {
        grouped().render_long_help()
    } else if is(program.clone().render_help()) {
        grouped().render_help()
    } else {
        text
    };
    wrap_usage(&text.ansi().to_string(), columns)
}

/// Wraps the line with the usage, which clap leaves as it is.
fn wrap_usage(text: &str, columns: usize) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        if !anstream::adapter::strip_str(line)
            .to_string()
            .starts_with(USAGE)
        {
            return line.to_owned();
        }
        let end = if line.ends_with('\n') { "\n" } else { "" };
        format!("{}{end}", wrap(line.trim_end(), Some(columns), USAGE.len()))
    });
    lines.collect()
}

/// Returns the program with a help that lists its commands in groups. It is only for its help.
fn grouped(program: &Command, groups: &[CommandGroup], columns: usize) -> Command {
    let mut program = program.clone();
    let usage = program.render_usage();
    let commands = commands(&program, groups, columns);
    // The template replaces the list of commands, so that list must not be printed as well.
    let template = format!(
        "{{before-help}}{{about-with-newline}}\n{}\n\n{commands}\n\n{{all-args}}{{after-help}}",
        usage.ansi()
    );
    program
        .mut_subcommands(|command| command.hide(true))
        .help_template(template)
}

/// Returns the list of commands. Commands without a group are at its end.
fn commands(program: &Command, groups: &[CommandGroup], columns: usize) -> String {
    let named = |name: &str| program.find_subcommand(name);
    let of_groups = groups.iter().map(|group| {
        let commands = group.commands.iter().filter_map(|name| named(name));
        (group.heading, commands.collect::<Vec<_>>())
    });
    let is_grouped = |name: &str| groups.iter().any(|group| group.commands.contains(&name));
    let others = program
        .get_subcommands()
        .filter(|command| !is_grouped(command.get_name()));
    let groups: Vec<_> = of_groups
        .chain([("Other commands", others.collect())])
        .collect();
    let names = program
        .get_subcommands()
        .map(|command| command.get_name().len());
    let width = names.max().unwrap_or_default();
    let header = program.get_styles().get_header();
    let sections = groups.iter().filter_map(|(heading, commands)| {
        let list = list(commands, width, columns)?;
        Some(format!("{header}{heading}:{header:#}\n{list}"))
    });
    sections.collect::<Vec<_>>().join("\n\n")
}

/// Returns the commands with their descriptions, or `None` if no command is visible.
fn list(commands: &[&Command], width: usize, columns: usize) -> Option<String> {
    let mut fields = Fields::new().min_label_width(width);
    for command in commands.iter().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string);
        let name = StyledText::new(Meaning::Heading, command.get_name());
        fields.add(name, about.unwrap_or_default());
    }
    (!fields.is_empty()).then(|| fields.to_text(Some(columns)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GROUPS: [CommandGroup; 2] = [
        CommandGroup {
            heading: "Licenses",
            commands: &["issue", "renew"],
        },
        CommandGroup {
            heading: "The program",
            commands: &["help"],
        },
    ];

    fn program() -> Command {
        let command = |name, about: &'static str| Command::new(name).about(about);
        Command::new("keygen")
            .about("Issues licenses")
            .arg(clap::arg!(--json "Print JSON").help_heading("Output"))
            .arg_required_else_help(true)
            .subcommand_required(true)
            .subcommand(command("public-key", "Prints the public key"))
            .subcommand(command("renew", "Extends a license"))
            .subcommand(command("issue", "Issues a license"))
            .subcommand(command("secret", "Is hidden").hide(true))
    }

    fn printed(line: &[&str]) -> String {
        let mut program = program();
        let response = program.try_get_matches_from_mut(line).unwrap_err();
        let text = help(&response, &program, &GROUPS, None);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn the_help_lists_the_commands_in_groups() {
        let expected = "\
Issues licenses

Usage: keygen [OPTIONS] <COMMAND>

Licenses:
  issue       Issues a license
  renew       Extends a license

The program:
  help        Print this message or the help of the given subcommand(s)

Other commands:
  public-key  Prints the public key

Options:
  -h, --help  Print help

Output:
      --json  Print JSON
";
        for line in [
            &["keygen", "--help"][..],
            &["keygen", "-h"],
            &["keygen", "help"],
            &["keygen"],
        ] {
            assert_eq!(printed(line), expected, "{line:?}");
        }
    }

    #[test]
    fn the_help_of_a_command_is_that_of_clap() {
        let help = printed(&["keygen", "issue", "--help"]);
        assert!(
            help.starts_with("Issues a license\n\nUsage: keygen issue"),
            "{help}"
        );
    }

    #[test]
    fn a_long_usage_is_wrapped_at_words() {
        let mut program = Command::new("keygen").subcommand(
            Command::new("issue")
                .arg(clap::arg!(--customer <NAME>).required(true))
                .arg(clap::arg!(--expires <DATE>).required(true)),
        );
        let response = program.try_get_matches_from_mut(["keygen", "issue", "--help"]);
        let text = help(&response.unwrap_err(), &program, &[], Some(50));
        let text = anstream::adapter::strip_str(&text).to_string();
        let usage = "Usage: keygen issue --customer <NAME> --expires\n       <DATE>\n\nOptions:\n";
        assert!(text.starts_with(usage), "{text}");
    }

    #[test]
    fn misplaced_commands_are_found() {
        assert_eq!(misplaced(&program(), &GROUPS), ["public-key"]);
        let twice = [GROUPS[0], GROUPS[0]];
        let expected = ["public-key", "renew", "issue", "help"];
        assert_eq!(misplaced(&program(), &twice), expected);
        let unknown = CommandGroup {
            heading: "Other",
            commands: &["public-key", "isue"],
        };
        assert_eq!(
            misplaced(&program(), &[GROUPS[0], GROUPS[1], unknown]),
            ["isue"]
        );
    }
}
