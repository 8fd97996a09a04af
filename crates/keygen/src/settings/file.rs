//! The settings file, `keygen.toml`.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use license_cli_support::{Failure, InsecurePlace, SettingsEntry, SettingsFile, SettingsFormat};
use license_core::encoding::decode_text;
use license_core::jose::{Algorithm, MAX_FILE_BYTES};
use license_issuer::files::{Exposure, changeable_by_others};
use license_issuer::signer::KeyLocation;

use super::Setting;
use super::layer::{Layer, is_stdin};

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
    let members = Setting::ALL.map(Setting::member);
    let format = SettingsFormat {
        members: &members,
        secrets: &SECRETS,
        secrets_hint: "write the passphrase to a file that only you can read, and name it with passphrase_file",
        example: "key = \"vendor.key\"",
        unknown_hint: &format!("the members are {}", members.join(", ")),
    };
    let file = SettingsFile::read(path, MAX_FILE_BYTES, examine, decode_text)?;
    let mut layer = Layer::default();
    for entry in file.entries(&format)? {
        let setting = Setting::ALL
            .into_iter()
            .find(|setting| setting.member() == entry.name());
        if let Some(setting) = setting {
            layer.insert(setting, value(setting, &entry)?, entry.origin());
        }
    }
    Ok(layer)
}

fn examine(path: &Path) -> io::Result<Option<InsecurePlace>> {
    let exposed = changeable_by_others(path)?;
    Ok(exposed.map(|exposed| InsecurePlace {
        found: exposed.exposure.to_string(),
        has_open_mode: !matches!(exposed.exposure, Exposure::Owner(_)),
        path: exposed.path,
    }))
}

/// Returns the value of a setting. A relative path becomes absolute.
fn value(setting: Setting, entry: &SettingsEntry<'_>) -> Result<OsString, Failure> {
    let text = entry.text()?;
    if is_stdin(setting, text.as_ref()) {
        return Err(entry.unexpected("a text", "-, which is standard input"));
    }
    if setting == Setting::Alg && Algorithm::parse(&text.to_ascii_uppercase()).is_none() {
        return Err(entry
            .refused("`alg`: expected RS256 or PS256, found another text")
            .hint("correct the value, or remove the line"));
    }
    Ok(match setting {
        Setting::Alg | Setting::Issuer => text.into(),
        Setting::Key => match KeyLocation::from(OsString::from(text)) {
            KeyLocation::File(_) => entry.absolute(text).into(),
            _ => text.into(),
        },
        _ => entry.absolute(text).into(),
    })
}
