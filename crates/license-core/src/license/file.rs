//! License files: tokens in armor blocks such as `-----BEGIN LICENSE-----`.

use std::fmt::Write;
use std::{slice, vec};

use crate::encoding::armor::MachineRequestKind;
use crate::encoding::layout;
use crate::encoding::pasted::{offset_and_body, plain_dash, without_wrapping};
use crate::jose::{MAX_FILE_BYTES, ParseError, TokenKind, Unverified, check_length, input_cap};

/// The maximum length of an armor line.
const COLUMNS: usize = 64;

/// An armor block of a license file, with its token.
///
/// ```
/// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
/// # const FILE: &str = fixture::FILE;
/// use license_core::LicenseFile;
///
/// for block in LicenseFile::parse(FILE)?.blocks() {
///     println!("line {}: {}", block.line, block.token.unverified_kind());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArmorBlock<'a> {
    /// The number of the first line of the block, counted from 1.
    pub line: usize,
    /// The token, which is not verified.
    pub token: Unverified<'a>,
}

/// A parsed license file, whose tokens are not verified.
///
/// ```
/// use license_core::LicenseFile;
///
/// # const FILE: &str = include_str!(concat!(
/// #     env!("CARGO_MANIFEST_DIR"), "/fixtures/files/valid-pro.lic"
/// # ));
/// let file = LicenseFile::parse(FILE)?;
/// assert_eq!(file.blocks().len(), 1);
/// for block in &file {
///     println!("line {}: {}", block.line, block.token.unverified_kind());
/// }
/// # Ok::<(), license_core::jose::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LicenseFile<'a> {
    blocks: Vec<ArmorBlock<'a>>,
}

impl<'a> LicenseFile<'a> {
    /// Parses a license file with one or more blocks, or a bare token.
    ///
    /// Takes memory of up to 8 times the size of the text.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const FILE: &str = fixture::FILE;
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::LicenseFile;
    ///
    /// // A file with a license and a validation token.
    /// assert_eq!(LicenseFile::parse(FILE)?.blocks().len(), 2);
    /// // A bare token is a file of one block.
    /// assert_eq!(LicenseFile::parse(TOKEN)?.blocks().len(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`ParseError`] if the text contains anything except blocks or a bare token, if a
    /// block is damaged, or if the text is longer than [`input_cap`] permits.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        check_length(input_cap(text.as_bytes()), text)?;
        let (start, body) = offset_and_body(text);
        let skipped = text.get(..start).unwrap_or_default();
        let first_line = skipped.matches('\n').count() + 1;
        let blocks = match delimiter(body.lines().next().unwrap_or_default()) {
            Some(_) => blocks(body, first_line),
            None => parse_bare_token(text).map(|token| vec![ArmorBlock { line: 1, token }]),
        };
        let blocks = blocks.or_else(|error| parse_changed_layout(body, error))?;
        check_length_without_lists(&blocks)?;
        Ok(Self { blocks })
    }

    /// Returns the blocks in the order of the file. There is at least one.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const FILE: &str = fixture::FILE;
    /// use license_core::{LicenseFile, TokenKind};
    ///
    /// let file = LicenseFile::parse(FILE)?;
    /// assert_eq!(file.blocks()[0].token.unverified_kind(), TokenKind::License);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocks(&self) -> &[ArmorBlock<'a>] {
        &self.blocks
    }

    /// Returns the blocks whose token has this kind.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const FILE: &str = fixture::FILE;
    /// use license_core::{LicenseFile, TokenKind};
    ///
    /// let file = LicenseFile::parse(FILE)?;
    /// assert_eq!(file.blocks_of_kind(TokenKind::Validation).count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn blocks_of_kind(&self, kind: TokenKind) -> impl Iterator<Item = &ArmorBlock<'a>> {
        let has_kind = move |block: &&ArmorBlock<'a>| block.token.unverified_kind() == kind;
        self.blocks.iter().filter(has_kind)
    }
}

/// Iterates over the blocks in the order of the file.
impl<'f, 'a> IntoIterator for &'f LicenseFile<'a> {
    type Item = &'f ArmorBlock<'a>;
    type IntoIter = slice::Iter<'f, ArmorBlock<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.blocks.iter()
    }
}

/// Iterates over the blocks in the order of the file.
impl<'a> IntoIterator for LicenseFile<'a> {
    type Item = ArmorBlock<'a>;
    type IntoIter = vec::IntoIter<ArmorBlock<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        self.blocks.into_iter()
    }
}

/// Checks that all tokens except revocation lists have at most [`MAX_FILE_BYTES`] in total.
fn check_length_without_lists(blocks: &[ArmorBlock<'_>]) -> Result<(), ParseError> {
    let is_other =
        |block: &&ArmorBlock<'_>| block.token.unverified_kind() != TokenKind::Revocations;
    let others = blocks.iter().filter(is_other);
    let found = others.map(|block| block.token.as_str().len()).sum();
    if found > MAX_FILE_BYTES {
        return Err(ParseError::TooLong {
            limit: MAX_FILE_BYTES,
            found,
        });
    }
    Ok(())
}

fn is_dash(character: char) -> bool {
    plain_dash(character) == '-'
}

/// Parses a file whose layout was changed by a mail program, a spreadsheet or a chat. `error` is
/// the error for the text as it is.
fn parse_changed_layout(
    body: &str,
    error: ParseError,
) -> Result<Vec<ArmorBlock<'static>>, ParseError> {
    if layout::has_block(body) {
        let lines = layout::lines_of(body);
        let is_one_line = !body.contains('\n');
        match blocks(&lines, 1) {
            Ok(blocks) => {
                let owned = |block: ArmorBlock<'_>| ArmorBlock {
                    line: if is_one_line { 1 } else { block.line },
                    token: block.token.into_owned(),
                };
                return Ok(blocks.into_iter().map(owned).collect());
            }
            // The layout is right, and the content is wrong.
            Err(found) if is_armor(&error) && !is_armor(&found) => return Err(found),
            Err(_) => {}
        }
    }
    let is_other = matches!(
        error,
        ParseError::Armor { .. } | ParseError::Unexpected { .. } | ParseError::Segments { .. }
    );
    let other = is_other.then(|| ParseError::other_kind(body)).flatten();
    Err(other.unwrap_or(error))
}

fn is_armor(error: &ParseError) -> bool {
    matches!(error, ParseError::Armor { .. })
}

/// Parses a text without armor as a token.
///
/// If the text looks like prose or markup, the error says that an armor line is missing.
fn parse_bare_token(text: &str) -> Result<Unverified<'_>, ParseError> {
    let looks_like_prose = without_wrapping(text).contains([' ', '{', '<']);
    match Unverified::parse(text) {
        Err(ParseError::Unexpected { .. } | ParseError::Segments { .. }) if looks_like_prose => {
            let first = without_wrapping(text).lines().next();
            Err(missing_begin(1, first.unwrap_or_default()))
        }
        token => token,
    }
}

impl Unverified<'_> {
    /// Returns the token as an armor block of a license file, wrapped at 64 columns.
    ///
    /// ```
    /// # mod fixture { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/examples.rs")); }
    /// # const TOKEN: &str = fixture::LICENSE;
    /// use license_core::Unverified;
    ///
    /// let armor = Unverified::parse(TOKEN)?.to_armor();
    /// assert!(armor.starts_with("-----BEGIN LICENSE-----"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_armor(&self) -> String {
        let label = self.unverified_kind().label();
        let mut armor = begin(label);
        let mut rest = self.as_str();
        armor.reserve(rest.len() + rest.len() / COLUMNS + 2 * COLUMNS);
        while !rest.is_empty() {
            let (line, after) = rest.split_at_checked(COLUMNS).unwrap_or((rest, ""));
            armor.push('\n');
            armor.push_str(line);
            rest = after;
        }
        // Writing to a string cannot fail.
        let _ = writeln!(armor, "\n-----END {label}-----");
        armor
    }
}

fn begin(label: &str) -> String {
    format!("-----BEGIN {label}-----")
}

enum Delimiter {
    Begin(String),
    End(String),
}

/// Parses a line such as `-----BEGIN x-----`, in which an editor may have replaced hyphens with
/// dashes.
fn delimiter(line: &str) -> Option<Delimiter> {
    let line = line.trim();
    // Fast path for the lines of the token.
    if !line.starts_with(is_dash) {
        return None;
    }
    let line: String = line.chars().map(plain_dash).collect();
    let inner = line.strip_prefix('-')?.trim_start_matches('-');
    let inner = inner.strip_suffix('-')?.trim_end_matches('-');
    let (word, label) = inner.split_once(' ')?;
    // No label contains a hyphen. A hyphen means that the line contains more than the delimiter.
    if label.contains('-') {
        return None;
    }
    match word {
        "BEGIN" => Some(Delimiter::Begin(label.to_owned())),
        "END" => Some(Delimiter::End(label.to_owned())),
        _ => None,
    }
}

/// The lines of a file, each with its number from 1.
struct Lines<'a> {
    rest: &'a str,
    next: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = (usize, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self.rest.split_once('\n').unwrap_or((self.rest, ""));
        self.rest = rest;
        self.next += 1;
        Some((self.next - 1, line))
    }
}

/// Parses the blocks of a file. `first_line` is the number of the first line of `body`.
fn blocks(body: &str, first_line: usize) -> Result<Vec<ArmorBlock<'_>>, ParseError> {
    let mut blocks = Vec::new();
    let mut lines = Lines {
        rest: body,
        next: first_line,
    };
    while let Some((line, text)) = lines.next() {
        if text.trim().is_empty() {
            continue;
        }
        let Some(Delimiter::Begin(label)) = delimiter(text) else {
            return Err(missing_begin(line, text));
        };
        let kind = kind(line, &label)?;
        let text = token_text(&mut lines, &label)?;
        let token = Unverified::parse(text).map_err(|error| error.after_lines(line))?;
        if token.unverified_kind() != kind {
            return Err(ParseError::Label {
                expected: kind,
                found: token.unverified_kind(),
            });
        }
        blocks.push(ArmorBlock { line, token });
    }
    Ok(blocks)
}

/// Returns the kind of token for the label of a block.
fn kind(line: usize, label: &str) -> Result<TokenKind, ParseError> {
    if let Some(found) = MachineRequestKind::parse(label) {
        return Err(ParseError::MachineRequest { found });
    }
    if label.ends_with("PRIVATE KEY") {
        return Err(ParseError::PrivateKey);
    }
    TokenKind::from_label(label).ok_or_else(|| missing_begin(line, &begin(label)))
}

/// Returns the error for a line that should begin a block.
fn missing_begin(line: usize, found: &str) -> ParseError {
    let expected = begin(TokenKind::License.label());
    ParseError::Armor {
        line,
        expected,
        found: describe(found),
    }
}

/// Describes an unexpected line without quoting it.
fn describe(line: &str) -> &'static str {
    let line = line.trim();
    match delimiter(line) {
        Some(Delimiter::Begin(_)) => "the beginning of another block",
        Some(Delimiter::End(_)) => "the end of another block",
        None if layout::has_block(line) => "other text on the same line",
        None if line.starts_with('{') => "JSON, such as a trust set",
        None => "other text",
    }
}

/// Reads the lines up to the `END` line of a block and returns the text before that line.
fn token_text<'a>(lines: &mut Lines<'a>, label: &str) -> Result<&'a str, ParseError> {
    let start = lines.rest;
    loop {
        let length = start.len() - lines.rest.len();
        let expected = || format!("-----END {label}-----");
        let last = lines.next;
        let Some((line, text)) = lines.next() else {
            let found = "the end of the text";
            return Err(ParseError::Armor {
                line: last,
                expected: expected(),
                found,
            });
        };
        match delimiter(text) {
            None => {}
            Some(Delimiter::End(end)) if end == label => {
                return Ok(start.get(..length).unwrap_or_default());
            }
            Some(_) => {
                let found = describe(text);
                return Err(ParseError::Armor {
                    line,
                    expected: expected(),
                    found,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_on_one_line_is_accepted() {
        const FILE: &str = include_str!("../../fixtures/files/valid-pro.lic");
        let token = |text: &str| {
            let file = LicenseFile::parse(text).unwrap();
            file.blocks()[0].token.as_str().to_owned()
        };
        for separator in [" ", "", "  ", "\t"] {
            let line = FILE.replace('\n', separator);
            assert_eq!(token(&line), token(FILE), "{separator:?}");
        }
        let twice = FILE.repeat(2).replace('\n', " ");
        assert_eq!(LicenseFile::parse(&twice).unwrap().blocks().len(), 2);
        let prose = format!("Dear customer, {}", FILE.replace('\n', " "));
        assert!(LicenseFile::parse(&prose).is_err());
    }

    #[test]
    fn delimiters_with_typographic_dashes_are_accepted() {
        for line in [
            "-----BEGIN LICENSE-----",
            "—BEGIN LICENSE—",
            "––-BEGIN LICENSE-––\r",
        ] {
            let Some(Delimiter::Begin(label)) = delimiter(line) else {
                panic!("{line}")
            };
            assert_eq!(label, "LICENSE");
        }
        for line in [
            "BEGIN LICENSE",
            "-----BEGIN-----",
            "--- a line ---",
            "eyJhbGciOiJSUzI1NiJ9",
        ] {
            assert!(delimiter(line).is_none(), "{line}");
        }
    }
}
