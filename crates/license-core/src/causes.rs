//! Errors with their causes in one line.

use std::error::Error;

/// Returns an error and its causes in one line, separated by colons.
///
/// In these crates, the `Display` text of an error does not contain the cause, which is the
/// `source()` of the error. If the line already ends with the text of a cause, that cause is
/// omitted, because some errors of other crates repeat the text of their source.
///
/// ```
/// use license_core::{LicenseFile, Unverified, with_causes};
/// use license_core::trust::VerifyError;
///
/// // The payload is `{"iss":"Acme","iss":"Acme"}`.
/// let token = "eyJhbGciOiJSUzI1NiIsInR5cCI6ImxpY2Vuc2Urand0Iiwia2lkIjoieCJ9\
///              .eyJpc3MiOiJBY21lIiwiaXNzIjoiQWNtZSJ9.AAAA";
/// let error = Unverified::parse(token)?.unverified_claims().unwrap_err();
/// assert_eq!(error.to_string(), "cannot read the token payload");
/// assert_eq!(
///     with_causes(&error),
///     "cannot read the token payload: expected strict JSON: duplicate member `iss` at line 1 \
///      column 27"
/// );
/// # Ok::<(), license_core::jose::ParseError>(())
/// ```
///
/// A program reports the line, and chooses its advice by the reason code:
///
/// ```
/// use license_core::{Code, FeatureMatrix, TrustSet, VerifiedLicenses, with_causes};
///
/// fn report(text: &str, trust: &TrustSet) {
///     match VerifiedLicenses::verify(text, trust, FeatureMatrix::built_in()) {
///         Ok(verified) => println!("licenses: {}", verified.licenses().len()),
///         Err(error) => {
///             eprintln!("{}: {}", error.code(), with_causes(&error));
///             let advice = match error.code() {
///                 Code::UnsupportedVersion | Code::UnsupportedClaim => "update the program",
///                 Code::UntrustedKey => "ask the vendor whether the keys have changed",
///                 _ => "ask the vendor to send the file again",
///             };
///             eprintln!("{advice}");
///         }
///     }
/// }
/// # report("", &TrustSet::default());
/// ```
pub fn with_causes(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            line = format!("{line}: {text}");
        }
        cause = error.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Step {
        text: &'static str,
        source: Option<Box<Step>>,
    }

    fn chain(texts: &[&'static str]) -> Option<Box<Step>> {
        let (text, rest) = texts.split_first()?;
        let source = chain(rest);
        Some(Box::new(Step { text, source }))
    }

    #[test]
    fn causes_follow_the_error_in_their_order() {
        let error = chain(&["cannot read x", "expected a file", "not found"]).unwrap();
        assert_eq!(
            with_causes(&error),
            "cannot read x: expected a file: not found"
        );
    }

    #[test]
    fn an_error_without_causes_gives_only_its_own_text() {
        assert_eq!(with_causes(&chain(&["not found"]).unwrap()), "not found");
    }

    #[test]
    fn a_cause_that_the_line_already_contains_is_not_repeated() {
        let error = chain(&["cannot decode", "DER: wrong tag", "wrong tag"]).unwrap();
        assert_eq!(with_causes(&error), "cannot decode: DER: wrong tag");
    }
}
