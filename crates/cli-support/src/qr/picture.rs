//! A code as a PNG picture.

use super::QrCode;
use png::{BitDepth, ColorType, Encoder, EncodingError};
use std::io;

/// The number of pixels on each side of a module, large enough for printers and simple scanners.
const SCALE: usize = 8;
const PIXELS_PER_BYTE: usize = 8;

impl QrCode {
    /// Returns the code with its quiet zone as a PNG picture: one bit for each pixel, eight pixels
    /// for each module.
    ///
    /// # Errors
    ///
    /// Returns an error if the picture cannot be encoded. The content of the QR code does not
    /// affect this.
    pub fn to_png(&self) -> io::Result<Vec<u8>> {
        let mut png = Vec::new();
        self.write_png(&mut png).map_err(io::Error::from)?;
        Ok(png)
    }

    fn write_png(&self, png: &mut Vec<u8>) -> Result<(), EncodingError> {
        let side = u32::try_from(self.width() * SCALE).map_err(io::Error::other)?;
        let mut encoder = Encoder::new(png, side, side);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::One);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels())?;
        writer.finish()
    }

    /// Returns the pixels. Each byte holds eight pixels: one pixel row of one module.
    fn pixels(&self) -> Vec<u8> {
        const { assert!(SCALE == PIXELS_PER_BYTE) };
        let white = |column, row| {
            if self.is_dark(column, row) {
                0
            } else {
                u8::MAX
            }
        };
        let rows = (0..self.width()).flat_map(|row| std::iter::repeat_n(row, SCALE));
        rows.flat_map(|row| (0..self.width()).map(move |column| white(column, row)))
            .collect()
    }
}
