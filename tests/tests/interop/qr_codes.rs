//! ZXing, which most scanners use, reads the QR codes of the programs in images and on terminals.
//! The programs read codes of ZXing, and photos.

use license_cli_support::{QrCode, Screen};
use license_tests::tools;
use license_tests::{Run, RunOutput, Scratch, Vendor};
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
        let drawn = code(text).for_terminal(Screen::plain()).unwrap();
        scratch.write(name, screen(&without_colors(&drawn), 255, 0));
    }
    let gray = code(&texts[0]).for_terminal(Screen::plain()).unwrap();
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
    let drawn = without_colors(&code(&armor(300)).for_terminal(Screen::plain()).unwrap());
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

/// A customer's machine with a license that needs activation, and the vendor's workstation.
struct Exchange {
    machine: Scratch,
    workstation: Scratch,
}

impl Exchange {
    fn new() -> Self {
        let vendor = Vendor::shared();
        let exchange = Self {
            machine: vendor.customer_machine(),
            workstation: vendor.workstation(),
        };
        let terms = "issue --key vendor.key --tier pro --customer ACME --days 30 --offline \
                     --activation --devices 2 --out acme.lic";
        let _ = exchange.keygen(terms).expect_code(0);
        let license = exchange.workstation.read("acme.lic");
        exchange.machine.write("acme.lic", license);
        let install = "install --trust trust.jwks acme.lic";
        let _ = exchange.license(install).expect_code(1);
        exchange
    }

    fn keygen(&self, line: &str) -> RunOutput {
        Run::keygen(&self.workstation)
            .args(line.split_whitespace())
            .run()
    }

    fn license(&self, line: &str) -> RunOutput {
        let run = Run::license(&self.machine).env("CODITECT_MACHINE_ID", "qr-code-machine-0001");
        run.args(line.split_whitespace()).run()
    }

    /// Photographs a picture of the customer, and gives the photo to the vendor.
    fn to_vendor(&self, picture: &str, photo: &str, degrees: &str) -> Option<()> {
        photograph(&self.machine, picture, &self.workstation, photo, degrees)
    }

    /// Photographs a picture of the vendor, and gives the photo to the customer.
    fn to_customer(&self, picture: &str, photo: &str, degrees: &str) -> Option<()> {
        photograph(&self.workstation, picture, &self.machine, photo, degrees)
    }
}

fn photograph(
    from: &Scratch,
    picture: &str,
    to: &Scratch,
    photo: &str,
    degrees: &str,
) -> Option<()> {
    let run = tools::qr_reader()?
        .run(from)
        .arg(tools::script("photograph.py"));
    let _ = run
        .arg(picture)
        .arg(to.file(photo))
        .arg(degrees)
        .run()
        .expect_code(0);
    Some(())
}

#[test]
fn photos_carry_an_activation_and_its_end_in_both_directions() {
    if tools::qr_reader().is_none() {
        return;
    }
    let exchange = Exchange::new();
    let _ = exchange
        .license("request --qr --out request.png")
        .expect_code(0);
    exchange
        .to_vendor("request.png", "request.jpg", "17")
        .unwrap();
    let answer = "activate --key vendor.key request.jpg --qr --out answer.png";
    let _ = exchange.keygen(answer).expect_code(0);
    exchange
        .to_customer("answer.png", "answer.jpg", "-4")
        .unwrap();
    let shown = exchange.license("inspect answer.jpg --json").expect_code(0);
    assert!(shown.stdout.contains("activation"), "{}", shown.stdout);
    let _ = exchange.license("activate answer.jpg").expect_code(0);
    let status = exchange.license("status --json").expect_code(0).json();
    assert_eq!(status["code"], "VALID");

    let _ = exchange
        .license("request --clock --qr --out clock.png")
        .expect_code(0);
    exchange.to_vendor("clock.png", "clock.jpg", "185").unwrap();
    // The clock was never ahead, so the repair needs --force.
    let repair = "clock-repair --key vendor.key clock.jpg --qr --out repair.png --force";
    let _ = exchange.keygen(repair).expect_code(0);
    // A screenshot is the picture itself.
    let repair = std::fs::read(exchange.workstation.file("repair.png")).unwrap();
    exchange.machine.write("repair.png", repair);
    let _ = exchange.license("activate repair.png").expect_code(0);

    let _ = exchange
        .license("deactivate --qr --out receipt.png")
        .expect_code(0);
    exchange
        .to_vendor("receipt.png", "receipt.jpg", "93")
        .unwrap();
    let _ = exchange.keygen("release receipt.jpg").expect_code(0);
}

/// A phone shows the text of a code, and the customer sends the text by mail.
#[test]
fn the_text_that_a_scanner_shows_is_read_too() {
    let exchange = Exchange::new();
    let _ = exchange
        .license("request --qr --out request.png")
        .expect_code(0);
    let Some(texts) = read(&exchange.machine, &["request.png"]) else {
        return;
    };
    let texts = texts.expect_code(0).json();
    let text = texts[0].as_str().unwrap();
    assert!(text.starts_with("LICENSE-REQUEST:"), "{text}");
    let (first, second) = text.split_at(60);
    exchange
        .workstation
        .write("mail.txt", format!("{first}\r\n{second}\r\n"));
    let answer = exchange.keygen("activate --key vendor.key mail.txt --qr --out answer.png");
    let _ = answer.expect_code(0);
    let texts = read(&exchange.workstation, &["answer.png"]).unwrap();
    let texts = texts.expect_code(0).json();
    let answer = texts[0].as_str().unwrap();
    assert!(answer.starts_with("LICENSE-TOKEN:"), "{answer}");
    let _ = exchange
        .license(&format!("activate {answer}"))
        .expect_code(0);
    // A digit that got lost in the mail.
    exchange
        .workstation
        .write("cut.txt", &text[..text.len() - 1]);
    let cut = exchange.keygen("activate --key vendor.key cut.txt");
    let failure = cut.expect_failure(3);
    assert!(failure.message.contains("digits"), "{failure:?}");
    assert!(failure.hint.contains("QR code"), "{failure:?}");
    let wrong = exchange.keygen(&format!(
        "release {}",
        exchange.workstation.file("mail.txt").display()
    ));
    let _ = wrong.expect_failure(2);
}

/// Codes of ZXing with the texts that older versions drew.
#[test]
fn codes_of_another_encoder_and_of_older_versions_are_read() {
    const DRAW: &str = "
import sys, zxingcpp
from PIL import Image
text = open(sys.argv[1]).read()
code = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level='L')
Image.fromarray(zxingcpp.write_barcode_to_image(code, scale=4)).save(sys.argv[2])
";
    let Some(python) = tools::qr_reader() else {
        return;
    };
    let exchange = Exchange::new();
    let report = exchange.license("request --json").expect_code(0).json();
    let label = "LICENSE ACTIVATION REQUEST";
    let content = &report["content"];
    let line = format!("-----BEGIN {label}-----{content}-----END {label}-----");
    exchange.workstation.write("line", line);
    let draw = |text: &str, picture: &str| {
        let run = python
            .run(&exchange.workstation)
            .args(["-c", DRAW, text, picture]);
        let _ = run.run().expect_code(0);
    };
    draw("line", "line.png");
    let answer = "activate --key vendor.key line.png --out answer.lic";
    let _ = exchange.keygen(answer).expect_code(0);
    let answer = exchange.workstation.read("answer.lic");
    let token: String = answer
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    exchange.workstation.write("token", token);
    draw("token", "token.png");
    let answer = std::fs::read(exchange.workstation.file("token.png")).unwrap();
    exchange.machine.write("token.png", answer);
    let _ = exchange.license("activate token.png").expect_code(0);
}

#[test]
fn a_picture_that_cannot_be_used_is_refused_with_the_reason() {
    const MAKE: &str = "
import sys
from PIL import Image
photo = Image.open('photo.jpg')
photo.crop((0, 0, 400, 400)).save('table.jpg')
photo.resize((60, 45)).save('tiny.png')
photo.save('photo.webp')
whole = open('photo.jpg', 'rb').read()
open('half.jpg', 'wb').write(whole[:len(whole) // 3])
open('large.jpg', 'wb').write(whole + bytes(21 << 20))
two = Image.new('L', (2 * photo.width, photo.height), 255)
two.paste(photo.convert('L'), (0, 0))
two.paste(Image.open('other.jpg').convert('L'), (photo.width, 0))
two.save('two.jpg')
";
    let Some(python) = tools::qr_reader() else {
        return;
    };
    let exchange = Exchange::new();
    let _ = exchange
        .license("request --qr --out one.png")
        .expect_code(0);
    let _ = exchange
        .license("request --new --qr --out two.png")
        .expect_code(0);
    exchange.to_vendor("one.png", "photo.jpg", "8").unwrap();
    exchange.to_vendor("two.png", "other.jpg", "-8").unwrap();
    let _ = python
        .run(&exchange.workstation)
        .args(["-c", MAKE])
        .run()
        .expect_code(0);
    for (picture, reason) in [
        ("table.jpg", "no QR code"),
        ("tiny.png", "no QR code"),
        ("photo.webp", "WebP"),
        ("half.jpg", "truncated"),
        ("large.jpg", "at most 20971520 bytes"),
        ("two.jpg", "found 2"),
    ] {
        let failure = exchange.keygen(&format!("activate --key vendor.key {picture}"));
        let failure = failure.expect_failure(3);
        assert!(failure.message.contains(picture), "{failure:?}");
        assert!(failure.message.contains(reason), "{failure:?}");
        assert!(!failure.hint.is_empty(), "{failure:?}");
    }
    // The code of a request is not an answer, and the message says which it is.
    let failure = exchange.license("activate one.png").expect_failure(3);
    assert!(
        failure.message.contains("an activation request"),
        "{failure:?}"
    );
}
