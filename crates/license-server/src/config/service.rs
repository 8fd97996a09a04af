//! Services that the server uses, such as a database, with URLs that can contain a password.

use std::fmt;
use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, Origin, Source, show_path};
use license_core::encoding::decode_text;
use license_issuer::signer::private_key::is_exposed;
use zeroize::Zeroizing;

use super::reader::{Reader, refused};

/// The maximum size of a file with a password.
const MAX_PASSWORD_BYTES: usize = 4096;

/// A service that the server uses.
#[derive(Clone, Debug)]
pub(crate) struct ServiceConfig {
    /// The name of the setting.
    pub(crate) name: &'static str,
    pub(crate) url: ServiceUrl,
    /// The file with the password, if the URL has none.
    pub(crate) password_file: Option<PathBuf>,
}

impl ServiceConfig {
    /// Reads the password from its file. Returns `None` without a file.
    ///
    /// # Errors
    ///
    /// Returns `IO` if the file cannot be read, `INSECURE_FILE` if other users can read it, and
    /// `USAGE` if its first line is empty.
    pub(crate) fn password(&self) -> Result<Option<Zeroizing<String>>, Failure> {
        let Some(path) = &self.password_file else {
            return Ok(None);
        };
        let shown = show_path(path);
        let text = private_text(path)?;
        let line = text.lines().next().unwrap_or_default();
        if line.is_empty() {
            let message = format!("{shown}: expected a password in the first line, found none");
            return Err(
                Failure::usage(message).hint("write the password to the file, and nothing else")
            );
        }
        Ok(Some(Zeroizing::new(line.to_owned())))
    }
}

/// Reads a small file that only its owner may read.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, and `INSECURE_FILE` if other users can read it.
pub(crate) fn private_text(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let shown = show_path(path);
    let found = path.metadata();
    let found = found.map_err(|error| Failure::io("read", path, &error))?;
    if is_exposed(&found) {
        let message = format!("{shown}: expected a file that only its owner can read");
        return Err(Failure::new(Exit::Usage, "INSECURE_FILE", message)
            .hint(format!("run `chmod 600 {shown}`")));
    }
    let text = Source::File(path.to_owned()).read_text(MAX_PASSWORD_BYTES, decode_text)?;
    Ok(Zeroizing::new(text))
}

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

impl Reader<'_> {
    /// Returns the PostgreSQL database and Redis, which needs the database.
    pub(super) fn databases(
        &self,
    ) -> Result<(Option<ServiceConfig>, Option<ServiceConfig>), Failure> {
        let expected = "expected a URL such as postgres://license_server@db.example.com/licenses";
        let database = self.service("database", &["postgres", "postgresql"], expected)?;
        let expected = "expected a URL such as rediss://cache.example.com:6379/0";
        let redis = self.service("redis", &["redis", "rediss"], expected)?;
        if redis.is_some() && database.is_none() {
            return Err(Failure::usage("expected database with redis, found none").hint(
                "name a PostgreSQL database with --database URL, or remove redis: a server with \
                 SQLite answers renewals from memory",
            ));
        }
        Ok((database, redis))
    }

    /// Returns a service with the file of its password. Other users can read the options of a
    /// process and the settings file, so only a variable may contain the password.
    pub(super) fn service(
        &self,
        name: &'static str,
        schemes: &[&str],
        expected: &'static str,
    ) -> Result<Option<ServiceConfig>, Failure> {
        let value = self.0.get(name);
        let file = format!("{name}_password_file");
        let password_file = self.path(&file);
        if value.value.is_empty() {
            return match password_file {
                None => Ok(None),
                Some(_) => {
                    let message = format!("expected {name} with {file}, found none");
                    Err(Failure::usage(message).hint(format!("name the service with --{name} URL")))
                }
            };
        }
        let Some(url) = ServiceUrl::parse(value.value.trim(), schemes) else {
            return Err(refused(name, expected, &value));
        };
        let hint = format!("write the password to a file, and name it with {file}");
        if url.has_password() && !matches!(value.origin, Origin::Variable(_)) {
            let expected =
                "expected a URL without a password, because other users can read it here";
            return Err(refused(name, expected, &value).hint(hint));
        }
        if url.has_password() && password_file.is_some() {
            let message = format!("expected one password, found one in {name} and one in {file}");
            return Err(Failure::usage(message).hint("remove one of them"));
        }
        Ok(Some(ServiceConfig {
            name,
            url,
            password_file,
        }))
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
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

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

    #[test]
    fn a_password_file_is_private_and_has_one_line() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let service = ServiceConfig {
            name: "database",
            url: ServiceUrl::parse("postgres://db/l", &["postgres"]).unwrap(),
            password_file: Some(path.clone()),
        };
        assert_eq!(service.password().unwrap_err().code(), "IO");
        fs::write(&path, "hunter2\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(service.password().unwrap_err().code(), "INSECURE_FILE");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(service.password().unwrap().unwrap().as_str(), "hunter2");
        fs::write(&path, "\nhunter2\n").unwrap();
        assert_eq!(service.password().unwrap_err().code(), "USAGE");
    }
}
