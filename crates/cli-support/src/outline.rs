//! A JSON value as indented text.

use std::io::{self, Write};

use serde_core::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};

use crate::escape::escape;

/// The number of columns by which a level is indented.
const INDENT: usize = 2;

/// Writes a line for each member of a JSON value, indented by its depth, without a final newline.
/// Names and strings are escaped.
///
/// The value is written as it is serialized. Only its depth takes memory.
///
/// ```
/// use license_cli_support::write_outline;
///
/// let keys = serde_json::json!([{ "bits": 4096 }]);
/// let value = serde_json::json!({ "keys": keys, "kind": "a\u{7}b", "tags": ["x", "y"] });
/// let mut text = Vec::new();
/// write_outline(&mut text, &value)?;
/// assert_eq!(text, b"keys:\n  - bits: 4096\nkind: a\\u{7}b\ntags: x, y");
/// # Ok::<(), std::io::Error>(())
/// ```
///
/// # Errors
///
/// Returns the error of the writer, or an error if the value cannot be serialized.
pub fn write_outline(writer: &mut impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(writer, OutlineFormatter::default());
    Ok(value.serialize(&mut serializer)?)
}

/// The text before a value on the same line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lead {
    Nothing,
    /// The name of the member, with a colon.
    Name,
    /// The dash of an item.
    Dash,
}

/// An array or object in progress.
struct Level {
    is_array: bool,
    /// The column at which names or dashes are written.
    column: usize,
    lead: Lead,
    /// Whether nothing was written yet.
    is_empty: bool,
    /// Whether all items so far are on the line of the name. An array or object begins a list.
    is_inline: bool,
}

/// Formatter of `serde_json` that writes the outline of a value.
#[derive(Default)]
struct OutlineFormatter {
    levels: Vec<Level>,
    is_in_name: bool,
}

fn new_line<W: Write + ?Sized>(writer: &mut W, column: usize) -> io::Result<()> {
    write!(writer, "\n{:column$}", "")
}

impl OutlineFormatter {
    /// Writes what precedes a value that is neither an array nor an object.
    fn begin_scalar<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        let Some(level) = self.levels.last_mut() else {
            return Ok(());
        };
        let is_first = std::mem::replace(&mut level.is_empty, false);
        match (level.is_array, level.is_inline, is_first) {
            (true, false, _) => {
                new_line(writer, level.column)?;
                writer.write_all(b"- ")
            }
            (true, true, false) => writer.write_all(b", "),
            (true, true, true) if level.lead != Lead::Name => Ok(()),
            _ => writer.write_all(b" "),
        }
    }

    /// Writes what precedes an array or object, and enters it.
    fn begin_level<W: Write + ?Sized>(&mut self, writer: &mut W, is_array: bool) -> io::Result<()> {
        let (lead, column) = match self.levels.last_mut() {
            None => (Lead::Nothing, 0),
            Some(object) if !object.is_array => (Lead::Name, object.column + INDENT),
            Some(array) => {
                if !(array.is_empty && array.lead != Lead::Name) {
                    new_line(writer, array.column)?;
                }
                writer.write_all(b"- ")?;
                (array.is_empty, array.is_inline) = (false, false);
                (Lead::Dash, array.column + INDENT)
            }
        };
        self.levels.push(Level {
            is_array,
            column,
            lead,
            is_empty: true,
            is_inline: is_array,
        });
        Ok(())
    }
}

/// Implements the methods that write a number.
macro_rules! write_numbers {
    ($($method:ident: $number:ty),+) => {
        $(fn $method<W: Write + ?Sized>(
            &mut self,
            writer: &mut W,
            value: $number,
        ) -> io::Result<()> {
            self.begin_scalar(writer)?;
            CompactFormatter.$method(writer, value)
        })+
    };
}

impl Formatter for OutlineFormatter {
    write_numbers!(
        write_i8: i8, write_i16: i16, write_i32: i32, write_i64: i64, write_i128: i128,
        write_u8: u8, write_u16: u16, write_u32: u32, write_u64: u64, write_u128: u128,
        write_f32: f32, write_f64: f64, write_number_str: &str, write_bool: bool
    );

    fn write_null<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin_scalar(writer)?;
        writer.write_all(b"none")
    }

    fn begin_string<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        if self.is_in_name {
            Ok(())
        } else {
            self.begin_scalar(writer)
        }
    }

    fn end_string<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        Ok(())
    }

    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        writer.write_all(escape(fragment).as_bytes())
    }

    fn write_char_escape<W: Write + ?Sized>(
        &mut self,
        writer: &mut W,
        character: CharEscape,
    ) -> io::Result<()> {
        let character = match character {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => byte.into(),
        };
        let text = character.encode_utf8(&mut [0; 4]).to_owned();
        self.write_string_fragment(writer, &text)
    }

    fn begin_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin_level(writer, true)
    }

    fn end_array<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.levels.pop() {
            Some(array) if array.is_empty && array.lead == Lead::Name => writer.write_all(b" "),
            _ => Ok(()),
        }
    }

    fn begin_array_value<W: Write + ?Sized>(&mut self, _: &mut W, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn begin_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        self.begin_level(writer, false)
    }

    fn end_object<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        match self.levels.pop() {
            Some(object) if object.is_empty => match object.lead {
                Lead::Nothing => Ok(()),
                Lead::Name => writer.write_all(b" {}"),
                Lead::Dash => writer.write_all(b"{}"),
            },
            _ => Ok(()),
        }
    }

    fn begin_object_key<W: Write + ?Sized>(&mut self, writer: &mut W, _: bool) -> io::Result<()> {
        self.is_in_name = true;
        let Some(object) = self.levels.last_mut() else {
            return Ok(());
        };
        let is_first = std::mem::replace(&mut object.is_empty, false);
        if is_first && object.lead != Lead::Name {
            return Ok(());
        }
        new_line(writer, object.column)
    }

    fn end_object_key<W: Write + ?Sized>(&mut self, _: &mut W) -> io::Result<()> {
        self.is_in_name = false;
        Ok(())
    }

    fn begin_object_value<W: Write + ?Sized>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b":")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn outline(value: &Value) -> String {
        let mut text = Vec::new();
        write_outline(&mut text, value).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn each_kind_of_value_has_its_own_layout() {
        for (value, expected) in [
            (json!({}), ""),
            (
                json!({"a": null, "b": true, "c": -1, "d": 1.5}),
                "a: none\nb: true\nc: -1\nd: 1.5",
            ),
            (json!({"a": {}, "b": []}), "a: {}\nb: "),
            (
                json!({"a": {"b": {"c": 1}}, "d": 2}),
                "a:\n  b:\n    c: 1\nd: 2",
            ),
            (json!({"a": [1, "x", null]}), "a: 1, x, none"),
            (
                json!({"a": [{"b": 1, "c": {"d": 2}}, {"e": [3, 4]}], "f": 5}),
                "a:\n  - b: 1\n    c:\n      d: 2\n  - e: 3, 4\nf: 5",
            ),
            (json!({"a": [[1, 2], [3]]}), "a:\n  - 1, 2\n  - 3"),
            (
                json!({"a": [[{"b": 1}, {"c": 2}]]}),
                "a:\n  - - b: 1\n    - c: 2",
            ),
            (json!("x"), "x"),
        ] {
            assert_eq!(outline(&value), expected, "{value}");
        }
    }

    #[test]
    fn nothing_is_omitted_from_an_array_of_different_values() {
        let value = json!({"a": [1, {"b": 2}, 3, {}, [4]], "c": 5});
        let expected = "a: 1\n  - b: 2\n  - 3\n  - {}\n  - 4\nc: 5";
        assert_eq!(outline(&value), expected);
    }

    #[test]
    fn names_and_texts_are_escaped() {
        let value = json!({"a\n\u{1b}": "\"b\"\\/\t\u{7f}\u{202e}\u{8}ä"});
        let expected = r#"a\u{a}\u{1b}: "b"\/\u{9}\u{7f}\u{202e}\u{8}ä"#;
        assert_eq!(outline(&value), expected);
    }
}
