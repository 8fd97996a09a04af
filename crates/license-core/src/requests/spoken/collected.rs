//! The lines of a text, put in their order.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{Fault, FaultKind, SpokenError};
use super::line::Body;
use super::typed::{Piece, pieces};

/// What was typed under each number.
#[derive(Default)]
pub(super) struct Collected {
    /// Each different one that holds by itself.
    held: BTreeMap<u8, Vec<Body>>,
    /// What is wrong with the first that does not.
    damaged: BTreeMap<u8, FaultKind>,
    unnumbered: usize,
}

impl Collected {
    pub(super) fn of(text: &str) -> Self {
        let mut collected = Self::default();
        for piece in pieces(text) {
            match piece {
                Piece::Unnumbered => collected.unnumbered += 1,
                Piece::Numbered {
                    number,
                    line: Ok(line),
                } => {
                    let same = collected.held.entry(number).or_default();
                    if !same.contains(&line.body) {
                        same.push(line.body);
                    }
                }
                Piece::Numbered {
                    number,
                    line: Err(kind),
                } => {
                    collected.damaged.entry(number).or_insert(kind);
                }
            }
        }
        collected
    }

    /// The first line, if there is one and no other.
    pub(super) fn first(&self) -> Option<&Body> {
        match self.held.get(&1).map(Vec::as_slice) {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    /// The lines from 1 on, if each of `count` is there once. Without a first line nobody knows how many there
    /// are, and the last that was typed counts as the last.
    pub(super) fn whole(self, count: Option<usize>) -> Result<Vec<Body>, SpokenError> {
        if self.held.is_empty() && self.damaged.is_empty() && self.unnumbered == 0 {
            return Err(SpokenError::Nothing);
        }
        let faults = self.faults(count);
        match faults.is_empty() {
            true => Ok(self.held.into_values().flatten().collect()),
            false => Err(SpokenError::Lines {
                faults,
                unnumbered: self.unnumbered,
            }),
        }
    }

    fn faults(&self, count: Option<usize>) -> Vec<Fault> {
        let count = count.and_then(|count| u8::try_from(count).ok());
        let last = self.held.keys().copied().max().max(count).unwrap_or(1);
        let lines: BTreeSet<u8> = (1..=last).chain(self.damaged.keys().copied()).collect();
        let fault = |line| {
            Some(Fault {
                line,
                kind: self.fault(line, count)?,
            })
        };
        let mut faults: Vec<Fault> = lines.into_iter().filter_map(fault).collect();
        // What is superfluous explains what is missing, and is no fault by itself.
        if faults
            .iter()
            .all(|fault| fault.kind == FaultKind::AlsoDamaged)
        {
            faults.clear();
        }
        faults
    }

    fn fault(&self, line: u8, count: Option<u8>) -> Option<FaultKind> {
        let held = self.held.get(&line).map_or(0, Vec::len);
        let is_beyond = count.is_some_and(|count| line > count);
        let damage = self.damaged.get(&line).copied();
        match (held, is_beyond) {
            (0, true) => damage.map(|_| FaultKind::AlsoDamaged),
            (0, false) => Some(damage.unwrap_or(FaultKind::Missing)),
            (_, true) => Some(FaultKind::Beyond {
                count: count.unwrap_or_default(),
            }),
            (1, false) => damage.map(|_| FaultKind::AlsoDamaged),
            (_, false) => Some(FaultKind::Different),
        }
    }
}
