//! License files: tokens in armor blocks such as `-----BEGIN LICENSE-----`.

use std::collections::HashSet;
use std::fmt::Write;
use std::{mem, slice, vec};

use crate::encoding::armor::MachineRequestKind;
use crate::encoding::layout::{SourceLines, has_block, lines_of};
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
    /// Ignores other text around the blocks, such as that of a mail. Takes memory of up to 8 times
    /// the size of the text.
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
    /// Returns [`ParseError`] if the text contains neither blocks nor a bare token, if a block is
    /// damaged or unknown, or if the text is longer than [`input_cap`] permits.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        check_length(input_cap(text.as_bytes()), text)?;
        let (start, body) = offset_and_body(text);
        let skipped = text.get(..start).unwrap_or_default();
        let first_line = skipped.matches('\n').count() + 1;
        let blocks = match delimiter(body.lines().next().unwrap_or_default()) {
            Some(_) => blocks(body, first_line),
            None => parse_bare_token(text).map(|token| vec![ArmorBlock { line: 1, token }]),
        };
        let blocks = blocks.or_else(|error| parse_changed_layout(text, error))?;
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

/// Parses a file whose layout was changed by a mail program, a spreadsheet or a chat, or that has
/// other text around its blocks. `error` is the error for the text as it is.
///
/// A mail can quote an earlier one, so copies of a block count once.
fn parse_changed_layout(
    text: &str,
    error: ParseError,
) -> Result<Vec<ArmorBlock<'static>>, ParseError> {
    if has_block(text) {
        let lines = without_surroundings(&lines_of(text));
        let mut source = SourceLines::new(text);
        match blocks(&lines, 1) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => {
                let is_first = are_first(&found);
                let distinct = found.into_iter().zip(is_first).filter(|(_, first)| *first);
                let owned = distinct.map(|(block, _)| ArmorBlock {
                    line: source.line(block.line),
                    token: block.token.into_owned(),
                });
                return Ok(owned.collect());
            }
            // The layout is right, and a block is wrong.
            Err(found) if is_armor(&error) => return Err(found.in_source(text)),
            Err(_) => {}
        }
    }
    let is_other = matches!(
        error,
        ParseError::Armor { .. } | ParseError::Unexpected { .. } | ParseError::Segments { .. }
    );
    let other = is_other.then(|| ParseError::other_kind(text)).flatten();
    Err(other.unwrap_or(error))
}

/// Returns for each block whether it is the first one with its token.
fn are_first(blocks: &[ArmorBlock<'_>]) -> Vec<bool> {
    let mut seen = HashSet::new();
    let are_new = blocks.iter().map(|block| seen.insert(&block.token));
    are_new.collect()
}

/// Returns the lines with an empty line in place of each line outside of the blocks of a license
/// file. Blocks of other kinds, such as a request that a mail quotes, are text.
///
/// Delimiters with an unknown label that begins with `LICENSE` stay, because a verifier must not
/// ignore such a block. So do those of private keys, which must not be sent.
fn without_surroundings(lines: &str) -> String {
    let mut text = String::with_capacity(lines.len());
    let mut is_inside = false;
    for line in lines.lines() {
        let is_kept = match delimiter(line) {
            Some(Delimiter::Begin(label)) => {
                is_inside = is_own(&label);
                is_inside
            }
            Some(Delimiter::End(label)) => mem::take(&mut is_inside) || is_own(&label),
            None => is_inside,
        };
        text.extend([if is_kept { line } else { "" }, "\n"]);
    }
    text
}

/// Returns whether a block with this label is a part of a license file, or refused in one.
fn is_own(label: &str) -> bool {
    let is_license = label == "LICENSE" || label.starts_with("LICENSE ");
    let is_request = MachineRequestKind::parse(label).is_some();
    (is_license && !is_request) || label.ends_with("PRIVATE KEY")
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
        None if has_block(line) => "other text on the same line",
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
mod tests;
