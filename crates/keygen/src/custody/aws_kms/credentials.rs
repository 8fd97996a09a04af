//! Who asks.

use std::fmt;

use license_terminal::Failure;
use zeroize::Zeroizing;

/// Credentials of AWS; never shown, wiped when dropped.
pub(super) struct Credentials {
    access_key: String,
    secret_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl Credentials {
    /// From the environment, and from nowhere else.
    pub(super) fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Failure> {
        let given = |name: &str| variable(name).filter(|value| !value.is_empty());
        let needed = |name: &str| given(name).ok_or_else(|| missing(name));
        let credentials = Self {
            access_key: needed("AWS_ACCESS_KEY_ID")?,
            secret_key: needed("AWS_SECRET_ACCESS_KEY")?.into(),
            session_token: given("AWS_SESSION_TOKEN").map(Zeroizing::new),
        };
        // What goes into a header must not end it.
        let token = credentials.session_token().unwrap_or_default();
        let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        match is_visible(&credentials.access_key) && is_visible(token) {
            true => Ok(credentials),
            false => Err(Failure::usage(
                "expected credentials of printable ASCII, found others in AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN",
            )
            .hint("copy them anew, without spaces and line breaks")),
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

    /// Whether a text repeats what nobody is to see.
    pub(super) fn are_in(&self, text: &str) -> bool {
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

fn missing(name: &str) -> Failure {
    let message = format!("expected credentials for AWS in the environment, found no {name}");
    Failure::new(license_terminal::Exit::Usage, "CREDENTIALS", message).hint(
        "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws configure export-credentials --format env` prints them",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(found: &[(&str, &str)]) -> Result<Credentials, Failure> {
        Credentials::read(|name| {
            let found = found.iter().find(|(other, _)| *other == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_missing_is_named() {
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
            let failure = read(found).unwrap_err();
            assert!(failure.message().contains(missing), "{failure:?}");
        }
        let broken = read(&[id, secret, ("AWS_SESSION_TOKEN", "a\nb")]).unwrap_err();
        assert!(!broken.message().contains("a\nb"));
    }

    #[test]
    fn debug_shows_nothing() {
        let pairs = [
            ("AWS_ACCESS_KEY_ID", "AK"),
            ("AWS_SECRET_ACCESS_KEY", "s3cret"),
        ];
        assert_eq!(format!("{:?}", read(&pairs).unwrap()), "Credentials(..)");
    }
}
