//! Pictures of QR codes. Photos are tested in `tests/tests/interop`, which has a JPEG encoder.

use super::decoding::{DecodingError, TIME_LIMIT, read_within};
use super::*;
use crate::qr::QrCode;
use png::{BitDepth, ColorType, Encoder};
use std::time::Duration;

const TEXT: &str = "LICENSE-REQUEST:31415926535897932384626433832795028841971693993751";

fn png(text: &str) -> Vec<u8> {
    QrCode::new(text).unwrap().to_png().unwrap()
}

fn read(bytes: &[u8]) -> Result<String, DecodingError> {
    let format = PictureFormat::detect(bytes).expect("a picture");
    read_within(format, bytes, TIME_LIMIT)
}

fn encode(
    width: usize,
    height: usize,
    color: ColorType,
    depth: BitDepth,
    pixels: &[u8],
) -> Vec<u8> {
    let mut picture = Vec::new();
    let side = |side| u32::try_from(side).unwrap();
    let mut encoder = Encoder::new(&mut picture, side(width), side(height));
    encoder.set_color(color);
    encoder.set_depth(depth);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    picture
}

/// Draws codes side by side, with six pixels for each module. `pixel` returns the bytes of a pixel.
fn draw(texts: &[&str], pixel: impl Fn(bool) -> Vec<u8>) -> (usize, usize, Vec<u8>) {
    const SCALE: usize = 6;
    let codes: Vec<_> = texts
        .iter()
        .map(|text| QrCode::new(text).unwrap())
        .collect();
    let side = codes.iter().map(QrCode::width).max().unwrap() * SCALE;
    let mut pixels = Vec::new();
    for row in 0..side {
        for code in &codes {
            for column in 0..side {
                pixels.extend(pixel(code.is_dark(column / SCALE, row / SCALE)));
            }
        }
    }
    (side * codes.len(), side, pixels)
}

#[test]
fn a_code_is_read_from_each_kind_of_png() {
    assert_eq!(read(&png(TEXT)).unwrap(), TEXT);
    let level = |dark| if dark { 20 } else { 230 };
    for (color, depth, pixel) in [
        (ColorType::Grayscale, BitDepth::Eight, vec![1]),
        (ColorType::GrayscaleAlpha, BitDepth::Eight, vec![1, 255]),
        (ColorType::Rgb, BitDepth::Eight, vec![1, 1, 1]),
        (ColorType::Rgba, BitDepth::Eight, vec![1, 1, 1, 255]),
        (ColorType::Rgb, BitDepth::Sixteen, vec![1, 0, 1, 0, 1, 0]),
    ] {
        // Each 1 in the pattern is replaced with the level.
        let of = |dark: bool| {
            let pattern = pixel.iter();
            pattern
                .map(|value| if *value == 1 { level(dark) } else { *value })
                .collect()
        };
        let (width, height, pixels) = draw(&[TEXT], of);
        let picture = encode(width, height, color, depth, &pixels);
        assert_eq!(read(&picture).unwrap(), TEXT, "{color:?} {depth:?}");
    }
    // Transparent pixels are white, whatever their color.
    let (width, height, pixels) = draw(&[TEXT], |dark| vec![0, 0, 0, if dark { 255 } else { 0 }]);
    let picture = encode(width, height, ColorType::Rgba, BitDepth::Eight, &pixels);
    assert_eq!(read(&picture).unwrap(), TEXT);
}

#[test]
fn a_large_picture_is_reduced() {
    let code = QrCode::new(TEXT).unwrap();
    let scale = 3000 / code.width();
    let side = code.width() * scale;
    let mut pixels = Vec::with_capacity(side * side);
    for row in 0..side {
        pixels.extend((0..side).map(|column| {
            if code.is_dark(column / scale, row / scale) {
                0
            } else {
                255
            }
        }));
    }
    let picture = encode(side, side, ColorType::Grayscale, BitDepth::Eight, &pixels);
    assert_eq!(read(&picture).unwrap(), TEXT);
}

#[test]
fn a_picture_without_exactly_one_code_is_refused() {
    let white = encode(
        300,
        200,
        ColorType::Grayscale,
        BitDepth::Eight,
        &[255; 60_000],
    );
    assert_eq!(read(&white), Err(DecodingError::NoCode));
    let of = |dark| vec![if dark { 0 } else { 255 }];
    let (width, height, pixels) = draw(&[TEXT, "ANOTHER TEXT"], of);
    let two = encode(
        width,
        height,
        ColorType::Grayscale,
        BitDepth::Eight,
        &pixels,
    );
    assert_eq!(read(&two), Err(DecodingError::Several { found: 2 }));
    let (width, height, pixels) = draw(&[TEXT, TEXT], of);
    let copies = encode(
        width,
        height,
        ColorType::Grayscale,
        BitDepth::Eight,
        &pixels,
    );
    assert_eq!(read(&copies).unwrap(), TEXT, "copies of one code");
    // The data are covered, but the patterns that mark a code remain.
    let (width, height, mut pixels) = draw(&[TEXT], of);
    for row in height * 2 / 5..height * 3 / 5 {
        pixels[row * width + width / 5..row * width + width * 4 / 5].fill(255);
    }
    let covered = encode(
        width,
        height,
        ColorType::Grayscale,
        BitDepth::Eight,
        &pixels,
    );
    assert_eq!(read(&covered), Err(DecodingError::NoCode));
}

#[test]
fn a_truncated_or_damaged_picture_is_refused() {
    let whole = png(TEXT);
    for length in [8, 20, 33, whole.len() / 2, whole.len() - 30] {
        assert_eq!(
            read(&whole[..length]),
            Err(DecodingError::Damaged),
            "{length}"
        );
    }
    let mut damaged = whole.clone();
    damaged[whole.len() / 2] ^= 1;
    assert_eq!(read(&damaged), Err(DecodingError::Damaged));
    for start in [&b"\xff\xd8\xff"[..], b"\xff\xd8\xff\xe0\0\x10JFIF\0"] {
        assert_eq!(read(start), Err(DecodingError::Damaged));
    }
}

/// A picture with more pixels than its file has bytes.
#[test]
fn a_picture_with_too_many_pixels_is_refused_before_it_is_decoded() {
    let (width, height) = (8000, 4001);
    let pixels = vec![0; width / 8 * height];
    let bomb = encode(width, height, ColorType::Grayscale, BitDepth::One, &pixels);
    assert!(bomb.len() < 100_000);
    assert_eq!(read(&bomb), Err(DecodingError::TooLarge { width, height }));
    let failure = read_picture(&bomb, "bomb.png").unwrap_err();
    let expected =
        "bomb.png: expected a picture of at most 32 megapixels, found 8000 x 4001 pixels";
    assert_eq!(failure.message(), expected);
}

#[test]
fn a_search_that_takes_too_long_ends() {
    let picture = png(TEXT);
    let found = read_within(PictureFormat::Png, &picture, Duration::ZERO);
    assert_eq!(found, Err(DecodingError::TooSlow));
}

#[test]
fn the_formats_of_pictures_are_recognized() {
    for (bytes, format) in [
        (&b"GIF89a...."[..], "GIF"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "WebP"),
        (b"\0\0\0\x18ftypheic\0\0", "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0", "AVIF"),
        (b"BM\x10\0\0\0\0\0\0\0\x36", "BMP"),
        (b"II*\0\x08\0\0\0", "TIFF"),
        (b"MM\0*\0\0\0\x08", "TIFF"),
    ] {
        let failure = read_picture(bytes, "photo").unwrap_err();
        let expected = format!("photo: expected a picture in PNG or JPEG, found {format}");
        assert_eq!(
            (failure.message(), failure.code()),
            (&*expected, "MALFORMED")
        );
        assert!(failure.advice().is_some());
    }
    for text in [
        &b""[..],
        b"BMW is a car maker",
        b"eyJ",
        b"-----BEGIN",
        b"\x89PN",
        b"RIFFRAFF",
    ] {
        assert!(!is_picture(text), "{text:?}");
    }
}

#[test]
fn each_reason_has_its_own_message_and_a_hint() {
    let white = encode(50, 50, ColorType::Grayscale, BitDepth::Eight, &[255; 2500]);
    let failure = read_picture(&white, "a.png").unwrap_err();
    assert_eq!(
        failure.message(),
        "a.png: expected a picture with a QR code, found no QR code that can be read"
    );
    let failure = read_picture(&png(TEXT)[..100], "b.png").unwrap_err();
    assert_eq!(
        failure.message(),
        "b.png: expected a whole picture, found a damaged or truncated PNG image"
    );
    assert!(failure.advice().is_some());
}
