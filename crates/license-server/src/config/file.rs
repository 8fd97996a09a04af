//! The settings file, `license-server.toml`.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use license_cli_support::{
    Failure, InsecurePlace, SettingValue, SettingsEntry, SettingsFile, SettingsFormat,
};
use license_core::encoding::decode_text;
use license_core::jose::MAX_FILE_BYTES;
use license_issuer::files::{Exposure, changeable_by_others};
use license_issuer::signer::KeyLocation;

use super::setting::{SETTINGS, Setting};

/// The values of a settings file, each with the setting that it is for.
pub(super) type FileValues = Vec<(Setting, SettingValue<String>)>;

/// Names of members that would contain a secret.
const SECRETS: [&str; 8] = [
    "database_password",
    "enrollment_token",
    "mail_password",
    "passphrase",
    "password",
    "pin",
    "redis_password",
    "secret",
];

/// Reads the settings file.
///
/// # Errors
///
/// Returns `IO` if the file cannot be read, `INSECURE_FILE` if another user can change it, and
/// `MALFORMED` if it is too large, or not TOML with the expected members.
pub(super) fn read(path: &Path) -> Result<FileValues, Failure> {
    let members = SETTINGS.map(|setting| setting.name);
    let format = SettingsFormat {
        members: &members,
        secrets: &SECRETS,
        secrets_hint: "write the secret to a file that only the server can read, and name the file",
        example: "listen = \"0.0.0.0:8443\"",
        unknown_hint: "`license-server check-config --no-config` lists the settings",
    };
    let file = SettingsFile::read(path, MAX_FILE_BYTES, examine, decode_text)?;
    let entries = file.entries(&format)?.into_iter();
    let values = entries.filter_map(|entry| {
        let setting = SETTINGS
            .into_iter()
            .find(|setting| setting.name == entry.name())?;
        let origin = entry.origin();
        Some(value(setting, &entry).map(|value| (setting, SettingValue { value, origin })))
    });
    values.collect()
}

fn examine(path: &Path) -> io::Result<Option<InsecurePlace>> {
    let exposed = changeable_by_others(path)?;
    Ok(exposed.map(|exposed| InsecurePlace {
        found: exposed.exposure.to_string(),
        has_open_mode: !matches!(exposed.exposure, Exposure::Owner(_)),
        path: exposed.path,
    }))
}

/// Returns whether the location of a key is a file.
fn is_file(location: &str) -> bool {
    KeyLocation::from(OsString::from(location)).file().is_some()
}

/// Returns the value of a setting as text. A relative path becomes absolute.
fn value(setting: Setting, entry: &SettingsEntry<'_>) -> Result<String, Failure> {
    let text = entry.text_or_number()?;
    let is_key_service = setting.name == "signing_key" && !is_file(&text);
    if !setting.is_path || is_key_service {
        return Ok(text);
    }
    let path = entry.absolute(&text).into_os_string().into_string();
    path.map_err(|_| entry.unexpected("a path in UTF-8", "another text"))
}
