//! Settings files in TOML, without sections.

use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::Origin;
use crate::escape::{escape, show_path};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::input::Source;
use crate::suggest::closest;

/// The members that a settings file can have.
#[derive(Clone, Debug)]
pub struct SettingsFormat<'a> {
    /// The names of the members.
    pub members: &'a [&'a str],
    /// Names of members that would contain a secret. They are refused, and their values are never
    /// shown.
    pub secrets: &'a [&'a str],
    /// The hint about a secret.
    pub secrets_hint: &'a str,
    /// A line of the file, for hints.
    pub example: &'a str,
    /// The hint about an unknown member whose name is similar to no other.
    pub unknown_hint: &'a str,
}

/// A file or directory that a user other than this one and root can change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InsecurePlace {
    /// The path.
    pub path: PathBuf,
    /// The mode or the owner that permits the change, such as `mode 664`.
    pub found: String,
    /// Whether another mode would prevent the change.
    pub has_open_mode: bool,
}

impl InsecurePlace {
    /// Returns the failure for the settings file with this path.
    fn failure(&self, file: &Path) -> Failure {
        let place = show_path(&self.path);
        let (kind, of_place) = if self.path.is_dir() {
            ("directory", format!(" of {place}"))
        } else {
            ("file", String::new())
        };
        let remedy = if self.has_open_mode {
            format!("run `chmod go-w {place}`")
        } else {
            "copy the settings to a file in a directory of your own".to_owned()
        };
        let message = format!(
            "{}: expected a {kind} that only you and root can change, found {}{of_place}",
            show_path(file),
            self.found
        );
        Failure::new(Exit::Usage, "INSECURE_FILE", message)
            .hint(format!("{remedy}, or add --no-config"))
    }
}

/// The text of a settings file.
///
/// The options of the program that choose the file are `--config FILE` and `--no-config`.
///
/// ```
/// use license_cli_support::{SettingsFile, SettingsFormat};
///
/// # let directory = tempfile::tempdir().unwrap();
/// # let path = directory.path().join("keygen.toml");
/// std::fs::write(&path, "# comment\nkey = \"vendor.key\"\n").unwrap();
/// // A program passes a function that examines who can change the file.
/// let file = SettingsFile::read(&path, 1024, |_| Ok(None), String::from_utf8)?;
/// let format = SettingsFormat {
///     members: &["key"],
///     secrets: &["pin"],
///     secrets_hint: "write the PIN to a file",
///     example: "key = \"vendor.key\"",
///     unknown_hint: "the only member is key",
/// };
/// let [entry] = &file.entries(&format)?[..] else { panic!() };
/// assert_eq!((entry.name(), entry.text()?), ("key", "vendor.key"));
/// assert_eq!(entry.origin().line(), Some(2));
/// # Ok::<(), license_cli_support::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct SettingsFile {
    path: PathBuf,
    /// The directory of the file. Paths in the file are relative to it.
    directory: PathBuf,
    text: String,
}

impl SettingsFile {
    /// Reads a settings file of at most `cap` bytes. `examine` returns the place that makes the
    /// content insecure, and `decode` converts the bytes to text.
    ///
    /// # Errors
    ///
    /// Returns `IO` if the file cannot be read, `USAGE` if it is not a regular file,
    /// `INSECURE_FILE` if another user can change it, and `MALFORMED` if it is too large or not
    /// text.
    pub fn read<E: std::fmt::Display>(
        path: &Path,
        cap: usize,
        examine: impl FnOnce(&Path) -> io::Result<Option<InsecurePlace>>,
        decode: impl FnOnce(Vec<u8>) -> Result<String, E>,
    ) -> Result<Self, Failure> {
        let failed = |error| {
            Failure::io("read", path, &error)
                .hint("correct the path with --config FILE, or add --no-config")
        };
        if !path.metadata().map_err(failed)?.is_file() {
            let message = format!(
                "{}: expected a regular file with settings, found a directory or a device",
                show_path(path)
            );
            return Err(Failure::usage(message).hint("add --no-config to read no settings file"));
        }
        if let Some(place) = examine(path).map_err(failed)? {
            return Err(place.failure(path));
        }
        let text = Source::File(path.to_owned()).read_text(cap, decode)?;
        let absolute = std::path::absolute(path).map_err(failed)?;
        Ok(Self {
            path: path.to_owned(),
            directory: absolute.parent().unwrap_or(Path::new(".")).to_owned(),
            text,
        })
    }

    /// Returns the members of the file, in the order of their lines.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` with the line if the text is not TOML, or has a section, an unknown
    /// member or a secret.
    pub fn entries<'a>(
        &'a self,
        format: &SettingsFormat<'_>,
    ) -> Result<Vec<SettingsEntry<'a>>, Failure> {
        let table = DeTable::parse(&self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.refused(self.line(start), error.message())
                .hint(format!("write each setting as in: {}", format.example))
        })?;
        let mut members: Vec<_> = table.into_inner().into_iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let entries = members.into_iter().map(|(name, value)| {
            let entry = SettingsEntry {
                file: self,
                line: self.line(name.span().start),
                name: name.into_inner().into_owned(),
                value: value.into_inner(),
            };
            entry.check_name(format)?;
            Ok(entry)
        });
        entries.collect()
    }

    /// Returns the number of the line with this offset, from 1.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    fn refused(&self, line: usize, message: &str) -> Failure {
        let path = show_path(&self.path);
        // The parser's messages have several lines for some errors.
        let message = message.lines().next().unwrap_or_default();
        Failure::malformed(format!("{path}, line {line}: {}", escape(message)))
    }
}

/// A member of a settings file.
#[derive(Clone, Debug)]
pub struct SettingsEntry<'a> {
    file: &'a SettingsFile,
    line: usize,
    name: String,
    value: DeValue<'a>,
}

impl SettingsEntry<'_> {
    fn check_name(&self, format: &SettingsFormat<'_>) -> Result<(), Failure> {
        let name = self.name.as_str();
        if format.members.contains(&name) {
            return Ok(());
        }
        if format.secrets.contains(&name) {
            let message = format!("`{name}` is not allowed, because settings contain no secret");
            return Err(self.refused(&message).hint(format.secrets_hint));
        }
        let shown: String = name.chars().take(40).collect();
        if self.value.is_table() {
            let message = format!("expected settings without sections, found [{shown}]");
            return Err(self
                .refused(&message)
                .hint("remove the line with the section"));
        }
        let failure = self.refused(&format!("unknown member `{shown}`"));
        Err(match closest(name, format.members.iter().copied()) {
            Some(similar) => failure.hint(format!("did you mean `{similar}`?")),
            None => failure.hint(format.unknown_hint),
        })
    }

    /// Returns the name of the member.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the line of the member as the origin of its value.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin::File {
            path: self.file.path.clone(),
            line: self.line,
        }
    }

    /// Returns the text of the value.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` if the value is empty or not a text.
    pub fn text(&self) -> Result<&str, Failure> {
        match &self.value {
            DeValue::String(text) if !text.trim().is_empty() => Ok(text),
            DeValue::String(_) => Err(self.unexpected("a text", "an empty text")),
            other => Err(self.unexpected("a text", other.type_str())),
        }
    }

    /// Returns the text of the value, which can be a number. The items of an array are separated
    /// by commas.
    ///
    /// # Errors
    ///
    /// Returns `MALFORMED` if the value is empty, or another value than a text, a number or an
    /// array of texts.
    pub fn text_or_number(&self) -> Result<String, Failure> {
        const EXPECTED: &str = "a text or a number";
        let text = match &self.value {
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str());
                let texts: Option<Vec<_>> = texts.collect();
                texts
                    .ok_or_else(|| self.unexpected(EXPECTED, "an array of other values"))?
                    .join(",")
            }
            DeValue::String(text) => text.as_ref().to_owned(),
            other => return Err(self.unexpected(EXPECTED, other.type_str())),
        };
        if text.trim().is_empty() {
            return Err(self.unexpected(EXPECTED, "an empty text"));
        }
        Ok(text)
    }

    /// Returns a path as an absolute path. A relative path is relative to the directory of the
    /// file, and `~/` is the home directory.
    #[must_use]
    pub fn absolute(&self, path: &str) -> PathBuf {
        let home = || directories::BaseDirs::new().map(|found| found.home_dir().to_owned());
        match (path.strip_prefix("~/"), home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.file.directory.join(path),
        }
    }

    /// Returns the failure of a value of another kind. `expected` and `found` are noun phrases.
    #[must_use]
    pub fn unexpected(&self, expected: &str, found: &str) -> Failure {
        self.refused(&format!(
            "`{}`: expected {expected}, found {found}",
            self.name
        ))
        .hint("write the value in quotation marks, or remove the line")
    }

    /// Returns a failure that names the file and the line.
    #[must_use]
    pub fn refused(&self, message: &str) -> Failure {
        self.file.refused(self.line, message)
    }
}
