//! Search for the QR code in a picture.

use super::PictureFormat;
use super::pixels::GrayPicture;
use rxing::common::HybridBinarizer;
use rxing::multi::MultipleBarcodeReader;
use rxing::qrcode::cpp_port::QrReader;
use rxing::{BarcodeFormat, BinaryBitmap, DecodeHints, Luma8LuminanceSource};
use std::collections::HashSet;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// The maximum time for a picture. A photo takes less than a second.
pub(super) const TIME_LIMIT: Duration = Duration::from_secs(20);

/// The longest sides in pixels to which a picture is reduced, in the order in which they are tried.
/// A reduced photo has less noise. A larger one shows a code that fills a small part of it.
const LONGEST_SIDES: [usize; 3] = [2400, 1200, 4800];

/// The reason why no text can be read from a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DecodingError {
    /// The picture is damaged.
    Damaged,
    /// The picture has too many pixels.
    TooLarge { width: usize, height: usize },
    /// The picture contains no QR code that can be read.
    NoCode,
    /// The picture contains several QR codes.
    Several { found: usize },
    /// The search did not end in time, because the picture has too many details.
    TooSlow,
}

/// Reads the only QR code in a picture.
///
/// A hostile picture can make the search last for hours. After the time limit, the search continues
/// in its thread until the process ends.
pub(super) fn read_within(
    format: PictureFormat,
    bytes: &[u8],
    limit: Duration,
) -> Result<String, DecodingError> {
    let picture = GrayPicture::decode(format, bytes)?;
    let (sender, found) = mpsc::channel();
    let start = Instant::now();
    thread::spawn(move || {
        // The receiver is gone after the time limit.
        let _ = sender.send(search(&picture));
    });
    // A result that arrives between the limit and this call counts as late too.
    let found = found.recv_timeout(limit);
    let found = found.ok().filter(|_| start.elapsed() <= limit);
    found.unwrap_or(Err(DecodingError::TooSlow))
}

pub(super) fn search(picture: &GrayPicture) -> Result<String, DecodingError> {
    let mut tried = Vec::new();
    for longest in LONGEST_SIDES {
        let reduced = picture.reduced(longest);
        if tried.contains(&reduced.width) {
            continue;
        }
        tried.push(reduced.width);
        match read(reduced) {
            Err(DecodingError::NoCode) => {}
            result => return result,
        }
    }
    Err(if picture.is_damaged {
        DecodingError::Damaged
    } else {
        DecodingError::NoCode
    })
}

fn read(picture: GrayPicture) -> Result<String, DecodingError> {
    let side = |side: usize| u32::try_from(side).map_err(|_| DecodingError::Damaged);
    let (width, height) = (side(picture.width)?, side(picture.height)?);
    let source = Luma8LuminanceSource::new(picture.into_levels(), width, height);
    let source = source.map_err(|_| DecodingError::Damaged)?;
    let hints = DecodeHints {
        TryHarder: Some(true),
        PossibleFormats: Some(HashSet::from([BarcodeFormat::QR_CODE])),
        ..DecodeHints::default()
    };
    let mut bitmap = BinaryBitmap::new(HybridBinarizer::new(source));
    let codes = QrReader.decode_multiple_with_hints(&mut bitmap, &hints);
    let codes = codes.map_err(|_| DecodingError::NoCode)?;
    let mut texts: Vec<_> = codes.iter().map(rxing::RXingResult::getText).collect();
    texts.sort_unstable();
    texts.dedup();
    match texts.as_slice() {
        [text] => Ok((*text).to_owned()),
        [] => Err(DecodingError::NoCode),
        several => Err(DecodingError::Several {
            found: several.len(),
        }),
    }
}
