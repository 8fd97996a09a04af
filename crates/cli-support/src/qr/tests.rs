//! What is drawn is read again by a decoder that is not ours.

use super::*;
use anstream::adapter::strip_str;
use std::fmt::Write as _;

/// What a license file looks like, of so many bytes.
fn armor(bytes: usize) -> String {
    let mut text = "-----BEGIN LICENSE ACTIVATION REQUEST-----\n".to_owned();
    for line in 0.. {
        let _ = writeln!(text, "eyJ{line:05}{}", "aZ0_-q7Kd".repeat(6));
        if text.len() > bytes {
            break;
        }
    }
    text.truncate(bytes);
    text
}

/// The text of the one code in a picture of grey values.
fn decoded(width: usize, height: usize, grey: impl FnMut(usize, usize) -> u8) -> String {
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, grey);
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "codes found");
    grids[0].decode().unwrap().1
}

/// The decoder's text of a drawing on a terminal: blocks are light, four pixels a module.
fn read_drawing(drawn: &str) -> String {
    let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let grey = |x: usize, y: usize| {
        let (column, row) = (x / 4, y / 4);
        match (lines[row / 2][column], row % 2) {
            ('█', _) | ('▀', 0) | ('▄', 1) => 255,
            (' ' | '▀' | '▄', _) => 0,
            (other, _) => panic!("{other:?} is no block"),
        }
    };
    decoded(lines[0].len() * 4, lines.len() * 8, grey)
}

fn read_png(png: &[u8]) -> (png::OutputInfo, Vec<u8>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png))
        .read_info()
        .unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info, pixels)
}

fn is_white(pixels: &[u8], info: &png::OutputInfo, x: usize, y: usize) -> bool {
    pixels[y * info.line_size + x / 8] >> (7 - x % 8) & 1 == 1
}

#[test]
fn a_picture_says_what_was_put_into_it() {
    for bytes in [1, 300, 1200, 2331, 2900, MAX_QR_BYTES] {
        let text = armor(bytes);
        let (info, pixels) = read_png(&QrCode::new(&text).unwrap().to_png().unwrap());
        let side = usize::try_from(info.width).unwrap();
        let grey = |x, y| {
            if is_white(&pixels, &info, x, y) {
                255
            } else {
                0
            }
        };
        assert_eq!(decoded(side, side, grey), text);
    }
}

#[test]
fn a_picture_has_one_bit_a_pixel_eight_pixels_a_module_and_a_quiet_zone() {
    let code = QrCode::new(&armor(300)).unwrap();
    let (info, pixels) = read_png(&code.to_png().unwrap());
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    assert_eq!(info.bit_depth, png::BitDepth::One);
    assert_eq!((info.width, info.height), (info.width, info.width));
    let side = code.width() * 8;
    assert_eq!(usize::try_from(info.width).unwrap(), side);
    for y in 0..side {
        for x in 0..side {
            let quiet = |place| !(32..side - 32).contains(&place);
            if quiet(x) || quiet(y) {
                assert!(is_white(&pixels, &info, x, y), "{x}, {y}");
            }
        }
    }
    assert!(!is_white(&pixels, &info, 32, 32), "the code begins there");
}

#[test]
fn a_drawing_says_what_was_put_into_it() {
    for bytes in [1, 300, 1200, 2900] {
        let text = armor(bytes);
        let drawn = QrCode::new(&text).unwrap().for_terminal(None).unwrap();
        assert_eq!(read_drawing(&strip_str(&drawn).to_string()), text);
    }
}

#[test]
fn every_line_of_a_drawing_sets_its_colors_and_takes_them_back() {
    let code = QrCode::new("a").unwrap();
    let drawn = code.for_terminal(Some(code.width())).unwrap();
    for line in drawn.lines() {
        assert!(line.starts_with("\u{1b}[38;5;231;48;5;16m"), "{line:?}");
        assert!(line.ends_with("\u{1b}[0m"), "{line:?}");
        assert_eq!(strip_str(line).to_string().chars().count(), code.width());
    }
}

#[test]
fn a_drawing_wider_than_the_terminal_is_refused() {
    let code = QrCode::new(&armor(1200)).unwrap();
    let refused = code.for_terminal(Some(80)).unwrap_err();
    let expected = format!(
        "the QR code is {} columns wide, the terminal 80",
        code.width()
    );
    assert_eq!(
        (refused.message(), refused.code()),
        (expected.as_str(), "TOO_WIDE")
    );
    assert!(refused.advice().is_some());
    assert!(code.for_terminal(Some(code.width())).is_ok());
    assert!(code.for_terminal(None).is_ok());
}

/// Of version 40, 2,331 bytes fit with M and 2,953 with L (ISO/IEC 18004, table 7).
#[test]
fn correction_is_m_at_least_where_that_fits_and_else_l() {
    let correction = |bytes| {
        QrCode::new(&armor(bytes))
            .unwrap()
            .code
            .error_correction_level()
    };
    assert!(
        (1..=2331)
            .step_by(233)
            .all(|bytes| correction(bytes) >= QrCodeEcc::Medium)
    );
    assert!(correction(2331) == QrCodeEcc::Medium);
    for bytes in [2332, MAX_QR_BYTES] {
        assert!(correction(bytes) == QrCodeEcc::Low);
    }
}

#[test]
fn one_byte_too_many_is_refused_with_the_most_and_what_was_found() {
    let refused = QrCode::new(&armor(MAX_QR_BYTES + 1)).unwrap_err();
    assert_eq!(
        refused.message(),
        "expected at most 2953 bytes for a QR code, found 2954"
    );
    assert_eq!((refused.exit(), refused.code()), (Exit::Usage, "TOO_LONG"));
}
