//! Changes that mail, chat, editors and spreadsheets make to a text.

/// The result of a change.
#[derive(Clone, Copy)]
pub(super) enum Outcome {
    /// The text has the value of the original.
    Accepted,
    /// The text is refused with these words.
    Refused(&'static str),
}

use Outcome::{Accepted, Refused};

pub(super) type Change = (&'static str, fn(&str) -> Vec<u8>, Outcome);

fn units(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

/// Inserts a text into the third line.
fn inside(text: &str, inserted: &str) -> Vec<u8> {
    let at = text.match_indices('\n').nth(1).unwrap().0 + 10;
    format!("{}{inserted}{}", &text[..at], &text[at..]).into()
}

fn rewrapped(text: &str, columns: usize) -> Vec<u8> {
    let (begin, rest) = text.split_once('\n').unwrap();
    let (body, end) = rest.split_once("-----END").unwrap();
    let body: Vec<char> = body.chars().filter(|c| *c != '\n').collect();
    let lines: String = body
        .chunks(columns)
        .map(|line| line.iter().collect::<String>() + "\n")
        .collect();
    format!("{begin}\n{lines}-----END{end}").into()
}

/// Changes of the bytes of any text.
pub(super) const ENCODINGS: &[Change] = &[
    (
        "UTF-16 LE with a mark",
        |text| units(&format!("\u{feff}{text}"), u16::to_le_bytes),
        Accepted,
    ),
    (
        "UTF-16 BE with a mark",
        |text| units(&format!("\u{feff}{text}"), u16::to_be_bytes),
        Accepted,
    ),
    ("UTF-16 LE", |text| units(text, u16::to_le_bytes), Accepted),
    ("UTF-16 BE", |text| units(text, u16::to_be_bytes), Accepted),
    (
        "NUL bytes",
        |text| inside(text, "\0"),
        Refused("a NUL byte at offset"),
    ),
    (
        "a PNG image",
        |_| b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
        Refused("PNG image"),
    ),
    (
        "a GIF image",
        |_| b"GIF89a\x01\x01abc".to_vec(),
        Refused("GIF"),
    ),
    (
        "a workbook",
        |_| b"PK\x03\x04\x14\0\x06\0".to_vec(),
        Refused("an office document"),
    ),
    (
        "a PDF document",
        |_| b"%PDF-1.4\n%abc".to_vec(),
        Refused("a PDF document"),
    ),
];

/// Changes of the characters of any text in armor.
pub(super) const CHANGES: &[Change] = &[
    ("nothing", |text| text.into(), Accepted),
    (
        "UTF-8 mark",
        |text| format!("\u{feff}{text}").into(),
        Accepted,
    ),
    ("CRLF", |text| text.replace('\n', "\r\n").into(), Accepted),
    ("CR", |text| text.replace('\n', "\r").into(), Accepted),
    ("no last newline", |text| text.trim_end().into(), Accepted),
    (
        "two files without a newline between them",
        |text| format!("{}{text}", text.trim_end()).into(),
        Accepted,
    ),
    (
        "quoted",
        |text| format!("> {}", text.trim_end().replace('\n', "\n> ")).into(),
        Accepted,
    ),
    (
        "quoted twice",
        |text| format!(">> {}", text.trim_end().replace('\n', "\r\n>> ")).into(),
        Accepted,
    ),
    (
        "trailing spaces",
        |text| text.replace('\n', "  \n").into(),
        Accepted,
    ),
    (
        "trailing no-break spaces",
        |text| text.replace('\n', "\u{a0}\n").into(),
        Accepted,
    ),
    (
        "zero width at line ends",
        |text| text.replace('\n', "\u{200b}\n").into(),
        Accepted,
    ),
    (
        "zero width in delimiters",
        |text| {
            let text = text.replace("-----BEGIN", "---\u{feff}--\u{200b}BEGIN");
            text.replace("-----END", "-----\u{200b}END").into()
        },
        Accepted,
    ),
    (
        "soft hyphens at line ends",
        |text| text.replace('\n', "\u{ad}\n").into(),
        Accepted,
    ),
    (
        "Ctrl-Z at the end",
        |text| format!("{text}\u{1a}").into(),
        Accepted,
    ),
    ("one line", |text| text.replace('\n', " ").into(), Accepted),
    (
        "one line without spaces",
        |text| text.replace('\n', "").into(),
        Accepted,
    ),
    (
        "line breaks spelled out",
        |text| text.replace('\n', "\\n").into(),
        Accepted,
    ),
    ("76 columns", |text| rewrapped(text, 76), Accepted),
    (
        "em dashes",
        |text| text.replace("--", "\u{2014}").into(),
        Accepted,
    ),
    (
        "quotation marks",
        |text| format!("\u{201c}{text}\u{201d}").into(),
        Accepted,
    ),
    (
        "no-break spaces in delimiters",
        |text| text.replace(' ', "\u{a0}").into(),
        Accepted,
    ),
    (
        "two spaces in delimiters",
        |text| text.replace(' ', "  ").into(),
        Accepted,
    ),
    (
        "zero width in delimiters",
        |text| text.replace("BEGIN ", "BEGIN \u{200b}").into(),
        Accepted,
    ),
    (
        "zero width inside",
        |text| inside(text, "\u{200b}"),
        Refused("U+200B (zero-width space)"),
    ),
    (
        "soft hyphen inside",
        |text| inside(text, "\u{ad}"),
        Refused("U+00AD (soft hyphen)"),
    ),
    (
        "Ctrl-Z inside",
        |text| inside(text, "\u{1a}"),
        Refused("U+001A (Ctrl-Z)"),
    ),
    (
        "byte order mark inside",
        |text| inside(text, "\u{feff}"),
        Refused("U+FEFF (byte order mark)"),
    ),
];

/// Changes that every place must read or refuse.
pub(super) const SAMPLE: [&str; 4] = [
    "UTF-16 LE with a mark",
    "em dashes",
    "NUL bytes",
    "a PNG image",
];

/// Changes of an argument, which is text already. A shell writes it on one line.
pub(super) const ARGUMENT_SAMPLE: [&str; 4] =
    ["UTF-8 mark", "one line", "em dashes", "zero width inside"];

/// Changes that have another outcome in a license file than in PEM.
pub(super) const LICENSE_CHANGES: &[Change] = &[
    (
        "a quoted mail",
        |text| {
            let mail = format!("Dear Jo,\n\n{text}\nKind regards - Ann\n");
            let quoted = mail.lines().map(|line| format!("> {line} \r\n"));
            let quoted: String = quoted.collect();
            format!("Jo wrote:\r\n{quoted}\r\nBest\r\n").into()
        },
        Accepted,
    ),
    (
        "space inside",
        |text| inside(text, " "),
        Refused("U+0020 (space)"),
    ),
    (
        "no-break space inside",
        |text| inside(text, "\u{a0}"),
        Refused("U+00A0 (non-breaking space)"),
    ),
];

/// Changes of a JWK Set.
pub(super) const JSON_CHANGES: &[Change] = &[
    ("nothing", |text| text.into(), Accepted),
    (
        "UTF-8 mark",
        |text| format!("\u{feff}{text}").into(),
        Accepted,
    ),
    ("UTF-16 LE", |text| units(text, u16::to_le_bytes), Accepted),
    (
        "smart quotes",
        |text| text.replace('"', "\u{201d}").into(),
        Accepted,
    ),
    (
        "no-break spaces",
        |text| text.replace(':', ":\u{a0}").into(),
        Accepted,
    ),
    (
        "zero width",
        |text| text.replace(',', ",\u{200b}").into(),
        Accepted,
    ),
    (
        "Ctrl-Z at the end",
        |text| format!("{text}\u{1a}").into(),
        Accepted,
    ),
    (
        "long dashes",
        |text| {
            let (before, value) = text.split_once("\"n\"").unwrap();
            let value = value.replacen('"', "\"\u{2014}", 1);
            format!("{before}\"n\"{value}").into()
        },
        Refused("`n`"),
    ),
    (
        "NUL bytes",
        |text| format!("{text}\0").into(),
        Refused("a NUL byte at offset"),
    ),
];
