//! The settings file, `license-server.toml`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, Source, closest, escape, show_path};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_issuer::files::{ExposedFile, Exposure, changeable_by_others};
use license_issuer::signer::KeyLocation;
use toml::de::{DeTable, DeValue};

use super::origin::{Origin, SettingValue};
use super::setting::{SETTINGS, Setting};

/// The values of a settings file, each with the setting that it is for.
pub(super) type FileValues = Vec<(Setting, SettingValue)>;

/// Reads the settings file.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, `INSECURE_FILE` if another user can change it, and
/// `MALFORMED` if it is too large, or not TOML with the expected members.
pub(super) fn read(path: &Path) -> Result<FileValues, Failure> {
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
    if let Some(exposed) = changeable_by_others(path).map_err(failed)? {
        return Err(insecure(path, &exposed));
    }
    let text = Source::File(path.to_owned()).read_text(MAX_FILE_BYTES, decode_text)?;
    let absolute = std::path::absolute(path).map_err(failed)?;
    let file = SettingsText {
        text: &text,
        path,
        directory: absolute.parent().unwrap_or(Path::new(".")),
    };
    file.parse()
}

/// Returns the failure of a file that another user can change.
fn insecure(path: &Path, exposed: &ExposedFile) -> Failure {
    let place = show_path(&exposed.path);
    let (found, command) = match exposed.exposure {
        Exposure::Owner(owner) => (
            format!("user {owner} as the owner"),
            "copy the settings to a file in a directory of your own".to_owned(),
        ),
        Exposure::FileMode(mode) | Exposure::DirectoryMode(mode) => (
            format!("mode {mode:03o}"),
            format!("run `chmod go-w {place}`"),
        ),
    };
    let message = format!(
        "{}: expected a file that only you and root can change, found {found} of {place}",
        show_path(path)
    );
    Failure::new(Exit::Usage, "INSECURE_FILE", message)
        .hint(format!("{command}, or add --no-config"))
}

/// Returns whether the location of a key is a file.
fn is_file(location: &str) -> bool {
    KeyLocation::from(OsString::from(location)).file().is_some()
}

/// The text of a settings file.
struct SettingsText<'a> {
    text: &'a str,
    path: &'a Path,
    /// The directory of the file. Paths in the file are relative to it.
    directory: &'a Path,
}

impl SettingsText<'_> {
    fn parse(&self) -> Result<FileValues, Failure> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.refused(self.line(start), error.message())
                .hint("write each setting as in: listen = \"0.0.0.0:8443\"")
        })?;
        let mut members: Vec<_> = table.get_ref().iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let values = members.into_iter().map(|(name, value)| {
            let line = self.line(name.span().start);
            let setting = self.setting(line, name.get_ref(), value.get_ref())?;
            let text = self.value(line, setting, value.get_ref())?;
            let path = self.path.to_owned();
            let origin = Origin::File { path, line };
            Ok((setting, SettingValue { text, origin }))
        });
        values.collect()
    }

    /// Returns the setting with this name.
    fn setting(&self, line: usize, name: &str, value: &DeValue<'_>) -> Result<Setting, Failure> {
        if let Some(setting) = SETTINGS.into_iter().find(|one| one.name == name) {
            return Ok(setting);
        }
        let shown: String = name.chars().take(40).collect();
        if value.is_table() {
            let message = format!("expected settings without sections, found [{shown}]");
            return Err(self
                .refused(line, &message)
                .hint("remove the line with the section"));
        }
        let failure = self.refused(line, &format!("unknown member `{shown}`"));
        let names = || SETTINGS.into_iter().map(|setting| setting.name);
        Err(match closest(name, names()) {
            Some(similar) => failure.hint(format!("did you mean `{similar}`?")),
            None => failure.hint("`license-server check-config --no-config` lists the settings"),
        })
    }

    /// Returns the value of a setting as text. A relative path becomes absolute.
    fn value(&self, line: usize, setting: Setting, value: &DeValue<'_>) -> Result<String, Failure> {
        let refused = |found: &str| {
            let message = format!(
                "`{}`: expected a text or a number, found {found}",
                setting.name
            );
            self.refused(line, &message)
                .hint("write the value in quotation marks, or remove the line")
        };
        let text = match value {
            DeValue::String(text) => text.as_ref().to_owned(),
            DeValue::Integer(number) => number.as_str().to_owned(),
            DeValue::Array(items) => {
                let texts = items.iter().map(|item| item.get_ref().as_str());
                let texts: Option<Vec<_>> = texts.collect();
                texts
                    .ok_or_else(|| refused("an array of other values"))?
                    .join(",")
            }
            other => return Err(refused(other.type_str())),
        };
        if text.trim().is_empty() {
            return Err(refused("an empty text"));
        }
        let is_key_service = matches!(setting.name, "signing_key") && !is_file(&text);
        if setting.is_path && !is_key_service {
            let path = self.absolute(&text);
            return path
                .into_os_string()
                .into_string()
                .map_err(|_| refused("another text"));
        }
        Ok(text)
    }

    /// Returns a path relative to the directory of the file. `~/` is the home directory.
    fn absolute(&self, path: &str) -> PathBuf {
        let home = || directories::BaseDirs::new().map(|found| found.home_dir().to_owned());
        match (path.strip_prefix("~/"), home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => self.directory.join(path),
        }
    }

    /// Returns the number of the line with this offset, from 1.
    fn line(&self, offset: usize) -> usize {
        let before = self.text.get(..offset).unwrap_or_default();
        before.matches('\n').count() + 1
    }

    fn refused(&self, line: usize, message: &str) -> Failure {
        let path = show_path(self.path);
        // The parser's messages have several lines for some errors.
        let message = message.lines().next().unwrap_or_default();
        Failure::malformed(format!("{path}, line {line}: {}", escape(message)))
    }
}
