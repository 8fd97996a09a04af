//! The settings file `online.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::error::OnlineError;
use super::setting::OnlineSetting;
use super::settings::urls;
use crate::state_dir::StateFile;
use crate::store::Store;

/// The maximum size of the file in bytes.
const MAX_FILE: usize = 64 * 1024;

/// The values of settings as text.
pub(super) type Values = BTreeMap<OnlineSetting, String>;

/// Reads the file of a store. Returns `None` if there is none.
pub(super) fn read_from(store: Option<&Store>) -> Result<Option<(PathBuf, Values)>, OnlineError> {
    let Some(store) = store else {
        return Ok(None);
    };
    let path = store.dir().file(StateFile::Online);
    let Some(bytes) = store.read(StateFile::Online, MAX_FILE)? else {
        return Ok(None);
    };
    let values = parse(&bytes).map_err(|reason| settings_file(&path, reason))?;
    Ok(Some((path, values)))
}

fn settings_file(path: &Path, reason: String) -> OnlineError {
    OnlineError::SettingsFile {
        path: path.to_owned(),
        reason,
    }
}

/// Changes one setting. Returns the path of the file.
pub(super) fn change(
    store: &Store,
    setting: OnlineSetting,
    value: Option<&str>,
) -> Result<PathBuf, OnlineError> {
    let lock = store.lock()?;
    let path = store.dir().file(StateFile::Online);
    let mut values = read_from(Some(store))?.map_or_else(Values::new, |(_, values)| values);
    match value {
        Some(value) => drop(values.insert(setting, value.to_owned())),
        None => drop(values.remove(&setting)),
    }
    if values.is_empty() {
        lock.remove(StateFile::Online)?;
    } else {
        lock.write(StateFile::Online, write(&values).as_bytes())?;
    }
    Ok(path)
}

/// Parses the file. The error states what was expected and found.
fn parse(bytes: &[u8]) -> Result<Values, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "expected UTF-8".to_owned())?;
    // The message of the parser quotes the line, which may contain a secret.
    let table: Table = toml::from_str(text)
        .map_err(|error: toml::de::Error| format!("expected TOML: {}", error.message()))?;
    let mut values = Values::new();
    for (name, value) in table {
        let setting = OnlineSetting::parse(&name).ok_or_else(|| {
            let known: Vec<&str> = OnlineSetting::ALL.iter().map(|one| one.as_str()).collect();
            format!("expected one of {}, found {name:?}", known.join(", "))
        })?;
        let text = text_of(setting, value)
            .ok_or_else(|| format!("setting `{name}`: expected {}", setting.expected()))?;
        values.insert(setting, text);
    }
    Ok(values)
}

fn text_of(setting: OnlineSetting, value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Array(urls) if setting == OnlineSetting::ServerUrl => {
            let urls = urls.iter().map(Value::as_str);
            Some(urls.collect::<Option<Vec<&str>>>()?.join(" "))
        }
        _ => None,
    }
}

/// Writes the file, with the settings in their order. The values have the form of their settings,
/// so that none contains a control character.
fn write(values: &Values) -> String {
    let quoted = |text: &str| {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{escaped}\"")
    };
    let mut text = String::new();
    for (setting, value) in values {
        let value = match setting {
            OnlineSetting::ServerUrl => {
                let urls: Vec<String> = urls(value).map(quoted).collect();
                format!("[{}]", urls.join(", "))
            }
            OnlineSetting::ConnectTimeout
            | OnlineSetting::Timeout
            | OnlineSetting::AllowHttp
            | OnlineSetting::ForbidTelemetry => value.clone(),
            _ => quoted(value),
        };
        text.push_str(&format!("{setting} = {value}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_file_reads_back_alike() {
        let values: Values = [
            (
                OnlineSetting::ServerUrl,
                "https://a.example https://b.example",
            ),
            (OnlineSetting::CaFile, "/etc/ssl/a \"b\" \\c.pem"),
            (OnlineSetting::Timeout, "2.5"),
            (OnlineSetting::AllowHttp, "false"),
        ]
        .map(|(setting, value)| (setting, value.to_owned()))
        .into();
        let text = write(&values);
        assert!(text.starts_with("server-url = [\"https://a.example\", \"https://b.example\"]\n"));
        assert_eq!(parse(text.as_bytes()), Ok(values));
    }

    #[test]
    fn a_damaged_file_is_refused_without_its_secrets() {
        for text in [
            "enrollment-token = \"secret",
            "enrollment-token = [\"secret\"]",
            "secret",
            "server-url = [1]",
            "servers = \"secret-less\"",
            "timeout = 1\ntimeout = 2",
        ] {
            let error = parse(text.as_bytes()).unwrap_err();
            assert!(error.contains("expected"), "{error}");
            assert!(!error.contains("\"secret"), "{error}");
        }
        assert!(parse(b"\xff").is_err());
    }
}
