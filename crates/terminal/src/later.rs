//! Arguments of a subcommand that are described only if it is the one that was called.

use std::cell::Cell;
use std::ops::Deref;

use clap::builder::Resettable;
use clap::{ArgMatches, Args, Command, FromArgMatches};

thread_local! {
    static MAY_WAIT: Cell<bool> = const { Cell::new(false) };
}

/// Describes a program for one command line alone: what is [`Later`] waits until its subcommand turns out to be the one.
///
/// Only what is parsed without an error is the same then. In help, arguments that every subcommand has would stand before its own.
pub(crate) fn for_one_line(describe: impl FnOnce() -> Command) -> Command {
    MAY_WAIT.set(true);
    let command = describe();
    MAY_WAIT.set(false);
    command
}

/// Arguments of one subcommand: to describe those of all others costs most of what it takes to read a short command line.
///
/// Completions, man pages, help and usage errors are made from everything, as without it.
///
/// ```
/// use license_terminal::{Later, program};
///
/// #[derive(clap::Parser)]
/// enum Arguments {
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
/// let Ok(Arguments::Sell(sell)) = program::parse(line) else {
///     panic!("it is a command line");
/// };
/// assert_eq!(sell.price, 5);
/// ```
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
        match MAY_WAIT.get() {
            true => command.defer(described::<T>),
            false => T::augment_args(command),
        }
    }

    fn augment_args_for_update(command: Command) -> Command {
        T::augment_args_for_update(command)
    }
}

/// The subcommand keeps its own description: what its arguments say of themselves as a group is not about it.
fn described<T: Args>(command: Command) -> Command {
    let about = Resettable::from(command.get_about().cloned());
    let long_about = Resettable::from(command.get_long_about().cloned());
    T::augment_args(command).about(about).long_about(long_about)
}

impl<T: FromArgMatches> FromArgMatches for Later<T> {
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
