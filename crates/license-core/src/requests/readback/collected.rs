//! The lines of a text, indexed by line number.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{LineFault, LineFaultKind, ReadbackError};
use super::line::LineContent;
use super::typed::{Piece, pieces};

/// The lines of a text, indexed by line number.
#[derive(Default)]
pub(super) struct CollectedLines {
    /// The different contents of correct lines.
    correct: BTreeMap<u8, Vec<LineContent>>,
    /// The fault of the first wrong line with each number.
    damaged: BTreeMap<u8, LineFaultKind>,
    unnumbered: usize,
}

impl CollectedLines {
    pub(super) fn new(text: &str) -> Self {
        let mut collected = Self::default();
        for piece in pieces(text) {
            match piece {
                Piece::Unnumbered => collected.unnumbered += 1,
                Piece::Numbered {
                    number,
                    line: Ok(line),
                } => {
                    let contents = collected.correct.entry(number).or_default();
                    if !contents.contains(&line.content) {
                        contents.push(line.content);
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

    /// Returns line 1, unless it is missing or ambiguous.
    pub(super) fn first(&self) -> Option<&LineContent> {
        match self.correct.get(&1).map(Vec::as_slice) {
            Some([only]) => Some(only),
            _ => None,
        }
    }

    /// Returns the contents of the lines in order, if each line up to `count` is present.
    ///
    /// `count` is `None` without line 1. In this case, the largest line number of the text is used.
    pub(super) fn complete(self, count: Option<usize>) -> Result<Vec<LineContent>, ReadbackError> {
        if self.correct.is_empty() && self.damaged.is_empty() && self.unnumbered == 0 {
            return Err(ReadbackError::Empty);
        }
        let faults = self.faults(count);
        if !faults.is_empty() {
            return Err(ReadbackError::Lines {
                faults,
                unnumbered: self.unnumbered,
            });
        }
        Ok(self.correct.into_values().flatten().collect())
    }

    fn faults(&self, count: Option<usize>) -> Vec<LineFault> {
        let count = count.and_then(|count| u8::try_from(count).ok());
        let last = self.correct.keys().copied().max().max(count).unwrap_or(1);
        let lines: BTreeSet<u8> = (1..=last).chain(self.damaged.keys().copied()).collect();
        let fault = |line| {
            Some(LineFault {
                line,
                kind: self.fault(line, count)?,
            })
        };
        let mut faults: Vec<LineFault> = lines.into_iter().filter_map(fault).collect();
        // An extra wrong line may be the missing line, with a wrong number. If no line is missing,
        // an extra wrong line is not a fault.
        if faults
            .iter()
            .all(|fault| fault.kind == LineFaultKind::ExtraDamaged)
        {
            faults.clear();
        }
        faults
    }

    fn fault(&self, line: u8, count: Option<u8>) -> Option<LineFaultKind> {
        let contents = self.correct.get(&line).map_or(0, Vec::len);
        let is_beyond = count.is_some_and(|count| line > count);
        let damage = self.damaged.get(&line).copied();
        match (contents, is_beyond) {
            (0, true) => damage.map(|_| LineFaultKind::ExtraDamaged),
            (0, false) => Some(damage.unwrap_or(LineFaultKind::Missing)),
            (_, true) => Some(LineFaultKind::BeyondEnd {
                count: count.unwrap_or_default(),
            }),
            (1, false) => damage.map(|_| LineFaultKind::ExtraDamaged),
            (_, false) => Some(LineFaultKind::Conflicting),
        }
    }
}
