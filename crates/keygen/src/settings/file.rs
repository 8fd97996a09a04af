//! The settings file, `keygen.toml`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Exit, Failure, Source, closest, escape, show_path};
use license_core::encoding::decode_text;
use license_core::jose::{Algorithm, MAX_FILE_BYTES};
use license_issuer::files::{ExposedFile, Exposure, changeable_by_others};
use license_issuer::signer::KeyLocation;
use toml::de::{DeTable, DeValue};

use super::Setting;
use super::layer::{Layer, is_stdin};
use super::origin::Origin;

/// Names of members that would contain a secret.
const SECRETS: [&str; 5] = [
    "passphrase",
    "passphrase_command",
    "password",
    "pin",
    "secret",
];

/// Reads the settings file.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, `INSECURE_FILE` if another user can change it, and
/// `MALFORMED` if it is too large, or not TOML with the expected members.
pub(super) fn read(path: &Path) -> Result<Layer, Failure> {
    let failed = |error| {
        Failure::io("read", path, &error)
            .hint("correct the path with --config FILE, or add --no-config")
    };
    let found = path.metadata().map_err(failed)?;
    if !found.is_file() {
        let message = format!(
            "{}: expected a regular file with settings, found a directory or a device",
            show_path(path)
        );
        return Err(Failure::usage(message).hint("add --no-config to read no settings file"));
    }
    if let Some(exposed) = changeable_by_others(path).map_err(failed)? {
        return Err(insecure(path, &exposed));
    }
    let source = Source::File(path.to_owned());
    let text = source.read_text(MAX_FILE_BYTES, decode_text)?;
    let directory = std::path::absolute(path).map_err(failed)?;
    let file = SettingsText {
        text: &text,
        path,
        directory: directory.parent().unwrap_or(Path::new(".")),
    };
    file.parse()
}

/// Returns the failure of a file that another user can change.
fn insecure(path: &Path, exposed: &ExposedFile) -> Failure {
    let place = show_path(&exposed.path);
    let (kind, of_place) = if exposed.path.is_dir() {
        ("directory", format!(" of {place}"))
    } else {
        ("file", String::new())
    };
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
        "{}: expected a {kind} that only you and root can change, found {found}{of_place}",
        show_path(path)
    );
    Failure::new(Exit::Usage, "INSECURE_FILE", message)
        .hint(format!("{command}, or add --no-config"))
}

/// The text of a settings file.
struct SettingsText<'a> {
    text: &'a str,
    path: &'a Path,
    /// The directory of the file. Paths in the file are relative to it.
    directory: &'a Path,
}

impl SettingsText<'_> {
    fn parse(&self) -> Result<Layer, Failure> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            self.refused(self.line(start), error.message())
                .hint("write each setting as in: key = \"vendor.key\"")
        })?;
        let mut members: Vec<_> = table.get_ref().iter().collect();
        members.sort_by_key(|(name, _)| name.span().start);
        let mut layer = Layer::default();
        for (name, value) in members {
            let line = self.line(name.span().start);
            let (name, value) = (name.get_ref().as_ref(), value.get_ref());
            let setting = self.setting(line, name, value)?;
            let value = self.value(line, setting, value)?;
            let path = self.path.to_owned();
            layer.insert(setting, value, Origin::File { path, line });
        }
        Ok(layer)
    }

    /// Returns the setting with this name.
    fn setting(&self, line: usize, name: &str, value: &DeValue<'_>) -> Result<Setting, Failure> {
        let members = || Setting::ALL.into_iter().map(Setting::member);
        if let Some(setting) = Setting::ALL.into_iter().find(|one| one.member() == name) {
            return Ok(setting);
        }
        if SECRETS.contains(&name) {
            let message = format!("`{name}` is not allowed, because settings contain no secret");
            return Err(self.refused(line, &message).hint(
                "write the passphrase to a file that only you can read, and name it with passphrase_file",
            ));
        }
        let shown: String = name.chars().take(40).collect();
        if value.is_table() {
            let message = format!("expected settings without sections, found [{shown}]");
            return Err(self
                .refused(line, &message)
                .hint("remove the line with the section"));
        }
        let failure = self.refused(line, &format!("unknown member `{shown}`"));
        Err(match closest(name, members()) {
            Some(similar) => failure.hint(format!("did you mean `{similar}`?")),
            None => {
                let members: Vec<_> = members().collect();
                failure.hint(format!("the members are {}", members.join(", ")))
            }
        })
    }

    /// Returns the value of a setting. A relative path becomes absolute.
    fn value(
        &self,
        line: usize,
        setting: Setting,
        value: &DeValue<'_>,
    ) -> Result<OsString, Failure> {
        let refused = |found: &str| {
            let message = format!("`{}`: expected a text, found {found}", setting.member());
            self.refused(line, &message)
                .hint("write the value in quotation marks, or remove the line")
        };
        let DeValue::String(text) = value else {
            return Err(refused(value.type_str()));
        };
        if text.trim().is_empty() {
            return Err(refused("an empty text"));
        }
        if is_stdin(setting, text.as_ref().as_ref()) {
            return Err(refused("-, which is standard input"));
        }
        if setting == Setting::Alg && Algorithm::parse(&text.to_ascii_uppercase()).is_none() {
            let message = "`alg`: expected RS256 or PS256, found another text";
            return Err(self
                .refused(line, message)
                .hint("correct the value, or remove the line"));
        }
        Ok(match setting {
            Setting::Alg | Setting::Issuer => text.as_ref().into(),
            Setting::Key => match KeyLocation::from(OsString::from(text.as_ref())) {
                KeyLocation::File(_) => self.absolute(text).into(),
                _ => text.as_ref().into(),
            },
            _ => self.absolute(text).into(),
        })
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
