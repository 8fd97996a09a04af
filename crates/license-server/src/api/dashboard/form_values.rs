//! Values of forms, which browsers send as texts.

use chrono::NaiveDate;

use super::list::given;
use crate::api::problem::Problem;

/// Returns the problem of a field whose value is not the expected one.
pub(super) fn expected(field: &str, expected: &str) -> Problem {
    Problem::malformed(format!("{field}: enter {expected}")).values(expected, "another text")
}

/// Returns a number that is at least `from`, unless the field is empty.
///
/// # Errors
///
/// Returns `MALFORMED` for another text.
pub(super) fn number(field: &str, text: &str, from: u32) -> Result<Option<u32>, Problem> {
    let Some(text) = given(text) else {
        return Ok(None);
    };
    let number = text.parse().ok().filter(|number| *number >= from);
    let refused = || expected(field, &format!("a whole number, {from} or more"));
    number.map(Some).ok_or_else(refused)
}

/// Returns a number that is at least `from`.
///
/// # Errors
///
/// Returns `MALFORMED` for an empty field and for another text.
pub(super) fn required_number(field: &str, text: &str, from: u32) -> Result<u32, Problem> {
    let refused = || expected(field, &format!("a whole number, {from} or more"));
    number(field, text, from)?.ok_or_else(refused)
}

/// Returns a day, unless the field is empty.
///
/// # Errors
///
/// Returns `MALFORMED` for a text that is no date.
pub(super) fn day(field: &str, text: &str) -> Result<Option<NaiveDate>, Problem> {
    let day = given(text).map(str::parse).transpose();
    day.map_err(|_| expected(field, "a date such as 2027-12-31"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_parsed_or_refused_with_its_field() {
        assert_eq!(number("days", " 7 ", 1).unwrap(), Some(7));
        assert_eq!(number("days", " ", 1).unwrap(), None);
        assert_eq!(required_number("seats", "0", 0).unwrap(), 0);
        for text in ["0", "-5", "1.5", "many", "4294967296"] {
            let problem = number("days", text, 1).unwrap_err();
            assert_eq!(
                problem.refusal().detail,
                "days: enter a whole number, 1 or more"
            );
        }
        assert!(required_number("days", "", 1).is_err());
        assert_eq!(day("since", "").unwrap(), None);
        assert!(day("since", "2027-01-31").unwrap().is_some());
        assert!(day("since", "31.01.2027").is_err());
    }
}
