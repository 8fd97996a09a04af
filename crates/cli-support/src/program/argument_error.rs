//! Descriptions of clap's errors, from their kind and context.

use std::error::Error;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::escape::{escape, may_be_key};
use crate::failure::Failure;

/// The maximum length of a value in a message. A longer value is truncated, because a value in the
/// wrong place may be a license.
const MAX_ECHO: usize = 40;

/// An error in the arguments of a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ArgumentError {
    message: String,
    arguments: Vec<String>,
    hint: Option<String>,
    is_missing: bool,
}

impl ArgumentError {
    /// Returns the message, which is one line.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns whether arguments are missing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.is_missing
    }

    /// Returns the names of the options that the error is about, without `--`.
    pub fn options(&self) -> impl Iterator<Item = &str> {
        // clap names an argument as in its usage: `--days <DAYS>`, or for several alternatives
        // `<--days <DAYS>|--perpetual>`.
        let specifications = self.arguments.iter();
        let parts = specifications.flat_map(|specification| specification.split("--").skip(1));
        let is_end = |character: char| !character.is_alphanumeric() && character != '-';
        parts.filter_map(move |part| part.split(is_end).next())
    }

    /// Converts the error to a failure of `command`: a program with its subcommand, such as `keygen
    /// issue`.
    pub(super) fn into_failure(self, command: &str) -> Failure {
        let hint = self
            .hint
            .unwrap_or_else(|| format!("see `{command} --help`"));
        Failure::usage(escape(&self.message)).hint(escape(&hint))
    }
}

impl From<&clap::Error> for ArgumentError {
    fn from(error: &clap::Error) -> Self {
        let message = describe(error).unwrap_or_else(|| error.kind().to_string());
        let arguments = match error.get(ContextKind::InvalidArg) {
            Some(ContextValue::String(one)) => vec![one.clone()],
            Some(ContextValue::Strings(several)) => several.clone(),
            _ => Vec::new(),
        };
        Self {
            message: join_lines(&message),
            arguments,
            hint: suggestion(error),
            is_missing: error.kind() == ErrorKind::MissingRequiredArgument,
        }
    }
}

fn join_lines(text: &str) -> String {
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    lines.join(" ")
}

/// Describes the error if it has the context of its kind.
fn describe(error: &clap::Error) -> Option<String> {
    match error.kind() {
        ErrorKind::ArgumentConflict => conflict(error),
        ErrorKind::InvalidValue => invalid_value(error),
        ErrorKind::ValueValidation => failed_validation(error),
        ErrorKind::MissingRequiredArgument => {
            let missing = strings(error, ContextKind::InvalidArg)?.iter();
            let missing: Vec<_> = missing.map(|argument| required(argument)).collect();
            Some(format!(
                "the following required arguments were not provided: {}",
                missing.join(", ")
            ))
        }
        ErrorKind::MissingSubcommand => {
            let command = string(error, ContextKind::InvalidSubcommand)?;
            Some(format!(
                "'{command}' requires a subcommand but one was not provided{}",
                choices("subcommands", strings(error, ContextKind::ValidSubcommand))
            ))
        }
        ErrorKind::InvalidSubcommand => {
            let command = user_text(error, ContextKind::InvalidSubcommand)?;
            Some(format!("unrecognized subcommand '{command}'"))
        }
        ErrorKind::UnknownArgument => {
            let argument = user_text(error, ContextKind::InvalidArg)?;
            Some(format!("unexpected argument '{argument}' found"))
        }
        ErrorKind::NoEquals => {
            let argument = string(error, ContextKind::InvalidArg)?;
            Some(format!(
                "equal sign is needed when assigning values to '{argument}'"
            ))
        }
        ErrorKind::TooManyValues => {
            let argument = string(error, ContextKind::InvalidArg)?;
            let value = user_text(error, ContextKind::InvalidValue)?;
            Some(format!(
                "unexpected value '{value}' for '{argument}' found; no more were expected"
            ))
        }
        ErrorKind::TooFewValues => {
            let argument = string(error, ContextKind::InvalidArg)?;
            let least = number(error, ContextKind::MinValues)?;
            let found = number(error, ContextKind::ActualNumValues)?;
            Some(format!(
                "expected at least {least} values for '{argument}', found {found}"
            ))
        }
        ErrorKind::WrongNumberOfValues => {
            let argument = string(error, ContextKind::InvalidArg)?;
            let expected = number(error, ContextKind::ExpectedNumValues)?;
            let found = number(error, ContextKind::ActualNumValues)?;
            Some(format!(
                "expected {expected} values for '{argument}', found {found}"
            ))
        }
        _ => reason(error),
    }
}

/// Describes a required argument.
///
/// clap names a group of options as in `<--days <DAYS>|--perpetual>`, and a positional argument as
/// in `<FILE|KEY>`.
fn required(argument: &str) -> String {
    if argument.starts_with('<') && argument.contains("--") {
        format!("one of {argument}")
    } else {
        argument.to_owned()
    }
}

fn conflict(error: &clap::Error) -> Option<String> {
    let (what, name) = match string(error, ContextKind::InvalidArg) {
        Some(argument) => ("argument", argument),
        None => ("subcommand", string(error, ContextKind::InvalidSubcommand)?),
    };
    let subject = format!("the {what} '{name}' cannot be used");
    Some(match error.get(ContextKind::PriorArg) {
        Some(ContextValue::String(other)) if other == name => format!("{subject} multiple times"),
        Some(ContextValue::String(other)) => format!("{subject} with '{other}'"),
        Some(ContextValue::Strings(others)) => format!("{subject} with: {}", others.join(" ")),
        _ => format!("{subject} with one or more of the other specified arguments"),
    })
}

fn invalid_value(error: &clap::Error) -> Option<String> {
    let argument = string(error, ContextKind::InvalidArg)?;
    let value = user_text(error, ContextKind::InvalidValue)?;
    let choices = choices("possible values", strings(error, ContextKind::ValidValue));
    Some(if value.is_empty() {
        format!("a value is required for '{argument}' but none was supplied{choices}")
    } else {
        format!("invalid value '{value}' for '{argument}'{choices}")
    })
}

/// Describes a value that a value parser of the program rejected. The reason is the source of the
/// error.
fn failed_validation(error: &clap::Error) -> Option<String> {
    let argument = string(error, ContextKind::InvalidArg)?;
    let value = user_text(error, ContextKind::InvalidValue)?;
    let reason = reason(error).map_or_else(String::new, |reason| format!(": {reason}"));
    Some(format!("invalid value '{value}' for '{argument}'{reason}"))
}

/// Returns the causes of an error in one line.
fn reason(error: &clap::Error) -> Option<String> {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    let texts: Vec<_> = causes.map(ToString::to_string).collect();
    (!texts.is_empty()).then(|| texts.join(": "))
}

fn choices(title: &str, values: Option<&[String]>) -> String {
    match values {
        Some(values) if !values.is_empty() => format!(" [{title}: {}]", values.join(", ")),
        _ => String::new(),
    }
}

fn string(error: &clap::Error, kind: ContextKind) -> Option<&str> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text),
        _ => None,
    }
}

fn strings(error: &clap::Error, kind: ContextKind) -> Option<&[String]> {
    match error.get(kind)? {
        ContextValue::Strings(texts) => Some(texts),
        _ => None,
    }
}

fn number(error: &clap::Error, kind: ContextKind) -> Option<isize> {
    match error.get(kind)? {
        ContextValue::Number(number) => Some(*number),
        _ => None,
    }
}

/// Returns a text that the user typed, truncated if it is long.
fn user_text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    let text = string(error, kind)?;
    if is_short(text) || is_file(text) {
        return Some(text.to_owned());
    }
    if may_be_key(text) {
        return Some("…".to_owned());
    }
    let start: String = text.chars().take(MAX_ECHO / 4).collect();
    Some(format!("{start}…"))
}

/// Returns whether a text is the path of a file. The path of a file that an option such as `--out`
/// created can be a private key.
fn is_file(text: &str) -> bool {
    !may_be_key(text) && Path::new(text).is_file()
}

fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_ECHO
}

/// Returns a hint with the probable intention of the user.
fn suggestion(error: &clap::Error) -> Option<String> {
    let unknown = string(error, ContextKind::InvalidArg)
        .filter(|_| error.kind() == ErrorKind::UnknownArgument);
    if unknown.is_some_and(is_file) {
        return Some(
            "the command accepts no further file; a pattern such as *.lic can match several files"
                .to_owned(),
        );
    }
    if unknown.is_some_and(|argument| !is_short(argument)) {
        return Some("pass a long text through standard input (-) or after --".to_owned());
    }
    let similar = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
        ContextKind::Suggested,
    ];
    match similar.into_iter().find_map(|kind| error.get(kind))? {
        ContextValue::String(one) => Some(format!("did you mean `{one}`?")),
        ContextValue::Strings(some) => Some(format!("did you mean `{}`?", some.join("` or `"))),
        // A tip repeats the argument, which may be a license, so a long tip is not shown.
        ContextValue::StyledStrs(tips) => {
            let tip = tips.first().map(ToString::to_string)?;
            (tip.chars().count() <= 2 * MAX_ECHO).then_some(tip)
        }
        _ => None,
    }
}
