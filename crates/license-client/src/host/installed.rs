//! The results of installing and removing.

use std::path::PathBuf;

use license_core::{Timestamp, TokenKind};

use super::rotating::InstalledStatement;
use crate::problem::StateProblem;
use crate::revocations::InstalledList;

/// The result of installing.
#[derive(Debug)]
#[must_use]
pub struct Installed {
    /// Where it is kept.
    pub path: PathBuf,
    /// When it begins, if what was installed goes on until then.
    pub begins: Option<Timestamp>,
    /// Whether a mark that a wrong clock had pushed into the future was lowered.
    pub clock_repaired: bool,
    /// Whether all of it was installed before, or is older than what is installed.
    pub is_old: bool,
    /// The problems with other files of the state.
    pub problems: Vec<StateProblem>,
    /// The result for each revocation list, in the order of their numbers.
    pub lists: Vec<InstalledList>,
    /// The result for each trust statement, in their order; empty where the program has embedded
    /// keys.
    pub statements: Vec<InstalledStatement>,
    /// The result for each block: licenses, validation tokens, lists, activations and clock
    /// repairs, in this order.
    pub blocks: Vec<InstalledBlock>,
}

/// The result for one block of an installed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledBlock {
    /// The kind of its token.
    pub kind: TokenKind,
    /// Its id; the number of a revocation list.
    pub id: String,
    /// Whether it was not installed before.
    pub is_news: bool,
}

/// The result of removing.
#[derive(Debug)]
#[must_use]
pub struct Removed {
    /// The files that are gone.
    pub paths: Vec<PathBuf>,
}
