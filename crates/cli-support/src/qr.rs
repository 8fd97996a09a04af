//! QR codes: text for a phone or a scanner.
//!
//! Everyone who sees a code can read its text, so a code never contains a key or a passphrase. The
//! programs draw signed or public text only, such as a request or its answer.

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

/// The light modules on each side, which a reader needs to find a code (ISO/IEC 18004, 9.1).
const QUIET_ZONE: usize = 4;

/// A text as a QR code.
///
/// ```
/// use license_cli_support::QrCode;
///
/// # fn main() -> Result<(), license_cli_support::Failure> {
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
    /// Encodes a text with error correction level M (15 % may be unreadable), with a higher level
    /// if it takes no more room, or with level L (7 %) if only that fits.
    ///
    /// # Errors
    ///
    /// Returns `TOO_LONG` for a text that does not fit at level L: [`MAX_QR_BYTES`], or more if it
    /// consists of capital letters and digits.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let encode = |correction| qrcodegen::QrCode::encode_text(text, correction);
        let code = encode(QrCodeEcc::Medium).or_else(|_| encode(QrCodeEcc::Low));
        code.map(|code| Self { code })
            .map_err(|_| too_long(text.len()))
    }

    /// Checks early that a code can be delivered.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for a file whose name is not that of a picture, and for JSON output.
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

    /// Returns the modules on each side, with the quiet zone. A terminal needs as many columns.
    #[must_use]
    pub fn width(&self) -> usize {
        (0..self.code.size()).len() + 2 * QUIET_ZONE
    }

    /// Returns whether a module is dark. The quiet zone is light.
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
