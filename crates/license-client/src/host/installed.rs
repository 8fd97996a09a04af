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
    /// Whether all of it was kept already, or is older than what is.
    pub is_old: bool,
    /// What could not be read or kept beside it.
    pub problems: Vec<StateProblem>,
    /// What became of each revocation list, in the order of their numbers.
    pub lists: Vec<InstalledList>,
    /// What became of each trust statement, in their order; none where the program has keys of its own.
    pub statements: Vec<InstalledStatement>,
    /// What became of each block: licenses, validation tokens, lists, activations and clock repairs, in this order.
    pub blocks: Vec<InstalledBlock>,
}

/// The result for one block of an installed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstalledBlock {
    /// What it is.
    pub kind: TokenKind,
    /// Its id; of a revocation list its number.
    pub id: String,
    /// Whether it was not kept already.
    pub is_news: bool,
}

/// The result of removing.
#[derive(Debug)]
#[must_use]
pub struct Removed {
    /// The files that are gone.
    pub paths: Vec<PathBuf>,
}
