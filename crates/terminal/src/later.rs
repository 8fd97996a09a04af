//! Describing of a program what one command line is about, and no more.

use std::cell::RefCell;
use std::ffi::OsString;
use std::ops::Deref;

use clap::{ArgMatches, Args, Command, FromArgMatches, Subcommand};

thread_local! {
    /// The line that the program is described for; none if it is described as a whole.
    static LINE: RefCell<Option<Vec<OsString>>> = const { RefCell::new(None) };
}

/// What `describe` gives, with those subcommands alone that the line names.
///
/// A line that is parsed with it without an error is parsed so with everything too. What is wrong with another, everything must tell.
pub(crate) fn for_line(line: &[OsString], describe: impl FnOnce() -> Command) -> Command {
    LINE.set(Some(line.to_owned()));
    let command = describe();
    LINE.set(None);
    command
}

/// Whether a subcommand of this name may be the one that was called.
fn is_asked_for(name: &str) -> bool {
    LINE.with_borrow(|line| match line {
        None => true,
        Some(line) => line.iter().any(|word| word == name),
    })
}

/// Whether a word of the line is the name of one of these.
fn is_one_asked_for(has_subcommand: impl Fn(&str) -> bool) -> bool {
    LINE.with_borrow(|line| {
        let mut words = line.iter().flatten().filter_map(|word| word.to_str());
        words.any(has_subcommand)
    })
}

/// The subcommands of a program, of which [`parse`](crate::program::parse) looks only at the one that was called.
///
/// To describe all others, each with its own arguments and those of the whole program, costs more than the rest of reading a command line.
/// Completions, man pages, help and usage errors are made from all of them. Of a group of subcommands that is flattened into others, none
/// is described if the line names none.
///
/// ```
/// use license_terminal::{Called, Later, program};
///
/// #[derive(clap::Parser)]
/// struct Shop {
///     #[command(subcommand)]
///     command: Called<Command>,
/// }
///
/// #[derive(clap::Subcommand)]
/// enum Command {
///     /// Trade
///     Sell(Later<Sell>),
/// }
///
/// #[derive(clap::Args)]
/// struct Sell {
///     #[arg(long)]
///     price: u32,
/// }
///
/// let line = ["shop", "sell", "--price", "5"].map(Into::into);
/// let shop: Shop = program::parse(line).unwrap();
/// let Command::Sell(sell) = &*shop.command;
/// assert_eq!(sell.price, 5);
/// ```
#[derive(Debug, Clone)]
pub struct Called<T>(T);

impl<T> Deref for Called<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Subcommand> Subcommand for Called<T> {
    fn augment_subcommands(command: Command) -> Command {
        let is_whole = LINE.with_borrow(Option::is_none);
        if is_whole {
            return T::augment_subcommands(command);
        }
        if !is_one_asked_for(T::has_subcommand) {
            return command;
        }
        let mut all = T::augment_subcommands(Command::default());
        let asked_for = all
            .get_subcommands_mut()
            .filter(|subcommand| is_asked_for(subcommand.get_name()));
        command.subcommands(asked_for.map(std::mem::take))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        T::augment_subcommands_for_update(command)
    }

    fn has_subcommand(name: &str) -> bool {
        T::has_subcommand(name)
    }
}

/// The arguments of a subcommand, which are described only if that is [called](Called).
#[derive(Debug, Clone)]
pub struct Later<T>(T);

impl<T> Deref for Later<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Args> Args for Later<T> {
    fn augment_args(command: Command) -> Command {
        match is_asked_for(command.get_name()) {
            true => T::augment_args(command),
            false => command,
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

/// As what is inside.
macro_rules! from_matches {
    ($wrapper:ident) => {
        impl<T: FromArgMatches> FromArgMatches for $wrapper<T> {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
                T::from_arg_matches(matches).map(Self)
            }

            fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, clap::Error> {
                T::from_arg_matches_mut(matches).map(Self)
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
                self.0.update_from_arg_matches(matches)
            }
        }
    };
}

from_matches!(Called);
from_matches!(Later);

#[cfg(test)]
mod tests;
