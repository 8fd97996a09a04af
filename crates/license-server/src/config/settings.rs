//! The settings of all places. An option takes precedence over a variable, and a variable over the
//! file.

use std::ffi::OsString;
use std::path::Path;

use license_cli_support::{Failure, Origin, SettingValue, SettingsPath, shell_word};

use super::file;
use super::setting::{CONFIG_VARIABLE, PREFIX, SETTINGS, Setting, ShownSetting, shown_origin};
use crate::args::SettingArgs;

/// The values of all settings.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The settings file.
    file: SettingsPath,
    /// Whether an option names the file.
    is_file_option: bool,
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
        let file = if options.no_config {
            SettingsPath::none()
        } else {
            let option = options.config.as_deref();
            let read = |name: &str| std::env::var_os(name);
            SettingsPath::new("license-server", CONFIG_VARIABLE, option, read)
        };
        let mut values = option_values(options)?;
        values.extend(variable_values(|name| std::env::var_os(name))?);
        if let Some(path) = file.to_read() {
            values.extend(file::read(path).map_err(|failure| file.explain(failure))?);
        }
        Ok(Self {
            file,
            is_file_option: options.config.is_some(),
            values,
            unknown_variables: unknown_variables(),
        })
    }

    /// Sets the value of a setting, as its option does.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let setting = SETTINGS.into_iter().find(|setting| setting.name == name);
        if let Some(setting) = setting {
            let value = SettingValue::option(value.to_owned());
            self.values.insert(0, (setting, value));
        }
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

    /// Returns all settings in effect, as people see them.
    pub(crate) fn shown(&self) -> Vec<ShownSetting> {
        let shown = SETTINGS.iter().map(|setting| {
            let value = self.get(setting.name);
            let text = setting.shown(&value);
            ShownSetting {
                name: setting.name,
                value: text.unwrap_or_else(|| setting.absent.to_owned()),
                origin: shown_origin(&value.origin),
                is_default: value.origin == Origin::Default,
            }
        });
        shown.collect()
    }

    /// Returns the options of the command line that name the server, each after a space.
    pub(super) fn server_options(&self) -> String {
        let mut options = String::new();
        if let Some(path) = self.file.path().filter(|_| self.is_file_option) {
            options.push_str(&format!(
                " --config {}",
                shell_word(&path.to_string_lossy())
            ));
        }
        let directory = self.get("data_dir");
        if directory.origin == Origin::Option {
            options.push_str(&format!(" --data-dir {}", shell_word(&directory.value)));
        }
        for name in ["database", "database_password_file"] {
            let value = self.get(name);
            if value.origin == Origin::Option {
                let option = name.replace('_', "-");
                options.push_str(&format!(" --{option} {}", shell_word(&value.value)));
            }
        }
        options
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
        self.file.path()
    }

    /// Returns the variables of the process that are not settings, each with a similar name.
    pub(crate) fn unknown_variables(&self) -> &[(String, Option<String>)] {
        &self.unknown_variables
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

/// Returns the variables that are named like settings but are none.
fn unknown_variables() -> Vec<(String, Option<String>)> {
    let known = SETTINGS.iter().map(Setting::variable);
    let known: Vec<_> = known.chain([CONFIG_VARIABLE.to_owned()]).collect();
    license_cli_support::unknown_variables(PREFIX, &known)
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(settings.server_options(), "");
    }

    #[test]
    fn options_of_the_command_line_name_the_server() {
        let directory = SETTINGS
            .into_iter()
            .find(|one| one.name == "data_dir")
            .unwrap();
        let settings = Settings {
            values: vec![(directory, SettingValue::option("my data".to_owned()))],
            ..Settings::default()
        };
        assert_eq!(settings.server_options(), " --data-dir 'my data'");
        let named = |name: &str| SETTINGS.into_iter().find(|one| one.name == name).unwrap();
        let settings = Settings {
            values: vec![(
                named("database"),
                SettingValue::option("postgres://db/l".to_owned()),
            )],
            ..Settings::default()
        };
        assert_eq!(settings.server_options(), " --database postgres://db/l");
    }
}
