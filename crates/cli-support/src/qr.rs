//! QR codes for a phone or a scanner.
//!
//! Everyone who sees a code can read its text, so a code must not contain a private key or a
//! passphrase. The programs draw only signed or public text, such as a request or its answer.

mod drawing;
mod picture;
mod reading;
mod svg;

use crate::destination::Destination;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Terminal;
use qrcodegen::{QrCodeEcc, QrSegment};
use std::path::Path;

#[cfg(all(fuzzing, feature = "pictures"))]
pub(crate) use reading::search_levels;
pub(crate) use reading::{MAX_PICTURE_BYTES, is_picture, read_picture};

/// The maximum number of bytes in a code, at the lowest error correction level.
pub const MAX_QR_BYTES: usize = 2953;

/// The number of light modules on each side, which readers need to find a code (ISO/IEC 18004,
/// 9.1).
const QUIET_ZONE: usize = 4;

/// A text as a QR code.
///
/// ```
/// use license_cli_support::{QrCode, Screen};
///
/// # fn main() -> Result<(), license_cli_support::Failure> {
/// let code = QrCode::new("-----BEGIN LICENSE ACTIVATION REQUEST-----")?;
/// let drawn = code.for_terminal(Screen::new(80, true))?;
/// assert_eq!(drawn.lines().count(), 19);
/// # Ok(())
/// # }
/// ```
pub struct QrCode {
    code: qrcodegen::QrCode,
}

impl QrCode {
    /// Encodes a text with error correction level M (recovers 15 %), or a higher level if the code
    /// has the same size. Uses level L (7 %) if the text does not fit at level M.
    ///
    /// # Errors
    ///
    /// Returns `TOO_LONG` for a text that does not fit at level L. At most [`MAX_QR_BYTES`] bytes
    /// fit, or more if the text consists of capital letters and digits. Digits need the least
    /// space, also after a prefix in capital letters.
    pub fn new(text: &str) -> Result<Self, Failure> {
        let segments = segments(text);
        let encode = |correction| qrcodegen::QrCode::encode_segments(&segments, correction);
        let code = encode(QrCodeEcc::Medium).or_else(|_| encode(QrCodeEcc::Low));
        code.map(|code| Self { code })
            .map_err(|_| too_long(text.len()))
    }

    /// Checks that a code can be written to `out`. Programs call this before they do long work.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` if the file name does not end in `.png`, or for JSON on standard output.
    pub fn check_destination(out: &Destination, terminal: &Terminal) -> Result<(), Failure> {
        const PICTURE: &str = "write the code as an image, for example with --out code.png";
        match out {
            Destination::File(path) if is_png(path) => Ok(()),
            Destination::File(_) => Err(Failure::usage(format!(
                "--qr: expected a file name that ends in .png, found {out}"
            ))
            .hint("use another name, such as code.png")),
            Destination::Stdout if terminal.is_json() => Err(Failure::usage(
                "--qr cannot be combined with --json on standard output",
            )
            .hint(PICTURE)),
            Destination::Stdout => Ok(()),
        }
    }

    /// Returns the number of modules on each side with the quiet zone, which is also the number of
    /// terminal columns that the code needs.
    #[must_use]
    pub fn width(&self) -> usize {
        (0..self.code.size()).len() + 2 * QUIET_ZONE
    }

    /// Returns whether a module is dark. The quiet zone is light.
    fn is_dark(&self, column: usize, row: usize) -> bool {
        let in_code = |position: usize| position.checked_sub(QUIET_ZONE).map(i32::try_from);
        match (in_code(column), in_code(row)) {
            (Some(Ok(column)), Some(Ok(row))) => self.code.get_module(column, row),
            _ => false,
        }
    }
}

/// Divides a text into a prefix in capital letters and digits. Other texts are one segment.
fn segments(text: &str) -> Vec<QrSegment> {
    let prefix = text.trim_end_matches(|character: char| character.is_ascii_digit());
    let digits = text.get(prefix.len()..).unwrap_or_default();
    if digits.is_empty() || !QrSegment::is_alphanumeric(prefix) {
        return QrSegment::make_segments(text);
    }
    let mut segments = QrSegment::make_segments(prefix);
    segments.push(QrSegment::make_numeric(digits));
    segments
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
    Failure::new(Exit::Usage, "TOO_LONG", message).hint("send the text as a file")
}

#[cfg(test)]
mod tests;
