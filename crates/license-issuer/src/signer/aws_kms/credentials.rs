//! Credentials of AWS.

use std::fmt;

use zeroize::Zeroizing;

use super::error::AwsKmsError;

/// Credentials of AWS. The secrets are wiped when they are dropped, and never printed.
pub(super) struct Credentials {
    access_key: String,
    secret_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// Reads the credentials from environment variables.
    pub(super) fn read(
        variable: impl Fn(&'static str) -> Option<String>,
    ) -> Result<Self, AwsKmsError> {
        let optional = |name| variable(name).filter(|value| !value.is_empty());
        let required = |name| optional(name).ok_or(AwsKmsError::NoCredentials(name));
        let credentials = Self {
            access_key: required("AWS_ACCESS_KEY_ID")?,
            secret_key: required("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: optional("AWS_SESSION_TOKEN").map(Zeroizing::new),
        };
        // A header must not contain line breaks.
        let is_printable = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_printable(&credentials.access_key)
            && credentials.session_token().is_none_or(is_printable)
        {
            Ok(credentials)
        } else {
            Err(AwsKmsError::Credentials)
        }
    }

    pub(super) fn access_key(&self) -> &str {
        &self.access_key
    }

    pub(super) fn secret_key(&self) -> &str {
        &self.secret_key
    }

    pub(super) fn session_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    /// Returns whether a text contains a secret.
    pub(super) fn occur_in(&self, text: &str) -> bool {
        text.contains(self.secret_key())
            || self
                .session_token()
                .is_some_and(|token| text.contains(token))
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Credentials, AwsKmsError> {
        Credentials::read(|name| {
            let found = variables.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn an_error_names_the_missing_variable() {
        let (id, secret) = (
            ("AWS_ACCESS_KEY_ID", "AK"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        );
        let both = read(&[id, secret]).unwrap();
        assert_eq!((both.access_key(), both.session_token()), ("AK", None));
        for (found, missing) in [
            (&[][..], "AWS_ACCESS_KEY_ID"),
            (&[id][..], "AWS_SECRET_ACCESS_KEY"),
            (
                &[id, ("AWS_SECRET_ACCESS_KEY", "")][..],
                "AWS_SECRET_ACCESS_KEY",
            ),
        ] {
            let error = read(found).unwrap_err();
            assert!(error.to_string().contains(missing), "{error}");
        }
    }

    #[test]
    fn a_session_token_with_a_line_break_is_refused_and_not_shown() {
        let error = read(&[
            ("AWS_ACCESS_KEY_ID", "AK"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
            ("AWS_SESSION_TOKEN", "a\nb"),
        ]);
        assert!(!error.unwrap_err().to_string().contains("a\nb"));
    }

    #[test]
    fn debug_does_not_show_the_credentials() {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "AK"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ];
        assert_eq!(format!("{:?}", read(&pairs).unwrap()), "Credentials(..)");
    }
}
