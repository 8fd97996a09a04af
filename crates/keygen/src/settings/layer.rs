//! The values of one place: the environment, or the settings file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use license_cli_support::{Failure, Origin, SettingValue, closest};

use super::{Setting, settings_path};
use crate::output::LOCK_TIMEOUT;

/// The start of the name of each variable.
const PREFIX: &str = "KEYGEN_";

/// The values of one place. A path is absolute, or relative to the working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Layer(BTreeMap<Setting, SettingValue<OsString>>);

impl Layer {
    /// Reads the environment. An empty variable counts as not set.
    ///
    /// # Errors
    ///
    /// Returns `USAGE` for `-`, because only an option can name standard input.
    pub(super) fn from_environment(
        read: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, Failure> {
        let mut layer = Self::default();
        for setting in Setting::ALL {
            let variable = setting.variable();
            let value = read(variable).filter(|value| !value.is_empty());
            let Some(value) = value else { continue };
            if is_stdin(setting, &value) {
                let message = format!("{variable}: expected the name of a file, found -");
                return Err(Failure::usage(message)
                    .hint("only an option can name standard input; /dev/fd/N reads from a file descriptor"));
            }
            layer.insert(setting, value, Origin::Variable(variable.to_owned()));
        }
        Ok(layer)
    }

    pub(super) fn insert(&mut self, setting: Setting, value: OsString, origin: Origin) {
        self.0.insert(setting, SettingValue { value, origin });
    }

    pub(super) fn get(&self, setting: Setting) -> Option<&SettingValue<OsString>> {
        self.0.get(&setting)
    }

    /// Returns whether the passphrase file and the algorithm of this place are for a key with the
    /// given origin. They are for any key if this place names no key.
    pub(super) fn is_for_key(&self, origin: &Origin) -> bool {
        let own = self.get(Setting::Key);
        own.is_none_or(|own| own.origin == *origin)
    }
}

/// Returns whether a value means standard input in an option.
pub(super) fn is_stdin(setting: Setting, value: &OsStr) -> bool {
    value == "-" && !matches!(setting, Setting::Alg | Setting::Issuer)
}

/// Returns the variables of the process that `keygen` does not know, each with a similar name that
/// it knows. Values are not examined, because they may be secrets.
pub(crate) fn unknown_variables() -> Vec<(String, Option<&'static str>)> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let mut unknown: Vec<_> = names.filter_map(unknown_variable).collect();
    unknown.sort();
    unknown
}

fn unknown_variable(name: String) -> Option<(String, Option<&'static str>)> {
    let known = || {
        let settings = Setting::ALL.into_iter().map(Setting::variable);
        settings.chain([settings_path::VARIABLE, LOCK_TIMEOUT])
    };
    let own = name.strip_prefix(PREFIX)?;
    if known().any(|other| other == name) {
        return None;
    }
    // The common prefix would make every name similar.
    let similar = closest(own, known().filter_map(|other| other.strip_prefix(PREFIX)));
    let similar = similar.and_then(|own| known().find(|other| other.ends_with(own)));
    Some((name, similar))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_variable_gets_a_suggestion_if_a_known_one_is_similar() {
        let found = |name: &str| unknown_variable(name.to_owned());
        for (name, similar) in [
            ("KEYGEN_LEGDER", Some("KEYGEN_LEDGER")),
            ("KEYGEN_PASSPHRASE", Some("KEYGEN_PASSPHRASE_FILE")),
            ("KEYGEN_PRODUCT", Some("KEYGEN_PRODUCT_FILE")),
            ("KEYGEN_ACCOUNT", None),
        ] {
            assert_eq!(found(name), Some((name.to_owned(), similar)));
        }
        for name in ["KEYGEN_KEY", "KEYGEN_CONFIG", "KEYGEN_LOCK_TIMEOUT", "PATH"] {
            assert_eq!(found(name), None);
        }
    }
}
