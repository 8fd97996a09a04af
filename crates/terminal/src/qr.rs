//! QR codes: text that a phone or a scanner reads off a screen or a picture.
//!
//! Whoever sees a code has its text: nothing secret belongs into one. What is drawn here is signed or public, such as a
//! request or its answer; keys and passphrases never are.

mod drawing;
mod picture;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Terminal;
use qrcodegen::QrCodeEcc;
use std::path::Path;

/// The most bytes that fit into any code, at the lowest error correction.
pub const MAX_QR_BYTES: usize = 2953;

/// Light modules on each side, without which readers don't find a code (ISO/IEC 18004, 9.1).
const QUIET_ZONE: usize = 4;

/// A text as a QR code.
///
/// ```
/// use license_terminal::QrCode;
///
/// # fn main() -> Result<(), license_terminal::Failure> {
/// let code = QrCode::new("-----BEGIN LICENSE ACTIVATION REQUEST-----")?;
/// let drawn = code.for_terminal(Some(80))?;
/// assert_eq!(drawn.lines().count(), 19);
/// # Ok(())
/// # }
/// ```
pub struct QrCode {
    code: qrcodegen::QrCode,
}

impl QrCode {
    /// Encodes a text, with error correction M (15 % may be hidden or dirty) or what is better and takes no more room,
    /// and L (7 %) where only that fits.
    ///
    /// # Errors
    ///
    /// `TOO_LONG` for more than fits at L: [`MAX_QR_BYTES`], and more of capital letters and digits alone.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let encode = |correction| qrcodegen::QrCode::encode_text(text, correction);
        let code = encode(QrCodeEcc::Medium).or_else(|_| encode(QrCodeEcc::Low));
        code.map(|code| Self { code })
            .map_err(|_| too_long(text.len()))
    }

    /// Refuses early where a code can't go: a file whose name is not that of a picture, or an object that a script reads.
    ///
    /// # Errors
    ///
    /// `USAGE` for either.
    pub fn check_destination(out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
        const PICTURE: &str = "write the code as a picture: --qr --out code.png";
        match out {
            Destination::File(path) if is_png(path) => Ok(()),
            Destination::File(_) => Err(Failure::usage(format!(
                "--qr: expected a name that ends in .png, found {out}"
            ))
            .hint("name the picture code.png")),
            Destination::Stdout if terminal.is_json() => {
                Err(Failure::usage("--qr draws, and --json prints an object").hint(PICTURE))
            }
            Destination::Stdout => Ok(()),
        }
    }

    /// Modules on each side, with the quiet zone; as many columns are needed on a terminal.
    #[must_use]
    pub fn width(&self) -> usize {
        (0..self.code.size()).len() + 2 * QUIET_ZONE
    }

    /// Whether the module is dark; all around the code is light.
    fn is_dark(&self, column: usize, row: usize) -> bool {
        let within = |place: usize| place.checked_sub(QUIET_ZONE).map(i32::try_from);
        match (within(column), within(row)) {
            (Some(Ok(column)), Some(Ok(row))) => self.code.get_module(column, row),
            _ => false,
        }
    }
}

impl std::fmt::Debug for QrCode {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "QrCode of {} modules", self.code.size())
    }
}

fn is_png(path: &Path) -> bool {
    let extension = path.extension();
    extension.is_some_and(|extension| extension.eq_ignore_ascii_case("png"))
}

fn too_long(found: usize) -> Failure {
    let message = format!("expected at most {MAX_QR_BYTES} bytes for a QR code, found {found}");
    Failure::new(Exit::Usage, "TOO_LONG", message).hint("carry it as a file")
}

#[cfg(test)]
mod tests;
