//! ZXing, which is in most scanners, reads the codes that we draw: as pictures, and off a terminal.

use license_cli_support::QrCode;
use license_tests::tools;
use license_tests::{Outcome, Run, Scratch};
use serde_json::json;

/// Pixels on each side of a module of a drawing: about what a terminal's letters take.
const SCALE: usize = 5;

/// What a license file looks like, of so many bytes.
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

/// What a terminal of the given colors shows, as a portable grey map.
fn screen(drawn: &str, blocks: u8, behind: u8) -> Vec<u8> {
    let lines: Vec<Vec<char>> = drawn.lines().map(|line| line.chars().collect()).collect();
    let (width, height) = (lines[0].len() * SCALE, lines.len() * 2 * SCALE);
    let mut map = format!("P5 {width} {height} 255\n").into_bytes();
    for row in 0..lines.len() * 2 * SCALE {
        let is_below = row / SCALE % 2 == 1;
        let half = |block: &char| match (block, is_below) {
            ('█', _) | ('▀', false) | ('▄', true) => blocks,
            _ => behind,
        };
        let line = &lines[row / SCALE / 2];
        map.extend(line.iter().flat_map(|block| [half(block); SCALE]));
    }
    map
}

/// The drawing without its colors, which every line must set to white on black and take back.
fn without_colors(drawn: &str) -> String {
    let plain = drawn.lines().map(|line| {
        let line = line.strip_prefix("\u{1b}[38;5;231;48;5;16m").unwrap();
        format!("{}\n", line.strip_suffix("\u{1b}[0m").unwrap())
    });
    plain.collect()
}

fn read(scratch: &Scratch, pictures: &[&str]) -> Option<Outcome> {
    let run: Run<'_> = tools::qr_reader()?.run(scratch);
    let script = tools::script("read_qr.py");
    Some(run.arg(script).args(pictures.iter().copied()).run())
}

#[test]
fn zxing_reads_what_was_put_into_a_picture() {
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

/// In its own colors on any terminal; without them on one that writes light on dark.
#[test]
fn zxing_reads_what_was_put_into_a_drawing() {
    let scratch = Scratch::new();
    let texts = [300, 1200, 2900].map(armor);
    let names = ["300.pgm", "1200.pgm", "2900.pgm"];
    for (name, text) in names.iter().zip(&texts) {
        let drawn = code(text).for_terminal(None).unwrap();
        scratch.write(name, screen(&without_colors(&drawn), 255, 0));
    }
    let grey = code(&texts[0]).for_terminal(None).unwrap();
    scratch.write("grey.pgm", screen(&without_colors(&grey), 170, 40));
    let Some(read) = read(&scratch, &[&names[..], &["grey.pgm"]].concat()) else {
        return;
    };
    let read = read.expect_code(0).json();
    assert_eq!(read, json!([texts[0], texts[1], texts[2], texts[0]]));
}

/// Or the tests above would pass whatever is drawn.
#[test]
fn zxing_reads_nothing_where_the_quiet_zone_and_a_finder_are_gone() {
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
