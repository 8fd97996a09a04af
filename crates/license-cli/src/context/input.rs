//! A license as the command line names it.

use std::ffi::OsStr;
use std::path::Path;

use license_cli_support::{Failure, Source};
use license_core::encoding::decode_text;
use license_core::jose::{MAX_FILE_BYTES, input_cap};
use license_core::{FeatureMatrix, LicenseKey};

/// The text of a license, and a name for messages that never contains the text.
pub(crate) struct LicenseInput {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl LicenseInput {
    /// Reads a file or standard input, or the QR code in a picture. An argument that names no file
    /// and looks like a license is the license itself.
    ///
    /// # Errors
    ///
    /// Returns a failure if the input cannot be read or is too large, or if it is neither text nor
    /// a picture with a QR code.
    pub(crate) fn read(argument: &OsStr) -> Result<Self, Failure> {
        if let Some(input) = argument.to_str().and_then(Self::from_literal) {
            return Ok(input);
        }
        let source = Source::from(argument.to_owned());
        let text = source.read_text_or_picture(MAX_FILE_BYTES, input_cap, decode_text)?;
        Ok(Self {
            name: source.to_string(),
            text,
        })
    }

    fn from_literal(argument: &str) -> Option<Self> {
        let is_literal =
            argument != "-" && !Path::new(argument).exists() && looks_like_license(argument);
        let name = if LicenseKey::is_likely(argument) {
            "the given key"
        } else {
            "the given token"
        };
        is_literal.then(|| Self {
            name: name.to_owned(),
            text: argument.to_owned(),
        })
    }
}

/// The maximum length of a file name. A longer argument is pasted text.
const LONGEST_FILE_NAME: usize = 255;

/// Returns whether an argument that names no file looks like a key or a token rather than like a
/// misspelled file name. In doubt the result is true, so that no message repeats a license as a
/// path.
fn looks_like_license(argument: &str) -> bool {
    let text =
        argument.trim_matches(|character: char| character.is_whitespace() || is_quote(character));
    let is_token = text.starts_with("eyJ") || text.contains("-BEGIN");
    let folded = text.to_uppercase();
    let fields: Vec<&str> = folded
        .split(|character: char| character == '-' || !character.is_ascii())
        .collect();
    let is_built_in = fields.first() == Some(&FeatureMatrix::built_in().product().as_str());
    let is_key = fields.len() >= 3 && (is_built_in || !text.contains(['.', '/', '\\']));
    let is_name = text
        .split(['/', '\\'])
        .all(|name| name.len() <= LONGEST_FILE_NAME);
    is_token || is_key || !is_name
}

fn is_quote(character: char) -> bool {
    matches!(character, '"' | '\'' | '`' | '\u{2018}'..='\u{201f}')
}
