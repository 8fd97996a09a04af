//! URLs of services, which can contain a password.

use std::fmt;

use zeroize::Zeroizing;

/// A URL of a service. Its text never shows a password.
#[derive(Clone)]
pub(crate) struct ServiceUrl(Zeroizing<String>);

impl ServiceUrl {
    /// Parses a URL with one of the schemes. Returns `None` for other texts.
    pub(crate) fn parse(text: &str, schemes: &[&str]) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        let has_host = !place.is_empty() && !place.starts_with(['/', '?', '#', ':']);
        (schemes.contains(&scheme) && is_plain && has_host)
            .then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Returns the URL with its password.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    /// Returns whether the URL contains a password.
    pub(crate) fn has_password(&self) -> bool {
        let parts = UrlParts::of(&self.0);
        let is_secret = |(name, _)| is_secret(name);
        parts.is_some_and(|parts| parts.password.is_some() || parts.query().any(is_secret))
    }
}

impl fmt::Display for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_password(&self.0))
    }
}

impl fmt::Debug for ServiceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceUrl({self})")
    }
}

/// Returns a URL without its password. Another text is not shown at all, because it can contain a
/// password too.
pub(crate) fn without_password(url: &str) -> String {
    let Some(parts) = UrlParts::of(url) else {
        return "another text".to_owned();
    };
    let mut shown = format!("{}://", parts.scheme);
    if let Some(user) = parts.user {
        shown.push_str(user);
        shown.push_str(parts.password.map_or("@", |_| ":…@"));
    }
    shown.push_str(parts.place);
    let parameters: Vec<String> = parts
        .query()
        .map(|(name, value)| format!("{name}={}", if is_secret(name) { "…" } else { value }))
        .collect();
    if !parameters.is_empty() {
        shown.push('?');
        shown.push_str(&parameters.join("&"));
    }
    shown
}

/// Returns whether a parameter can be a password. The name of a parameter can have escapes.
fn is_secret(name: &str) -> bool {
    name.contains('%') || name.to_ascii_lowercase().contains("pass")
}

/// The parts of a URL. The last `@` ends the credentials, so a password whose special characters
/// are not escaped is a password too.
struct UrlParts<'a> {
    scheme: &'a str,
    user: Option<&'a str>,
    password: Option<&'a str>,
    /// The host, the port and the path.
    place: &'a str,
    query: &'a str,
}

impl<'a> UrlParts<'a> {
    fn of(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (user, password) = match credentials.map(|text| text.split_once(':')) {
            Some(Some((user, password))) => (Some(user), Some(password)),
            _ => (credentials, None),
        };
        let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
        Some(Self {
            scheme,
            user,
            password,
            place,
            query,
        })
    }

    /// Returns the names and values of the parameters.
    fn query(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        let parameters = self.query.split('&').filter(|text| !text.is_empty());
        parameters.map(|text| text.split_once('=').unwrap_or((text, "")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_url_has_its_password() {
        for (url, shown) in [
            ("postgres://db/licenses", "postgres://db/licenses"),
            ("postgres://ann@db/licenses", "postgres://ann@db/licenses"),
            ("postgres://ann:hunter2@db:1/l", "postgres://ann:…@db:1/l"),
            ("postgres://ann:hunter2/@:x@db/l", "postgres://ann:…@db/l"),
            ("redis://:hunter2@cache:6379/0", "redis://:…@cache:6379/0"),
            (
                "postgres://db/l?sslmode=require&password=hunter2",
                "postgres://db/l?sslmode=require&password=…",
            ),
            (
                "postgres://db/l?pa%73sword=hunter2",
                "postgres://db/l?pa%73sword=…",
            ),
            (
                "postgres://db/l?target_session_attrs=read-write",
                "postgres://db/l?target_session_attrs=read-write",
            ),
            ("host=db password=hunter2", "another text"),
            ("hunter2", "another text"),
        ] {
            assert_eq!(without_password(url), shown);
            if let Some(parsed) = ServiceUrl::parse(url, &["postgres", "redis"]) {
                assert_eq!(parsed.has_password(), url.contains("hunter2"), "{url}");
                assert_eq!(parsed.expose(), url);
                assert!(!format!("{parsed} {parsed:?}").contains("hunter2"));
            }
        }
    }

    #[test]
    fn a_url_has_a_scheme_and_a_host() {
        let accepted = [
            "postgres://db",
            "postgres://[::1]:5432/l",
            "postgres://a@db",
        ];
        let refused = [
            "db",
            "http://db",
            "postgres://",
            "postgres:///licenses",
            "postgres://ann@",
            "postgres://:5432/l",
            "postgres://a b/l",
        ];
        let is_accepted = |url: &&str| ServiceUrl::parse(url, &["postgres"]).is_some();
        assert!(accepted.iter().all(is_accepted));
        assert!(!refused.iter().any(is_accepted));
    }
}
