//! Search for the QR code in a picture.

use super::PictureFormat;
use super::pixels::GrayPicture;
use rqrr::{DeQRError, PreparedImage};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// The maximum time for a picture. A photo takes less than a second.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The longest sides in pixels to which a picture is reduced, in the order in which they are tried.
/// A reduced photo has less noise. A larger one shows a code that fills a small part of it.
const LONGEST_SIDES: [usize; 3] = [1600, 800, 3200];

/// The reason why no text can be read from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodingError {
    /// The picture is damaged.
    Damaged,
    /// The picture has too many pixels.
    TooLarge { width: usize, height: usize },
    /// The picture contains no QR code.
    NoCode,
    /// The picture contains a QR code that cannot be read.
    Unreadable,
    /// The picture contains several QR codes.
    Several { found: usize },
    /// The content of the QR code is not text.
    NotText,
    /// The picture has so many details that the search does not end in time.
    TooSlow,
}

/// Reads the only QR code in a picture.
///
/// A picture can be made so that the search takes hours. After the time limit, the search goes on
/// in its thread until the process ends.
pub(super) fn read_within(
    format: PictureFormat,
    bytes: &[u8],
    limit: Duration,
) -> Result<String, DecodingError> {
    let picture = GrayPicture::decode(format, bytes)?;
    let (sender, found) = mpsc::channel();
    thread::spawn(move || {
        // The receiver is gone after the time limit.
        let _ = sender.send(search(&picture));
    });
    let found = found.recv_timeout(limit);
    found.unwrap_or(Err(DecodingError::TooSlow))
}

pub(super) fn search(picture: &GrayPicture) -> Result<String, DecodingError> {
    let mut failure = DecodingError::NoCode;
    let mut tried = Vec::new();
    for longest in LONGEST_SIDES {
        let longest = longest.min(picture.longest_side());
        if tried.contains(&longest) {
            continue;
        }
        tried.push(longest);
        match read(&picture.reduced(longest)) {
            Err(DecodingError::NoCode) => {}
            Err(error @ DecodingError::Unreadable) => failure = error,
            result => return result,
        }
    }
    Err(if picture.is_damaged {
        DecodingError::Damaged
    } else {
        failure
    })
}

fn read(picture: &GrayPicture) -> Result<String, DecodingError> {
    let level = |column, row| picture.level(column, row);
    let mut prepared = PreparedImage::prepare_from_greyscale(picture.width, picture.height, level);
    let grids = prepared.detect_grids();
    let results: Vec<_> = grids.iter().map(rqrr::Grid::decode).collect();
    let texts = results.iter().filter_map(|result| result.as_ref().ok());
    let mut texts: Vec<_> = texts.map(|(_, text)| text.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    let is_not_text = |result: &Result<_, _>| matches!(result, Err(DeQRError::EncodingError));
    match texts.as_slice() {
        [text] => Ok((*text).to_owned()),
        [] if results.iter().any(is_not_text) => Err(DecodingError::NotText),
        [] if results.is_empty() => Err(DecodingError::NoCode),
        [] => Err(DecodingError::Unreadable),
        several => Err(DecodingError::Several {
            found: several.len(),
        }),
    }
}
