//! Pictures as gray levels.

use super::PictureFormat;
use super::decoding::DecodingError;
use png::{ColorType, Limits, Transformations};
use std::io::Cursor;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The maximum number of pixels. Phones take photos of 12 to 24 megapixels by default.
pub(super) const MAX_PIXELS: usize = 32_000_000;
/// The maximum memory of the PNG decoder in bytes: the pixels with four channels.
const MAX_PNG_BYTES: usize = 4 * MAX_PIXELS;
/// The maximum width and height that the JPEG decoder accepts before the pixels are counted.
const MAX_SIDE: usize = 32_768;

/// A picture as gray levels from 0 (black) to 255 (white).
pub(super) struct GrayPicture {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The gray levels, row by row.
    levels: Vec<u8>,
    /// Whether the file is damaged or truncated, so that a part of the picture may be missing.
    pub(super) is_damaged: bool,
}

impl GrayPicture {
    pub(super) fn decode(format: PictureFormat, bytes: &[u8]) -> Result<Self, DecodingError> {
        match format {
            PictureFormat::Jpeg => from_jpeg(bytes),
            _ => from_png(bytes),
        }
    }

    /// Creates a picture of rows with this width. Levels that do not fill a row are ignored.
    #[cfg(fuzzing)]
    pub(super) fn from_levels(width: usize, levels: Vec<u8>) -> Self {
        let height = levels.len().checked_div(width).unwrap_or_default();
        Self {
            width,
            height,
            levels,
            is_damaged: false,
        }
    }

    /// Returns the picture with sides of at most `longest` pixels. Each pixel is the mean of a
    /// square of pixels.
    pub(super) fn reduced(&self, longest: usize) -> Self {
        let factor = self.longest_side().div_ceil(longest.max(1)).max(1);
        let (width, height) = (self.width / factor, self.height / factor);
        let area = factor.saturating_mul(factor);
        let mean = |sum: &usize| u8::try_from(sum / area).unwrap_or(u8::MAX);
        let mut levels = Vec::with_capacity(width.saturating_mul(height));
        let mut sums = vec![0_usize; width];
        let mut rows = self.levels.chunks_exact(self.width.max(1));
        for _ in 0..height {
            sums.fill(0);
            for row in rows.by_ref().take(factor) {
                for (sum, pixels) in sums.iter_mut().zip(row.chunks_exact(factor)) {
                    *sum += pixels
                        .iter()
                        .map(|level| usize::from(*level))
                        .sum::<usize>();
                }
            }
            levels.extend(sums.iter().map(mean));
        }
        Self {
            width,
            height,
            levels,
            is_damaged: self.is_damaged,
        }
    }

    fn longest_side(&self) -> usize {
        self.width.max(self.height)
    }

    /// Returns the gray levels, row by row.
    pub(super) fn into_levels(self) -> Vec<u8> {
        self.levels
    }
}

fn check_size(width: usize, height: usize) -> Result<(), DecodingError> {
    match width.checked_mul(height) {
        Some(0) => Err(DecodingError::Damaged),
        Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
        _ => Err(DecodingError::TooLarge { width, height }),
    }
}

fn from_png(bytes: &[u8]) -> Result<GrayPicture, DecodingError> {
    let damaged = |_| DecodingError::Damaged;
    let limits = Limits {
        bytes: MAX_PNG_BYTES,
    };
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::normalize_to_color8());
    let mut reader = decoder.read_info().map_err(damaged)?;
    let side = |side: u32| usize::try_from(side).unwrap_or(usize::MAX);
    let (width, height) = (side(reader.info().width), side(reader.info().height));
    check_size(width, height)?;
    let size = reader.output_buffer_size().ok_or(DecodingError::Damaged)?;
    let mut pixels = vec![0; size];
    let frame = reader.next_frame(&mut pixels).map_err(damaged)?;
    let levels = match frame.color_type {
        ColorType::Grayscale => pixels,
        ColorType::GrayscaleAlpha => pixels.chunks_exact(2).map(gray_with_alpha).collect(),
        ColorType::Rgb => pixels.chunks_exact(3).map(luminance).collect(),
        ColorType::Rgba => pixels.chunks_exact(4).map(color_with_alpha).collect(),
        // The transformations expand palettes.
        ColorType::Indexed => return Err(DecodingError::Damaged),
    };
    Ok(GrayPicture {
        width,
        height,
        levels,
        is_damaged: false,
    })
}

fn gray_with_alpha(pixel: &[u8]) -> u8 {
    match pixel {
        [level, alpha] => on_white(*level, *alpha),
        _ => u8::MAX,
    }
}

fn color_with_alpha(pixel: &[u8]) -> u8 {
    match pixel {
        [_, _, _, alpha] => on_white(luminance(pixel), *alpha),
        _ => u8::MAX,
    }
}

/// Returns the luminance of a pixel (ITU-R BT.601), of which the first three bytes are red, green
/// and blue.
fn luminance(pixel: &[u8]) -> u8 {
    let weights = [299_u32, 587, 114];
    let levels = pixel.iter().map(|level| u32::from(*level));
    let sum: u32 = levels
        .zip(weights)
        .map(|(level, weight)| level * weight)
        .sum();
    u8::try_from(sum / 1000).unwrap_or(u8::MAX)
}

/// Returns the level of a transparent pixel on a white page.
fn on_white(level: u8, alpha: u8) -> u8 {
    let (level, alpha) = (u32::from(level), u32::from(alpha));
    u8::try_from((level * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
}

/// Decodes a photo. Small deviations from the standard, which cameras make, are accepted. If the
/// photo has any, it may also be truncated.
fn from_jpeg(bytes: &[u8]) -> Result<GrayPicture, DecodingError> {
    match jpeg(bytes, true) {
        Err(DecodingError::Damaged) => Ok(GrayPicture {
            is_damaged: true,
            ..jpeg(bytes, false)?
        }),
        result => result,
    }
}

fn jpeg(bytes: &[u8], is_strict: bool) -> Result<GrayPicture, DecodingError> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .set_strict_mode(is_strict)
        .jpeg_set_out_colorspace(ColorSpace::Luma);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let damaged = |_| DecodingError::Damaged;
    decoder.decode_headers().map_err(damaged)?;
    let (width, height) = decoder.dimensions().ok_or(DecodingError::Damaged)?;
    check_size(width, height)?;
    let levels = decoder.decode().map_err(damaged)?;
    if levels.len() != width.saturating_mul(height) {
        return Err(DecodingError::Damaged);
    }
    Ok(GrayPicture {
        width,
        height,
        levels,
        is_damaged: false,
    })
}
