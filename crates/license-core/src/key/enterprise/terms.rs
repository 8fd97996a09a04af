//! The content of an enterprise key, which the signature covers.

use std::fmt;
use std::num::NonZeroU32;

use super::expiry::{DATE_EXPECTED, KeyExpiry};
use crate::encoding::pasted::Pasted;
use crate::encoding::value::text_value;
use crate::ids::{Company, ProductCode};
use crate::key::scan::{FieldFormat, KeyScanner, name};
use crate::key::{KeyError, check_length};

const SEATS_EXPECTED: &str = "seats from 1 to 4294967295 without leading zeros";

const SEATS: FieldFormat = FieldFormat {
    expected: SEATS_EXPECTED,
    allowed: |c| c.is_ascii_digit(),
    length: 1..=10,
};
const DATE: FieldFormat = FieldFormat {
    expected: DATE_EXPECTED,
    allowed: |c| c.is_ascii_digit(),
    length: 8..=8,
};

/// The content of an enterprise key, without the signature.
///
/// ```
/// use license_core::key::EnterpriseTerms;
///
/// let terms: EnterpriseTerms = "CODITECT-ENT-ACME-100-20271231".parse()?;
/// assert_eq!((terms.company.as_str(), terms.seats.get()), ("ACME", 100));
/// assert_eq!(terms.to_string(), "CODITECT-ENT-ACME-100-20271231");
/// # Ok::<(), license_core::key::KeyError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EnterpriseTerms {
    /// The product.
    pub product: ProductCode,
    /// The company's short code.
    pub company: Company,
    /// The number of named or concurrent users.
    pub seats: NonZeroU32,
    /// The expiry.
    pub expiry: KeyExpiry,
}

impl EnterpriseTerms {
    /// Parses the text before the signature of an enterprise key, in upper case.
    ///
    /// ```
    /// use license_core::key::{EnterpriseTerms, KeyExpiry};
    ///
    /// let terms = EnterpriseTerms::parse("CODITECT-ENT-ACME-100-99991231")?;
    /// assert_eq!(terms.expiry, KeyExpiry::Perpetual);
    /// # Ok::<(), license_core::key::KeyError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Returns [`KeyError`] if a character is wrong or missing, or if the text is longer than 4096
    /// bytes.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        check_length(text)?;
        let pasted = Pasted::new(text);
        let mut scan = KeyScanner::new(&pasted);
        let terms = parse_terms(&mut scan)?;
        scan.end("the end of the terms")?;
        Ok(terms)
    }
}

text_value!(EnterpriseTerms, "the terms of an enterprise key", KeyError);

/// Prints the text that the signature covers.
impl fmt::Display for EnterpriseTerms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            product,
            company,
            seats,
            expiry,
        } = self;
        write!(f, "{product}-ENT-{company}-{seats}-{expiry}")
    }
}

/// Parses the terms, in upper case, and leaves the text after them.
pub(super) fn parse_terms(scan: &mut KeyScanner<'_>) -> Result<EnterpriseTerms, KeyError> {
    let product = scan.field(&name(ProductCode::EXPECTED))?;
    let product =
        ProductCode::parse(product).map_err(|error| scan.unexpected_at(0, error.expected))?;
    scan.hyphen("`-` after a product code in upper case")?;
    let start = scan.at();
    if scan.field(&name("ENT"))? != "ENT" {
        return Err(scan.unexpected_at(start, "`ENT` in upper case"));
    }
    scan.hyphen("`-` after `ENT`")?;
    let start = scan.at();
    let company = scan.field(&name(Company::EXPECTED))?;
    let company =
        Company::parse(company).map_err(|error| scan.unexpected_at(start, error.expected))?;
    scan.hyphen("`-` after a company code of A-Z and 0-9")?;
    let seats = parse_seats(scan)?;
    scan.hyphen("`-` after the seats")?;
    let start = scan.at();
    let expiry = KeyExpiry::parse(scan.field(&DATE)?);
    let expiry = expiry.map_err(|_| scan.unexpected_at(start, DATE_EXPECTED))?;
    Ok(EnterpriseTerms {
        product,
        company,
        seats,
        expiry,
    })
}

fn parse_seats(scan: &mut KeyScanner<'_>) -> Result<NonZeroU32, KeyError> {
    let start = scan.at();
    let digits = scan.field(&SEATS)?;
    // `str::parse` would accept leading zeros.
    let seats = if digits.starts_with('0') {
        None
    } else {
        digits.parse().ok()
    };
    seats.ok_or_else(|| scan.unexpected_at(start, SEATS_EXPECTED))
}
