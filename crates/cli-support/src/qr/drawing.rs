//! Drawing of a code with half blocks. One character shows two modules, one above the other.

use super::QrCode;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::screen::Screen;
use std::fmt::Write as _;

/// White on black, from the part of the 256-color palette that themes do not change.
const COLORS: &str = "\u{1b}[38;5;231;48;5;16m";
const RESET: &str = "\u{1b}[0m";

impl QrCode {
    /// Returns the code as text for a terminal.
    ///
    /// Light modules are drawn as blocks, in white on black for every color scheme. If colors are
    /// disabled, [`Terminal::data`](crate::output::Terminal::data) removes these two colors. The
    /// code is then readable only with light text on a dark background.
    ///
    /// # Errors
    ///
    /// Returns `TOO_WIDE` if the code is wider than the terminal, because a wrapped code is
    /// unreadable, and `TOO_TALL` if it has more rows, because a camera must see the whole code.
    pub fn for_terminal(&self, screen: Screen) -> Result<String, Failure> {
        let width = self.width();
        if let Some(columns) = screen.columns().filter(|columns| *columns < width) {
            return Err(too_large("TOO_WIDE", "columns", width, columns));
        }
        let height = width.div_ceil(2);
        if let Some(rows) = screen.rows().filter(|rows| *rows < height) {
            return Err(too_large("TOO_TALL", "rows", height, rows));
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

fn too_large(code: &'static str, unit: &str, needed: usize, found: usize) -> Failure {
    let message = format!("the QR code needs {needed} {unit}, but the terminal has {found}");
    Failure::new(Exit::Usage, code, message)
        .hint("enlarge the window, use a smaller font, or add --out code.png to write an image")
}
