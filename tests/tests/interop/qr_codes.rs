//! ZXing, which most scanners use, reads the QR codes of `license` in images and on terminals.

use license_cli_support::QrCode;
use license_tests::tools;
use license_tests::{Run, RunOutput, Scratch};
use serde_json::json;

/// The width and height of a module in pixels, about the size of a terminal's characters.
const SCALE: usize = 5;

/// Returns a text of this size that looks like a license file.
fn armor(bytes: usize) -> String {
    let line = "eyJhbGciOiJSUzI1NiIsImtpZCI6IjRfSlhfLVhqWl9mLWZfX3NfQ0EifQ.aZ0_";
    let mut text = format!("-----BEGIN LICENSE ACTIVATION REQUEST-----\n{line}\n");
    while text.len() < bytes {
        text.push_str(&format!("{:05}{}\n", text.len(), &line[5..]));
    }
    text.truncate(bytes);
    text
}

fn code(text: &str) -> QrCode {
    QrCode::new(text).unwrap()
}

/// Returns a portable graymap of the text on a terminal with these gray levels.
fn screen(drawn: &str, foreground: u8, background: u8) -> Vec<u8> {
    let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let (width, height) = (lines[0].len() * SCALE, lines.len() * 2 * SCALE);
    let mut map = format!("P5 {width} {height} 255\n").into_bytes();
    for row in 0..lines.len() * 2 * SCALE {
        let is_below = row / SCALE % 2 == 1;
        let half = |block: &char| match (block, is_below) {
            ('█', _) | ('▀', false) | ('▄', true) => foreground,
            _ => background,
        };
        let line = &lines[row / SCALE / 2];
        map.extend(line.iter().flat_map(|block| [half(block); SCALE]));
    }
    map
}

/// Removes the colors. Each line must set white on black and reset the colors.
fn without_colors(drawn: &str) -> String {
    let plain = drawn.lines().map(|line| {
        let line = line.strip_prefix("\u{1b}[38;5;231;48;5;16m").unwrap();
        format!("{}\n", line.strip_suffix("\u{1b}[0m").unwrap())
    });
    plain.collect()
}

fn read(scratch: &Scratch, pictures: &[&str]) -> Option<RunOutput> {
    let run: Run<'_> = tools::qr_reader()?.run(scratch);
    let script = tools::script("read_qr.py");
    Some(run.arg(script).args(pictures.iter().copied()).run())
}

#[test]
fn zxing_reads_codes_in_images() {
    let scratch = Scratch::new();
    let texts = [300, 1200, 2900].map(armor);
    let names = ["300.png", "1200.png", "2900.png"];
    for (name, text) in names.iter().zip(&texts) {
        scratch.write(name, code(text).to_png().unwrap());
    }
    let Some(read) = read(&scratch, &names) else {
        return;
    };
    assert_eq!(read.expect_code(0).json(), json!(texts));
}

/// A code with colors is readable on any terminal. A code without colors is readable on a terminal
/// with light text on a dark background.
#[test]
fn zxing_reads_codes_on_a_terminal() {
    let scratch = Scratch::new();
    let texts = [300, 1200, 2900].map(armor);
    let names = ["300.pgm", "1200.pgm", "2900.pgm"];
    for (name, text) in names.iter().zip(&texts) {
        let drawn = code(text).for_terminal(None).unwrap();
        scratch.write(name, screen(&without_colors(&drawn), 255, 0));
    }
    let gray = code(&texts[0]).for_terminal(None).unwrap();
    scratch.write("gray.pgm", screen(&without_colors(&gray), 170, 40));
    let Some(read) = read(&scratch, &[&names[..], &["gray.pgm"]].concat()) else {
        return;
    };
    let read = read.expect_code(0).json();
    assert_eq!(read, json!([texts[0], texts[1], texts[2], texts[0]]));
}

/// Shows that the tests above can fail.
#[test]
fn zxing_reads_no_code_without_its_finder_pattern() {
    let scratch = Scratch::new();
    let drawn = without_colors(&code(&armor(300)).for_terminal(None).unwrap());
    let cut: String = drawn
        .lines()
        .skip(5)
        .map(|line| format!("{line}\n"))
        .collect();
    scratch.write("cut.pgm", screen(&cut, 255, 0));
    let Some(read) = read(&scratch, &["cut.pgm"]) else {
        return;
    };
    assert!(read.expect_code(1).stderr.contains("0 codes"));
}
