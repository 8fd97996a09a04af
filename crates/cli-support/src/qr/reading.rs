//! QR codes in pictures, such as photos and screenshots.
//!
//! Pictures come from strangers. The size of the file, the number of pixels and the time are
//! limited, and all decoders are written in safe Rust.

#[cfg(feature = "pictures")]
mod decoding;
#[cfg(feature = "pictures")]
mod pixels;

use crate::failure::Failure;

/// The maximum size of a picture file. Photos of phones have 2 to 12 MB.
pub(crate) const MAX_PICTURE_BYTES: usize = 20 * 1024 * 1024;

/// The hint for a photo without a readable code.
#[cfg(feature = "pictures")]
const TAKE_AGAIN: &str = "take the photo again from the front, so that the whole code with its \
    white margin is sharp and fills most of it; or send the text as a file";

/// The format of a picture, by the first bytes of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PictureFormat {
    Png,
    Jpeg,
    /// A format that cannot be read, with its name.
    Other(&'static str),
}

impl PictureFormat {
    /// Returns the format, or `None` if the bytes are not a picture.
    fn detect(bytes: &[u8]) -> Option<Self> {
        let tag = |from: usize, length: usize| bytes.get(from..from.checked_add(length)?);
        if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
            Some(Self::Png)
        } else if bytes.starts_with(b"\xff\xd8\xff") {
            Some(Self::Jpeg)
        } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
            Some(Self::Other("GIF"))
        } else if tag(0, 4) == Some(b"RIFF") && tag(8, 4) == Some(b"WEBP") {
            Some(Self::Other("WebP"))
        } else if tag(4, 4) == Some(b"ftyp") {
            Some(Self::Other(match tag(8, 4) {
                Some(b"avif" | b"avis") => "AVIF",
                _ => "HEIC",
            }))
        } else if tag(0, 2) == Some(b"BM") && tag(6, 4) == Some(&[0; 4]) {
            Some(Self::Other("BMP"))
        } else if bytes.starts_with(b"II*\0") || bytes.starts_with(b"MM\0*") {
            Some(Self::Other("TIFF"))
        } else {
            None
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::Other(name) => name,
        }
    }
}

/// Returns whether a file starts like a picture.
pub(crate) fn is_picture(bytes: &[u8]) -> bool {
    PictureFormat::detect(bytes).is_some()
}

/// Returns the text of the only QR code in a picture.
///
/// # Errors
///
/// Returns `MALFORMED` if the picture has another format than PNG and JPEG, is damaged or too
/// large, or does not contain exactly one readable code.
pub(crate) fn read_picture(bytes: &[u8], name: &str) -> Result<String, Failure> {
    let format = match PictureFormat::detect(bytes) {
        Some(format @ (PictureFormat::Png | PictureFormat::Jpeg)) => format,
        found => {
            return Err(other_format(
                name,
                found.map_or("another format", PictureFormat::name),
            ));
        }
    };
    read_code(format, bytes, name)
}

fn other_format(name: &str, found: &str) -> Failure {
    let message = format!("{name}: expected a picture in PNG or JPEG, found {found}");
    Failure::malformed(message).hint(match found {
        "HEIC" | "AVIF" => {
            "send a screenshot of the photo, or save it as JPEG \
             (iPhone: Settings > Camera > Formats > Most Compatible)"
        }
        _ => "save the picture as PNG or JPEG, or send the text as a file",
    })
}

#[cfg(not(feature = "pictures"))]
fn read_code(_: PictureFormat, _: &[u8], name: &str) -> Result<String, Failure> {
    let message = format!("{name}: expected text, found a picture, which this build cannot read");
    Err(Failure::malformed(message)
        .hint("scan the QR code with a phone, and save its text to a file"))
}

#[cfg(feature = "pictures")]
fn read_code(format: PictureFormat, bytes: &[u8], name: &str) -> Result<String, Failure> {
    use decoding::DecodingError;

    let failure = |message: &str| Failure::malformed(format!("{name}: {message}"));
    decoding::read_within(format, bytes, decoding::TIME_LIMIT).map_err(|error| match error {
        DecodingError::Damaged => {
            let found = format.name();
            failure(&format!(
                "expected a whole picture, found a damaged or truncated {found} image"
            ))
            .hint("copy or send the picture again")
        }
        DecodingError::TooLarge { width, height } => failure(&format!(
            "expected a picture of at most {} megapixels, found {width} x {height} pixels",
            pixels::MAX_PIXELS / 1_000_000
        ))
        .hint("cut out the QR code, or take the photo with a lower resolution"),
        DecodingError::NoCode => {
            failure("expected a picture with a QR code, found no QR code that can be read")
                .hint(TAKE_AGAIN)
        }
        DecodingError::Several { found } => failure(&format!(
            "expected one QR code in the picture, found {found}"
        ))
        .hint("cut out one QR code, and use one picture for each"),
        DecodingError::TooSlow => {
            failure("the picture takes too long to search for a QR code").hint(TAKE_AGAIN)
        }
    })
}

/// Searches gray levels for the fuzz target.
#[cfg(all(fuzzing, feature = "pictures"))]
pub(crate) fn search_levels(width: usize, levels: &[u8]) -> Result<String, String> {
    let picture = pixels::GrayPicture::from_levels(width, levels.to_vec());
    decoding::search(&picture).map_err(|error| format!("{error:?}"))
}

#[cfg(test)]
#[cfg(feature = "pictures")]
mod tests;
