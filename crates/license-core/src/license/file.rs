//! License files: tokens between `-----BEGIN LICENSE-----` and `-----END LICENSE-----`.

use std::fmt::Write;

use crate::encoding::armor::LetterKind;
use crate::encoding::pasted::{offset_and_body, plain_dash, without_wrapping};
use crate::jose::{MAX_FILE_BYTES, ParseError, TokenKind, Unverified, check_length, input_cap};

const COLUMNS: usize = 64;

/// One token of a file.
#[derive(Debug)]
pub struct Block<'a> {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// The token. Nothing of it is verified.
    pub token: Unverified<'a>,
}

/// The tokens of a file, in the order of the file.
///
/// ```
/// use license_core::Artefacts;
///
/// # const FILE: &str = include_str!("../../../../fixtures/files/valid-pro.lic");
/// let artefacts = Artefacts::parse(FILE)?;
/// assert_eq!(artefacts.blocks().len(), 1);
/// # Ok::<(), license_core::ParseError>(())
/// ```
#[derive(Debug)]
pub struct Artefacts<'a> {
    blocks: Vec<Block<'a>>,
}

impl<'a> Artefacts<'a> {
    /// Reads a license file of one or more blocks, or a bare token.
    ///
    /// # Errors
    /// [`ParseError`] if there is anything but blocks in it, or a block is damaged.
    pub fn parse(text: &'a str) -> Result<Self, ParseError> {
        check_length(input_cap(text.as_bytes()), text)?;
        let (start, body) = offset_and_body(text);
        let skipped = text.get(..start).unwrap_or_default();
        let first_line = skipped.matches('\n').count() + 1;
        let blocks = match delimiter(body.lines().next().unwrap_or_default()) {
            Some(_) => blocks(body, first_line)?,
            None => match unfolded(body) {
                Some(blocks) => blocks,
                None => vec![Block {
                    line: 1,
                    token: bare(text)?,
                }],
            },
        };
        check_length_without_lists(&blocks)?;
        Ok(Self { blocks })
    }

    /// The blocks; at least one.
    pub fn blocks(&self) -> &[Block<'a>] {
        &self.blocks
    }

    /// The blocks of one kind.
    pub fn of_kind(&self, kind: TokenKind) -> impl Iterator<Item = &Block<'a>> {
        let is_such = move |block: &&Block<'a>| block.token.unverified_kind() == kind;
        self.blocks.iter().filter(is_such)
    }
}

/// A revocation list makes room for itself, and for nothing else.
fn check_length_without_lists(blocks: &[Block<'_>]) -> Result<(), ParseError> {
    let is_other = |block: &&Block<'_>| block.token.unverified_kind() != TokenKind::Revocations;
    let others = blocks.iter().filter(is_other);
    let found = others.map(|block| block.token.as_str().len()).sum();
    match found > MAX_FILE_BYTES {
        true => Err(ParseError::TooLong {
            limit: MAX_FILE_BYTES,
            found,
        }),
        false => Ok(()),
    }
}

fn plain_hyphen(letter: char) -> bool {
    plain_dash(letter) == '-'
}

/// Reads a file whose line breaks a spreadsheet or a chat has made into spaces, or taken away.
fn unfolded(body: &str) -> Option<Vec<Block<'static>>> {
    const HYPHENS: &str = "-----";
    if !body.starts_with(plain_hyphen) || !body.contains("BEGIN ") {
        return None;
    }
    let plain: String = body.chars().map(plain_dash).collect();
    let mut lines = String::with_capacity(plain.len() + COLUMNS);
    let mut was_text = false;
    for piece in plain.split(HYPHENS) {
        let is_delimiter = piece.starts_with("BEGIN ") || piece.starts_with("END ");
        if is_delimiter {
            lines.extend(["\n", HYPHENS, piece, HYPHENS, "\n"]);
        } else {
            // Five hyphens in a row may stand in a token too.
            lines.push_str(if was_text { HYPHENS } else { "" });
            lines.extend(piece.split_whitespace().flat_map(|word| [word, "\n"]));
        }
        was_text = !is_delimiter;
    }
    let blocks = blocks(&lines, 1).ok()?;
    let owned = |block: Block<'_>| Block {
        line: 1,
        token: block.token.into_owned(),
    };
    Some(blocks.into_iter().map(owned).collect())
}

/// A text without armor is most likely a token. If it is not even nearly one, say what else it could be.
fn bare(text: &str) -> Result<Unverified<'_>, ParseError> {
    let looks_like_prose = without_wrapping(text).contains([' ', '{', '<']);
    match Unverified::parse(text) {
        Err(ParseError::Unexpected { .. } | ParseError::Segments { .. }) if looks_like_prose => {
            let first = without_wrapping(text).lines().next();
            Err(no_begin(1, first.unwrap_or_default()))
        }
        token => token,
    }
}

impl Unverified<'_> {
    /// The token as a block of a license file, wrapped at 64 columns.
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
        // Writing to a string can't fail.
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

/// Reads `-----BEGIN x-----`, also where an editor has made one long dash of several hyphens.
fn delimiter(line: &str) -> Option<Delimiter> {
    let line = line.trim();
    // Nearly every line of a large file is none.
    if !line.starts_with(plain_hyphen) {
        return None;
    }
    let line: String = line.chars().map(plain_dash).collect();
    let inner = line.strip_prefix('-')?.trim_start_matches('-');
    let inner = inner.strip_suffix('-')?.trim_end_matches('-');
    let (word, label) = inner.split_once(' ')?;
    // A hyphen would end the label: the line goes on after it.
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

fn blocks(body: &str, first_line: usize) -> Result<Vec<Block<'_>>, ParseError> {
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
            return Err(no_begin(line, text));
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
        blocks.push(Block { line, token });
    }
    Ok(blocks)
}

fn kind(line: usize, label: &str) -> Result<TokenKind, ParseError> {
    if let Some(found) = LetterKind::from_label(label) {
        return Err(ParseError::Letter { found });
    }
    if label.ends_with("PRIVATE KEY") {
        return Err(ParseError::PrivateKey);
    }
    TokenKind::from_label(label).ok_or_else(|| no_begin(line, &begin(label)))
}

fn no_begin(line: usize, found: &str) -> ParseError {
    let expected = begin(TokenKind::License.label());
    ParseError::Armor {
        line,
        expected,
        found: describe(found),
    }
}

/// What a line is where it should not be, without repeating it.
fn describe(line: &str) -> &'static str {
    let line = line.trim();
    match delimiter(line) {
        Some(Delimiter::Begin(_)) => "the beginning of another block",
        Some(Delimiter::End(_)) => "the end of another block",
        None if line.contains("BEGIN ") => "it with other text on the same line",
        None if line.starts_with('{') => "JSON, as a trust set is",
        None => "other text",
    }
}

/// Takes the lines up to the end of the block, and returns what was between.
fn token_text<'a>(lines: &mut Lines<'a>, label: &str) -> Result<&'a str, ParseError> {
    let start = lines.rest;
    loop {
        let between = start.len() - lines.rest.len();
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
                return Ok(start.get(..between).unwrap_or_default());
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
    fn a_file_on_one_line_is_read_as_if_it_had_its_lines() {
        const FILE: &str = include_str!("../../../../fixtures/files/valid-pro.lic");
        let token = |text: &str| {
            let artefacts = Artefacts::parse(text).unwrap();
            artefacts.blocks()[0].token.as_str().to_owned()
        };
        for glue in [" ", "", "  ", "\t"] {
            assert_eq!(token(&FILE.replace('\n', glue)), token(FILE), "{glue:?}");
        }
        let twice = FILE.repeat(2).replace('\n', " ");
        assert_eq!(Artefacts::parse(&twice).unwrap().blocks().len(), 2);
        let prose = format!("Dear customer, {}", FILE.replace('\n', " "));
        assert!(Artefacts::parse(&prose).is_err());
    }

    #[test]
    fn delimiters_survive_editors() {
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
