//! Escaping of untrusted text before it is printed.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

/// Replaces every character that can forge, hide or reorder text on a terminal with `\u{..}`.
///
/// These are control characters (including newline and tab, so that one line stays one line),
/// direction marks, overrides and isolates, zero-width characters, and line and paragraph
/// separators. Escaping twice gives the same text.
///
/// ```
/// use license_cli_support::escape;
///
/// assert_eq!(escape("Müller & Söhne"), "Müller & Söhne");
/// assert_eq!(escape("Acme\u{1b}[2J"), r"Acme\u{1b}[2J");
/// assert_eq!(escape("a\nb"), r"a\u{a}b");
/// ```
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(is_deceptive) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_deceptive(character) {
            shown.extend(character.escape_unicode());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Escapes serialized JSON.
///
/// Serialized JSON contains deceptive characters only inside strings, except for line feeds.
/// Characters below U+0020 are already escaped in strings.
pub(crate) fn escape_json(json: &str) -> Cow<'_, str> {
    let is_escaped = |character: char| character > ' ' && is_deceptive(character);
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_escaped(character) {
            push_json_escape(&mut shown, character);
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// Writer that escapes serialized JSON, as [`escape_json`] does.
///
/// Each call must write complete characters. `serde_json` splits strings at characters only.
pub(crate) struct JsonEscaper<W>(pub(crate) W);

impl<W: Write> Write for JsonEscaper<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(json);
        let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.0.write_all(escape_json(text).as_bytes())?;
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn push_json_escape(shown: &mut String, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing to a `String` does not fail.
        let _ = write!(shown, "\\u{unit:04x}");
    }
}

fn is_deceptive(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}'   // soft hyphen, Arabic letter mark, Mongolian vowel separator
            | '\u{200b}'..='\u{200f}'           // zero width; left-to-right and right-to-left marks
            | '\u{2028}'..='\u{202e}'           // line and paragraph separators; embeddings and overrides
            | '\u{2060}'..='\u{206f}'           // word joiner and other invisibles; isolates
            | '\u{feff}'                        // zero-width no-break space, the byte order mark
            | '\u{fff9}'..='\u{fffb}'           // interlinear annotation
            | '\u{e0000}'..='\u{e007f}') // tags: invisible ASCII
}

/// The maximum length of a file name that is shown. A longer name may be a pasted license or key.
const MAX_NAME_LENGTH: usize = 100;
/// The number of characters of a longer name that are shown.
const PREFIX_LENGTH: usize = 12;

/// The minimum length of a base64 text that may be a line of a private key.
const MIN_BASE64_LENGTH: usize = 40;

/// Returns a path for messages: escaped, and truncated if one of its names is so long that it may
/// be a license. A text that may be a private key is described instead.
///
/// ```
/// use license_cli_support::show_path;
///
/// assert_eq!(show_path("site/acme.lic".as_ref()), "site/acme.lic");
/// assert_eq!(show_path("eyJhbGciOiJSUzI1NiJ9.e30.c2ln".repeat(9).as_ref()), "eyJhbGciOiJS…");
/// let key = "-----BEGIN PRIVATE KEY-----";
/// assert_eq!(show_path(key.as_ref()), "a pasted text of 27 characters");
/// ```
#[must_use]
pub fn show_path(path: &Path) -> String {
    let shown = path.to_string_lossy();
    if may_be_key(&shown) {
        return format!("a pasted text of {} characters", shown.chars().count());
    }
    let is_name = |name: &str| name.chars().count() <= MAX_NAME_LENGTH;
    if shown.split(['/', '\\']).all(is_name) {
        return escape(&shown).into_owned();
    }
    let prefix: String = shown.chars().take(PREFIX_LENGTH).collect();
    format!("{}…", escape(&prefix))
}

/// The minimum length of a part of a pasted key or token without hyphens. It is longer than the id
/// of a signing key, which has 43 characters.
const MIN_PASTED_RUN: usize = 44;

/// Returns a text that names something, such as a customer or a license, for messages: in backticks
/// and escaped. A text that may be a key, a token or a part of one is described instead.
///
/// ```
/// use license_cli_support::show_name;
///
/// assert_eq!(show_name("Müller & Söhne"), "`Müller & Söhne`");
/// assert_eq!(show_name(&"eyJhbGciOiJSUzI1NiJ9.e30.c2ln".repeat(9)), "a text of 261 characters");
/// ```
#[must_use]
pub fn show_name(text: &str) -> String {
    if may_be_pasted_key(text) || text.chars().count() > MAX_NAME_LENGTH {
        return format!("a text of {} characters", text.chars().count());
    }
    format!("`{}`", escape(text))
}

/// Returns whether a text that is no file name may be a key, a token, or a line of one. A short key
/// is no secret.
///
/// ```
/// use license_cli_support::may_be_pasted_key;
///
/// assert!(may_be_pasted_key("MIIEvQIBADANBgkqhkiG9w0B/QEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj"));
/// assert!(!may_be_pasted_key("CODITECT-PRO-A7F3E9D2C4B1-8F2A"));
/// ```
#[must_use]
pub fn may_be_pasted_key(text: &str) -> bool {
    let is_digit = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '_')
    };
    let is_mixed = |run: &str| {
        let has = |is_kind: fn(&char) -> bool| run.chars().any(|character| is_kind(&character));
        has(char::is_ascii_uppercase) && has(char::is_ascii_lowercase) && has(char::is_ascii_digit)
    };
    let mut runs = text.split(|character| !is_digit(character));
    text.contains("-----BEGIN")
        || text.contains("-----END")
        || runs.any(|run| run.len() >= MIN_PASTED_RUN && is_mixed(run))
}

/// Returns a word of a command for a shell: in single quotes if it has other characters than those
/// of common file names.
///
/// ```
/// use license_cli_support::shell_word;
///
/// assert_eq!(shell_word("site/acme.lic"), "site/acme.lic");
/// assert_eq!(shell_word("it's new.lic"), r"'it'\''s new.lic'");
/// ```
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let is_plain = |character: char| {
        character.is_alphanumeric() || matches!(character, '/' | '.' | '-' | '_' | ':' | '\\' | ',')
    };
    if !word.is_empty() && word.chars().all(is_plain) {
        return Cow::Borrowed(word);
    }
    Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
}

/// Returns whether a path may be a pasted key, a token, or a line of one. A path below an existing
/// directory is none.
///
/// ```
/// use license_cli_support::may_be_pasted_path;
///
/// assert!(!may_be_pasted_path("projects/shop".as_ref()));
/// ```
#[must_use]
pub fn may_be_pasted_path(path: &Path) -> bool {
    may_be_pasted_key(&path.to_string_lossy()) && !is_below_existing_directory(path)
}

/// Returns whether a text in place of a file name may be a key, or a part of a key.
pub(crate) fn may_be_key(text: &str) -> bool {
    let has_marker = text.contains("-----BEGIN") || text.contains("-----END");
    has_marker || (is_base64(text) && !is_below_existing_directory(Path::new(text)))
}

/// Returns whether the text is base64, possibly in lines. Line breaks may be written as `\n`.
fn is_base64(text: &str) -> bool {
    let joined = text.replace("\\r", "").replace("\\n", "");
    let mut digits = joined
        .chars()
        .filter(|character| !character.is_whitespace());
    let is_digit = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '+' | '/' | '=' | '-' | '_')
    };
    digits.clone().all(is_digit) && digits.nth(MIN_BASE64_LENGTH - 1).is_some()
}

/// Returns whether the path or one of its directories exists, apart from the root directory.
fn is_below_existing_directory(path: &Path) -> bool {
    let mut directories = path.ancestors().filter(|path| path.file_name().is_some());
    directories.any(|path| path.symlink_metadata().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_control_character_is_escaped() {
        for code in (0..0x20).chain(0x7f..0xa0) {
            let character = char::from_u32(code).unwrap();
            let expected = format!("\\u{{{code:x}}}");
            assert_eq!(escape(&character.to_string()), expected);
        }
    }

    #[test]
    fn characters_that_reorder_or_hide_text_are_escaped() {
        let hazards = [
            '\u{200b}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202e}',
            '\u{2060}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ];
        for character in hazards {
            let text = format!("a{character}b");
            assert_eq!(escape(&text), format!("a{}b", character.escape_unicode()));
        }
    }

    #[test]
    fn harmless_text_is_borrowed_unchanged() {
        for text in ["", "Acme GmbH", "日本語", "שלום", "naïve 🚀", "C:\\key"] {
            assert!(matches!(escape(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn a_path_that_may_be_a_private_key_is_not_shown() {
        let line = "MIIEvQIBADANBgkqhkiG9w0B/QEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        for key in [
            line.to_owned(),
            format!("/{line}"),
            format!("{line}\n{line}"),
            format!(r"{line}\n{line}\n"),
            format!(r"-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----"),
            format!("key.pem: -----BEGIN RSA PRIVATE KEY-----\n{line}"),
        ] {
            let shown = show_path(key.as_ref());
            let expected = format!("a pasted text of {} characters", key.len());
            assert_eq!(shown, expected);
        }
        let directory = tempfile::tempdir().unwrap();
        for name in [
            "a-directory-with-a-name-of-40-or-more-characters/new",
            "licenses-of-customers-in-the-north/acme.lic",
        ] {
            let path = directory.path().join(name);
            assert_eq!(show_path(&path), path.display().to_string());
        }
    }

    #[test]
    fn a_name_that_may_be_a_key_or_token_is_not_shown() {
        let line = "MIIEvQIBADANBgkqhkiG9w0B/QEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj";
        for hidden in [
            line.to_owned(),
            format!("key: {line}"),
            format!("CODITECT-ENT-ACME-100-99991231-{line}"),
            "-----BEGIN LICENSE-----".to_owned(),
            "word ".repeat(30),
        ] {
            let shown = show_name(&hidden);
            let expected = format!("a text of {} characters", hidden.chars().count());
            assert_eq!(shown, expected, "{hidden}");
        }
        for shown in [
            "019ac1d4-7b1e-7cc0-98c4-dc0c0c07398f",
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
            "COMMUNICATION123-ENT-ABCDEFGHIJKLMNOP-4294967295-99991231-6E424F3468AF2ACC",
            "Größe & Söhne",
        ] {
            assert_eq!(show_name(shown), format!("`{shown}`"));
        }
    }

    #[test]
    fn escaping_twice_equals_escaping_once() {
        let once = escape("x\u{1b}]0;title\u{7}\u{202e}").into_owned();
        assert_eq!(escape(&once), once);
    }

    #[test]
    fn escaped_json_parses_to_the_same_value() {
        let value = serde_json::json!({"name": "a\u{202e}b\u{9b}c\u{e0041}\n\u{7f}d"});
        let json = serde_json::to_string_pretty(&value).unwrap();
        let shown = escape_json(&json);
        assert!(!shown.contains(|c: char| is_deceptive(c) && c != '\n'));
        assert!(shown.contains('\n'), "line feeds stay");
        let back: serde_json::Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(back, value);
        let mut written = Vec::new();
        serde_json::to_writer_pretty(JsonEscaper(&mut written), &value).unwrap();
        assert_eq!(written, shown.as_bytes());
    }
}
