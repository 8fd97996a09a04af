//! Codes are read back with the decoder of another project.

use super::*;
use crate::screen::Screen;
use anstream::adapter::strip_str;
use std::fmt::Write as _;

/// Returns text of this length that looks like a license file.
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

/// Returns the text of the only code in a picture of gray values.
fn decoded(width: usize, height: usize, gray: impl FnMut(usize, usize) -> u8) -> String {
    let mut picture = rqrr::PreparedImage::prepare_from_greyscale(width, height, gray);
    let grids = picture.detect_grids();
    assert_eq!(grids.len(), 1, "codes found");
    grids[0].decode().unwrap().1
}

/// Decodes a drawing for a terminal. Blocks are light, and each module becomes four pixels wide.
fn read_drawing(drawn: &str) -> String {
    let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let gray = |x: usize, y: usize| {
        let (column, row) = (x / 4, y / 4);
        match (lines[row / 2][column], row % 2) {
            ('█', _) | ('▀', 0) | ('▄', 1) => 255,
            (' ' | '▀' | '▄', _) => 0,
            (other, _) => panic!("expected a block character, found {other:?}"),
        }
    };
    decoded(lines[0].len() * 4, lines.len() * 8, gray)
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
fn a_picture_decodes_to_its_text() {
    for bytes in [1, 300, 1200, 2331, 2900, MAX_QR_BYTES] {
        let text = armor(bytes);
        let (info, pixels) = read_png(&QrCode::new(&text).unwrap().to_png().unwrap());
        let side = usize::try_from(info.width).unwrap();
        let gray = |x, y| {
            if is_white(&pixels, &info, x, y) {
                255
            } else {
                0
            }
        };
        assert_eq!(decoded(side, side, gray), text);
    }
}

#[test]
fn a_picture_has_one_bit_per_pixel_eight_pixels_per_module_and_a_quiet_zone() {
    let code = QrCode::new(&armor(300)).unwrap();
    let (info, pixels) = read_png(&code.to_png().unwrap());
    assert_eq!(info.color_type, png::ColorType::Grayscale);
    assert_eq!(info.bit_depth, png::BitDepth::One);
    assert_eq!((info.width, info.height), (info.width, info.width));
    let side = code.width() * 8;
    assert_eq!(usize::try_from(info.width).unwrap(), side);
    for y in 0..side {
        for x in 0..side {
            let is_quiet = |position| !(32..side - 32).contains(&position);
            if is_quiet(x) || is_quiet(y) {
                assert!(is_white(&pixels, &info, x, y), "{x}, {y}");
            }
        }
    }
    assert!(!is_white(&pixels, &info, 32, 32), "the code starts there");
}

#[test]
fn a_drawing_decodes_to_its_text() {
    for bytes in [1, 300, 1200, 2900] {
        let text = armor(bytes);
        let drawn = QrCode::new(&text)
            .unwrap()
            .for_terminal(Screen::plain())
            .unwrap();
        assert_eq!(read_drawing(&strip_str(&drawn).to_string()), text);
    }
}

#[test]
fn every_line_of_a_drawing_sets_and_resets_its_colors() {
    let code = QrCode::new("a").unwrap();
    let drawn = code.for_terminal(Screen::plain()).unwrap();
    for line in drawn.lines() {
        assert!(line.starts_with("\u{1b}[38;5;231;48;5;16m"), "{line:?}");
        assert!(line.ends_with("\u{1b}[0m"), "{line:?}");
        assert_eq!(strip_str(line).to_string().chars().count(), code.width());
    }
}

#[test]
fn a_drawing_that_does_not_fit_the_terminal_is_refused() {
    let code = QrCode::new(&armor(1200)).unwrap();
    let (columns, rows) = (code.width(), code.width().div_ceil(2));
    for (screen, code_of_failure, expected) in [
        (
            Screen::new(columns - 1, true).with_rows(rows),
            "TOO_WIDE",
            format!(
                "the QR code needs {columns} columns, but the terminal has {}",
                columns - 1
            ),
        ),
        (
            Screen::new(columns, true).with_rows(rows - 1),
            "TOO_TALL",
            format!(
                "the QR code needs {rows} rows, but the terminal has {}",
                rows - 1
            ),
        ),
    ] {
        let refused = code.for_terminal(screen).unwrap_err();
        assert_eq!(
            (refused.message(), refused.code()),
            (expected.as_str(), code_of_failure)
        );
        assert!(refused.advice().is_some());
    }
    let drawn = code.for_terminal(Screen::new(columns, true).with_rows(rows));
    assert_eq!(drawn.unwrap().lines().count(), rows);
    assert!(code.for_terminal(Screen::plain()).is_ok());
}

/// A code of version 40 contains 2,331 bytes at level M or 2,953 at level L (ISO/IEC 18004, table
/// 7).
#[test]
fn the_correction_level_is_at_least_m_if_the_text_fits_and_l_otherwise() {
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
fn a_text_that_is_too_long_is_refused_with_the_limit_and_its_length() {
    let refused = QrCode::new(&armor(MAX_QR_BYTES + 1)).unwrap_err();
    assert_eq!(
        refused.message(),
        "expected at most 2953 bytes for a QR code, found 2954"
    );
    assert_eq!((refused.exit(), refused.code()), (Exit::Usage, "TOO_LONG"));
}

#[test]
fn digits_after_a_prefix_need_the_least_space() {
    let digits = "0123456789".repeat(30);
    let width = |text: &str| QrCode::new(text).unwrap().width();
    assert_eq!(width(&digits), width(&format!("A:{}", &digits[..296])));
    assert!(width(&format!("LICENSE:{digits}")) < width(&format!("license:{digits}")));
    for text in [
        digits.as_str(),
        "LICENSE:0123",
        "no prefix 0123",
        "0123 no",
        "7",
        "",
    ] {
        let png = QrCode::new(text).unwrap().to_png().unwrap();
        let (info, pixels) = read_png(&png);
        let side = usize::try_from(info.width).unwrap();
        let gray = |x, y| {
            if is_white(&pixels, &info, x, y) {
                255
            } else {
                0
            }
        };
        assert_eq!(decoded(side, side, gray), text);
    }
}
