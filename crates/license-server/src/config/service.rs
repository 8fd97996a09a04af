//! Services that the server uses, such as a database, with URLs that can contain a password.

use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, Origin, Source, show_path};
use license_core::encoding::decode_text;
use license_issuer::signer::private_key::is_exposed;
use zeroize::Zeroizing;

use super::reader::{Reader, refused};
use super::service_url::ServiceUrl;

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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

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
