//! The settings of all places. An option takes precedence over a variable, and a variable over the
//! file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use license_cli_support::{Failure, Origin, SettingValue, closest};

use super::file;
use super::setting::{CONFIG_VARIABLE, PREFIX, SETTINGS, Setting};
use crate::args::SettingArgs;

/// The name of the settings file.
const NAME: &str = "license-server.toml";

/// The values of all settings.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The settings file and its origin. `None` with `--no-config`, or for a user without a
    /// configuration directory.
    file: Option<(PathBuf, Origin)>,
    /// The values of all places, in the order of precedence.
    values: Vec<(Setting, SettingValue<String>)>,
    /// Variables of the process that are not settings, each with a similar name.
    unknown_variables: Vec<(String, Option<String>)>,
}

impl Settings {
    /// Reads the options, the variables and the settings file.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for a variable that is not UTF-8, `IO` for a file that cannot be read,
    /// `INSECURE_FILE` for a file that another user can change, and `MALFORMED` for a file that is
    /// not valid.
    pub(crate) fn load(options: &SettingArgs) -> Result<Self, Failure> {
        let file = file_path(options);
        let mut values = option_values(options)?;
        values.extend(variable_values(|name| std::env::var_os(name))?);
        if let Some((path, origin)) = &file {
            let is_named = *origin != Origin::Default;
            if is_named || path.symlink_metadata().is_ok() {
                let read = file::read(path);
                values.extend(read.map_err(|failure| explain_path(origin, failure))?);
            }
        }
        Ok(Self {
            file,
            values,
            unknown_variables: unknown_variables(),
        })
    }

    /// Returns the value in effect.
    pub(crate) fn get(&self, name: &str) -> SettingValue<String> {
        let mut found = self.values.iter();
        if let Some((_, value)) = found.find(|(setting, _)| setting.name == name) {
            return value.clone();
        }
        let mut known = SETTINGS.iter();
        let setting = known.find(|setting| setting.name == name);
        SettingValue {
            value: setting.map_or_else(String::new, |setting| setting.default.to_owned()),
            origin: Origin::Default,
        }
    }

    /// Returns the origins of values that another place overrides.
    pub(crate) fn unused(&self) -> impl Iterator<Item = (Setting, &Origin)> {
        let values = self.values.iter().enumerate();
        values.filter_map(|(index, (setting, value))| {
            let mut before = self.values.iter().take(index);
            let is_used = before.all(|(other, _)| other != setting);
            (!is_used).then_some((*setting, &value.origin))
        })
    }

    /// Returns the path of the settings file.
    pub(crate) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(|(path, _)| path.as_path())
    }

    /// Returns the variables of the process that are not settings, each with a similar name.
    pub(crate) fn unknown_variables(&self) -> &[(String, Option<String>)] {
        &self.unknown_variables
    }
}

fn file_path(options: &SettingArgs) -> Option<(PathBuf, Origin)> {
    if options.no_config {
        return None;
    }
    if let Some(path) = &options.config {
        return Some((path.clone(), Origin::Option));
    }
    let variable = std::env::var_os(CONFIG_VARIABLE).filter(|value| !value.is_empty());
    if let Some(path) = variable {
        return Some((path.into(), Origin::Variable(CONFIG_VARIABLE.to_owned())));
    }
    let directories = directories::BaseDirs::new()?;
    let path = directories.config_dir().join("license-server").join(NAME);
    Some((path, Origin::Default))
}

/// Adds the variable to the failure of a file that it names.
fn explain_path(origin: &Origin, failure: Failure) -> Failure {
    match origin.variable() {
        Some(variable) => failure.with_remark(&format!("file from {variable}")),
        None => failure,
    }
}

fn option_values(options: &SettingArgs) -> Result<Vec<(Setting, SettingValue<String>)>, Failure> {
    let values = options.values().into_iter().filter_map(|(name, text)| {
        let setting = SETTINGS.into_iter().find(|setting| setting.name == name)?;
        Some((setting, text))
    });
    let values = values.map(|(setting, text)| {
        if text.trim().is_empty() {
            let option = setting.name.replace('_', "-");
            let message = format!("--{option}: expected a value, found an empty text");
            return Err(Failure::usage(message).hint("give a value, or omit the option"));
        }
        Ok((setting, SettingValue::option(text.to_owned())))
    });
    values.collect()
}

/// Reads the variables. An empty variable counts as not set.
fn variable_values(
    read: impl Fn(&str) -> Option<OsString>,
) -> Result<Vec<(Setting, SettingValue<String>)>, Failure> {
    let mut values = Vec::new();
    for setting in SETTINGS {
        let variable = setting.variable();
        let Some(value) = read(&variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        let value = value.into_string().map_err(|_| {
            let message = format!("{variable}: expected UTF-8, found other bytes");
            Failure::usage(message).hint("correct the variable, or unset it")
        })?;
        let origin = Origin::Variable(variable);
        values.push((setting, SettingValue { value, origin }));
    }
    Ok(values)
}

/// Returns the variables that are named like settings but are none. Values are not examined,
/// because they may be secrets.
fn unknown_variables() -> Vec<(String, Option<String>)> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<_> = names.filter_map(unknown_variable).collect();
    unknown.sort();
    unknown
}

fn unknown_variable(name: String) -> Option<(String, Option<String>)> {
    let own = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    let mut known = SETTINGS.iter().map(|setting| setting.name);
    if name == CONFIG_VARIABLE || known.any(|other| other == own) {
        return None;
    }
    let similar = closest(&own, SETTINGS.iter().map(|setting| setting.name));
    let similar = similar.map(|own| format!("{PREFIX}{}", own.to_ascii_uppercase()));
    Some((name, similar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variable_gets_a_suggestion_if_a_known_one_is_similar() {
        let found = |name: &str| unknown_variable(name.to_owned());
        let similar = Some("LICENSE_SERVER_LISTEN".to_owned());
        let name = "LICENSE_SERVER_LISTN".to_owned();
        assert_eq!(found(&name), Some((name, similar)));
        assert_eq!(found("LICENSE_SERVER_CONFIG"), None);
        assert_eq!(found("LICENSE_SERVER_DATA_DIR"), None);
        assert_eq!(found("PATH"), None);
    }

    #[test]
    fn the_first_place_with_a_value_counts() {
        let value = |text: &str, origin| SettingValue {
            value: text.to_owned(),
            origin,
        };
        let listen = SETTINGS
            .into_iter()
            .find(|one| one.name == "listen")
            .unwrap();
        let line = Origin::File {
            path: "a.toml".into(),
            line: 3,
        };
        let settings = Settings {
            values: vec![
                (listen, value("[::1]:1", Origin::Option)),
                (listen, value("[::1]:2", line.clone())),
            ],
            ..Settings::default()
        };
        assert_eq!(settings.get("listen"), value("[::1]:1", Origin::Option));
        let unused: Vec<_> = settings.unused().collect();
        assert_eq!(unused, [(listen, &line)]);
        assert_eq!(settings.get("tls"), value("auto", Origin::Default));
    }
}
