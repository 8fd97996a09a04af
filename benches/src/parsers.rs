//! The parsers of untrusted input, with inputs that are expensive to parse.

mod json;
mod keys;
mod texts;
mod tokens;

use license_core::issue::KeyBits;
use license_core::jose::{MAX_FILE_BYTES, MAX_LIST_BYTES, MAX_TOKEN_BYTES};

use crate::vendor::SampleVendor;

/// A parser, with the limit of its memory.
pub struct Parser<'a> {
    /// The name.
    pub name: &'static str,
    /// The maximum size of an input in bytes.
    pub max_bytes: usize,
    /// The maximum amount of memory, as a multiple of the size of the input. This includes the
    /// result of the parser, but not the input. In addition, a parser takes a few kilobytes for any
    /// input.
    pub factor: usize,
    /// Kinds of input.
    pub inputs: Vec<InputKind<'a>>,
}

/// A kind of input, in any size.
pub struct InputKind<'a> {
    /// A description of the inputs.
    pub name: String,
    /// Returns an input of about this size in bytes.
    pub make: Box<dyn Fn(usize) -> String + 'a>,
    /// Parses an input, and drops the result. Returns whether the input was accepted.
    pub parse: Box<dyn Fn(&str) -> bool + 'a>,
}

impl<'a> InputKind<'a> {
    fn new(
        name: &str,
        make: impl Fn(usize) -> String + 'a,
        parse: impl Fn(&str) -> bool + 'a,
    ) -> Self {
        Self {
            name: name.to_owned(),
            make: Box::new(make),
            parse: Box::new(parse),
        }
    }
}

/// Returns the vendor whose key signs the tokens of [`parsers`].
pub fn parser_vendor() -> SampleVendor {
    SampleVendor::new(KeyBits::B2048)
}

/// Returns the parsers of untrusted input of the library.
pub fn parsers(vendor: &SampleVendor) -> Vec<Parser<'_>> {
    vec![
        Parser {
            name: "license key",
            max_bytes: 4096,
            factor: 4,
            inputs: keys::license_keys(),
        },
        Parser {
            name: "license file",
            max_bytes: MAX_LIST_BYTES,
            factor: 8,
            inputs: texts::files(),
        },
        Parser {
            name: "license token",
            max_bytes: MAX_TOKEN_BYTES,
            factor: 128,
            inputs: tokens::licenses(vendor),
        },
        Parser {
            name: "revocation list",
            max_bytes: MAX_LIST_BYTES,
            factor: 16,
            inputs: tokens::lists(vendor),
        },
        Parser {
            name: "inspection of a list",
            max_bytes: MAX_LIST_BYTES,
            factor: 16,
            inputs: tokens::inspections(),
        },
        Parser {
            name: "JWK Set",
            max_bytes: MAX_FILE_BYTES,
            factor: 160,
            inputs: keys::jwk_sets(vendor),
        },
        Parser {
            name: "PEM",
            max_bytes: MAX_FILE_BYTES,
            factor: 8,
            inputs: keys::pem_files(),
        },
        Parser {
            name: "product file",
            max_bytes: MAX_FILE_BYTES,
            factor: 256,
            inputs: texts::product_files(),
        },
        Parser {
            name: "machine request",
            max_bytes: 8 * 1024,
            factor: 128,
            inputs: texts::requests(),
        },
        Parser {
            name: "usage report",
            max_bytes: license_core::usage::MAX_REPORT_BYTES,
            factor: 32,
            inputs: texts::usage_reports(),
        },
    ]
}

/// Repeats a text up to about this size in bytes.
fn repeated(text: &str, bytes: usize) -> String {
    text.repeat((bytes / text.len()).max(1))
}
