//! A code drawn with half blocks, two modules above each other in a character.

use super::QrCode;
use crate::exit::Exit;
use crate::failure::Failure;
use std::fmt::Write as _;

/// White on black from the fixed part of the palette of 256, which no theme changes.
const COLORS: &str = "\u{1b}[38;5;231;48;5;16m";
const RESET: &str = "\u{1b}[0m";

impl QrCode {
    /// The code for a terminal of so many columns, where they are known.
    ///
    /// Blocks are the light modules: in white on black, whatever the colors of the terminal are. Printed by
    /// [`Terminal::data`](crate::output::Terminal::data) where no color is wanted, the blocks alone remain; these are right on a
    /// terminal that writes light on dark.
    ///
    /// # Errors
    ///
    /// `TOO_WIDE` when it is wider than the terminal: what is wrapped can't be read.
    pub fn for_terminal(&self, columns: Option<usize>) -> Result<String, Failure> {
        let width = self.width();
        if let Some(columns) = columns.filter(|columns| *columns < width) {
            return Err(too_wide(width, columns));
        }
        let mut drawn = String::new();
        for row in (0..width).step_by(2) {
            let line: String = (0..width).map(|column| self.block(column, row)).collect();
            // Writing to a `String` does not fail.
            let _ = writeln!(drawn, "{COLORS}{line}{RESET}");
        }
        Ok(drawn)
    }

    fn block(&self, column: usize, row: usize) -> char {
        match (self.is_dark(column, row), self.is_dark(column, row + 1)) {
            (false, false) => '█',
            (false, true) => '▀',
            (true, false) => '▄',
            (true, true) => ' ',
        }
    }
}

fn too_wide(width: usize, columns: usize) -> Failure {
    let message = format!("the QR code is {width} columns wide, the terminal {columns}");
    Failure::new(Exit::Usage, "TOO_WIDE", message)
        .hint("widen the window, make its letters smaller, or write the code as a picture")
}
