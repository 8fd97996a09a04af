//! Encodings of CSV files: spreadsheets write UTF-8, UTF-16 and lines that end with CR.

use std::fs::File;
use std::io::{self, BufReader, Bytes, Read};
use std::path::Path;

use license_cli_support::Failure;
use license_core::encoding::{TextError, decode_text_slice};

/// The number of bytes that show the encoding.
const START: u64 = 4096;

/// Reader of a file as UTF-8 whose lines end with LF or CRLF.
///
/// UTF-16 is decoded. A CR without LF becomes LF.
pub(in crate::commands) struct Utf8Lines {
    encoding: CsvEncoding,
    input: Bytes<BufReader<File>>,
    /// Bytes that were read and are not yet returned.
    pending: Vec<u8>,
    /// A unit that was read to look for the LF after a CR, or for the second half of a character.
    next: Option<u16>,
}

#[derive(Clone, Copy)]
enum CsvEncoding {
    Utf8,
    Utf16(fn([u8; 2]) -> u16),
}

impl Utf8Lines {
    /// Opens a file. A file of a binary format, such as a workbook, is an error.
    pub(in crate::commands) fn open(path: &Path, name: &str) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::io("read", path, &error);
        let mut start = Vec::new();
        let file = File::open(path).map_err(failed)?;
        file.take(START).read_to_end(&mut start).map_err(failed)?;
        // An odd byte, or the first half of a character, can be cut off at the end.
        let is_cut = start.len() == usize::try_from(START).unwrap_or(usize::MAX);
        match decode_text_slice(&start) {
            Err(error @ (TextError::Binary { .. } | TextError::Nul { .. })) if !is_cut => {
                return Err(not_csv(name, error));
            }
            Err(error @ TextError::Binary { .. }) => return Err(not_csv(name, error)),
            _ => {}
        }
        let (encoding, mark) = match start.as_slice() {
            [0xff, 0xfe, ..] => (CsvEncoding::Utf16(u16::from_le_bytes), 2),
            [0xfe, 0xff, ..] => (CsvEncoding::Utf16(u16::from_be_bytes), 2),
            [0xef, 0xbb, 0xbf, ..] => (CsvEncoding::Utf8, 3),
            [first, 0, ..] if *first != 0 => (CsvEncoding::Utf16(u16::from_le_bytes), 0),
            [0, first, ..] if *first != 0 => (CsvEncoding::Utf16(u16::from_be_bytes), 0),
            _ => (CsvEncoding::Utf8, 0),
        };
        let file = File::open(path).map_err(failed)?;
        let mut input = BufReader::new(file).bytes();
        for _ in 0..mark {
            let _ = input.next().transpose().map_err(failed)?;
        }
        Ok(Self {
            encoding,
            input,
            pending: Vec::new(),
            next: None,
        })
    }

    /// Reads a byte of UTF-8, or a unit of UTF-16.
    fn unit(&mut self) -> io::Result<Option<u16>> {
        if let Some(unit) = self.next.take() {
            return Ok(Some(unit));
        }
        let Some(first) = self.input.next().transpose()? else {
            return Ok(None);
        };
        let CsvEncoding::Utf16(unit) = self.encoding else {
            return Ok(Some(u16::from(first)));
        };
        // A byte without its second half is not text.
        let second = self.input.next().transpose()?.unwrap_or(0xdc);
        Ok(Some(unit([first, second])))
    }

    /// Reads the next character of UTF-16, or the next byte of UTF-8, into `pending`. Returns
    /// whether there was one.
    fn advance(&mut self) -> io::Result<bool> {
        let Some(unit) = self.unit()? else {
            return Ok(false);
        };
        if unit == u16::from(b'\r') {
            self.next = self.unit()?;
            let is_alone = self.next != Some(u16::from(b'\n'));
            self.pending.push(if is_alone { b'\n' } else { b'\r' });
            return Ok(true);
        }
        if let (CsvEncoding::Utf8, Ok(byte)) = (self.encoding, u8::try_from(unit)) {
            self.pending.push(byte);
            return Ok(true);
        }
        let is_first_half = (0xd800..0xdc00).contains(&unit);
        let second = if is_first_half { self.unit()? } else { None };
        let units = [Some(unit), second].into_iter().flatten();
        for character in char::decode_utf16(units) {
            // The parser refuses bytes that are not UTF-8, and names the line.
            let mut buffer = [0xff; 4];
            let length = character.map_or(1, |character| character.encode_utf8(&mut buffer).len());
            self.pending.extend(buffer.iter().take(length));
        }
        Ok(true)
    }
}

fn not_csv(name: &str, error: TextError) -> Failure {
    Failure::malformed(format!("{name}: {error}"))
        .hint("save the table as CSV in UTF-8: in a spreadsheet, `Save as`, then `CSV UTF-8`")
}

impl Read for Utf8Lines {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.pending.len() < buffer.len() {
            if !self.advance()? {
                break;
            }
        }
        let length = self.pending.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(self.pending.drain(..length)) {
            *to = from;
        }
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<String, Failure> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        let mut text = String::new();
        let mut lines = Utf8Lines::open(file.path(), "orders.csv")?;
        lines.read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn encodings_and_line_ends_of_spreadsheets_are_read() {
        let text = "customer,tier\r\nMüller 🚀,pro\r\n";
        let encoded = |text: &str, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(bytes).collect()
        };
        let marked = format!("\u{feff}{text}");
        for content in [
            text.as_bytes().to_vec(),
            marked.clone().into_bytes(),
            encoded(text, u16::to_le_bytes),
            encoded(text, u16::to_be_bytes),
            encoded(&marked, u16::to_le_bytes),
            encoded(&marked, u16::to_be_bytes),
        ] {
            assert_eq!(read(&content).unwrap(), text);
        }
        assert_eq!(read(b"a\rb\r").unwrap(), "a\nb\n");
        assert_eq!(read(b"a\r\nb\n").unwrap(), "a\r\nb\n");
        assert_eq!(read(b"").unwrap(), "");
    }

    #[test]
    fn a_workbook_is_named() {
        let failure = read(b"PK\x03\x04\x14\0\x06\0").err().unwrap();
        assert!(failure.message().contains("office document"), "{failure}");
    }
}
